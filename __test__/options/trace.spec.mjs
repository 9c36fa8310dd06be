// The option `trace` and CAPWASI_TRACE: one line for each call, and where the lines go.

import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { WASI } from 'capwasi'
import { NO_SYMLINKS, knownFailure } from '../support/conditions.mjs'
import { command, errnoName, instantiate, node, rawGuest, tree } from '../support/guest.mjs'

/** Checks that each line of a finished call ends with a duration. Returns the lines without the durations. */
function withoutDurations(t, lines) {
  return lines.map((line) => {
    if (!line.endsWith(' = ?')) t.regex(line, / <\d+\.\d{6}>$/)
    return line.replace(/ <\d+\.\d{6}>$/, '')
  })
}

function traced(t, options) {
  const lines = []
  const guest = rawGuest({
    preopens: { '/': tree(t, { 'etc/hosts': 'localhost\n' }) },
    trace: (line) => lines.push(line),
    ...options,
  })
  return { guest, tracedLines: () => withoutDurations(t, lines.splice(0)) }
}

test('a trace function receives one line for each WASI call', (t) => {
  const { guest, tracedLines } = traced(t)
  const fd = guest.open('etc/hosts', { lookup: 1, rights: 2n })
  t.is(guest.read(fd), 'localhost\n')
  guest.close(fd)
  guest.call.fd_close(fd)
  t.deepEqual(tracedLines(), [
    'path_open(3, SYMLINK_FOLLOW, "etc/hosts", 0, FD_READ, 0, 0) = 4',
    'fd_read(4, [1024]) = 10',
    'fd_close(4) = 0',
    'fd_close(4) = EBADF',
  ])
})

knownFailure(NO_SYMLINKS)('a trace line shows the arguments as they were before the call', (t) => {
  const directory = tree(t, { link: { symlink: 'target' } })
  const { guest, tracedLines } = traced(t, { preopens: { '/': directory } })
  const [path, length] = guest.put('link')
  guest.must('path_readlink', 3, path, length, path, 64, guest.out)
  t.is(guest.text(path, 6), 'target')
  t.deepEqual(tracedLines(), [`path_readlink(3, "link", 0x${path.toString(16)}, 64) = 6`])
})

test('a trace line shows a path in memory that the guest has just grown', (t) => {
  const { guest, tracedLines } = traced(t)
  const end = guest.memory.buffer.byteLength
  guest.call.grow(1)
  guest.bytes.set(Buffer.from('new'), end)
  t.not(guest.call.path_unlink_file(3, end, 3), 0)
  t.deepEqual(tracedLines(), ['path_unlink_file(3, "new") = ENOENT'])
})

test('a trace line shows an out-of-bounds pointer as an address', (t) => {
  const { guest, tracedLines } = traced(t)
  guest.call.path_unlink_file(3, -16, 100)
  guest.call.fd_write(1, -16, 0x7fffffff, 0)
  t.deepEqual(tracedLines(), ['path_unlink_file(3, 0xfffffff0) = EOVERFLOW', 'fd_write(1, 0xfffffff0) = EOVERFLOW'])
})

test('calls of a guest with a shared memory are traced', (t) => {
  const lines = []
  const guest = rawGuest({ trace: (line) => lines.push(line) }, { memory: '2 4 shared' })
  guest.call.fd_close(9)
  t.deepEqual(withoutDurations(t, lines), ['fd_close(9) = EBADF'])
})

test('a trace of wasi_unstable uses the constants of wasi_unstable', (t) => {
  const { guest, tracedLines } = traced(t, { version: 'unstable' })
  guest.seek(guest.open('etc/hosts'), 1, 'END')
  t.is(tracedLines().at(-1), 'fd_seek(4, 1, END) = 11')
})

for (const returnOnExit of [true, false]) {
  test(`proc_exit is traced before the guest exits, with returnOnExit ${returnOnExit}`, async (t) => {
    const text = command('i32.const 7 call $proc_exit')
    const { code, stdout } = await node(
      `
      import { instantiate } from './__test__/support/guest.mjs'
      import { WASI } from 'capwasi'
      import { writeSync } from 'node:fs'
      const trace = (line) => writeSync(1, line)
      const wasi = new WASI({ version: 'preview1', returnOnExit: ${returnOnExit}, trace })
      process.exit(wasi.start(instantiate(wasi, ${JSON.stringify(text)})))`,
      { module: true },
    )
    t.deepEqual({ code, stdout }, { code: 7, stdout: 'proc_exit(7) = ?' })
  })
}

