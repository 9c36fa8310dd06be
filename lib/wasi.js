'use strict'

// The class WASI. Rust makes the class and its sandboxes (src/node/class.rs). Here are the methods, because node:wasi's
// work through proxies and subclasses, the symbols, and the ties between the lifetimes of objects.

const addon = require('./native.js').load()
const { EMPTY, importsOf } = require('./imports.js')

const { apply } = Reflect
const { assign, defineProperty, entries, getOwnPropertyDescriptor, getOwnPropertyNames, getPrototypeOf, keys } = Object
const { isArray } = Array
const { get, set } = WeakMap.prototype
const { allocUnsafeSlow } = Buffer
const Bytes = Uint8Array
const WrongType = TypeError
const now = process.hrtime.bigint

const bufferOfMemory = getOwnPropertyDescriptor(WebAssembly.Memory.prototype, 'buffer').get
const bufferOfBytes = getOwnPropertyDescriptor(getPrototypeOf(Bytes.prototype), 'buffer').get
const resizable = getOwnPropertyDescriptor(ArrayBuffer.prototype, 'resizable')?.get

const { WASI, install } = addon

/**
 * Files that are loaded when needed first, because each takes a quarter of a millisecond. Jest evaluates this file for
 * each test file, with the same addon. The `require` of an earlier test file fails then, so the last one is used.
 */
addon.modules = {
  values: () => require('./values.js'),
  stdio: () => require('./stdio.js'),
  trace: () => require('./trace.js'),
  directory: () => require('./directory.js'),
  fsError: () => require('./fs-error.js'),
}
const values = () => addon.modules.values()
const invalidType = (...args) => values().invalidType(...args)

// emnapi finds these symbols by their descriptions, and in them the state that node:wasi keeps there.
const kSetMemory = Symbol('kSetMemory')
const kStarted = Symbol('kStarted')
const kInstance = Symbol('kInstance')
const kExitCode = Symbol('kExitCode')
const kBindingName = Symbol('kBindingName')

/** A call of this, or its conversion to a number, lets V8 terminate JavaScript that is being terminated. */
const terminationProbe = assign(() => {}, { valueOf: () => 0 })

/**
 * The bytes of a memory; undefined if the value is not a WebAssembly.Memory. Other exceptions, such as an exhausted
 * stack, are thrown.
 */
const memoryBytes = (memory) => {
  try {
    return new Bytes(apply(bufferOfMemory, memory, []))
  } catch (error) {
    if (error instanceof WrongType) return undefined
    throw error
  }
}

/** Whether bytes can grow without a new buffer. Shared buffers have no such property, and never move. */
const isResizable = (bytes) => {
  try {
    return apply(resizable, apply(bufferOfBytes, bytes, []), [])
  } catch {
    return false
  }
}

/**
 * The state of each WASI object, by its function `kSetMemory`. So a method finds the state through a proxy as well.
 */
const states = new WeakMap()
const stateOf = (wasi) => {
  const state = apply(get, states, [wasi[kSetMemory]])
  if (state === undefined) throw new TypeError('Illegal invocation')
  return state
}

/** What the object, its functions, and the sandbox with a number share. Each function keeps all of it alive. */
class State {
  constructor(wasi, id, namespace, startsReactors, callbacks) {
    this.wasi = wasi
    this.id = id
    this.namespace = namespace
    /** Whether `start` also runs `__wasi_unstable_reactor_start`, as without a version. */
    this.startsReactors = startsReactors
    this.callbacks = callbacks
    this.captured = { __proto__: null }
    this.memory = undefined
    /**
     * Covers the memory. Growth detaches its buffer: without a first byte, native code needs new bytes before its next
     * call. A resizable buffer does not show that it grew, so `bytes` is EMPTY for one, and refreshed at each call.
     */
    this.bytes = EMPTY
    /** The innermost `start` or `initialize` that has not returned. */
    this.run = undefined
    /** Whether the last run left its exit code in `kExitCode`. The next run does not return it. */
    this.hasExited = false
  }

  /** Throws the exception that has ended the current run. */
  check() {
    if (this.run?.end === undefined) return
    if (!this.run.isEntered || native.isRunning(this.id)) throw this.run.end.thrown
    // A timeout of node:vm has ended that run, without its `finally`.
    this.run = undefined
  }

