// The functions of wasiImport throw until a memory is bound.

import test from 'ava'
import { WASI } from 'capwasi'
import { FUNCTIONS, instantiate } from '../support/guest.mjs'

const zeros = (name) => [...FUNCTIONS[name]].map((type) => (type === 'I' ? 0n : 0))

for (const version of ['preview1', 'unstable', undefined]) {
  const source = version ? `of ${version}` : 'without a version'

  test(`every function ${source} throws ERR_WASI_NOT_STARTED before start()`, (t) => {
    const { wasiImport } = new WASI({ version, returnOnExit: false })
    for (const name of Object.keys(wasiImport)) {
      const error = t.throws(
        () => wasiImport[name](...zeros(name)),
        {
          instanceOf: Error,
          name: 'Error',
          code: 'ERR_WASI_NOT_STARTED',
          message: 'wasi.start() has not been called',
        },
        name,
      )
      t.deepEqual(Object.keys(error), ['code'], name)
    }
  })
}

test('the stack of ERR_WASI_NOT_STARTED starts with Error: and the message', (t) => {
  const error = t.throws(() => new WASI({ version: 'preview1' }).wasiImport.sched_yield())
  t.true(error.stack.startsWith('Error: wasi.start() has not been called'), error.stack)
})

test('a call with a wrong number or type of arguments before start() returns EINVAL', (t) => {
  const { wasiImport } = new WASI({ version: 'preview1' })
  t.is(wasiImport.fd_write(1, 0, 0), 28)
  t.is(wasiImport.fd_write(1, 0, 0, '0'), 28)
  t.is(wasiImport.sched_yield(1), 28)
  t.is(wasiImport.fd_seek(1, 0, 0, 0), 28)
})

test('functions still throw ERR_WASI_NOT_STARTED after start() rejected the memory', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  t.throws(() => wasi.start({ exports: { memory: {} } }))
  t.throws(() => wasi.wasiImport.sched_yield(), { code: 'ERR_WASI_NOT_STARTED' })
})

test('functions work after start() failed because _start is missing', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  t.throws(() => wasi.start({ exports: { memory: new WebAssembly.Memory({ initial: 1 }) } }))
  t.is(wasi.wasiImport.sched_yield(), 0)
})

test('a call in the start section of a module throws ERR_WASI_NOT_STARTED', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  const text = `(module
    (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
    (func $early (drop (call $sched_yield)))
    (start $early))`
  t.throws(() => instantiate(wasi, text), { code: 'ERR_WASI_NOT_STARTED' })
})