test('the trace line of a call that throws shows "= ?" as the result', (t) => {
  const lines = []
  const wasi = new WASI({ version: 'preview1', trace: (line) => lines.push(line) })
  t.throws(() => wasi.wasiImport.fd_close(1), { code: 'ERR_WASI_NOT_STARTED' })
  t.deepEqual(withoutDurations(t, lines), ['fd_close(1) = ?'])
})

test('the trace line of a call with invalid arguments shows ? for the arguments', (t) => {
  const lines = []
  const wasi = new WASI({ version: 'preview1', trace: (line) => lines.push(line) })
  t.is(errnoName(wasi.wasiImport.fd_close('1')), 'INVAL')
  t.is(errnoName(wasi.wasiImport.fd_close()), 'INVAL')
  t.deepEqual(withoutDurations(t, lines), ['fd_close(?) = EINVAL', 'fd_close(?) = EINVAL'])
})

test('start() rethrows the exception of a trace function', (t) => {
  const error = new Error('enough')
  const trace = () => {
    throw error
  }
  const wasi = new WASI({ version: 'preview1', trace })
  const instance = instantiate(wasi, command('i32.const 0 call $proc_exit'))
  t.is(
    t.throws(() => wasi.start(instance)),
    error,
  )
})

test('wasiImport has the same names, lengths and order with and without trace', (t) => {
  const plain = Object.entries(new WASI({ version: 'preview1' }).wasiImport)
  const { wasiImport } = new WASI({ version: 'preview1', trace: () => {} })
  t.deepEqual(
    Object.keys(wasiImport),
    plain.map(([name]) => name),
  )
  for (const [key, { name, length }] of plain) {
    const traced = wasiImport[key]
    t.deepEqual({ name: traced.name, length: traced.length }, { name, length })
    t.false('prototype' in traced)
  }
})

const childScript = (trace) => `
  import { command, instantiate } from './__test__/support/guest.mjs'
  import { WASI } from 'capwasi'
  const wasi = new WASI({ version: 'preview1', ${trace} })
  wasi.start(instantiate(wasi, ${JSON.stringify(command('i32.const 0 call $proc_exit'))}))`

for (const [title, trace, value, expected] of [
  ['trace: true writes lines to stderr', 'trace: true', undefined, 'proc_exit(0) = ?\n'],
  ['CAPWASI_TRACE=1 traces every sandbox to stderr', '', '1', 'proc_exit(0) = ?\n'],
  ['trace: false overrides CAPWASI_TRACE=1', 'trace: false', '1', ''],
  ['CAPWASI_TRACE=0 traces nothing', '', '0', ''],
  ['without trace and CAPWASI_TRACE, nothing is traced', '', undefined, ''],
]) {
  test(title, async (t) => {
    const env = { ...process.env, CAPWASI_TRACE: value }
    if (value === undefined) delete env.CAPWASI_TRACE
    const { code, stdout, stderr } = await node(childScript(trace), { module: true, env })
    t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: expected })
  })
}

test('a trace that is a number writes lines to this descriptor, also those of objects that join', (t) => {
  const path = join(tree(t), 'log')
  const fd = openSync(path, 'w')
  t.teardown(() => closeSync(fd))
  const wasi = new WASI({ version: 'preview1', trace: fd })
  t.is(wasi.start(instantiate(wasi, command('i32.const 7 call $proc_exit'))), 7)
  const joined = WASI.join(new WASI({ version: 'preview1', trace: fd }).share())
  t.is(joined.start(instantiate(joined, command('i32.const 8 call $proc_exit'))), 8)
  t.is(readFileSync(path, 'utf8'), 'proc_exit(7) = ?\nproc_exit(8) = ?\n')
})

test('a trace that is a closed descriptor is ignored', (t) => {
  const wasi = new WASI({ version: 'preview1', trace: 2 ** 30 })
  t.is(wasi.start(instantiate(wasi, command('i32.const 7 call $proc_exit'))), 7)
})

test('a trace that is no descriptor throws ERR_OUT_OF_RANGE', (t) => {
  for (const trace of [-1, 0.5, 2 ** 31, Number.NaN])
    t.throws(() => new WASI({ version: 'preview1', trace }), { code: 'ERR_OUT_OF_RANGE' }, `${trace}`)
})

test('a trace that is not a boolean, a number or a function throws ERR_INVALID_ARG_TYPE', (t) => {
  for (const [value, received] of [
    [null, 'null'],
    ['1', "type string ('1')"],
    [{}, 'an instance of Object'],
  ]) {
    t.throws(() => new WASI({ version: 'preview1', trace: value }), {
      instanceOf: TypeError,
      code: 'ERR_INVALID_ARG_TYPE',
      message: `The "options.trace" property must be one of type boolean, number, or function. Received ${received}`,
    })
  }
})
