'use strict'

// The methods, symbols and object lifetimes of the class WASI. Rust creates the class and its sandboxes
// (src/node/class.rs). Methods are JavaScript because those of node:wasi also work through proxies and subclasses.

const addon = require('./native.js').load()

const { apply, ownKeys } = Reflect
const {
  assign,
  create,
  defineProperty,
  entries,
  freeze,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  keys,
  setPrototypeOf,
} = Object
const { isArray } = Array
const { get, set } = WeakMap.prototype
const { allocUnsafeSlow } = Buffer
const Bytes = Uint8Array
const Ints = Int32Array
const Longs = BigInt64Array
const LazyObject = Proxy
const WrongType = TypeError
const now = process.hrtime.bigint
const EMPTY = new Bytes(0)
const inspectCustom = Symbol.for('nodejs.util.inspect.custom')
/** Operations that depend on the properties of an object. */
const IMPORT_OPERATIONS = [
  'get',
  'has',
  'set',
  'ownKeys',
  'getOwnPropertyDescriptor',
  'defineProperty',
  'deleteProperty',
  'preventExtensions',
]

const bufferOfMemory = getOwnPropertyDescriptor(WebAssembly.Memory.prototype, 'buffer').get
const bufferOfBytes = getOwnPropertyDescriptor(getPrototypeOf(Bytes.prototype), 'buffer').get
const resizable = getOwnPropertyDescriptor(ArrayBuffer.prototype, 'resizable')?.get

const { WASI, install } = addon

/**
 * Modules that are loaded at their first use, because loading one takes a quarter of a millisecond. The functions are
 * stored in the addon for Jest, which evaluates this file once per test file, but loads the addon only once. When a
 * test file ends, its `require` stops working. The functions of the latest evaluation work.
 */
addon.modules = {
  imports: () => require('./imports.js'),
  run: () => require('./run.js'),
  values: () => require('./values.js'),
  stdio: () => require('./stdio.js'),
  trace: () => require('./trace.js'),
  directory: () => require('./directory.js'),
  fsError: () => require('./fs-error.js'),
  stats: () => require('./stats.js'),
  copy: () => require('./copy.js'),
  validate: () => require('./validate.js'),
  suspending: () => require('./suspending.js'),
  runOptions: () => require('./run-options.js'),
  threadFunctions: () => require('./thread-functions.js'),
  processFunctions: () => require('./process-functions.js'),
}
const values = () => addon.modules.values()
const invalidType = (...args) => values().invalidType(...args)
const NO_OPTIONS = { __proto__: null }
const runOptions = (options, names) =>
  options === undefined ? NO_OPTIONS : addon.modules.runOptions().runOptions(options, names)

// node:wasi stores its state under symbols with these descriptions, where emnapi looks for it.
const kSetMemory = Symbol('kSetMemory')
const kStarted = Symbol('kStarted')
const kInstance = Symbol('kInstance')
const kExitCode = Symbol('kExitCode')
const kBindingName = Symbol('kBindingName')

/** V8 carries out a pending termination when this is called or converted to a number. */
const terminationProbe = assign(() => {}, { valueOf: () => 0 })

/** The state of each WASI object. The key is its function `kSetMemory`, which a method can read through a proxy. */
const states = new WeakMap()
const stateOf = (wasi) => {
  const state = apply(get, states, [wasi[kSetMemory]])
  if (state === undefined) throw new TypeError('Illegal invocation')
  return state
}

/**
 * Returns the bytes of a memory; undefined if the value is not a WebAssembly.Memory. Throws other exceptions, such as a
 * stack overflow.
 */
const memoryBytes = (memory) => {
  try {
    return new Bytes(apply(bufferOfMemory, memory, []))
  } catch (error) {
    if (error instanceof WrongType) return undefined
    throw error
  }
}

/** Returns whether bytes can grow without a new buffer. False for shared buffers, which lack the property. */
const isResizable = (bytes) => {
  try {
    return apply(resizable, apply(bufferOfBytes, bytes, []), [])
  } catch {
    return false
  }
}

const expectObject = (value, subject) => {
  if (typeof value !== 'object' || value === null || isArray(value)) throw invalidType(subject, 'of type object', value)
}

