'use strict'

// Loads the native addon and completes the class WASI. Rust creates the class and its sandboxes (src/node/class.rs).
// Methods are JavaScript because those of node:wasi also work through proxies and subclasses.
//
// Loading a module takes Node a quarter of a millisecond. This file contains only what a program needs before the first
// use of a WASI object. lib/state.js and others load at the first use.

const { dirname, sep } = require('node:path')

/** Returns whether a file may exist. Also returns true if the runtime's permissions forbid the check. */
function mayExist(file) {
  try {
    return require('node:fs').existsSync(file)
  } catch {
    return true
  }
}

/** The path of musl's dynamic linker, by processor, as in lib/platform.js. */
const MUSL_LINKERS = { __proto__: null, x64: '/lib/ld-musl-x86_64.so.1', arm64: '/lib/ld-musl-aarch64.so.1' }

const linker = MUSL_LINKERS[process.arch]
const isCertain = process.platform !== 'linux' || (linker !== undefined && !mayExist(linker))
const abi = { __proto__: null, linux: '-gnu', win32: '-msvc' }[process.platform] ?? ''

/** The name of this platform, as in the names of its addon and its package. */
const platform = isCertain ? `${process.platform}-${process.arch}${abi}` : require('./platform.js').platform

/** The exceptions of calls of `require` that have not found their file: the package, and the file beside index.js. */
const notFound = []

/**
 * Returns whether an exception says that there is no such file. The second code is that of a single executable of Node,
 * and Bun's bundler throws the message.
 */
const isNotFound = ({ code, message }) =>
  code === 'MODULE_NOT_FOUND' ||
  code === 'ERR_UNKNOWN_BUILTIN_MODULE' ||
  `${message}`.startsWith('Cannot require module')

/** Whether this is a module of Node, and not one of a bundle, of Jest, or of a loader that provides the source. */
const isNodeModule = typeof module === 'object' && module.constructor.name === 'Module' && require.cache !== undefined

/** Loads the file of an addon. Takes 0.4 ms less than `require`, which finds the addon in its cache afterwards. */
function loadFile(file) {
  let loaded = require.cache[file]
  if (loaded === undefined) {
    loaded = new module.constructor(file, module)
    process.dlopen(loaded, file)
    loaded.loaded = true
    require.cache[file] = loaded
  }
  return loaded.exports
}

/**
 * Loads the addon beside index.js if `isBuilt`, otherwise that of the package. Returns undefined if there is none. Each
 * `require` has a literal name and is inside a `try`: bundlers then include the existing addons and skip the others.
 */
function load(isBuilt) {
  try {
    switch (platform) {
      case 'linux-x64-gnu':
        return isBuilt ? require('../capwasi.linux-x64-gnu.node') : require('@capwasi/linux-x64-gnu')
      case 'linux-x64-musl':
        return isBuilt ? require('../capwasi.linux-x64-musl.node') : require('@capwasi/linux-x64-musl')
      case 'linux-arm64-gnu':
        return isBuilt ? require('../capwasi.linux-arm64-gnu.node') : require('@capwasi/linux-arm64-gnu')
      case 'linux-arm64-musl':
        return isBuilt ? require('../capwasi.linux-arm64-musl.node') : require('@capwasi/linux-arm64-musl')
      case 'darwin-x64':
        return isBuilt ? require('../capwasi.darwin-x64.node') : require('@capwasi/darwin-x64')
      case 'darwin-arm64':
        return isBuilt ? require('../capwasi.darwin-arm64.node') : require('@capwasi/darwin-arm64')
      case 'win32-x64-msvc':
        return isBuilt ? require('../capwasi.win32-x64-msvc.node') : require('@capwasi/win32-x64-msvc')
      case 'win32-arm64-msvc':
        return isBuilt ? require('../capwasi.win32-arm64-msvc.node') : require('@capwasi/win32-arm64-msvc')
      default:
        return isBuilt ? require('./load-addon.js').loadOther() : undefined
    }
  } catch (error) {
    if (!isNotFound(error)) throw require('./load-addon.js').explained(error)
    notFound[isBuilt ? 1 : 0] = error
  }
  return undefined
}

// Some bundles have no `__dirname`.
const builtFile = typeof __dirname === 'string' ? `${dirname(__dirname)}${sep}capwasi.${platform}.node` : ''

