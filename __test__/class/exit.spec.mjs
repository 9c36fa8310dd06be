// proc_exit in a sandbox that returns on exit.

import test from 'ava'
import { WASI } from 'capwasi'
import { skippedOn } from '../support/conditions.mjs'
import { command, instantiate } from '../support/guest.mjs'

const make = (options) => new WASI({ version: 'preview1', ...options })
const memory = new WebAssembly.Memory({ initial: 1 })
const exiting = (code) => command(`(call $proc_exit (i32.const ${code})) unreachable`)

for (const version of ['preview1', 'unstable']) {
  test(`start returns the exit code of a guest of ${version}`, (t) => {
    const wasi = make({ version })
    const [namespace] = Object.keys(wasi.getImportObject())
    t.is(wasi.start(instantiate(wasi, command('(call $proc_exit (i32.const 3))', { namespace }))), 3)
  })
}

for (const code of [0, 1, 255, 256, 65_536, 2_147_483_647, -1, -2_147_483_648]) {
  test(`exit code ${code} is returned as it is`, (t) => {
    const wasi = make()
    t.is(wasi.start(instantiate(wasi, exiting(code))), code)
  })
}

test('the guest does not go on after proc_exit', (t) => {
  const wasi = make()
  const more = '(global (export "after") (mut i32) (i32.const 0))'
  const instance = instantiate(wasi, command('(call $proc_exit (i32.const 1)) (global.set 0 (i32.const 1))', { more }))
  t.is(wasi.start(instance), 1)
  t.is(instance.exports.after.value, 0)
})

test('exit unwinds through JavaScript between the guest and start', (t) => {
  const wasi = make()
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

test('a guest that catches everything still exits with its code', (t) => {
  const wasi = make()
  const start = '(try (do (call $proc_exit (i32.const 5))) (catch_all))'
  t.is(wasi.start(instantiate(wasi, command(start))), 5)
})

test('JavaScript that swallows the exit does not change the code', (t) => {
  const wasi = make()
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

const isExit = (t, act, exitCode) => {
  const error = t.throws(act, { instanceOf: Error, code: 'ERR_WASI_EXIT' })
  t.true(Object.hasOwn(error, 'exitCode'))
  t.is(error.exitCode, exitCode)
}

test('exit in a function called after start throws ERR_WASI_EXIT with the code', (t) => {
  const wasi = make()
  const more = '(func (export "late") (call $proc_exit (i32.const 9)))'
  const instance = instantiate(wasi, command('(nop)', { more }))
  t.is(wasi.start(instance), 0)
  isExit(t, () => instance.exports.late(), 9)
  isExit(t, () => wasi.wasiImport.proc_exit(10), 10)
})

test('exit in _initialize comes out of initialize as ERR_WASI_EXIT', (t) => {
  const wasi = make()
  isExit(t, () => wasi.initialize({ exports: { memory, _initialize: () => wasi.wasiImport.proc_exit(2) } }), 2)
})

test('exit before start throws ERR_WASI_EXIT, and start returns that code', (t) => {
  const wasi = make()
  isExit(t, () => wasi.wasiImport.proc_exit(3), 3)
  t.is(wasi.start({ exports: { memory, _start() {} } }), 3)
})

test('exit from a timer after start throws ERR_WASI_EXIT there', async (t) => {
  const wasi = make()
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

test('a start within a start returns the code of its own guest', (t) => {
  const [outer, inner] = [make(), make()]
  let innerCode
  const _start = () => {
    innerCode = inner.start(instantiate(inner, exiting(1)))
    outer.wasiImport.proc_exit(2)
  }
  t.is(outer.start({ exports: { memory, _start } }), 2)
  t.is(innerCode, 1)
})

test('exit of another sandbox stops the guest, which has no code of its own', (t) => {
  const [one, other] = [make(), make()]
  const _start = () => {
    other.wasiImport.proc_exit(5)
    t.fail()
  }
  t.is(one.start({ exports: { memory, _start } }), 0)
  t.is(other.start({ exports: { memory, _start() {} } }), 5)
})

test('a patched proc_exit that throws propagates out of start', (t) => {
  const wasi = make()
  const thrown = new Error('patched')
  wasi.wasiImport.proc_exit = () => {
    throw thrown
  }
  t.is(
    t.throws(() => wasi.start(instantiate(wasi, exiting(1)))),
    thrown,
  )
})

test('a patched proc_exit may call the one it replaces', (t) => {
  const wasi = make()
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
  'thousands of exits leave nothing behind',
  (t) => {
    for (let code = 0; code < 3000; code++) {
      const wasi = make()
      if (wasi.start(instantiate(wasi, exiting(1))) !== 1) t.fail()
    }
    t.pass()
  },
)