  refreshMemory() {
    this.check()
    if (this.memory !== undefined) this.bind(this.memory)
  }

  bind(memory) {
    // If anything below fails, no import function calls native code for a memory that nothing keeps alive.
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

  /**
   * Runs what `entryOf` finds in the exports. The first exception of a host function, or the exit, is the result of the
   * run, even if the guest has caught it.
   */
  execute(instance, entryOf, isCommand) {
    const { wasi } = this
    const outer = this.run
    if (this.hasExited) {
      wasi[kExitCode] = 0
      this.hasExited = false
    }
    const code = wasi[kExitCode]
    const run = { end: undefined, isEntered: false }
    this.run = run
    try {
      apply(bindInstance, wasi, [instance])
      const entry = entryOf(wasi[kInstance].exports, this)
      if (entry !== undefined) {
        run.isEntered = true
        native.start(this.id, entry, isCommand)
      }
      return isCommand ? wasi[kExitCode] : undefined
    } finally {
      this.run = outer
      this.bytes = EMPTY
      // Node-API loses a termination of the worker. src/node/termination.rs requests it again, and V8 carries it out
      // at the next call of JavaScript, which is this one.
      terminationProbe()
      const { end } = run
      if (end !== undefined) {
        const exitCode = wasi[kExitCode]
        // The code belongs to this run only: not to one around it, nor to the next.
        if (outer !== undefined) wasi[kExitCode] = code
        else this.hasExited = end.isExit === true
        // biome-ignore lint/correctness/noUnsafeFinally: the end of the run replaces what the guest throws or returns
        if (!end.isExit || !isCommand) throw end.thrown
        // biome-ignore lint/correctness/noUnsafeFinally: the same
        return exitCode
      }
    }
  }

  /** Captured output. The same Buffer is returned until the guest writes more. */
  output(fd) {
    const output = native.captured(this.id, fd, this.captured[fd])
    this.captured[fd] = output
    return output
  }
}

/** Binds an instance through the `finalizeBindings` of `this`, which a subclass may override. */
function bindInstance(instance) {
  this.finalizeBindings(instance)
}

const expectFunction = (value, name) => {
  if (typeof value !== 'function') throw invalidType(`The "${name}" property`, 'of type function', value)
}
const expectUndefined = (value, name) => {
  if (value !== undefined) throw invalidType(`The "${name}" property`, 'undefined', value)
}
const expectObject = (value, subject) => {
  if (typeof value !== 'object' || value === null || isArray(value)) throw invalidType(subject, 'of type object', value)
}

/** The entry of a command. Without a version, it is optional, and that of a reactor counts as well. */
const commandEntry = (exports, { startsReactors }) => {
  if (startsReactors) {
    for (const name of ['_start', '__wasi_unstable_reactor_start']) {
      const entry = exports[name]
      if (!entry) continue
      expectFunction(entry, `instance.exports.${name}`)
      return entry
    }
    return undefined
  }
  const { _start, _initialize } = exports
  expectFunction(_start, 'instance.exports._start')
  expectUndefined(_initialize, 'instance.exports._initialize')
  return _start
}

/** The entry of a reactor, which is optional. */
const reactorEntry = ({ _start, _initialize }) => {
  expectUndefined(_start, 'instance.exports._start')
  if (_initialize !== undefined) expectFunction(_initialize, 'instance.exports._initialize')
  return _initialize
}

/** The methods and getters of the class. Each works on the WASI object itself, also when called on a proxy of it. */
class Methods {
  finalizeBindings(instance, options = undefined) {
    const { wasi } = stateOf(this)
    let memory = options === undefined ? undefined : options.memory
    if (memory === undefined) memory = instance?.exports?.memory
    if (wasi[kStarted]) {
      throw values().nodeError('Error', 'ERR_WASI_ALREADY_STARTED', 'WASI instance has already started')
    }
    expectObject(instance, 'The "instance" argument')
    expectObject(instance.exports, 'The "instance.exports" property')
    wasi[kSetMemory](memory)
    wasi[kInstance] = instance
    wasi[kStarted] = true
  }

