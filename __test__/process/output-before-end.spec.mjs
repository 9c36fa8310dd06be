// Output that a guest has written before its end is in the result and in the streams, in order, each time.

import { Directory } from 'capwasi'
import { slow } from '../support/conditions.mjs'
import { COMPUTE, TRAP, event, exit, failure, print, program, run, sleep, spawn, write } from '../support/process.mjs'

const ROUNDS = 200
const SIZE = 50_000
const MEMORY = '(memory (export "memory") 2)'
const OUTPUT = `${print('<')}(drop ${write(SIZE)})${print('>')}`
const ALL = `<${'\0'.repeat(SIZE)}>`

/** Runs a program with streams. Returns its output. */
async function streamed(bytes, options) {
  const guest = spawn(bytes, [], options)
  const chunks = []
  guest.stdout.on('data', (chunk) => chunks.push(chunk))
  await event(guest, 'close')
  return Buffer.concat(chunks).toString()
}

/** Runs a program with a function that receives its output. Returns the output. */
async function received(bytes, options) {
  const chunks = []
  await failure(run(bytes, [], { ...options, stdout: (chunk) => void chunks.push(chunk) }))
  return Buffer.concat(chunks).toString()
}

const collected = async (bytes, options) => (await failure(run(bytes, [], options))).stdout

for (const [title, end] of [
  ['a trap', TRAP],
  ['an exit', exit(1)],
]) {
  const bytes = program(OUTPUT + end, { memory: MEMORY })

  slow()(`all output before ${title} arrives, ${ROUNDS} times`, async (t) => {
    for (let round = 0; round < ROUNDS; round++) {
      const texts = await Promise.all([collected, streamed, received].map((output) => output(bytes)))
      if (texts.some((text) => text !== ALL)) return t.fail(`round ${round}: ${texts.map(({ length }) => length)}`)
    }
    t.pass()
  })
}

slow()(`all output before kill() and abort() arrives, ${ROUNDS} times`, async (t) => {
  // Standard error shows that the guest has written its output.
  const bytes = program(OUTPUT + print('!', 2) + COMPUTE, { memory: MEMORY })
  for (let round = 0; round < ROUNDS; round++) {
    const controller = new AbortController()
    const running = failure(run(bytes, [], { signal: controller.signal, stderr: () => controller.abort() }))
    const guest = spawn(bytes)
    guest.stderr.once('data', () => guest.kill())
    const chunks = []
    guest.stdout.on('data', (chunk) => chunks.push(chunk))
    await event(guest, 'close')
    const text = Buffer.concat(chunks).toString()
    const { stdout } = await running
    if (text !== ALL || stdout !== ALL) return t.fail(`round ${round}: ${text.length}, ${stdout.length}`)
  }
  t.pass()
})

/** Writes a numbered line and then a byte of the file `log`, forever, with a pause after each of them. */
const logged = (pause) =>
  program(
    `(drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 512) (i32.const 3) (i32.const 1)
       (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 28)))
     (loop $more
       (i32.store (i32.const 1024) (i32.add (i32.load (i32.const 1024)) (i32.const 1)))
       (drop ${write(4)})
       (i32.store (i32.const 4) (i32.const 1))
       (drop (call $fd_write (i32.load (i32.const 28)) (i32.const 0) (i32.const 1) (i32.const 16)))
       ${pause}
       (br $more))`,
    { calls: ['path_open'], more: '(data (i32.const 512) "log")' },
  )

/** Checks that the output has the number of each line that the guest has logged, and at most one more. */
function problemOf(output, directory) {
  const lines = output.length / 4
  const { length } = directory.existsSync('log') ? directory.readFileSync('log') : ''
  if (lines < length || lines > length + 1) return `${lines} lines, ${length} logged`
  for (let line = 0; line < lines; line++)
    if (output.readUInt32LE(line * 4) !== line + 1) return `line ${line} is ${output.readUInt32LE(line * 4)}`
  return undefined
}

const BUSY = logged('')
const WAITING = logged(sleep(1))

for (const [title, bytes] of [
  ['writes', BUSY],
  ['waits', WAITING],
]) {
  slow()(`no output before a timeout of a guest that ${title} is lost, ${ROUNDS} times`, async (t) => {
    for (let round = 0; round < ROUNDS; round++) {
      const directory = Directory.memory()
      const options = { preopens: { '/': directory }, timeout: 1 + (round % 20), encoding: 'buffer' }
      const { stdout, code } = await failure(run(bytes, [], options))
      t.is(code, 'ERR_WASI_TIMEOUT')
      const problem = problemOf(stdout, directory)
      directory.close()
      if (problem !== undefined) return t.fail(`round ${round}: ${problem}`)
    }
  })

  slow()(`no output before kill() of a guest that ${title} is lost, ${ROUNDS} times`, async (t) => {
    for (let round = 0; round < ROUNDS; round++) {
      const directory = Directory.memory()
      const guest = spawn(bytes, [], { preopens: { '/': directory } })
      const chunks = []
      guest.stdout.on('data', (chunk) => {
        chunks.push(chunk)
        if (chunks.length > round % 10) guest.kill()
      })
      await event(guest, 'close')
      const problem = problemOf(Buffer.concat(chunks), directory)
      directory.close()
      if (problem !== undefined) return t.fail(`round ${round}: ${problem}`)
    }
    t.pass()
  })
}
