// The output of console.log() for a WASI, and the frames of capwasi in stacks.

import test from 'ava'
import { Directory, WASI } from 'capwasi'
import { inspect } from 'node:util'

const memory = new WebAssembly.Memory({ initial: 1 })

test('a WASI is inspected as its version and whether it has started', (t) => {
  const wasi = new WASI({ version: 'preview1' })
  t.is(inspect(wasi), "WASI { version: 'preview1', started: false }")
  wasi.start({ exports: { memory, _start() {} } })
  t.is(inspect(wasi), "WASI { version: 'preview1', started: true }")
  t.is(inspect(new WASI({ version: 'unstable' })), "WASI { version: 'unstable', started: false }")
})

test('a WASI below the depth of inspection is inspected as its name', (t) => {
  t.is(inspect({ wasi: new WASI() }, { depth: 0 }), '{ wasi: [WASI] }')
})

test('a WASI behind a proxy is inspected like the WASI', (t) => {
  t.is(inspect(new Proxy(new WASI(), {})), "WASI { version: 'preview1', started: false }")
})

test('an object of a subclass is inspected with the name of the subclass and its own properties', (t) => {
  class Sandbox extends WASI {
    user = 'guest'
  }
  t.is(inspect(new Sandbox()), "Sandbox { version: 'preview1', started: false, user: 'guest' }")
})

test('the prototype of WASI, and an object that inherits from it, are inspected like other objects', (t) => {
  t.is(inspect(WASI.prototype), '{}')
  t.is(inspect(Object.create(WASI.prototype)), 'WASI {}')
})

test('a Directory is inspected as its kind and usage', (t) => {
  t.is(inspect(Directory.memory()), "Directory { kind: 'memory', usage: { bytes: 0, files: 0 } }")
})

const wasi = new WASI({
  version: 'preview1',
  stdin() {
    throw new Error('thrown by a callback')
  },
})
const exports = { memory: new WebAssembly.Memory({ initial: 1 }), _start() {} }
new Uint32Array(exports.memory.buffer).set([16, 16])
wasi.finalizeBindings({ exports })

const throwing = {
  'start() of a WASI that has started': () => wasi.start({ exports }),
  'start() with an unknown option': () => wasi.start({ exports }, { timeuot: 1 }),
  'startAsync() with an unknown option': () => wasi.startAsync({ exports }, { timeuot: 1 }),
  'initializeAsync() without an instance': () => new WASI().initializeAsync(),
  'a WASI with an invalid option': () => new WASI({ args: 1 }),
  'a callback': () => wasi.wasiImport.fd_read(0, 0, 1, 8),
  'a directory that does not exist': () => Directory.open('./does/not/exist'),
  'a file that does not exist': () => Directory.memory().readFileSync('file'),
}
for (const [name, run] of Object.entries(throwing)) {
  test(`every frame of capwasi in the stack of ${name} has a name`, async (t) => {
    const { stack } = await t.throwsAsync(async () => run())
    const frames = stack.split('\n').filter((line) => /[\\/]lib[\\/][\w-]+\.js/.test(line))
    t.deepEqual(
      frames.filter((frame) => !/ at .*[^ ] \(/.test(frame)),
      [],
    )
  })
}
