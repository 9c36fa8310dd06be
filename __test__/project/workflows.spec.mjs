// The workflows of GitHub, and the scripts of a release.

import test from 'ava'
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { notesOf } from '../../scripts/notes.mjs'
import { onPosix } from '../support/conditions.mjs'
import { root, tree } from '../support/host.mjs'

const workflows = join(root, '.github/workflows')
const texts = readdirSync(workflows).map((name) => [name, readFileSync(join(workflows, name), 'utf8')])

test('workflows use actions by the hash of a commit, with the tag as a comment', (t) => {
  const uses = texts.flatMap(([, text]) => text.match(/^.*uses: .*$/gm))
  t.true(uses.length > 10)
  for (const line of uses) t.regex(line, /uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
})

test('workflows use one version of each action', (t) => {
  const versions = texts.flatMap(([, text]) => text.match(/uses: .*$/gm))
  const actions = new Set(versions.map((line) => line.split('@')[0]))
  t.is(new Set(versions).size, actions.size)
})

test('each job of a workflow has a timeout, and each workflow has a concurrency group and read permissions', (t) => {
  for (const [name, text] of texts) {
    t.is(text.match(/^ {4}timeout-minutes: \d+$/gm)?.length, text.match(/^ {4}runs-on: /gm).length, name)
    t.regex(text, /^concurrency:\n {2}group: /m, name)
    t.regex(text, /^permissions:\n {2}contents: read\n/m, name)
  }
})

test('ci.yml checks with the Rust of Cargo.toml', (t) => {
  const [, oldest] = /^rust-version = "(.*)"$/m.exec(readFileSync(join(root, 'Cargo.toml'), 'utf8'))
  t.true(readFileSync(join(workflows, 'ci.yml'), 'utf8').includes(`cargo +${oldest} check`))
})

const CHANGELOG =
  '# Changelog\n\n## [Unreleased]\n\n- New.\n\n## [1.2.0] - 2026-01-02\n\n- Old.\n\n## [1.1.0]\n\n- Older.\n'

test('the notes of a version are its section of the changelog', (t) => {
  t.is(notesOf(CHANGELOG, '1.2.0'), '- Old.')
})

test('the notes of a version without a section or a date throw', (t) => {
  t.throws(() => notesOf(CHANGELOG, '1.3.0'), { message: 'CHANGELOG.md has no section 1.3.0' })
  t.throws(() => notesOf(CHANGELOG, '1.1.0'), { message: 'the heading of 1.1.0 in CHANGELOG.md has no date' })
})

/** Serves a registry that has version 1.0.0 of one package, and collects the names of packages that are published. */
async function serveRegistry(t, name) {
  const published = []
  const server = createServer((request, response) => {
    const requested = decodeURIComponent(request.url.slice(1))
    if (request.method === 'PUT') published.push(requested)
    const manifest = { name, 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': { name, version: '1.0.0' } } }
    if (request.method === 'GET' && requested !== name) response.statusCode = 404
    response.end(JSON.stringify(manifest))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { published, host: `127.0.0.1:${server.address().port}` }
}

// A release runs on Linux.
onPosix('publish.mjs skips versions that are published, and publishes the main package last', async (t) => {
  const folder = tree(t, { 'packages/': null })
  const packages = join(folder, 'packages')
  for (const [name, more] of [
    ['main', { optionalDependencies: {} }],
    ['@scope/first', {}],
    ['@scope/second', {}],
  ]) {
    const source = join(folder, name)
    mkdirSync(source, { recursive: true })
    writeFileSync(join(source, 'package.json'), JSON.stringify({ name, version: '1.0.0', ...more }))
    await promisify(execFile)('npm', ['pack', '--pack-destination', packages], { cwd: source })
  }
  const { host, published } = await serveRegistry(t, '@scope/first')
  writeFileSync(join(folder, '.npmrc'), `registry=http://${host}/\n//${host}/:_authToken=token\n`)
  const env = { ...process.env, npm_config_userconfig: join(folder, '.npmrc'), npm_config_cache: join(folder, 'cache') }
  const script = join(root, 'scripts/publish.mjs')
  const { stdout } = await promisify(execFile)(process.execPath, [script, packages], { cwd: folder, env })
  t.true(stdout.includes('@scope/first@1.0.0 is published already\n'))
  t.deepEqual(published, ['@scope/second', 'main'])
})
