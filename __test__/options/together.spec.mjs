// Options in combination. A C program that uses all of them runs with each option alone, with each pair of options, and
// with all. Guests of every kind run with all.

import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test from 'ava'
import { WASI } from 'capwasi'
import { ERRNO, OFLAGS, RIGHTS, hostFile, rawGuest, tree } from '../support/guest.mjs'

const together = new WebAssembly.Module(readFileSync(new URL('../guests/together.wasm', import.meta.url)))
const input = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index * 7))
const LIMIT = 70_000

/** Values of each option. Without the option, the program gets a file of the host, or the system's clock and random. */
const OPTIONS = {
  stdin: () => ({
    stdin: (function* () {
      for (let at = 0; at < input.length; at += 3000) yield input.subarray(at, at + 3000)
    })(),
  }),
  stdout: () => ({ stdout: 'pipe' }),
  stderr: ({ logged }) => ({ stderr: (chunk) => logged.stderr.push(chunk) }),
  preopens: ({ library, fd }) => ({ preopens: { '/library': { path: library, readonly: true }, '/work': { fd } } }),
  sockets: () => ({ sockets: ['127.0.0.1:0'] }),
  clock: () => ({ clock: { realtime: 1_234_567_890_000_000_001n } }),
  random: () => ({ random: { seed: 7 } }),
  limits: () => ({ limits: { openFiles: 20, output: 1000, writtenBytes: LIMIT } }),
  trace: ({ logged }) => ({ trace: (line) => logged.trace.push(line) }),
}

/** Runs the program with some of the options. Returns its observable results. */
async function run(t, names) {
  const [library, work] = [tree(t, { words: 'one two' }), tree(t)]
  const fd = openSync(work, 'r')
  const files = { stdin: hostFile(t, input), stdout: hostFile(t), stderr: hostFile(t) }
  const logged = { stderr: [], trace: [] }
  const given = names.map((name) => OPTIONS[name]({ library, fd, logged }))
  const wasi = new WASI(
    Object.assign(
      {
        version: 'preview1',
        preopens: { '/library': library, '/work': work },
        stdin: files.stdin.fd,
        stdout: files.stdout.fd,
        stderr: files.stderr.fd,
      },
      ...given,
    ),
  )
  closeSync(fd)
  let reply
  for (const address of wasi.addresses) {
    const client = connect(Number(address.split(':')[1]), '127.0.0.1')
    await once(client, 'connect')
    client.write('hello')
    reply = text(client)
  }
  const code = wasi.start(new WebAssembly.Instance(together, wasi.getImportObject()))
  const results = {
    code,
    exceeded: wasi.exceeded,
    reply: await reply,
    stdout: wasi.stdout?.toString() ?? files.stdout.text(),
    stderr: Buffer.concat(logged.stderr).toString() + files.stderr.text(),
    copied: readFileSync(join(work, 'copy')),
    made: existsSync(join(library, 'new')),
    traced: logged.trace.length > 0,
  }
  wasi.close()
  return results
}

/** The line that libc writes immediately, because only the first write detects that stdout is not a terminal. */
const FIRST_LINE = '/library/words: "one two"\n'

/** Returns how many bytes the program can copy: printed and sent bytes count, too. */
const copyLimit = (names) => LIMIT - FIRST_LINE.length - (names.includes('sockets') ? 5 : 0)

async function checkOptions(t, names) {
  const has = (name) => names.includes(name)
  const results = await run(t, names)
  const copied = has('limits') ? input.subarray(0, copyLimit(names)) : input
  const lines = [
    `mkdir("/library/new", 0777): ${has('preopens') ? 'EROFS' : 0}`,
    has('clock') ? 'realtime: 1234567890.000000001' : results.stdout.match(/^realtime: \d+\.\d{9}$/m)?.[0],
    has('random') ? 'random: f19ee3b965429844' : results.stdout.match(/^random: [\da-f]{16}$/m)?.[0],
    ...(has('sockets') ? ['send(fd, buffer, n, 0): 5'] : []),
    'done',
    '',
  ]
  t.deepEqual(
    { ...results, copied: results.copied.length, same: results.copied.equals(copied) },
    {
      code: 7,
      exceeded: has('limits') ? 'writtenBytes' : undefined,
      reply: has('sockets') ? 'HELLO' : undefined,
      stdout: FIRST_LINE + (has('limits') ? '' : lines.join('\n')),
      stderr: has('limits') ? '' : `${input.length} bytes\n`,
      copied: copied.length,
      same: true,
      made: !has('preopens'),
      traced: has('trace'),
    },
    names.join(', '),
  )
}

const names = Object.keys(OPTIONS)
for (const name of names) {
  test(`option ${name} takes effect alone and with each other option`, async (t) => {
    await checkOptions(t, [name])
    for (const other of names.slice(names.indexOf(name) + 1)) await checkOptions(t, [name, other])
  })
}

test('the program works without options, and with all options together', async (t) => {
  await checkOptions(t, [])
  await checkOptions(t, names)
})

for (const [kind, options, more] of [
  ['of preview1', {}, {}],
  ['of wasi_unstable', { version: 'unstable' }, {}],
  ['without options.version', { version: undefined }, {}],
  ['with a shared memory', {}, { memory: '2 4 shared' }],
]) {
  test(`all options take effect in a guest ${kind}`, (t) => {
    const [library, logged] = [tree(t, { words: 'one two' }), { stderr: [], trace: [] }]
    const fd = openSync(tree(t), 'r')
    const given = Object.assign({}, ...Object.values(OPTIONS).map((option) => option({ library, fd, logged })), options)
    const guest = rawGuest(given, more)
    closeSync(fd)
    t.is(guest.read(0, 65536).length, 3000)
    t.is(guest.write(1, 'out'), 3)
    t.is(guest.write(2, 'err'), 3)
    t.is(guest.fdstat(3).filetype, 6)
    t.is(guest.read(guest.open('words', { dirfd: 4 })), 'one two')
    t.is(guest.call.path_create_directory(4, ...guest.put('new')), ERRNO.ROFS)
    const copy = guest.open('copy', { dirfd: 5, oflags: OFLAGS.CREAT, rights: RIGHTS.FILE })
    t.is(guest.write(copy, 'copy'), 4)
    guest.must('clock_time_get', 0, 1n, guest.out)
    t.is(guest.u64(guest.out), 1_234_567_890_000_000_001n)
    guest.must('random_get', guest.out, 8)
    t.is(Buffer.from(guest.bytes.slice(0, 8)).toString('hex'), 'f19ee3b965429844')
    t.deepEqual(
      [String(guest.wasi.stdout), String(Buffer.concat(logged.stderr)), guest.wasi.exceeded],
      ['out', 'err', undefined],
    )
    t.true(logged.trace.some((line) => line.startsWith('path_create_directory(4, "new") = EROFS ')))
    guest.wasi.close()
    t.is(guest.call.fd_close(copy), ERRNO.BADF)
  })
}