/** The state that a WASI object and the functions of its `wasiImport` share. Each function keeps the state alive. */
class State {
  constructor(wasi, id, namespace, startsReactors, returnOnExit, callbacks) {
    this.wasi = wasi
    this.id = id
    this.namespace = namespace
    this.returnOnExit = returnOnExit
    /** Whether `start` also runs `__wasi_unstable_reactor_start`, as without a version. */
    this.startsReactors = startsReactors
    this.callbacks = callbacks
    this.captured = undefined
    this.memory = undefined
    /**
     * The bytes of the memory. Growth detaches the buffer, and then `bytes[0]` is undefined: `refreshMemory` is called
     * before the next native call. Growth of a resizable buffer is invisible, so for one `bytes` is always EMPTY.
     */
    this.bytes = EMPTY
    /** The innermost run of the guest. `end` holds the exception that has ended the run. */
    this.run = undefined
    /** The memory and the workers of a guest with threads: see lib/threads.js. */
    this.threads = undefined
    /** The call for which the guest is suspended (lib/suspending.js). */
    this.suspended = undefined
    /** Logs the end of that call, for the option `trace`. */
    this.describeEnd = undefined
    /** Replaces the functions of an import object by functions that log, for the option `trace`. */
    this.trace = undefined
    /** The original `wasiImport`. */
    this.wasiImport = undefined
    /** Its functions that may have to wait, before the embedder replaces some. Undefined until the first use. */
    this.originals = undefined
    /** Whether `kExitCode` is the exit code of an earlier run. The next run resets it. */
    this.hasExited = false
  }

  /** Adds the functions to `wasiImport`. */
  addFunctions(wasiImport) {
    apply(importClassOf(this.namespace), wasiImport, [this.id, this])
    if (this.returnOnExit) wasiImport.proc_exit = returnOnProcExit(this)
    this.trace?.(wasiImport)
    const { fd_read, fd_write, path_open, poll_oneoff, sock_accept, sock_recv, sock_send } = wasiImport
    this.originals = { fd_read, fd_write, path_open, poll_oneoff, sock_accept, sock_recv, sock_send }
  }

  /** Throws the exception that has ended the current run. */
  check() {
    if (this.suspended !== undefined) throw values().suspendedError()
    if (this.run?.end === undefined) return
    if (this.run.promised || native.isRunning(this.id)) throw this.run.end.thrown
    // A timeout of node:vm has ended the run without the `finally` of `execute`.
    this.run = undefined
  }

  refreshMemory() {
    this.check()
    if (this.memory !== undefined) this.bind(this.memory)
  }

  bind(memory) {
    // If a statement below throws, no function may use the old memory: garbage collection may free it.
    this.bytes = EMPTY
    const bytes = memoryBytes(memory)
    if (bytes === undefined) {
      const message = '"instance.exports.memory" property must be a WebAssembly.Memory object'
      throw assign(new TypeError(message), { code: 'ERR_INVALID_ARG_TYPE' })
    }
    native.bind(this.id, memory, bytes)
    this.memory = memory
    if (!isResizable(bytes) && this.run?.end === undefined) this.bytes = bytes
  }

  close() {
    const captures = native.close(this.id)
    // A call that waits for a descriptor fails.
    this.suspended?.wake()
    if (this.run === undefined) this.threads?.terminate()
    try {
      // Moves captured output from native memory into Buffers, which V8 can free while JavaScript runs. Finalizers of
      // native memory run only when JavaScript pauses.
      if (captures) {
        this.output(1)
        this.output(2)
      }
    } finally {
      // Ends the iteration of `stdin` or `input`.
      this.callbacks?.[0]?.end?.()
    }
  }

  /** Returns captured output: the same Buffer until the guest writes more. */
  output(fd) {
    this.captured ??= { __proto__: null }
    const output = native.captured(this.id, fd, this.captured[fd])
    this.captured[fd] = output
    return output
  }
}

/**
 * Returns a promise of the result. `entry` is the name of a function of lib/run.js. An async function would keep a
 * second promise until the guest ends.
 */
const executeAsync = (wasi, instance, entry, ...args) => {
  try {
    return Promise.resolve(suspending().execute(stateOf(wasi), instance, runs()[entry], ...args))
  } catch (error) {
    return Promise.reject(error)
  }
}

/** The methods and getters of the class. Called on a proxy, they work on the WASI object behind it. */
class Methods {
  finalizeBindings(instance, options = undefined) {
    const { wasi, threads } = stateOf(this)
    if (options === null) throw invalidType('The "options" argument', 'of type object', options)
    let memory = options === undefined ? undefined : options.memory
    if (memory === undefined) memory = instance?.exports?.memory ?? threads?.memory
    if (wasi[kStarted]) {
      throw values().nodeError('Error', 'ERR_WASI_ALREADY_STARTED', 'WASI instance has already started')
    }
    expectObject(instance, 'The "instance" argument')
    expectObject(instance.exports, 'The "instance.exports" property')
    wasi[kSetMemory](memory)
    wasi[kInstance] = instance
    wasi[kStarted] = true
  }