function loadAddon() {
  const isDeno = globalThis.Deno !== undefined
  // Deno would ask for a permission.
  const named = isDeno ? undefined : process.env.CAPWASI_ADDON
  if (named) return require('./load-addon.js').loadNamed(named)
  // Deno's permissions may hide whether the file exists.
  const isBuilt = mayExist(builtFile)
  if (isBuilt && isNodeModule && !isDeno) return loadFile(builtFile)
  // A `require` that fails takes half a millisecond, so the better guess comes first.
  return load(isBuilt) ?? load(!isBuilt)
}

const addon = loadAddon()
if (addon === undefined) throw require('./load-addon.js').missing(notFound)

const { apply } = Reflect
const { assign, create, defineProperties, defineProperty, entries, freeze, keys, setPrototypeOf } = Object
const { getOwnPropertyDescriptor, getOwnPropertyDescriptors } = Object
const { get, set } = WeakMap.prototype
const { allocUnsafeSlow } = Buffer
const { setImmediate } = globalThis // Tests may replace it later.
const Bytes = Uint8Array
const LazyObject = Proxy
const WrongType = TypeError
const inspectCustom = Symbol.for('nodejs.util.inspect.custom')
/** Operations that depend on the properties of an object. */
const IMPORT_OPERATIONS =
  'get has set ownKeys getOwnPropertyDescriptor defineProperty deleteProperty preventExtensions'.split(' ')

const bufferOfMemory = getOwnPropertyDescriptor(WebAssembly.Memory.prototype, 'buffer').get

const { WASI, install } = addon

/**
 * Modules that are loaded at their first use. The functions are stored in the addon for Jest, which evaluates this file
 * once per test file, but loads the addon only once. Jest's `require` stops working at the end of a test file, so the
 * functions of the latest evaluation work. `areLasting` is true if `require` is not that of Jest.
 */
if (!addon.modules?.areLasting)
  addon.modules = freeze({
    areLasting: isNodeModule,
    state: () => require('./state.js'),
    imports: () => require('./imports.js'),
    run: () => require('./run.js'),
    values: () => require('./values.js'),
    names: () => require('./names.js'),
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
  })
const values = () => addon.modules.values()
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

/** The states of WASI objects. A method can read the key, `kSetMemory`, through a proxy. */
const lazyStates = new WeakMap()
const stateOf = (wasi) => {
  const lazy = apply(get, lazyStates, [wasi[kSetMemory]])
  if (lazy === undefined) throw new TypeError('Illegal invocation')
  return stateIn(lazy)
}

/** Returns the state in a `LazyState`. The first call creates it. */
const stateIn = (lazy) => {
  if (lazy.state === undefined) {
    lazy.state = new (stateModule().State)(...lazy.args)
    lazy.args = undefined
  }
  return lazy.state
}

/** The native functions, after their first use. */
let nativeFunctions
const natives = () => {
  nativeFunctions ??= createNatives()
  return nativeFunctions
}

