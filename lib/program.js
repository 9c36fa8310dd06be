'use strict'

// Compiles programs. Loads other files of capwasi only for the programs that need them, because `capwasi` has to start
// fast.

const { CompileError, LinkError, Module } = WebAssembly

const NAMESPACES = { wasi_snapshot_preview1: 'preview1', wasi_unstable: 'unstable' }

/** Returns the version of WASI that imports belong to. */
const versionOf = (imports) =>
  imports.some(({ module }) => module === 'wasi_unstable')
    ? NAMESPACES.wasi_unstable
    : NAMESPACES.wasi_snapshot_preview1

/** Names at most three of the imports that are missing, and counts the rest. */
function describeMissing(missing) {
  const type = missing.every(({ kind }) => kind === 'function') ? 'function' : 'value'
  const names = missing.slice(0, 3).map(({ module, name }) => `${module}.${name}`)
  const rest = missing.length > 3 ? ` and ${missing.length - 3} more` : ''
  const count = missing.length === 1 ? `1 ${type}` : `${missing.length} ${type}s`
  return `imports ${count} that capwasi does not provide: ${names.join(', ')}${rest}`
}

/** The names of the functions of WASI, which are the same in both versions. */
let functionNames
const isFunctionOfWasi = (name) => {
  if (functionNames === undefined) {
    const { WASI } = require('./wasi.js')
    functionNames = new Set(Object.keys(new WASI({ version: 'preview1' }).wasiImport))
  }
  return functionNames.has(name)
}

/** Returns why a module cannot run as a program; undefined if it can. The text follows the name of the program. */
function problemOf(imports, exports) {
  const namespaces = Object.keys(NAMESPACES).filter((name) => imports.some(({ module }) => module === name))
  if (namespaces.length > 1)
    return `imports from both ${namespaces.join(' and ')}; a program can import only one version of WASI`
  const isProvided = ({ module, name, kind }) =>
    kind === 'memory' ||
    (kind === 'function' && Object.hasOwn(NAMESPACES, module) && isFunctionOfWasi(name)) ||
    (kind === 'function' && module === 'wasi' && name === 'thread-spawn')
  const missing = imports.filter((entry) => !isProvided(entry))
  if (missing.length > 0) return describeMissing(missing)
  const hasMemory = [...imports, ...exports].some(({ kind }) => kind === 'memory')
  const needsMemory = imports.length > 0 || exports.some(({ name }) => name === '_start' || name === '_initialize')
  return hasMemory || !needsMemory ? undefined : 'exports no memory; expected one with the name `memory`'
}

/** A compiled module, with its imports and exports. */
class Program {
  constructor(name, module, memories, usesHeap) {
    this.name = name
    this.module = module
    /** Limits of the imported memories. */
    this.memories = memories
    /** Whether the guest can allocate on the heap of the engine, and `limits.memory` applies there. */
    this.usesHeap = usesHeap
    const imports = Module.imports(module)
    const exported = Module.exports(module)
    const exports = (name, kind) => exported.some((entry) => entry.name === name && entry.kind === kind)
    this.version = versionOf(imports)
    this.problem = problemOf(imports, exported)
    this.importsMemory = imports.some(({ kind }) => kind === 'memory')
    this.hasThreads = this.importsMemory && exports('wasi_thread_start', 'function')
    this.isCommand = exports('_start', 'function')
    /** Names of the exported functions. */
    this.functions = exported.filter(({ kind }) => kind === 'function').map(({ name }) => name)
  }

  /** Throws unless the program can run as a command. */
  requireCommand() {
    if (this.problem !== undefined) throw new LinkError(`${this.name} ${this.problem}`)
    if (this.isCommand) return
    const { invalidValue } = require('./validate.js')
    throw invalidValue(`The argument 'program' must export the function _start. ${this.name} exports none`)
  }
}

/** Thrown for a program that needs more memory at once than its limit. */
class TooLarge extends Error {
  constructor(needed) {
    super(`The program needs ${needed} bytes`)
    this.needed = Number(needed)
  }
}

/** Compiles bytes. Waiting keeps the process alive, which some versions of Node do not ensure. */
async function compile(name, bytes) {
  const keepAlive = setInterval(() => {}, 2 ** 30)
  try {
    return await WebAssembly.compile(bytes)
  } catch (error) {
    if (error instanceof CompileError) throw new CompileError(`${name}: ${error.message}`, { cause: error })
    throw error
  } finally {
    clearInterval(keepAlive)
  }
}

/** Compiles bytes with limits for the memory, which can be undefined, and for the number of threads. */
async function compileLimited(name, bytes, { memory, threads }) {
  if (memory === undefined) {
    const module = await compile(name, bytes)
    const importsMemory = Module.imports(module).some(({ kind }) => kind === 'memory')
    return new Program(name, module, importsMemory ? require('./limit-memory.js').memoryImportsOf(bytes) : [], false)
  }
  // Only a valid binary can be changed safely.
  if (!WebAssembly.validate(bytes)) await compile(name, bytes)
  const limited = require('./limit-memory.js').limitMemory(bytes, memory, threads)
  if (limited.needed !== undefined) throw new TooLarge(limited.needed)
  return new Program(name, await compile(name, limited.bytes), limited.memories, limited.usesHeap)
}

exports.Program = Program
exports.TooLarge = TooLarge
exports.compileLimited = compileLimited
