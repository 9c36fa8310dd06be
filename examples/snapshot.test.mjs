// Tests a program that creates files: `node --test examples/snapshot.test.mjs`. Each run has the same result, because
// the clock is fixed and random numbers come from a seed. The program changes an overlay, and never the template below.

import assert from 'node:assert/strict'
import test from 'node:test'
import { Directory } from 'capwasi'
import { run } from 'capwasi/process'

const scaffold = new URL('guests/scaffold.wasm', import.meta.url)

test('scaffold creates a project', async () => {
  const template = Directory.memory({ 'template.txt': 'Removed by scaffold', LICENSE: 'MIT' })
  const project = Directory.overlay(template)
  const clock = { realtime: 1_000_000_000n * BigInt(Date.UTC(2026, 0, 1) / 1000) }
  await run(scaffold, ['demo'], { preopens: { '/': project }, clock, random: { seed: 1 } })

  assert.deepEqual(project.toJSON(), {
    LICENSE: 'MIT',
    'README.md': '# demo\n\nCreated on 2026-01-01.\n',
    'src/id.txt': '9311ece17c0ad3c5\n',
  })
  const changes = project.changes().map(({ change, path }) => `${change} ${path}`)
  assert.deepEqual(changes, ['added README.md', 'added src', 'added src/id.txt', 'removed template.txt'])
})
