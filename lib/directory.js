'use strict'

// The class Directory, over the functions of src/node/directory.rs. Those functions confine each path. This file adds
// the arguments, results and compound operations of node:fs. `import` loads this file with capwasi, so the class loads
// the rest at its first use.

const {
  constants: { MAX_STRING_LENGTH },
} = require('node:buffer')
const { Dirent, constants } = require('node:fs')
const { dirname, posix } = require('node:path')

/** Types of `Dirent`, by those of native code: the types of WASI, which has none for a FIFO (0). */
const DIRENT_TYPES = ['FIFO', 'BLOCK', 'CHAR', 'DIR', 'FILE', 'SOCKET', 'SOCKET', 'LINK'].map(
  (name) => constants[`UV_DIRENT_${name}`],
)

const join = (directory, name) => {
  if (name === '') return directory
  if (directory === '' || directory === '.') return name
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`
}

/** Runs a function. Returns undefined if it throws an error with one of these codes. */
function attempt(run, ...codes) {
  try {
    return run()
  } catch (error) {
    if (!codes.includes(error.code)) throw error
    return undefined
  }
}

/** Maps each three values of an array to one. */
const triples = (values, map) =>
  Array.from({ length: values.length / 3 }, (_, index) => map(...values.slice(index * 3, index * 3 + 3)))

/** Returns a function that makes a value at the first call, and returns it each time. */
function once(make) {
  let made
  return () => {
    made ??= make()
    return made
  }
}

const MAX_MODE = 2 ** 32 - 1
const DEFAULT_MODE = 0o666

/**
 * Defines the class, once. Returns it with a function that returns the number of a `Directory`. `addon.modules` loads
 * the other files of this folder, and `createNative` creates the native functions.
 */
function defineDirectory(addon, createNative) {
  const native = once(createNative)
  const validate = once(() => addon.modules.validate())
  const statsOf = once(() => addon.modules.stats().statsOf)
  const fsError = (...args) => addon.modules.fsError().fsError(...args)
  const systemError = (...args) => addon.modules.fsError().systemError(...args)
  const nodeError = (...args) => addon.modules.values().nodeError(...args)
  const invalidType = (...args) => addon.modules.values().invalidType(...args)

  /** Makes the error for a method of overlays on another directory. */
  const notAnOverlay = (method, kind) =>
    nodeError('Error', 'ENOTSUP', `${method}() is only for overlays. Received a directory of the kind '${kind}'`)

  /** Returns the number of a `Directory`, undefined for any other object. */
  let idOf
  let isDirectory

  /** Without this the constructor throws. */
  const internal = {}

  /** Closes directories that were collected. */
  const collected = new FinalizationRegistry((id) => native().close(id))

  class Directory {
    /** The number of the directory in native code; 0 once it is closed. */
    #id
    #kind
    /** On Windows, directories of the host have two separators. */
    #dirname

    constructor(key = undefined, id = undefined) {
      if (key !== internal) throw nodeError('TypeError', 'ERR_ILLEGAL_CONSTRUCTOR', 'Illegal constructor')
      this.#id = id
      this.#kind = native().kind(id)
      this.#dirname = this.#kind === 'host' ? dirname : posix.dirname
      collected.register(this, id, this)
    }

    static {
      isDirectory = (value) => typeof value === 'object' && value !== null && #id in value
      idOf = (value) => (isDirectory(value) ? value.#id : undefined)
    }

    static open(path, options = undefined) {
      const source = validate().source(path)
      const readonly = validate().flag(validate().options(options, 'readonly'), 'readonly')
      return new Directory(internal, native().open(source, readonly))
    }

    static memory(files = {}, limits = undefined) {
      validate().object(files, 'files')
      const directory = new Directory(internal, native().memory(process.umask(), ...validate().limits(limits)))
      try {
        const parents = new Set(['.', '/'])
        for (const [path, content] of Object.entries(files)) directory.#add(path, content, parents)
      } catch (error) {
        directory.close()
        throw error
      }
      return directory
    }

    static overlay(lower, limits = undefined) {
      const source = isDirectory(lower) ? lower.#id : validate().lower(lower)
      const id = native().overlay(source, process.umask(), ...validate().limits(limits))
      if (id === undefined) throw nodeError('Error', 'ELOOP', 'There can be at most 31 overlays over each other')
      return new Directory(internal, id)
    }

    static join(handle) {
      const text = handle?.capwasiDirectory
      if (typeof text !== 'string') throw invalidType('The "handle" argument', 'a result of share()', handle)
      const id = native().join(text)
      if (id === undefined)
        throw validate().invalidValue("The argument 'handle' is unknown, or its directory is closed")
      return new Directory(internal, id)
    }

    share() {
      return Object.freeze({ capwasiDirectory: native().share(this.#id) })
    }

    get kind() {
      return this.#kind
    }

    get usage() {
      const [bytes, files] = native().usage(this.#id)
      return { bytes, files }
    }

    readFileSync(path, options = undefined) {
      const { encoding } = validate().withEncoding(options, 'encoding')
      const content = native().read(this.#id, validate().text(path, 'path'))
      return encoding === undefined ? content : content.toString(encoding)
    }

    writeFileSync(path, data, options = undefined) {
      this.#write(path, data, validate().withEncoding(options, 'encoding', 'flag', 'mode'))
    }

    appendFileSync(path, data, options = undefined) {
      this.#write(path, data, { ...validate().withEncoding(options, 'encoding', 'mode'), flag: 'a' })
    }

    existsSync(path) {
      try {
        this.statSync(path)
        return true
      } catch {
        return false
      }
    }

    statSync(path, options = undefined) {
      validate().options(options)
      return statsOf()(native().stat(this.#id, validate().text(path, 'path'), true))
    }

    lstatSync(path, options = undefined) {
      validate().options(options)
      return statsOf()(native().stat(this.#id, validate().text(path, 'path'), false))
    }

    readdirSync(path = '.', options = undefined) {
      const given = validate().options(options, 'recursive', 'withFileTypes')
      const isRecursive = validate().flag(given, 'recursive')
      const withTypes = validate().flag(given, 'withFileTypes')
      const top = validate().text(path, 'path')
      const entries = native().readdir(this.#id, top, isRecursive)
      return triples(entries, (directory, name, type) =>
        withTypes ? new Dirent(name, DIRENT_TYPES[type], join(top, directory)) : join(directory, name),
      )
    }

    mkdirSync(path, options = undefined) {
      const isRecursive = validate().flag(validate().options(options, 'recursive'), 'recursive')
      const text = validate().text(path, 'path')
      if (isRecursive) this.#makeParents(text)
      else native().mkdir(this.#id, text)
    }

    rmdirSync(path, options = undefined) {
      validate().options(options)
      native().rmdir(this.#id, validate().text(path, 'path'))
    }

    rmSync(path, options = undefined) {
      const given = validate().options(options, 'recursive', 'force')
      const isRecursive = validate().flag(given, 'recursive')
      const isForced = validate().flag(given, 'force')
      const text = validate().text(path, 'path')
      if (!native().rm(this.#id, text, isRecursive, isForced))
        throw systemError('ERR_FS_EISDIR', 'Path is a directory', 'rm', 'EISDIR', 'is a directory', text)
    }

    unlinkSync(path) {
      native().unlink(this.#id, validate().text(path, 'path'))
    }

    renameSync(from, to) {
      native().rename(this.#id, validate().text(from, 'oldPath'), validate().text(to, 'newPath'))
    }

    linkSync(existing, path) {
      native().link(this.#id, validate().text(existing, 'existingPath'), validate().text(path, 'newPath'))
    }

    symlinkSync(target, path) {
      native().symlink(this.#id, validate().text(target, 'target'), validate().text(path, 'path'))
    }

    chmodSync(path, mode) {
      native().chmod(this.#id, validate().text(path, 'path'), validate().integer(mode, 'mode', 0, MAX_MODE))
    }

    cpSync(from, to, options = undefined) {
      const isRecursive = validate().flag(validate().options(options, 'recursive'), 'recursive')
      const [source, target] = [validate().text(from, 'src'), validate().text(to, 'dest')]
      const stats = this.lstatSync(source)
      const existing = attempt(() => this.lstatSync(target), 'ENOENT')
      const isInside = () => {
        // The directory of the copy, or the nearest one above that exists.
        let above = existing?.isDirectory() ? target : this.#dirname(target)
        while (!this.existsSync(above) && above !== this.#dirname(above)) above = this.#dirname(above)
        return native().isInside(this.#id, source, above)
      }
      const { checkCopy, overwrites } = addon.modules.copy()
      checkCopy({ source, stats, target, existing, isInside, isRecursive })
      const parent = this.#dirname(target)
      if (!this.existsSync(parent)) this.#makeParents(parent, target)
      const conflict = native().cp(this.#id, source, target)
      if (conflict !== undefined) throw overwrites(...conflict)
    }

    readlinkSync(path, options = undefined) {
      validate().options(options)
      return native().readlink(this.#id, validate().text(path, 'path'))
    }

    truncateSync(path, length = 0) {
      const size = validate().integer(length, 'len', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
      native().truncate(this.#id, validate().text(path, 'path'), Math.max(size, 0))
    }

    utimesSync(path, atime, mtime) {
      native().utimes(this.#id, validate().text(path, 'path'), validate().seconds(atime), validate().seconds(mtime))
    }

    changes() {
      const changes = native().changes(this.#id)
      if (changes === undefined) throw notAnOverlay('changes', this.#kind)
      return triples(changes, (path, change, type) => ({ path, change, type }))
    }

    applyTo(target) {
      if (!isDirectory(target)) throw invalidType('The "target" argument', 'an instance of Directory', target)
      if (!native().applyTo(this.#id, target.#id)) throw notAnOverlay('applyTo', this.#kind)
    }

    toJSON() {
      const contents = new Map()
      const entries = native().contents(this.#id, MAX_STRING_LENGTH)
      triples(entries, (directory, name, content) => {
        contents.delete(directory)
        if (content !== undefined) contents.set(join(directory, name), content)
      })
      const paths = [...contents.keys()].sort()
      return Object.fromEntries(paths.map((path) => [path, contents.get(path)]))
    }

    close() {
      collected.unregister(this)
      native().close(this.#id)
      this.#id = 0
    }

    /** Shows the kind and the usage in `console.log`. */
    [Symbol.for('nodejs.util.inspect.custom')](_depth, options, inspect) {
      const shown = this.#id === 0 ? { kind: this.#kind, closed: true } : { kind: this.#kind, usage: this.usage }
      return `Directory ${inspect(shown, options)}`
    }

    /** Writes a file with the options of `writeFileSync`. */
    #write(path, data, { encoding, flag = 'w', mode = DEFAULT_MODE }) {
      const bytes = validate().bytes(data, encoding)
      const bits = validate().integer(mode, 'mode', 0, MAX_MODE)
      native().write(this.#id, validate().text(path, 'path'), bytes, validate().writeFlag(flag), bits)
    }

    /** Creates a file or directory of a `FileTree`. `parents` has the directories that exist. */
    #add(path, content, parents) {
      if (content === null) {
        this.#makeParents(validate().text(path, 'path'))
        return
      }
      if (typeof content !== 'string' && !(content instanceof Uint8Array)) {
        const expected = 'of type string, an instance of Uint8Array, or null'
        throw invalidType(`The "files[${JSON.stringify(path)}]" property`, expected, content)
      }
      const parent = this.#dirname(path)
      if (!parents.has(parent)) this.#makeParents(parent, path)
      parents.add(parent)
      this.writeFileSync(path, content)
    }

    /** Creates a directory and those above it. An existing directory is no error. Errors have the path `given`. */
    #makeParents(path, given = path) {
      const missing = []
      let at = path
      while (!this.#makeOne(at, given)) {
        missing.push(at)
        at = this.#dirname(at)
      }
      while (missing.length > 0) {
        at = missing.pop()
        if (!this.#makeOne(at, given)) throw fsError('ENOENT', 'mkdir', given)
      }
    }

    /** Creates a directory, unless there is one. Returns false if the directory above it is missing. */
    #makeOne(at, given) {
      const failed = ({ code }) => fsError(code === 'ERR_WASI_ESCAPE' ? 'ENOTCAPABLE' : code, 'mkdir', given)
      try {
        native().mkdir(this.#id, at)
        return true
      } catch (error) {
        if (error.code === 'ENOENT' && at !== '' && this.#dirname(at) !== at) return false
        if (error.code !== 'EEXIST') throw failed(error)
      }
      let stats
      try {
        stats = this.statSync(at)
      } catch (error) {
        throw failed(error)
      }
      if (!stats.isDirectory()) throw fsError(at === given ? 'EEXIST' : 'ENOTDIR', 'mkdir', given)
      return true
    }
  }

  if (Symbol.dispose) {
    const { close: value } = Directory.prototype
    Object.defineProperty(Directory.prototype, Symbol.dispose, { value, writable: true, configurable: true })
  }
  return { Directory, idOf }
}

exports.defineDirectory = defineDirectory
