// Careless embedders: options that throw or change, functions called late or leaked, threads on one memory.

import { on } from 'node:events'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { WASI } from 'capwasi'
import { ERRNO, FUNCTIONS, errnoName, node, rawGuest, tree } from '../support/guest.mjs'

const main = createRequire(import.meta.url).resolve('capwasi')
const thrown = new Error('thrown by the embedder')
const throwing = (target, key) =>
  Object.defineProperty(target, key, {
    enumerable: true,
    get() {
      throw thrown
    },
  })
const make = (options) => new WASI({ version: 'preview1', ...options })

for (const [source, options] of Object.entries({
  'a getter in args': () => ({ args: throwing(['a', 'b', 'c'], 1) }),
  'a getter in env': () => ({ env: throwing({ A: 'a' }, 'B') }),
  'a getter in preopens': () => ({ preopens: throwing({ '/': '.' }, '/second') }),
  'toString() of an element of args': () => ({
    args: [
      {
        toString() {
          throw thrown
        },
      },
    ],
  }),
  'toString() of a value of env': () => ({
    env: {
      A: {
        toString() {
          throw thrown
        },
      },
    },
  }),
  'the ownKeys trap of env': () => ({
    env: new Proxy(
      {},
      {
        ownKeys() {
          throw thrown
        },
      },
    ),
  }),
  'the ownKeys trap of preopens': () => ({
    preopens: new Proxy(
      {},
      {
        ownKeys() {
          throw thrown
        },
      },
    ),
  }),
  'the get trap of args': () => ({
    args: new Proxy([], {
      get() {
        throw thrown
      },
    }),
  }),
})) {
  test(`the constructor rethrows the exception of ${source}`, (t) => {
    for (let i = 0; i < 50; i++)
      t.is(
        t.throws(() => make(options()), { any: true }),
        thrown,
      )
  })
}

test('a constructor that throws leaves no descriptor open', async (t) => {
  const { stdout, stderr } = await node(`
    const { WASI } = require('capwasi')
    const count = () => process.platform === 'linux' ? require('node:fs').readdirSync('/proc/self/fd').length : 0
    const make = () => {
      const preopens = { '/': '.', '/src': 'src' }
      try { new WASI({ version: 'preview1', preopens, get returnOnExit() { throw 1 } }) } catch {}
      try { new WASI({ version: 'preview1', preopens: { '/': '.', get '/src'() { throw 1 } } }) } catch {}
      try { new WASI({ version: 'preview1', preopens: { '/': '.', '/no': '/no/such/directory' } }) } catch {}
    }
    make()
    const before = count()
    for (let i = 0; i < 500; i++) make()
    console.log(count() - before)`)
  t.deepEqual([stdout, stderr], ['0\n', ''])
})

for (const [kind, options] of Object.entries({
  'args that shrink': () => {
    const args = [
      {
        toString() {
          args.length = 0
          return 'a'
        },
      },
      'b',
      'c',
    ]
    return { args }
  },
  'args that grow': () => {
    const args = [
      {
        toString() {
          args.push(...Array(1000).fill('x'))
          return 'a'
        },
      },
      'b',
    ]
    return { args }
  },
  'args that lose elements': () => {
    const args = [
      'a',
      {
        toString() {
          delete args[2]
          args[0] = 1
          return 'b'
        },
      },
      'c',
    ]
    return { args }
  },
  'an env that loses a value': () => ({
    env: {
      get A() {
        delete this.B
        return 'a'
      },
      B: 'b',
    },
  }),
  'an env that gains values': () => ({
    env: {
      get A() {
        for (let i = 0; i < 1000; i++) this[`X${i}`] = 'x'
        return 'a'
      },
      B: 'b',
    },
  }),
  'preopens that change': () => ({
    preopens: {
      get '/a'() {
        this['/b'] = '.'
        delete this['/c']
        return '.'
      },
      '/b': '..',
      '/c': '/',
    },
  }),
  'options that replace each other': () => ({
    get args() {
      this.env = { A: 'b' }
      this.preopens = {}
      return ['a']
    },
  }),
  'options that construct and close a sandbox': () => ({
    get env() {
      make({ preopens: { '/': '.' } }).close()
      return { A: 'a' }
    },
    preopens: { '/': '.' },
  }),
  'options without prototypes': () =>
    Object.assign(Object.create(null), {
      env: Object.assign(Object.create(null), { A: 'a' }),
      preopens: Object.assign(Object.create(null), { '/': '.' }),
    }),
  proxies: () =>
    new Proxy(
      { args: new Proxy(['a'], {}), env: new Proxy({ A: 'a' }, {}), preopens: new Proxy({ '/': '.' }, {}) },
      {},
    ),
})) {
  test(`the constructor with ${kind} returns a consistent sandbox or throws`, (t) => {
    let wasi
    try {
      wasi = new WASI(withVersion(options()))
    } catch (error) {
      t.true(error instanceof Error)
      t.regex(error.code ?? '', /^(ERR_|UVWASI_|E)/)
      return
    }
    const guest = rawGuest(
      {},
      {
        WASI: class {
          constructor() {
            // biome-ignore lint/correctness/noConstructorReturn: `rawGuest` has to get this object from `new`
            return wasi
          }
        },
      },
    )
    t.is(guest.strings('args').length, guest.u32(sizes(guest, 'args')))
    t.is(guest.strings('environ').length, guest.u32(sizes(guest, 'environ')))
    for (let fd = 3; guest.call.fd_prestat_get(fd, guest.out) === 0; fd++) t.is(guest.fdstat(fd).filetype, 3)
    guest.wasi.close()
  })
}

