'use strict'

// Loads the programs of `run` and `spawn`: from files, which are compiled once, from bytes, or from modules.

const { statSync } = require('node:fs')
const { readFile } = require('node:fs/promises')
const { basename } = require('node:path')
const { PAGE_SIZE } = require('./limit-memory.js')
const { Program, TooLarge, compileLimited } = require('./program.js')
const { memoryLimitsOf } = require('./shared-memory.js')
const { invalidType, urlPath } = require('./values.js')
const { invalidValue, subject, text } = require('./validate.js')

const { Module } = WebAssembly

/** Maximum number of cached programs. */
const MAX_CACHED = 100

/** Programs from files, by path and limit, from the one whose last use is the longest ago. */
const cached = new Map()

/** Loads a file, or returns the program that was loaded from it before, unless the file has changed. */
function loadFile(path, limit) {
  const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  const stamp = `${ino} ${size} ${mtimeNs} ${ctimeNs}`
  const key = `${limit} ${path}`
  let entry = cached.get(key)
  cached.delete(key)
  if (entry?.stamp !== stamp) {
    const program = readFile(path).then((bytes) => compileLimited(path, bytes, limit))
    entry = { stamp, program }
    program.catch(() => {
      if (cached.get(key) === entry) cached.delete(key)
    })
  }
  cached.set(key, entry)
  if (cached.size > MAX_CACHED) cached.delete(cached.keys().next().value)
  return entry.program
}

/** The name of a program without a file. */
const UNNAMED = 'program.wasm'

/** Programs of modules that the embedder has compiled. */
const ofModules = new WeakMap()

function ofModule(module, limit) {
  const hasOwnMemory = Module.exports(module).some(({ kind }) => kind === 'memory')
  const importsMemory = Module.imports(module).some(({ kind }) => kind === 'memory')
  if (limit !== undefined && (hasOwnMemory || !importsMemory)) {
    throw invalidValue(
      "The property 'options.limits.memory' cannot limit a WebAssembly.Module with a memory of its own. Pass its bytes",
    )
  }
  let program = ofModules.get(module)
  if (program === undefined) {
    program = new Program(UNNAMED, module, importsMemory ? [memoryLimitsOf(module)] : [], false)
    ofModules.set(module, program)
  }
  return limit === undefined ? program : limitImport(program, limit)
}

/** Returns a program whose imported memory has a lower maximum. */
function limitImport(program, limit) {
  const [memory] = program.memories
  const pages = BigInt(Math.floor(limit / PAGE_SIZE))
  if (memory.initial > pages) throw new TooLarge(memory.initial * BigInt(PAGE_SIZE))
  const maximum = memory.maximum < pages ? memory.maximum : pages
  return new Program(program.name, program.module, [{ ...memory, maximum }], false)
}

/** Returns a function that loads a program, and the name of its file. Throws for a value that is no program. */
function programOf(value, limit) {
  if (value instanceof Uint8Array) return { name: UNNAMED, load: () => compileLimited(UNNAMED, value, limit) }
  if (isModule(value)) return { name: UNNAMED, load: () => ofModule(value, limit) }
  const path = typeof value === 'string' ? value : urlPath(value, 'program')
  const expected = 'of type string or an instance of URL, Uint8Array, or WebAssembly.Module'
  if (path === undefined) throw invalidType(subject('program'), expected, value)
  text(path, 'program')
  return { name: basename(path), load: () => loadFile(path, limit) }
}

/** Returns whether a value is a module, of this realm or another. */
function isModule(value) {
  try {
    return Array.isArray(Module.imports(value))
  } catch {
    return false
  }
}

exports.programOf = programOf