  start(instance, options = undefined) {
    const state = stateOf(this)
    const checked = runOptions(options, ['timeout'])
    state.callbacks?.[0]?.rejectBlocking?.()
    return runs().execute(state, instance, runs().commandEntry, true, checked)
  }

  initialize(instance) {
    return runs().execute(stateOf(this), instance, runs().reactorEntry, false, NO_OPTIONS)
  }

  getImportObject(options = undefined) {
    const state = stateOf(this)
    const isSuspending = runOptions(options, ['suspending']).suspending
    return isSuspending ? suspending().importObject(state) : { [state.namespace]: state.wasi.wasiImport }
  }

  startAsync(instance, options = undefined) {
    return executeAsync(this, instance, 'commandEntry', true, options)
  }

  initializeAsync(instance, options = undefined) {
    return executeAsync(this, instance, 'reactorEntry', false, options)
  }

  close() {
    stateOf(this).close()
  }

  share() {
    const { id } = stateOf(this)
    return freeze({ capwasi: native.share(id) })
  }

  get stdout() {
    return stateOf(this).output(1)
  }

  get stderr() {
    return stateOf(this).output(2)
  }

  get exceeded() {
    return native.exceeded(stateOf(this).id)
  }

  get addresses() {
    return native.addresses(stateOf(this).id)
  }

  [inspectCustom](depth, options, inspect) {
    // The prototype, or an object that only inherits from it.
    if (this[kSetMemory] === undefined) return this
    const name = this.constructor?.name || 'WASI'
    if (depth < 0) return options.stylize(`[${name}]`, 'special')
    const version = this[kBindingName] === 'wasi_unstable' ? 'unstable' : 'preview1'
    // Functions and internal symbols would be 50 lines. A subclass may have properties of its own.
    const { wasiImport, ...others } = Object.fromEntries(entries(this))
    return `${name} ${inspect({ version, started: this[kStarted], ...others }, options)}`
  }
}

/**
 * Returns a setter that defines an own property. node:wasi has no such getters, so subclasses may assign to the names.
 */
const shadowWithOwn = (name) =>
  function (value) {
    defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true })
  }

/** The prototype of import objects. The name of its class shows when they are inspected, as in node:wasi. */
const { prototype: importPrototype } = class WASI {
  /** Adds the functions, which inspecting would not do. */
  [inspectCustom]() {
    keys(this)
    return this
  }
}

/** The operations of a proxy that adds the functions at the first use: they take 3 KiB, and loading them takes time. */
class LazyImports {
  constructor(state) {
    this.state = state
  }
}
for (const name of IMPORT_OPERATIONS) {
  const operation = Reflect[name]
  LazyImports.prototype[name] = function (wasiImport, ...args) {
    this.state.addFunctions(wasiImport)
    // A proxy whose handler has no operations behaves like the object.
    setPrototypeOf(this, null)
    return operation(wasiImport, ...args)
  }
}

/** Constructors of import objects, by namespace. */
const importClasses = { __proto__: null }

const importClassOf = (namespace) => {
  if (importClasses[namespace] !== undefined) return importClasses[namespace]
  const natives = { __proto__: null }
  native.addFunctions(namespace, natives)
  const { makeImportClass } = addon.modules.imports()
  const importClass = makeImportClass(natives, new Ints(native.buffer), new Longs(native.buffer), EMPTY)
  importClasses[namespace] = importClass
  return importClass
}

/** The functions of lib/run.js, after their first use. */
let runFunctions
const runs = () => {
  if (runFunctions === undefined) {
    const { makeRunFunctions, commandEntry, reactorEntry } = addon.modules.run()
    const functions = makeRunFunctions({ native, suspending, terminationProbe, kExitCode, kInstance, EMPTY })
    runFunctions = { ...functions, commandEntry, reactorEntry }
  }
  return runFunctions
}

/** The functions of lib/suspending.js, after their first use. */
let suspendingFunctions
const suspending = () => {
  if (suspendingFunctions === undefined) {
    const natives = { ...native, ...native.suspending() }
    const [ints, longs] = [new Ints(native.buffer), new Longs(native.buffer)]
    const { makeSuspending } = addon.modules.suspending()
    suspendingFunctions = makeSuspending({ native: natives, importClassOf, ints, longs, EMPTY, ...runs() })
  }
  return suspendingFunctions
}