/** The functions of lib/state.js, after their first use. */
let stateFunctions
const stateModule = () => {
  if (stateFunctions === undefined) {
    const symbols = { kExitCode, kInstance, kSetMemory, kStarted }
    const { makeStateFunctions } = addon.modules.state()
    stateFunctions = makeStateFunctions({
      native: natives(),
      addon,
      memoryBytes,
      terminationProbe,
      setImmediate,
      symbols,
    })
  }
  return stateFunctions
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

/** The methods and getters of the class. Called on a proxy, they work on the WASI object behind it. */
class Methods {
  finalizeBindings(instance, options = undefined) {
    stateModule().runs().finalizeBindings(stateOf(this), instance, options)
  }

  start(instance, options = undefined) {
    const state = stateOf(this)
    const checked = runOptions(options, ['timeout'])
    state.callbacks?.[0]?.rejectBlocking?.()
    const { execute, commandEntry } = stateModule().runs()
    return execute(state, instance, commandEntry, true, checked)
  }

  initialize(instance) {
    const { execute, reactorEntry } = stateModule().runs()
    return execute(stateOf(this), instance, reactorEntry, false, NO_OPTIONS)
  }

  getImportObject(options = undefined) {
    const state = stateOf(this)
    const isSuspending = runOptions(options, ['suspending']).suspending
    return isSuspending ? stateModule().suspending().importObject(state) : { [state.namespace]: state.wasi.wasiImport }
  }

  startAsync(instance, options = undefined) {
    return stateModule().executeAsync(() => stateOf(this), instance, 'commandEntry', true, options)
  }

  initializeAsync(instance, options = undefined) {
    return stateModule().executeAsync(() => stateOf(this), instance, 'reactorEntry', false, options)
  }

  close() {
    stateOf(this).close()
  }

  share() {
    const { id } = stateOf(this)
    return freeze({ capwasi: natives().share(id) })
  }

  get stdout() {
    return stateOf(this).output(1)
  }

  get stderr() {
    return stateOf(this).output(2)
  }

  get exceeded() {
    return natives().exceeded(stateOf(this).id)
  }

  get addresses() {
    return natives().addresses(stateOf(this).id)
  }

  [inspectCustom](depth, options, inspect) {
    // The prototype, or an object that only inherits from it.
    if (this[kSetMemory] === undefined) return this
    const version = this[kBindingName] === 'wasi_unstable' ? 'unstable' : 'preview1'
    return values().inspectWasi(this, { version, started: this[kStarted] }, depth, options, inspect)
  }
}

const GETTERS = ['stdout', 'stderr', 'exceeded', 'addresses']

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

/**
 * The state of a WASI object, or the arguments to create it. Its operations are those of the proxy that adds the
 * functions of `wasiImport` at their first use. The functions take 3 KiB for each object.
 */
class LazyState {
  state = undefined
  /** The arguments of the constructor of the state. */
  args = undefined
}
for (const name of IMPORT_OPERATIONS) {
  const operation = Reflect[name]
  LazyState.prototype[name] = function (wasiImport, ...args) {
    stateIn(this).addFunctions(wasiImport)
    // A proxy whose handler has no operations behaves like the object.
    setPrototypeOf(this, null)
    return operation(wasiImport, ...args)
  }
}

/** Adds the properties of node:wasi to a new WASI object. Called by the constructor. */
function initializeInstance(wasi, id, namespace, ...options) {
  const lazy = new LazyState()
  const setMemory = (memory) => stateIn(lazy).bind(memory)
  const wasiImport = new LazyObject(create(importPrototype), lazy)
  lazy.args = [wasi, wasiImport, id, namespace, ...options]
  apply(set, lazyStates, [setMemory, lazy])
  // After `args` is set: a setter of a subclass may use the object, keep it, or throw.
  wasi.wasiImport = wasiImport
  wasi[kSetMemory] = setMemory
  wasi[kStarted] = false
  wasi[kExitCode] = 0
  wasi[kInstance] = undefined
  wasi[kBindingName] = namespace
}

/** Returns whether an object is new. A constructor of Node-API can be called on any object. */
const isNew = (wasi) => wasi instanceof WASI && wasi[kSetMemory] === undefined

/** The static method `WASI.join`. */
const join = (handle) => stateModule().join(handle, WASI)

/** The class Directory with its `idOf`, and functions for other files of lib/, after their first use. */
let directory
let threads
let processes

/**
 * Returns the native functions. They accept the number of any sandbox, so `install` returns this function only once: to
 * this file.
 */
const createNatives = install({
  __proto__: null,
  addon,
  isNew,
  initializeInstance,
  terminationProbe,
  memoryBytes,
  // Throws if the memory runs out. The Node-API function would end the process instead.
  allocate: (size) => apply(allocUnsafeSlow, Buffer, [size]),
  text: String,
  directoryId: (value) => directory?.idOf(value),
  wake: () => stateModule().suspending().wake(),
  keys,
  entries,
})
// `createNatives` is undefined if an earlier evaluation of this file completed the class.
if (createNatives) {
  const members = getOwnPropertyDescriptors(Methods.prototype)
  delete members.constructor
  for (const name of GETTERS) members[name].set = shadowWithOwn(name)
  if (Symbol.dispose) members[Symbol.dispose] = members.close
  defineProperties(WASI.prototype, members)
  defineProperty(WASI, 'join', { value: join, writable: true, configurable: true })
  addon.threads = () => {
    threads ??= addon.modules.threadFunctions().makeThreadFunctions({ native: natives(), stateOf })
    return threads
  }
  addon.processes = () => {
    processes ??= addon.modules.processFunctions().makeProcessFunctions({ native: natives(), stateOf })
    return processes
  }
  addon.directoryClass = () => {
    directory ??= addon.modules.directory().defineDirectory(addon, natives().directory)
    return directory.Directory
  }
}

exports.WASI = WASI
// For the other files of lib/. The property cannot be enumerated, because programs do not need it.
defineProperty(exports, 'addon', { value: addon })
// Loads the class at its first use.
defineProperty(exports, 'Directory', { enumerable: true, get: addon.directoryClass })
