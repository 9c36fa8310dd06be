import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

import test from 'ava'
import { box, launch, prints, run, throughPipes } from '../guests/run.mjs'
import { windows } from '../support/platform.mjs'

const kinds = windows ? { socket: [] } : { socket: [], pipe: throughPipes }

// What the guest writes as its flood: numbered lines, 5 MiB of them.
function flood() {
  const lines = []
  for (let total = 0, line = 0; total < 5 << 20; line++) {
    lines.push(`line ${line}\n`)
    total += lines[line].length
  }
  return lines.join('')
}

// Reads in small portions, with pauses at first, so that the writer finds the pipe full.
async function slowly(stream) {
  const chunks = []
  let pauses = 20
  for await (const chunk of stream) {
    chunks.push(chunk)
    if (pauses-- > 0) await wait(10)
  }
  return Buffer.concat(chunks).toString()
}

for (const [kind, through] of Object.entries(kinds)) {
  for (const touch of [[], ['stdin'], ['stdout'], ['stdin', 'stdout', 'stderr']]) {
    const manner = touch.length ? `a ${kind} whose process.${touch.join(', process.')} the host has used` : `a ${kind}`

    test(`several MiB through ${manner} to a slow reader arrive whole`, async (t) => {
      const { code, error, stdout, stderr } = await run('pipes', ['flood'], { through, touch, readStdout: slowly })
      t.deepEqual({ code, error, stderr }, { code: 0, error: undefined, stderr: '' })
      t.true(stdout === flood())
    })

    test(`input that comes late through ${manner} is waited for, line by line`, async (t) => {
      const running = launch('pipes', ['lines'], { through, touch })
      for (const text of ['one\n', 'zwei ', '– ß\nthr', 'ee']) {
        await wait(80)
        running.stdin.write(text)
      }
      await wait(80)
      running.stdin.end()
      const { code, error, stdout, stderr } = await running.finished
      t.deepEqual({ code, error, stderr }, { code: 0, error: undefined, stderr: '' })
      t.is(stdout, 'got one\ngot zwei – ß\ngot threeend: yes\n')
    })
  }

  test(`2 MiB through a ${kind} are copied to another as they are`, async (t) => {
    const stdin = flood().slice(0, 2 << 20)
    const { code, stdout, stderr } = await run('pipes', ['copy'], { through, stdin })
    t.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    t.true(stdout === stdin)
  })

  test(`a ${kind} that the guest makes non-blocking is EAGAIN while empty, and waits again afterwards`, async (t) => {
    const running = launch('pipes', ['non blocking'], { through })
    running.stdout.once('data', () => setTimeout(() => running.stdin.end('hello'), 50))
    const { code, stdout } = await running.finished
    t.is(code, 0)
    t.is(
      stdout.trim(),
      `
fcntl(0, F_GETFL) & O_NONBLOCK: yes
read(0, buffer, 5): EAGAIN
fcntl(0, F_GETFL) & O_NONBLOCK: no
now speak
read(0, buffer, 5): "hello"
`.trim(),
    )
  })

  test(`a ${kind} has no offset`, async (t) => {
    await prints(
      t,
      'pipes',
      'not seekable',
      `
lseek(0, 0, SEEK_CUR): ESPIPE
lseek(1, 0, SEEK_SET): ESPIPE
pread(0, buffer, 1, 0) == -1: yes
pwrite(1, "x", 1, 0) == -1: yes
fstat(0, &st): 0
S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISCHR(st.st_mode): no
`,
      { through },
    )
  })
}

test('writing to a reader that has gone is EPIPE, and the process lives on', async (t) => {
  const readStdout = async (stream) => {
    for await (const chunk of stream) return chunk.length && stream.destroy()
  }
  const { returned, stderr } = await run('pipes', ['hung up'], { readStdout })
  t.deepEqual({ returned, stderr }, { returned: 0, stderr: 'EPIPE' })
})

test('closing 0 to 2 frees the numbers for the guest and leaves the descriptors of the process open', async (t) => {
  const { code, error, stdout, stderr } = await run('pipes', ['closed'], { preopens: { '/': box(t) }, stdin: 'unread' })
  t.deepEqual({ code, error, stdout }, { code: 0, error: undefined, stdout: '' })
  t.is(stderr, '0 EBADF 0 reused 0 EBADF\n')
})

test('output that the guest redirects to a file goes there, and stdout of the process is still open', async (t) => {
  const path = box(t)
  const { code, error, stdout, stderr } = await run('pipes', ['redirected'], { preopens: { '/': path } })
  t.deepEqual({ code, error, stdout, stderr }, { code: 0, error: undefined, stdout: 'to the pipe\n', stderr: '0' })
  t.is(readFileSync(join(path, 'file'), 'utf8'), 'to the file\n')
})

test('a file as stdin and one as stdout keep one offset with the host', async (t) => {
  const path = box(t)
  writeFileSync(join(path, 'in'), '0123456789abcdefghijklmnop')
  const input = openSync(join(path, 'in'), 'r')
  const output = openSync(join(path, 'out'), 'w+')
  const bytes = Buffer.alloc(4)
  readSync(input, bytes, 0, 4, null)
  writeSync(output, 'host ')
  const { code, stderr } = await run('pipes', ['shared'], { stdio: [input, output, 'pipe'] })
  t.deepEqual({ code, stderr }, { code: 0, stderr: '14' })
  writeSync(output, ' host')
  readSync(input, bytes, 0, 4, null)
  t.is(bytes.toString(), 'efgh')
  closeSync(input)
  closeSync(output)
  t.is(readFileSync(join(path, 'out'), 'utf8'), 'host 456789abcd host')
})

test('a file that the host opened to append to is appended to', async (t) => {
  const path = join(box(t), 'log')
  writeFileSync(path, 'before ')
  const log = openSync(path, 'a')
  const { code } = await run('pipes', ['copy'], { stdin: 'after', stdio: ['pipe', log, 'pipe'] })
  closeSync(log)
  t.is(code, 0)
  t.is(readFileSync(path, 'utf8'), 'before after')
})

test('any descriptor of the host can be the stdin, stdout and stderr of the guest', async (t) => {
  const path = box(t)
  for (const name of ['in', 'out', 'err']) writeFileSync(join(path, name), name === 'in' ? '0123456789abcdef' : '')
  const files = ['in', 'out', 'err'].map((name) => openSync(join(path, name), 'r+'))
  // In the child, 3 to 5.
  const { code, stdout } = await run('pipes', ['shared'], {
    stdio: ['pipe', 'pipe', 'pipe', ...files],
    options: { stdin: 3, stdout: 4, stderr: 5 },
  })
  files.forEach(closeSync)
  t.deepEqual({ code, stdout }, { code: 0, stdout: '' })
  t.is(readFileSync(join(path, 'out'), 'utf8'), '0123456789')
  t.is(readFileSync(join(path, 'err'), 'utf8'), '10')
})

test('a file as stdin can be sought', async (t) => {
  const path = box(t)
  writeFileSync(join(path, 'in'), '0123456789')
  const input = openSync(join(path, 'in'), 'r')
  t.teardown(() => closeSync(input))
  await prints(
    t,
    'pipes',
    'sought',
    `
lseek(0, -4, SEEK_END): 6
read(0, buffer, 10): "6789"
lseek(0, 0, SEEK_SET): 0
read(0, buffer, 4): "0123"
`,
    { stdio: [input, 'pipe', 'pipe'] },
  )
})
