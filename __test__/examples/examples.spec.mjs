// The short files of examples/: each runs, and prints what its comments say.

import test from 'ava'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root, TIMEOUT_MS } from '../support/host.mjs'

const MAX_LINES = 30
const folder = join(root, 'examples')
/** Longer examples, without a spec here. */
const LONGER = ['chat.mjs', 'ruby.mjs']

const OUTPUTS = {
  'stdout.mjs': '6 words\n',
  'streams.mjs':
    '// STREAMS A FILE THROUGH A GUEST AND THROUGH GZIP. ONLY THE LAST STEP HOLDS THE WHOLE RESULT IN MEMORY.\n',
  'timeout.mjs': 'ERR_WASI_TIMEOUT plugin.wasm was stopped after its timeout of 1000 ms\n' + 'Hello from a plugin\n',
  'plugin.mjs': `\
greet: exit code 0, 20 bytes of output
spy: exit code 1, 20 bytes of output
  /etc/passwd: No such file or directory
hoard: exit code 1, 20 bytes of output
  exceeded limits.memory
  malloc: Out of memory
flood: exit code 1, 65536 bytes of output
  exceeded limits.output
  puts: Quota exceeded
loop: exit code undefined, 20 bytes of output
  exceeded limits.cpuTime
crash: exit code undefined, 20 bytes of output
  trap: unreachable
`,
  'memory-directory.mjs': "[ 'report.txt', 'speech.txt' ]\n6 words\n",
  'http-server.mjs': 'You asked for /\nYou asked for /teapot\n',
  'snapshot.test.mjs': /^(# pass|ℹ pass) 1$/m,
}

for (const [name, expected] of Object.entries(OUTPUTS)) {
  test(`examples/${name} has less than ${MAX_LINES} lines and prints its result`, async (t) => {
    const file = join(folder, name)
    t.true(readFileSync(file, 'utf8').split('\n').length <= MAX_LINES)
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { timeout: TIMEOUT_MS })
    if (typeof expected === 'string') t.is(stdout, expected)
    else t.regex(stdout, expected)
    t.is(stderr, '')
  })
}

test('every example has a row in examples/README.md, and a spec unless it is longer', (t) => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.mjs'))
  t.deepEqual(files.sort(), [...Object.keys(OUTPUTS), ...LONGER].sort())
  const readme = readFileSync(join(folder, 'README.md'), 'utf8')
  for (const name of [...files, 'queue']) t.true(readme.includes(`](${name})`), name)
})