/** Adds `version` without reading a property. */
function withVersion(options) {
  return Object.defineProperty(options, 'version', { value: 'preview1', enumerable: true, configurable: true })
}
function sizes(guest, which) {
  guest.must(`${which}_sizes_get`, guest.out, guest.out + 4)
  return guest.out
}

const argumentsOf = (name) => [...FUNCTIONS[name]].map((type) => (type === 'i' ? 3 : 3n))
const withoutProcExit = (functions) => Object.entries(functions).filter(([name]) => name !== 'proc_exit')

test('every function of a closed sandbox returns an errno, from wasm and from JavaScript', (t) => {
  const guest = rawGuest({ preopens: { '/': tree(t, { file: 'text' }) } })
  const { wasiImport } = guest.wasi
  guest.wasi.close()
  for (const [name, call] of withoutProcExit(wasiImport)) {
    for (const errno of [call(...argumentsOf(name)), guest.call[name](...argumentsOf(name))]) {
      const takesFd = /^(fd|path|sock)_/.test(name)
      if (takesFd) t.true([ERRNO.BADF, ERRNO.OVERFLOW].includes(errno), `${name} ${errnoName(errno)}`)
      else t.true(Number.isInteger(errno) && errno >= 0 && errno <= 76, name)
    }
  }
})

test('calls after close() during start() fail with EBADF', (t) => {
  const wasi = make({ preopens: { '/': '.' } })
  const memory = new WebAssembly.Memory({ initial: 1 })
  const errnos = []
  const _start = () => {
    errnos.push(wasi.wasiImport.fd_fdstat_get(3, 0))
    wasi.close()
    errnos.push(wasi.wasiImport.fd_fdstat_get(3, 0), wasi.wasiImport.fd_write(1, 0, 0, 8))
    wasi.wasiImport.proc_exit(5)
  }
  t.is(wasi.start({ exports: { memory, _start } }), 5)
  t.deepEqual(errnos, [0, ERRNO.BADF, ERRNO.BADF])
})

test('calls while and after their worker ends do not crash the process', async (t) => {
  const { code, signal, stdout, stderr } = await node(
    `
    import { Worker } from 'node:worker_threads'
    const script = \`
      const { WASI } = require('capwasi')
      const { parentPort, workerData: { memory, how } } = require('node:worker_threads')
      const wasi = new WASI({ version: 'preview1', preopens: { '/': '.' } })
      wasi.initialize({ exports: { memory } })
      const call = () => { wasi.wasiImport.fd_fdstat_get(3, 0); wasi.wasiImport.random_get(64, 64) }
      process.on('exit', () => { call(); wasi.close(); call() })
      globalThis.registry = new FinalizationRegistry(call)
      for (let i = 0; i < 100; i++) registry.register({ wasi }, i)
      if (how === 'interval') { setInterval(call, 0); setTimeout(() => process.exit(), 30) }
      if (how === 'loop') { parentPort.postMessage(1); for (;;) call() }
      if (how === 'throw') throw new Error('meant')\`
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true })
    for (const how of ['interval', 'loop', 'throw', 'end']) {
      await Promise.all([1, 2, 3].map(() => new Promise((resolve) => {
        const worker = new Worker(script, { eval: true, execArgv: [], workerData: { memory, how } })
        worker.on('error', () => {})
        worker.on('message', () => setTimeout(() => worker.terminate(), 20))
        worker.on('exit', resolve)
      })))
    }
    console.log('alive')`,
    { module: true },
  )
  t.deepEqual([code, signal, stdout], [0, null, 'alive\n'], stderr)
})

