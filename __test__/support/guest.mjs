// Guests assembled from WAT in this process, and a guest through which a spec calls WASI functions:
//
//   const guest = rawGuest({ preopens: { '/': directory } })
//   guest.call.path_create_directory(3, ...guest.put('new'))   // an errno; called from wasm, not from JavaScript
//   const fd = guest.open('in.txt')                            // helpers throw on any errno
//   const iovs = guest.iovs(5, 100)                            // buffers of 5 and 100 bytes
//   guest.call.fd_read(fd, ...iovs, guest.out)
//   guest.u32(guest.out), guest.gather(iovs)

import { createRequire } from 'node:module'
import wabt from 'wabt'
import { DIALECTS, FUNCTIONS, RIGHTS, errnoName } from './abi.mjs'

export * from './abi.mjs'
export * from './host.mjs'

const require = createRequire(import.meta.url)
const { parseWat } = await wabt()
const FEATURES = { threads: true, exceptions: true, mutable_globals: true, multi_memory: true, memory64: true }
const binaries = new Map()
const assembled = new Map()

/** Returns the binary of a WAT text. */
export function binary(text) {
  if (!binaries.has(text)) {
    const parsed = parseWat('guest.wat', text, FEATURES)
    try {
      binaries.set(text, parsed.toBinary({}).buffer)
    } finally {
      parsed.destroy()
    }
  }
  return binaries.get(text)
}

/** Compiles a WAT text. */
export function assemble(text) {
  if (!assembled.has(text)) assembled.set(text, new WebAssembly.Module(binary(text)))
  return assembled.get(text)
}

/** Instantiates a WAT text with the functions of a WASI object, and with more imports if given. */
export function instantiate(wasi, text, imports = {}) {
  return new WebAssembly.Instance(assemble(text), { ...wasi.getImportObject(), ...imports })
}

/**
 * Returns a WAT module with `_start`, which may call `$proc_exit`, `$fd_write`, `$poll_oneoff` and more functions.
 * `memory` is the definition of its memories: by default one page.
 */
export function command(start, { namespace = 'wasi_snapshot_preview1', more = '', memory = PAGE, calls = [] } = {}) {
  const names = new Set(['proc_exit', 'fd_write', 'poll_oneoff', ...calls])
  const imported = Array.from(names, (name) => importOf(namespace, name)).join('')
  return `(module ${imported} ${memory} (func (export "_start") ${start}) ${more})`
}

const PAGE = '(memory (export "memory") 1)'
const TYPES = { i: 'i32', I: 'i64' }
const signature = (name) => {
  const params = [...FUNCTIONS[name]].map((type) => TYPES[type]).join(' ')
  return `(param ${params}) ${name === 'proc_exit' ? '' : '(result i32)'}`
}
const importOf = (namespace, name) => `(import "${namespace}" "${name}" (func $${name} ${signature(name)}))`

/** Returns an export that calls a WASI function, so that wasm makes the call. */
const forwarded = (name) => {
  const operands = [...FUNCTIONS[name]].map((_, index) => `(local.get ${index})`).join(' ')
  return `(func (export "${name}") ${signature(name)} (call $${name} ${operands}))`
}

/**
 * Creates a guest that exports every function of its WASI object. `memory` is the type of the memory in WAT: '0', '1 4
 * shared'.
 */
export function rawGuest(options = {}, { WASI = require('capwasi').WASI, memory = '2' } = {}) {
  const wasi = new WASI({ version: 'preview1', ...options })
  const [namespace] = Object.keys(wasi.getImportObject())
  const names = Object.keys(FUNCTIONS).filter((name) => name in wasi.wasiImport)
  const text = `(module
    ${names.map((name) => importOf(namespace, name)).join('\n')}
    (memory (export "memory") ${memory})
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    ${names.map(forwarded).join('\n')})`
  const instance = instantiate(wasi, text)
  wasi.initialize(instance)
  return new Guest(wasi, instance, DIALECTS[namespace])
}

const SCRATCH = 1024

