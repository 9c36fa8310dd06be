// Conversion of JavaScript and wasm values to arguments, and the order of the checks.

import test from 'ava'
import { ERRNO, FUNCTIONS, instantiate, rawGuest } from '../support/guest.mjs'

const zeros = (name) => [...FUNCTIONS[name]].map((type) => (type === 'I' ? 0n : 0))
const NAMES = Object.keys(FUNCTIONS).filter((name) => name !== 'proc_exit')

test('a call with too few or too many arguments returns EINVAL', (t) => {
  const { wasiImport } = rawGuest().wasi
  for (const name of NAMES) {
    const args = zeros(name)
    t.is(wasiImport[name](...args, 0), ERRNO.INVAL, `${name}, one too many`)
    t.is(wasiImport[name](...args, undefined), ERRNO.INVAL, `${name}, one undefined too many`)
    if (args.length === 0) continue
    t.is(wasiImport[name](...args.slice(1)), ERRNO.INVAL, `${name}, one too few`)
    t.is(wasiImport[name](), ERRNO.INVAL, `${name}, none`)
  }
})

const NON_NUMBERS = [undefined, null, true, '0', '', 0n, {}, [], { valueOf: () => 0 }, Symbol('0'), () => 0]
const NON_BIGINTS = [undefined, null, true, '0', 0, -1, {}, { valueOf: () => 0n }, Symbol('0')]

test('a call with any argument of the wrong type returns EINVAL', (t) => {
  const { wasiImport } = rawGuest().wasi
  for (const name of NAMES) {
    for (const [index, type] of [...FUNCTIONS[name]].entries()) {
      for (const wrong of type === 'I' ? NON_BIGINTS : NON_NUMBERS) {
        t.is(
          wasiImport[name](...zeros(name).with(index, wrong)),
          ERRNO.INVAL,
          `${name}, argument ${index}: ${typeof wrong}`,
        )
      }
    }
  }
})

test('a call with an object as argument does not call valueOf or toString', (t) => {
  const { wasiImport } = rawGuest().wasi
  const spy = { valueOf: () => t.fail(), toString: () => t.fail(), [Symbol.toPrimitive]: () => t.fail() }
  t.is(wasiImport.args_sizes_get(spy, 4), ERRNO.INVAL)
  t.is(wasiImport.fd_seek(1, spy, 0, 0), ERRNO.INVAL)
})

test('a call with a number outside 32 bits or with a fraction returns EINVAL', (t) => {
  const { wasiImport } = rawGuest().wasi
  for (const wrong of [1.5, NaN, Infinity, -Infinity, 2 ** 32, 2 ** 53, -(2 ** 31) - 1]) {
    t.is(wasiImport.args_sizes_get(wrong, 4), ERRNO.INVAL, String(wrong))
  }
})

test('an integer argument is accepted as signed or unsigned 32 bits', (t) => {
  const { wasiImport } = rawGuest().wasi
  t.is(wasiImport.args_sizes_get(8.0, 4), 0)
  for (const high of [-1, 2 ** 32 - 1, -(2 ** 31), 2 ** 31]) {
    t.is(wasiImport.args_sizes_get(high, 4), ERRNO.OVERFLOW, String(high))
    t.is(wasiImport.fd_datasync(high), ERRNO.BADF, String(high))
  }
})

test('a bigint argument of any size is accepted modulo 2^64', (t) => {
  const guest = rawGuest({ preopens: { '/': '.' } })
  const { wasiImport } = guest.wasi
  for (const precision of [0n, -1n, 2n ** 63n, 2n ** 64n, -(2n ** 70n)]) {
    t.is(wasiImport.clock_time_get(1, precision, 0), 0, String(precision))
  }
})

test('a pointer above 2 GiB fails with EOVERFLOW, also in optimized code', (t) => {
  const guest = rawGuest()
  for (let i = 0; i < 20_000; i++) {
    if (guest.call.args_sizes_get(0x8000_0000, 0) !== ERRNO.OVERFLOW) t.fail(`call ${i}`)
    if (guest.call.args_sizes_get(0, -4) !== ERRNO.OVERFLOW) t.fail(`call ${i}`)
  }
  t.is(guest.call.fd_write(1, -8, 1, 0), ERRNO.OVERFLOW)
  t.is(guest.call.random_get(-16, 16), ERRNO.OVERFLOW)
})

test('a pointer and a length whose sum exceeds 32 bits fail with EOVERFLOW', (t) => {
  const guest = rawGuest()
  t.is(guest.call.random_get(16, -8), ERRNO.OVERFLOW)
  t.is(guest.call.random_get(-1, -1), ERRNO.OVERFLOW)
  t.is(guest.call.fd_write(1, 8, 0x2000_0000, 0), ERRNO.OVERFLOW)
  t.is(guest.call.fd_write(1, 8, 0x2000_0001, 0), ERRNO.OVERFLOW)
})

test('an import with a wrong signature links, and its calls return EINVAL', (t) => {
  const { wasi } = rawGuest()
  const instance = instantiate(
    wasi,
    `(module
    (import "wasi_snapshot_preview1" "fd_write" (func $short (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func $float (param f64) (result i32)))
    (import "wasi_snapshot_preview1" "fd_seek" (func $narrow (param i32 i32 i32 i32) (result i32)))
    (func (export "short") (result i32) (call $short (i32.const 1)))
    (func (export "float") (result i32) (call $float (f64.const 1.5)))
    (func (export "narrow") (result i32) (call $narrow (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))))`,
  )
  t.deepEqual([instance.exports.short(), instance.exports.float(), instance.exports.narrow()], [28, 28, 28])
})

test('a call with a bad pointer and a bad descriptor fails with EOVERFLOW', (t) => {
  const guest = rawGuest()
  const far = guest.memory.buffer.byteLength
  for (const [name, bad, good] of [
    ['fd_fdstat_get', [99, far], [99, 0]],
    ['fd_filestat_get', [99, far], [99, 0]],
    ['fd_read', [99, far, 1, 0], [99, 0, 1, 0]],
    ['fd_read', [99, 0, 1, far], [99, 0, 1, 0]],
    ['fd_write', [99, far, 1, 0], [99, 0, 1, 0]],
    ['fd_pread', [99, 0, 1, 0n, far], [99, 0, 1, 0n, 0]],
    ['fd_seek', [99, 0n, 0, far], [99, 0n, 0, 0]],
    ['fd_tell', [99, far], [99, 0]],
    ['fd_readdir', [99, far, 1, 0n, 0], [99, 0, 1, 0n, 0]],
    ['fd_prestat_get', [99, far], [99, 0]],
    ['path_create_directory', [99, far, 1], [99, 0, 1]],
    ['path_filestat_get', [99, 0, 0, 1, far], [99, 0, 0, 1, 0]],
    ['path_open', [99, 0, 0, 1, 0, 0n, 0n, 0, far], [99, 0, 0, 1, 0, 0n, 0n, 0, 0]],
  ]) {
    t.is(guest.call[name](...bad), ERRNO.OVERFLOW, name)
    guest.bytes.fill(97, 0, 8)
    if (/read|write/.test(name) && !/dir/.test(name)) guest.bytes.fill(0, 0, 8)
    t.is(guest.call[name](...good), ERRNO.BADF, name)
  }
})

test('every function of wasiImport returns a number', (t) => {
  const { wasiImport } = rawGuest().wasi
  for (const name of NAMES.filter((name) => !/poll|sock|proc/.test(name))) {
    t.is(typeof wasiImport[name](...zeros(name)), 'number', name)
  }
})