/** Returns the `proc_exit` of a sandbox with `returnOnExit`: stores the argument, of any type, and ends the guest. */
const returnOnProcExit = (state) =>
  ({
    'bound wasiReturnOnProcExit'(code) {
      state.check()
      state.wasi[kExitCode] = code
      try {
        native.exit(state.id, code)
      } catch (thrown) {
        state.bytes = EMPTY
        if (state.run !== undefined) state.run.end = { thrown, isExit: true }
        throw thrown
      }
    },
  })['bound wasiReturnOnProcExit']

/** Adds the properties of node:wasi to a new WASI object. Called by the constructor. */
function initializeInstance(wasi, id, namespace, isUnversioned, returnOnExit, callbacks, traced) {
  const state = new State(wasi, id, namespace, isUnversioned, returnOnExit, callbacks)
  const setMemory = (memory) => state.bind(memory)
  if (traced !== null) {
    const { call, result, write } = native.trace()
    const describe = { call: (...args) => call(id, ...args), result: (...args) => result(id, ...args) }
    const { trace } = addon.modules.trace()
    const log = typeof traced === 'number' ? (line) => write(line, traced) : traced
    state.trace = (imports) => trace(imports, state, EMPTY, describe, log, now)
  }
  state.wasiImport = new LazyObject(create(importPrototype), new LazyImports(state))
  wasi.wasiImport = state.wasiImport
  apply(set, states, [setMemory, state])
  wasi[kSetMemory] = setMemory
  wasi[kStarted] = false
  wasi[kExitCode] = 0
  wasi[kInstance] = undefined
  wasi[kBindingName] = namespace
}

/** Returns whether an object is new. A constructor of Node-API can be called on any object. */
const isNew = (wasi) => wasi instanceof WASI && wasi[kSetMemory] === undefined

/** The static method `WASI.join`: creates another WASI object of a guest. */
function join(handle) {
  const text = handle?.capwasi
  if (typeof text !== 'string') throw invalidType('The "handle" argument', 'a result of share()', handle)
  if (native.join(text)) return new WASI(null)
  throw values().nodeError(
    'TypeError',
    'ERR_INVALID_ARG_VALUE',
    "The argument 'handle' is unknown, or its guest has ended",
  )
}

/** The class Directory and its `idOf`, after its first use. */
let directory

/** The functions of lib/thread-functions.js, after their first use. */
let threads

/** The functions of lib/process-functions.js, after their first use. */
let processes

/** Native functions. They accept the number of any sandbox, so `install` returns them only once: to this file. */
const native = install({
  __proto__: null,
  isNew,
  initializeInstance,
  terminationProbe,
  memoryBytes,
  // Throws if the memory runs out. The Node-API function would end the process instead.
  allocate: (size) => apply(allocUnsafeSlow, Buffer, [size]),
  wake: () => suspending().wake(),
  text: String,
  keys,
  entries,
  nodeError: (name, code, message) => values().nodeError(name, code, message),
  describe: (value) => values().describe(value),
  inspect: (value) => values().inspect(value),
  threadError: (...args) => values().threadError(...args),
  isCollection: (value) => values().isCollection(value),
  urlPath: (value, option) => values().urlPath(value, option),
  directoryId: (value) => directory?.idOf(value),
  fsError: (...args) => addon.modules.fsError().fsError(...args),
  stdio: (kind, value) => addon.modules.stdio()[kind](value),
})
// `native` is undefined if an earlier evaluation of this file completed the class.
if (native) {
  for (const name of ownKeys(Methods.prototype)) {
    if (name === 'constructor') continue
    const member = getOwnPropertyDescriptor(Methods.prototype, name)
    if (member.get !== undefined) member.set = shadowWithOwn(name)
    defineProperty(WASI.prototype, name, member)
    if (name === 'close' && Symbol.dispose) defineProperty(WASI.prototype, Symbol.dispose, member)
  }
  defineProperty(WASI, 'join', { value: join, writable: true, configurable: true })
  addon.threads = () => {
    threads ??= addon.modules.threadFunctions().makeThreadFunctions({ native, stateOf })
    return threads
  }
  addon.processes = () => {
    processes ??= addon.modules.processFunctions().makeProcessFunctions({ native, stateOf })
    return processes
  }
  addon.directoryClass = () => {
    directory ??= addon.modules.directory().defineDirectory(addon, native.directory)
    return directory.Directory
  }
}

exports.WASI = WASI
// Loads the class at its first use.
defineProperty(exports, 'Directory', { enumerable: true, get: addon.directoryClass })