export class Guest {
  constructor(wasi, instance, dialect) {
    Object.assign(this, { wasi, instance, dialect, call: instance.exports, memory: instance.exports.memory })
    /** The address for one result of up to 1 KiB, which `alloc` never returns. */
    this.out = 0
    this.top = SCRATCH
  }

  // Memory

  get view() {
    return new DataView(this.memory.buffer)
  }

  get bytes() {
    return new Uint8Array(this.memory.buffer)
  }

  u8 = (at) => this.view.getUint8(at)
  u16 = (at) => this.view.getUint16(at, true)
  u32 = (at) => this.view.getUint32(at, true)
  u64 = (at) => this.view.getBigUint64(at, true)

  /** Returns the bytes at `at` as text. */
  text(at, length) {
    return Buffer.from(this.bytes.slice(at, at + length)).toString()
  }

  /** Allocates `size` zeroed bytes. Only `reset` frees them. */
  alloc(size, align = 8) {
    const at = Math.ceil(this.top / align) * align
    this.top = at + size
    if (this.top > this.memory.buffer.byteLength) throw new Error('the guest is out of scratch memory: call reset()')
    this.bytes.fill(0, at, this.top)
    return at
  }

  /** Frees all allocations. */
  reset() {
    this.top = SCRATCH
  }

  /** Copies text or bytes into memory. Returns `[pointer, length]`, to be spread into a call. */
  put(data) {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    const at = this.alloc(bytes.length, 1)
    this.bytes.set(bytes, at)
    return [at, bytes.length]
  }

  /** Creates an iovec array over texts, bytes, or zeroed buffers of given sizes. Returns `[pointer, count]`. */
  iovs(...buffers) {
    const parts = buffers.map((buffer) =>
      typeof buffer === 'number' ? [this.alloc(buffer, 1), buffer] : this.put(buffer),
    )
    const at = this.alloc(parts.length * 8)
    for (const [index, word] of parts.flat().entries()) this.view.setUint32(at + index * 4, word, true)
    return [at, parts.length]
  }

  /** Returns the first `length` bytes (by default all) of an iovec array's buffers, as text. */
  gather([at, count], length = Infinity) {
    const parts = Array.from({ length: count }, (_, i) => [this.u32(at + i * 8), this.u32(at + i * 8 + 4)])
    const bytes = Buffer.concat(parts.map(([start, size]) => this.bytes.slice(start, start + size)))
    return bytes.subarray(0, length).toString()
  }

  /** Reads a record of the dialect: `record('FILESTAT', pointer).size`. */
  record(name, at = this.out) {
    const fields = Object.entries(this.dialect[name])
    return Object.fromEntries(fields.map(([field, [type, offset]]) => [field, this[type](at + offset)]))
  }

  /** Writes the given fields of a record into zeroed memory. Returns the address. */
  putRecord(name, values, at = this.alloc(this.dialect.SIZE[name])) {
    for (const [field, value] of Object.entries(values)) {
      const [type, offset] = this.dialect[name][field]
      const setter = { u8: 'setUint8', u16: 'setUint16', u32: 'setUint32', u64: 'setBigUint64' }[type]
      this.view[setter](at + offset, type === 'u64' ? BigInt(value) : value, true)
    }
    return at
  }

  // Calls that must succeed

  /** Calls a function. Throws if the errno is not 0. */
  must(name, ...args) {
    const errno = this.call[name](...args)
    if (errno !== 0) throw new Error(`${name}(${args.join(', ')}): ${errnoName(errno)} (${errno})`)
  }

  /** Opens a path, by default for reading. Returns the new descriptor. */
  open(path, { dirfd = 3, lookup = 0, oflags = 0, rights = RIGHTS.READING, inheriting = 0n, fdflags = 0 } = {}) {
    const out = this.alloc(4)
    this.must('path_open', dirfd, lookup, ...this.put(path), oflags, rights, inheriting, fdflags, out)
    return this.u32(out)
  }

  close(fd) {
    this.must('fd_close', fd)
  }

