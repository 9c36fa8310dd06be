import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

import test from 'ava'
import { launch, prints, run, throughPipes } from '../guests/run.mjs'
import { tree } from '../support/host.mjs'
import { windows } from '../support/platform.mjs'

const kinds = windows ? { socket: [] } : { socket: [], pipe: throughPipes }

/** Returns the 5 MiB of numbered lines that the scenario `flood` writes. */
function flood() {
  const lines = []
  for (let total = 0, line = 0; total < 5 << 20; line++) {
    lines.push(`line ${line}\n`)
    total += lines[line].length
  }
  return lines.join('')
}

/** Reads with pauses at first, so that the pipe is full for the writer. */
async function readSlowly(stream) {
  const chunks = []
  let pauses = 20
  for await (const chunk of stream) {
    chunks.push(chunk)
    if (pauses-- > 0) await wait(10)
  }
  return Buffer.concat(chunks).toString()
}

for (const [kind, through] of Object.entries(kinds)) {
  for (const usedStreams of [[], ['stdin'], ['stdout'], ['stdin', 'stdout', 'stderr']]) {
    const used = usedStreams.length ? ` used by the host as process.${usedStreams.join(', ')}` : ''

    test(`write of 5 MiB to a slow reader loses no data on a ${kind}${used}`, async (t) => {
      const { code, error, stdout, stderr } = await run('pipes', ['flood'], {
        through,
        usedStreams,
        readStdout: readSlowly,
      })
      t.deepEqual({ code, error, stderr }, { code: 0, error: undefined, stderr: '' })
      t.true(stdout === flood())
    })

    test(`fgets waits for late lines on a ${kind}${used}`, async (t) => {
      const running = launch('pipes', ['lines'], { through, usedStreams })
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

  test(`read and write copy 2 MiB from one ${kind} to another unchanged`, async (t) => {
    const stdin = flood().slice(0, 2 << 20)
    const { code, stdout, stderr } = await run('pipes', ['copy'], { through, stdin })
    t.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    t.true(stdout === stdin)
  })

  test(`read of an empty ${kind} with O_NONBLOCK fails with EAGAIN, and waits after it is cleared`, async (t) => {
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

  test(`lseek, pread and pwrite on a ${kind} fail`, async (t) => {
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

test('write to a closed reader fails with EPIPE and does not end the process', async (t) => {
  const readStdout = async (stream) => {
    for await (const chunk of stream) return chunk.length && stream.destroy()
  }
  const { returned, stderr } = await run('pipes', ['hung up'], { readStdout })
  t.deepEqual({ returned, stderr }, { returned: 0, stderr: 'EPIPE' })
})

test('close of 0, 1 and 2 frees the numbers and keeps the descriptors of the process open', async (t) => {
  const { code, error, stdout, stderr } = await run('pipes', ['closed'], {
    preopens: { '/': tree(t) },
    stdin: 'unread',
  })
  t.deepEqual({ code, error, stdout }, { code: 0, error: undefined, stdout: '' })
  t.is(stderr, '0 EBADF 0 reused 0 EBADF\n')
})

test('fd_renumber over stdout redirects output to a file and keeps stdout of the process open', async (t) => {
  const path = tree(t)
  const { code, error, stdout, stderr } = await run('pipes', ['redirected'], { preopens: { '/': path } })
  t.deepEqual({ code, error, stdout, stderr }, { code: 0, error: undefined, stdout: 'to the pipe\n', stderr: '0' })
  t.is(readFileSync(join(path, 'file'), 'utf8'), 'to the file\n')
})

test('files as stdin and stdout share their offsets with the host', async (t) => {
  const path = tree(t)
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

test('write to a stdout that the host opened to append appends', async (t) => {
  const path = join(tree(t), 'log')
  writeFileSync(path, 'before ')
  const log = openSync(path, 'a')
  const { code } = await run('pipes', ['copy'], { stdin: 'after', stdio: ['pipe', log, 'pipe'] })
  closeSync(log)
  t.is(code, 0)
  t.is(readFileSync(path, 'utf8'), 'before after')
})

test('options stdin, stdout and stderr accept other descriptors than 0, 1 and 2', async (t) => {
  const path = tree(t)
  for (const name of ['in', 'out', 'err']) writeFileSync(join(path, name), name === 'in' ? '0123456789abcdef' : '')
  const files = ['in', 'out', 'err'].map((name) => openSync(join(path, name), 'r+'))
  // The files are descriptors 3 to 5 of the child.
  const { code, stdout } = await run('pipes', ['shared'], {
    stdio: ['pipe', 'pipe', 'pipe', ...files],
    options: { stdin: 3, stdout: 4, stderr: 5 },
  })
  files.forEach(closeSync)
  t.deepEqual({ code, stdout }, { code: 0, stdout: '' })
  t.is(readFileSync(join(path, 'out'), 'utf8'), '0123456789')
  t.is(readFileSync(join(path, 'err'), 'utf8'), '10')
})

test('lseek on a file as stdin sets the offset', async (t) => {
  const path = tree(t)
  writeFileSync(join(path, 'in'), '0123456789')
  const input = openSync(join(path, 'in'), 'r')
  t.teardown(() => closeSync(input))
  await prints(
    t,
    'pipes',
    'seek',
    `
lseek(0, -4, SEEK_END): 6
read(0, buffer, 10): "6789"
lseek(0, 0, SEEK_SET): 0
read(0, buffer, 4): "0123"
`,
    { stdio: [input, 'pipe', 'pipe'] },
  )
})