test('threads that make random calls on one shared memory always get an errno', async (t) => {
  const directory = tree(t, { file: 'text' })
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 64, shared: true })
  const script = `
    const { parentPort, workerData: { main, memory, directory, functions, seed } } = require('node:worker_threads')
    const { WASI } = require(main)
    const preopens = { '/': directory }
    const wasi = new WASI({ version: 'preview1', args: ['a'.repeat(500)], env: { A: 'b' }, preopens })
    parentPort.postMessage('made')
    wasi.initialize({ exports: { memory } })
    let state = seed
    const next = (bound) => {
      state = (state * 1103515245 + 12345) % 2147483648
      return Math.floor(state / 65536) % bound
    }
    const words = new Uint32Array(memory.buffer)
    const errnos = new Set()
    const end = Date.now() + 1500
    while (Date.now() < end) {
      const [name, types] = functions[next(functions.length)]
      words[next(2048)] = next(70000)
      const number = (index) => (index === 0 ? next(6) + 3 : next(16384))
      const args = [...types].map((type, index) => (type === 'I' ? BigInt(next(64)) : number(index)))
      errnos.add(wasi.wasiImport[name](...args))
      if (next(20000) === 0) try { memory.grow(1) } catch {}
    }
    wasi.close()
    parentPort.postMessage([...errnos])`
  // Without functions that wait or fill a disk.
  const functions = Object.entries(FUNCTIONS).filter(
    ([name]) => !/^(proc_exit|poll_oneoff|sock_|fd_allocate|fd_filestat_set_size)/.test(name),
  )
  const workers = [1, 2, 3].map(
    (seed) => new Worker(script, { eval: true, workerData: { main, memory, directory, functions, seed } }),
  )
  for (const worker of workers) t.teardown(() => worker.terminate())
  const second = async (worker) => {
    const messages = on(worker, 'message') // Both messages may arrive in one turn.
    await messages.next()
    return (await messages.next()).value
  }
  for (const [errnos] of await Promise.all(workers.map(second))) {
    t.true(
      errnos.every((errno) => Number.isInteger(errno) && errno >= 0 && errno <= 76),
      String(errnos),
    )
    t.true(errnos.includes(0) && errnos.includes(ERRNO.BADF))
  }
})

test('functions of an unreferenced WASI object still work on its shared memory', async (t) => {
  const { code, signal, stdout, stderr } = await node(
    `
    const { setTimeout } = require('node:timers/promises')
    const { WASI } = require('capwasi')
    const memory = () => new WebAssembly.Memory({ initial: 100, maximum: 100, shared: true })
    const makeFunction = (name, index) => {
      const wasi = new WASI({ version: 'preview1', args: ['guest'] })
      const bound = memory()
      wasi.finalizeBindings({ exports: {} }, { memory: bound })
      const text = Buffer.from('guest ' + index + ';')
      text.copy(Buffer.from(bound.buffer), 64)
      new Uint32Array(bound.buffer).set([64, text.length])
      return wasi.wasiImport[name]
    }
    const makeFunctions = (name) => Array.from({ length: 30 }, (_, index) => makeFunction(name, index))
    async function main() {
      const [sizes, writes] = [makeFunctions('args_sizes_get'), makeFunctions('fd_write')]
      for (let round = 0; round < 10; round++) {
        gc()
        await setTimeout(5)
        for (let i = 0; i < 5; i++) memory()
      }
      const errnos = [...sizes.map((call) => call(0, 4)), ...writes.map((call) => call(1, 0, 1, 8))]
      console.log([...new Set(errnos)].join())
    }
    main()`,
    { flags: ['--expose-gc'] },
  )
  const texts = Array.from({ length: 30 }, (_, index) => `guest ${index};`).join('')
  t.deepEqual([code, signal, stdout], [0, null, `${texts}0\n`], stderr)
})

