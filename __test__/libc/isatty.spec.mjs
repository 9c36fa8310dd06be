import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

import test from 'ava'
import { launch, run, throughPipes, throughTerminal } from '../guests/run.mjs'
import { onPosix } from '../support/conditions.mjs'
import { tree } from '../support/host.mjs'

const NO_TERMINAL = '0 ENOTTY\n1 ENOTTY\n2 ENOTTY\n3 EBADF\n'

test('isatty of a socket fails with ENOTTY', async (t) => {
  const { stdout } = await run('isatty')
  t.is(stdout, NO_TERMINAL)
})

onPosix('isatty of a pipe fails with ENOTTY', async (t) => {
  const { stdout } = await run('isatty', [], { through: throughPipes })
  t.is(stdout, NO_TERMINAL)
})

test('isatty of a file fails with ENOTTY', async (t) => {
  const path = join(tree(t), 'file')
  const file = openSync(path, 'w+')
  const { code } = await run('isatty', [], { stdio: [file, file, file] })
  closeSync(file)
  t.is(code, 0)
  t.is(readFileSync(path, 'utf8'), NO_TERMINAL)
})

onPosix('isatty of /dev/null, a character device, fails with ENOTTY', async (t) => {
  const { stdout } = await run('isatty', [], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.is(stdout, NO_TERMINAL)
})

const python = spawnSync('python3', ['-c', 'import pty; pty.openpty()']).status === 0
const terminalTest = python ? test : test.skip
if (!python) console.warn('isatty.spec: terminals are not tested, because python3 with its module pty is missing')

terminalTest('isatty of a terminal succeeds, of a preopened directory fails with ENOTTY', async (t) => {
  const { stdout, returned } = await run('isatty', [], { through: throughTerminal, preopens: { '/': tree(t) } })
  t.is(returned, 0)
  t.deepEqual(stdout.trim().split(/[\r\n]+/), ['0 terminal', '1 terminal', '2 terminal', '3 ENOTTY'])
})

for (const usedStreams of [[], ['stdin']]) {
  const used = usedStreams.length ? ' used by the host as process.stdin' : ''

  terminalTest(`fgets on a terminal${used} reads line by line until end-of-file`, async (t) => {
    const running = launch('pipes', ['lines'], { through: throughTerminal, usedStreams })
    for (const text of ['one\n', 'two\n', '\x04']) {
      await wait(200)
      running.stdin.write(text)
    }
    const { returned, error, stdout } = await running.finished
    running.stdin.end()
    t.deepEqual({ returned, error }, { returned: 0, error: undefined })
    // The terminal echoes its input.
    t.deepEqual(
      stdout.split(/[\r\n]+/).filter((line) => /^(got|end)/.test(line)),
      ['got one', 'got two', 'end: yes'],
    )
  })
}