  start(instance) {
    return stateOf(this).execute(instance, commandEntry, true)
  }

  initialize(instance) {
    stateOf(this).execute(instance, reactorEntry, false)
  }

  getImportObject() {
    const { wasi, namespace } = stateOf(this)
    return { [namespace]: wasi.wasiImport }
  }

  close() {
    const state = stateOf(this)
    const captures = native.close(state.id)
    try {
      // Moves captured output into Buffers of this object. V8 frees Buffers while JavaScript runs. Memory that native
      // code holds is freed only when JavaScript pauses.
      if (captures) {
        state.output(1)
        state.output(2)
      }
    } finally {
      // Ends an iterable that was not read to its end.
      state.callbacks?.[0]?.end?.()
    }
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
}

/** node:wasi has no such getters, so a subclass or an instance may define a property of the name by assignment. */
const shadowWithOwn = (name) =>
  function (value) {
    defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true })
  }

function defineMethods() {
  for (const name of getOwnPropertyNames(Methods.prototype)) {
    if (name === 'constructor') continue
    const member = getOwnPropertyDescriptor(Methods.prototype, name)
    if (member.get) member.set = shadowWithOwn(name)
    defineProperty(WASI.prototype, name, member)
    if (name === 'close' && Symbol.dispose) defineProperty(WASI.prototype, Symbol.dispose, member)
  }
}

/** `proc_exit` of a sandbox with `returnOnExit`: records its argument, whatever it is, and ends the guest. */
const returnOnProcExit = (state) =>
  ({
    'bound wasiReturnOnProcExit'(code) {
      state.check()
      state.wasi[kExitCode] = code
      try {
        native.exit(code)
      } catch (thrown) {
        state.bytes = EMPTY
        if (state.run !== undefined) state.run.end = { thrown, isExit: true }
        throw thrown
      }
    },
  })['bound wasiReturnOnProcExit']

/** Called by the constructor: gives a WASI object the properties that it has in node:wasi. */
function initializeInstance(wasi, id, namespace, isUnversioned, returnOnExit, callbacks, traced) {
  const state = new State(wasi, id, namespace, isUnversioned, callbacks)
  const setMemory = (memory) => state.bind(memory)
  const wasiImport = makeImports(namespace, id, state)
  if (returnOnExit) wasiImport.proc_exit = returnOnProcExit(state)
  if (traced) {
    const { call, result, write } = native.trace
    const describe = { call: (...args) => call(id, ...args), result: (...args) => result(id, ...args) }
    addon.modules.trace().trace(wasiImport, state, describe, traced === true ? write : traced, now)
  }
  wasi.wasiImport = wasiImport
  apply(set, states, [setMemory, state])
  wasi[kSetMemory] = setMemory
  wasi[kStarted] = false
  wasi[kExitCode] = 0
  wasi[kInstance] = undefined
  wasi[kBindingName] = namespace
}

/** Whether `new WASI()` has just made an object. Node-API's constructors can be called on any object. */
const isNew = (wasi) => wasi instanceof WASI && wasi[kSetMemory] === undefined

/** The class Directory and its `idOf`, once a program has used the class. */
let directory

/** Native functions. They accept the number of any sandbox: `install` returns them once, so that no other code can. */
const native = install({
  __proto__: null,
  isNew,
  initializeInstance,
  terminationProbe,
  memoryBytes,
  // Throws if there is no memory, where Node-API's function ends the process.
  allocate: (size) => apply(allocUnsafeSlow, Buffer, [size]),
  text: String,
  keys,
  entries,
  nodeError: (name, code, message) => values().nodeError(name, code, message),
  describe: (value) => values().describe(value),
  urlPath: (value) => values().urlPath(value),
  directoryId: (value) => directory?.idOf(value),
  fsError: (...args) => addon.modules.fsError().fsError(...args),
  stdio: (kind, value) => addon.modules.stdio()[kind](value),
})
// undefined if an earlier evaluation of this file has completed the class
const makeImports = native && importsOf(native)
if (native) {
  defineMethods()
  addon.directoryClass = () => {
    directory ??= addon.modules.directory().defineDirectory(native.directory())
    return directory.Directory
  }
}

exports.WASI = WASI
exports.directoryClass = addon.directoryClass
