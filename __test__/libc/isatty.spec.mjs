import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

import test from 'ava'
import { box, launch, run, throughPipes, throughTerminal } from '../guests/run.mjs'
import { onPosix } from '../support/conditions.mjs'

const none = '0 ENOTTY\n1 ENOTTY\n2 ENOTTY\n3 EBADF\n'

test('a socket is no terminal', async (t) => {
  const { stdout } = await run('isatty')
  t.is(stdout, none)
})

onPosix('a pipe is no terminal', async (t) => {
  const { stdout } = await run('isatty', [], { through: throughPipes })
  t.is(stdout, none)
})

test('a file is no terminal', async (t) => {
  const path = join(box(t), 'file')
  const file = openSync(path, 'w+')
  const { code } = await run('isatty', [], { stdio: [file, file, file] })
  closeSync(file)
  t.is(code, 0)
  t.is(readFileSync(path, 'utf8'), none)
})

onPosix('/dev/null, a character device, is no terminal', async (t) => {
  const { stdout } = await run('isatty', [], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.is(stdout, none)
})

const python = spawnSync('python3', ['-c', 'import pty; pty.openpty()']).status === 0
const terminal = python ? test : test.skip
if (!python) console.warn('isatty.spec: no terminal is tested, for it takes python3 and its module pty to make one')

terminal('a terminal is one, and a preopened directory is none', async (t) => {
  const { stdout, returned } = await run('isatty', [], { through: throughTerminal, preopens: { '/': box(t) } })
  t.is(returned, 0)
  t.deepEqual(stdout.trim().split(/[\r\n]+/), ['0 terminal', '1 terminal', '2 terminal', '3 ENOTTY'])
})

for (const touch of [[], ['stdin']]) {
  const used = touch.length ? ' that the host has used' : ''

  terminal(`a terminal${used} is read line by line, to its end of file`, async (t) => {
    const running = launch('pipes', ['lines'], { through: throughTerminal, touch })
    for (const text of ['one\n', 'two\n', '\x04']) {
      await wait(200)
      running.stdin.write(text)
    }
    const { returned, error, stdout } = await running.finished
    running.stdin.end()
    t.deepEqual({ returned, error }, { returned: 0, error: undefined })
    // The terminal echoes what is typed.
    t.deepEqual(
      stdout.split(/[\r\n]+/).filter((line) => /^(got|end)/.test(line)),
      ['got one', 'got two', 'end: yes'],
    )
  })
}