test('constructors reachable from wasiImport return no functions of another sandbox', (t) => {
  const secret = make({ env: { SECRET: 'secret' } })
  const memory = new WebAssembly.Memory({ initial: 1 })
  secret.finalizeBindings({ exports: { memory } })
  const { wasiImport } = make()
  const constructors = new Set()
  for (let object = wasiImport; object !== null; object = Object.getPrototypeOf(object)) {
    for (const key of ['constructor', ...Reflect.ownKeys(object)])
      if (typeof object[key] === 'function') constructors.add(object[key])
  }
  t.true(constructors.size > Object.keys(FUNCTIONS).length)
  for (const Constructor of constructors) {
    for (let id = 0; id < 100; id++) {
      let made
      try {
        made = new Constructor(id, {})
      } catch {
        continue
      }
      t.deepEqual(
        Object.keys(FUNCTIONS).filter((name) => name in made),
        [],
        Constructor.name,
      )
    }
  }
})

test('built-ins replaced after loading receive no native functions and no buffers', async (t) => {
  const { stdout, stderr } = await node(`
    const { WASI } = require('capwasi')
    const { ArrayBuffer: Plain, Uint8Array: Bytes } = globalThis
    const leaks = new Set()
    const record = (value) => {
      if (typeof value === 'function' && !value.name.startsWith('bound ')) leaks.add(value.name || 'a function')
      if (Plain.isView(value) || value instanceof Plain) leaks.add('a buffer')
    }
    const spy = (original) => function (...args) {
      args.forEach(record)
      return new.target ? Reflect.construct(original, args) : Reflect.apply(original, this, args)
    }
    const { functions } = ${JSON.stringify({ functions: Object.keys(FUNCTIONS) })}
    for (const name of [...functions, '0', '1', '2', 'ints', 'longs', 'i32', 'i64', 'imports', 'frame', 'self']) {
      Object.defineProperty(Object.prototype, name, { set: record, get: () => undefined, configurable: true })
      Object.defineProperty(Array.prototype, name, { set: record, get: () => undefined, configurable: true })
    }
    Object.is = spy(Object.is)
    for (const name of ['Int32Array', 'BigInt64Array', 'Uint8Array', 'ArrayBuffer'])
      globalThis[name] = spy(globalThis[name])
    Array.prototype[Symbol.iterator] = spy(Array.prototype[Symbol.iterator])
    Reflect.apply = spy(Reflect.apply)
    for (const version of ['preview1', 'unstable']) {
      const wasi = new WASI({ version, stdout: 'pipe', stderr: 'pipe' })
      const memory = new WebAssembly.Memory({ initial: 1 })
      wasi.finalizeBindings({ exports: { memory } })
      for (let time = 0; time < 2; time++) {
        new Bytes(memory.buffer).set([16, 0, 0, 0, 3])
        wasi.wasiImport.fd_write(1, 0, 1, 8)
        if (wasi.stdout.length !== 3 * (time + 1) || wasi.stderr.length !== 0) leaks.add('no output')
      }
    }
    process.stdout.write([...leaks].join())`)
  t.is(stdout, '', stderr)
})

test('functions leaked by a failed constructor do not reach another sandbox', async (t) => {
  const { stdout, stderr } = await node(
    `
    const { setTimeout } = require('node:timers/promises')
    const { WASI } = require('capwasi')
    const leaked = []
    class Careless extends WASI {
      set wasiImport(functions) {
        leaked.push(functions)
        throw new Error('meant')
      }
    }
    const make = () => {
      const wasi = new WASI({ version: 'preview1', env: { SECRET: 'secret' } })
      const memory = new WebAssembly.Memory({ initial: 1 })
      wasi.finalizeBindings({ exports: { memory } })
      return { wasi, memory }
    }
    const results = new Set()
    const attempt = (call) => {
      try {
        results.add(call())
      } catch (error) {
        results.add(error.code ?? error.message)
      }
    }
    async function main() {
      for (let i = 0; i < 20; i++) attempt(() => new Careless({ version: 'preview1' }))
      for (let round = 0; round < 3; round++) {
        const others = Array.from({ length: 20 }, make)
        for (const functions of leaked) attempt(() => functions.environ_get(0, 100))
        for (const { memory } of others) results.add(Buffer.from(memory.buffer).includes('secret'))
        gc()
        await setTimeout(5)
      }
      console.log(leaked.length, [...results])
    }
    main()`,
    { flags: ['--expose-gc'] },
  )
  t.is(stdout, "20 [ 'meant', 'ERR_WASI_NOT_STARTED', false ]\n", stderr)
})
