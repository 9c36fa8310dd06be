'use strict'

// Loads the programs of `run` and `spawn`: from files, which are compiled once, from bytes, or from modules.

const { statSync } = require('node:fs')
const { readFile } = require('node:fs/promises')
const { basename } = require('node:path')
const { importedMemories, memoryLimitsOf } = require('./imported-memory.js')
const { Program, compileLimited } = require('./program.js')
const { invalidType, urlPath } = require('./values.js')
const { invalidValue, subject, text } = require('./validate.js')

const { Module } = WebAssembly

/** Maximum number of cached programs. */
const MAX_CACHED = 100

/** Programs from files, by path and limits. The least recently used one is first. */
const cached = new Map()

/** Loads a file, or returns the program that was loaded from it before, unless the file has changed. */
function loadFile(path, limits) {
  const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  const stamp = `${ino} ${size} ${mtimeNs} ${ctimeNs}`
  const key = `${limits.memory} ${limits.threads} ${path}`
  let entry = cached.get(key)
  cached.delete(key)
  if (entry?.stamp !== stamp) {
    const program = readFile(path).then((bytes) => compileLimited(path, bytes, limits))
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

function ofModule(module) {
  let program = ofModules.get(module)
  if (program === undefined) {
    const memories = importedMemories(module).length > 0 ? [memoryLimitsOf(module)] : []
    program = new Program(UNNAMED, module, memories, false)
    ofModules.set(module, program)
  }
  return program
}

/** Throws for a limit of a compiled module, which cannot be changed, and may have memories that it does not export. */
function refuseLimit({ memory }) {
  if (memory === undefined) return
  throw invalidValue("The property 'options.limits.memory' cannot limit a WebAssembly.Module. Pass its bytes")
}

/** Returns a function that loads a program, and the name of its file. Throws for a value that is no program. */
function programOf(value, limits) {
  if (value instanceof Uint8Array) return { name: UNNAMED, load: () => compileLimited(UNNAMED, value, limits) }
  if (isModule(value)) {
    refuseLimit(limits)
    return { name: UNNAMED, load: () => ofModule(value) }
  }
  const path = typeof value === 'string' ? value : urlPath(value, 'program')
  const expected = 'of type string or an instance of URL, Uint8Array, or WebAssembly.Module'
  if (path === undefined) throw invalidType(subject('program'), expected, value)
  text(path, 'program')
  return { name: basename(path), load: () => loadFile(path, limits) }
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
