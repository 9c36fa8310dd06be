// proc_exit with returnOnExit true.

import test from 'ava'
import { WASI } from 'capwasi'
import { skippedOn } from '../support/conditions.mjs'
import { command, instantiate } from '../support/guest.mjs'

const newWasi = (options) => new WASI({ version: 'preview1', ...options })
const memory = new WebAssembly.Memory({ initial: 1 })
const exiting = (code) => command(`(call $proc_exit (i32.const ${code})) unreachable`)

for (const version of ['preview1', 'unstable']) {
  test(`start() returns the exit code of a guest of ${version}`, (t) => {
    const wasi = newWasi({ version })
    const [namespace] = Object.keys(wasi.getImportObject())
    t.is(wasi.start(instantiate(wasi, command('(call $proc_exit (i32.const 3))', { namespace }))), 3)
  })
}

for (const code of [0, 1, 255, 256, 65_536, 2_147_483_647, -1, -2_147_483_648]) {
  test(`start() returns the exit code ${code} unchanged`, (t) => {
    const wasi = newWasi()
    t.is(wasi.start(instantiate(wasi, exiting(code))), code)
  })
}

test('the guest does not continue after proc_exit', (t) => {
  const wasi = newWasi()
  const more = '(global (export "after") (mut i32) (i32.const 0))'
  const instance = instantiate(wasi, command('(call $proc_exit (i32.const 1)) (global.set 0 (i32.const 1))', { more }))
  t.is(wasi.start(instance), 1)
  t.is(instance.exports.after.value, 0)
})

test('proc_exit runs finally blocks of JavaScript between the guest and start()', (t) => {
  const wasi = newWasi()
  let unwound = false
  const exports = {
    memory,
    _start() {
      try {
        wasi.wasiImport.proc_exit(4)
      } finally {
        unwound = true
      }
    },
  }
  t.is(wasi.start({ exports }), 4)
  t.true(unwound)
})

test('start() returns the exit code if the guest catches the exit', (t) => {
  const wasi = newWasi()
  const start = '(try (do (call $proc_exit (i32.const 5))) (catch_all))'
  t.is(wasi.start(instantiate(wasi, command(start))), 5)
})

test('start() returns the exit code if JavaScript catches the exit', (t) => {
  const wasi = newWasi()
  const exports = {
    memory,
    _start() {
      try {
        wasi.wasiImport.proc_exit(6)
      } catch {}
    },
  }
  t.is(wasi.start({ exports }), 6)
})

const throwsExit = (t, action, exitCode) => {
  const error = t.throws(action, { instanceOf: Error, code: 'ERR_WASI_EXIT' })
  t.true(Object.hasOwn(error, 'exitCode'))
  t.is(error.exitCode, exitCode)
}

test('proc_exit in an export called after start() throws ERR_WASI_EXIT with the code', (t) => {
  const wasi = newWasi()
  const more = '(func (export "late") (call $proc_exit (i32.const 9)))'
  const instance = instantiate(wasi, command('(nop)', { more }))
  t.is(wasi.start(instance), 0)
  throwsExit(t, () => instance.exports.late(), 9)
  throwsExit(t, () => wasi.wasiImport.proc_exit(10), 10)
})

test('initialize() throws ERR_WASI_EXIT if _initialize calls proc_exit', (t) => {
  const wasi = newWasi()
  throwsExit(t, () => wasi.initialize({ exports: { memory, _initialize: () => wasi.wasiImport.proc_exit(2) } }), 2)
})

test('proc_exit before start() throws ERR_WASI_EXIT, and start() returns its code', (t) => {
  const wasi = newWasi()
  throwsExit(t, () => wasi.wasiImport.proc_exit(3), 3)
  t.is(wasi.start({ exports: { memory, _start() {} } }), 3)
})

test('proc_exit in a timer after start() throws ERR_WASI_EXIT', async (t) => {
  const wasi = newWasi()
  const { promise, resolve } = deferred()
  const _start = () =>
    setImmediate(() => {
      try {
        wasi.wasiImport.proc_exit(8)
      } catch (error) {
        resolve(error)
      }
    })
  t.is(wasi.start({ exports: { memory, _start } }), 0)
  t.like(await promise, { code: 'ERR_WASI_EXIT', exitCode: 8 })
})

function deferred() {
  let resolve
  const promise = new Promise((done) => {
    resolve = done
  })
  return { promise, resolve }
}

test('a nested start() of another sandbox returns the code of its own guest', (t) => {
  const [outer, inner] = [newWasi(), newWasi()]
  let innerCode
  const _start = () => {
    innerCode = inner.start(instantiate(inner, exiting(1)))
    outer.wasiImport.proc_exit(2)
  }
  t.is(outer.start({ exports: { memory, _start } }), 2)
  t.is(innerCode, 1)
})

test('proc_exit of another sandbox stops the guest, and start() returns 0', (t) => {
  const [one, other] = [newWasi(), newWasi()]
  const _start = () => {
    other.wasiImport.proc_exit(5)
    t.fail()
  }
  t.is(one.start({ exports: { memory, _start } }), 0)
  t.is(other.start({ exports: { memory, _start() {} } }), 5)
})

test('start() rethrows the exception of a patched proc_exit', (t) => {
  const wasi = newWasi()
  const thrown = new Error('patched')
  wasi.wasiImport.proc_exit = () => {
    throw thrown
  }
  t.is(
    t.throws(() => wasi.start(instantiate(wasi, exiting(1)))),
    thrown,
  )
})

test('start() returns the code if a patched proc_exit calls the original', (t) => {
  const wasi = newWasi()
  const { proc_exit } = wasi.wasiImport
  const codes = []
  wasi.wasiImport.proc_exit = (code) => {
    codes.push(code)
    return proc_exit(code)
  }
  t.is(wasi.start(instantiate(wasi, exiting(12))), 12)
  t.deepEqual(codes, [12])
})

skippedOn({ qemu: 'qemu keeps the memory of collected WebAssembly' })(
  'start() returns the exit code in each of 3000 sandboxes',
  (t) => {
    for (let code = 0; code < 3000; code++) {
      const wasi = newWasi()
      if (wasi.start(instantiate(wasi, exiting(1))) !== 1) t.fail()
    }
    t.pass()
  },
)