  /** Writes texts or bytes. Returns the number of bytes written. */
  write(fd, ...buffers) {
    const out = this.alloc(4)
    this.must('fd_write', fd, ...this.iovs(...buffers), out)
    return this.u32(out)
  }

  /** Reads up to `size` bytes. Returns them as text. */
  read(fd, size = 1024) {
    const out = this.alloc(4)
    const iovs = this.iovs(size)
    this.must('fd_read', fd, ...iovs, out)
    return this.gather(iovs, this.u32(out))
  }

  /** Moves a descriptor's offset. Returns the new offset. `whence` is 'SET', 'CUR' or 'END'. */
  seek(fd, offset, whence = 'SET') {
    const out = this.alloc(8)
    this.must('fd_seek', fd, BigInt(offset), this.dialect.WHENCE[whence], out)
    return this.u64(out)
  }

  fdstat(fd) {
    const out = this.alloc(this.dialect.SIZE.FDSTAT)
    this.must('fd_fdstat_get', fd, out)
    return this.record('FDSTAT', out)
  }

  /** Returns the attributes of a descriptor, or of a path relative to a descriptor. */
  filestat(fd, path, { lookup = 0 } = {}) {
    const out = this.alloc(this.dialect.SIZE.FILESTAT)
    if (path === undefined) this.must('fd_filestat_get', fd, out)
    else this.must('path_filestat_get', fd, lookup, ...this.put(path), out)
    return this.record('FILESTAT', out)
  }

  /** Calls fd_readdir once. Returns the complete entries and the number of bytes used. */
  readdirOnce(fd, { size = 4096, cookie = 0n } = {}) {
    const [buffer, out] = [this.alloc(size), this.alloc(4)]
    this.must('fd_readdir', fd, buffer, size, cookie, out)
    const [used, entries] = [this.u32(out), []]
    for (let at = buffer; at + 24 <= buffer + used; ) {
      const entry = this.record('DIRENT', at)
      const end = at + 24 + entry.nameLength
      if (end > buffer + used) break
      entries.push({ ...entry, name: this.text(at + 24, entry.nameLength) })
      at = end
    }
    return { used, entries }
  }

  /** Lists a directory through a buffer of `size` bytes. */
  readdir(fd, { size = 4096 } = {}) {
    const all = []
    for (let cookie = 0n; ; cookie = all.at(-1).next) {
      const start = this.top
      const { used, entries } = this.readdirOnce(fd, { size, cookie })
      this.top = start
      all.push(...entries)
      if (used < size) return all
      if (entries.length === 0) throw new Error(`no entry of the directory fits ${size} bytes`)
    }
  }

  /** Polls subscriptions (`{ userdata, type, fd }` or `{ type, id, timeout, flags }`). Returns the events. */
  poll(...subscriptions) {
    const { SUBSCRIPTION, EVENT } = this.dialect.SIZE
    const subs = this.alloc(SUBSCRIPTION * subscriptions.length)
    const events = this.alloc(EVENT * subscriptions.length)
    const out = this.alloc(4)
    for (const [index, values] of subscriptions.entries())
      this.putRecord('SUBSCRIPTION', values, subs + SUBSCRIPTION * index)
    this.must('poll_oneoff', subs, events, subscriptions.length, out)
    return Array.from({ length: this.u32(out) }, (_, index) => this.record('EVENT', events + EVENT * index))
  }

  /** Returns the strings of args_get or environ_get: `strings('args')`, `strings('environ')`. */
  strings(which) {
    const [count, size] = [this.alloc(4), this.alloc(4)]
    this.must(`${which}_sizes_get`, count, size)
    const [pointers, buffer] = [this.alloc(4 * this.u32(count)), this.alloc(this.u32(size), 1)]
    this.must(`${which}_get`, pointers, buffer)
    return Array.from({ length: this.u32(count) }, (_, index) => {
      const start = this.u32(pointers + 4 * index)
      return this.text(start, this.bytes.indexOf(0, start) - start)
    })
  }
}
