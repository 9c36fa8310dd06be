'use strict'

// Lowers the limits in a WebAssembly binary: the memories and tables of a program then cannot grow beyond a number of
// bytes. Changes the sections of imports, tables and memories only. Offsets in the code stay valid for debuggers, which
// count from the start of its section. The format is https://webassembly.github.io/spec/core/binary/modules.html.

const { PAGE_SIZE } = require('./imported-memory.js')
const { invalidValue } = require('./validate.js')

const SECTION = { type: 1, import: 2, table: 4, memory: 5, code: 10, tag: 13 }
const KIND = { function: 0, table: 1, memory: 2, global: 3, tag: 4 }
const FLAG = { maximum: 1, shared: 2, index64: 4 }
/** Bytes for which a table element counts. */
const ELEMENT_SIZE = 8
/** Maxima of those that declare none: what V8 allows. */
const [MAX_PAGES, MAX_PAGES_64, MAX_ELEMENTS] = [2n ** 16n, 2n ** 18n, 2n ** 32n - 1n]
/** Opcodes of structures and arrays in the section of types. */
const HEAP_TYPES = [0x5f, 0x5e]

const unreadable = (at) => invalidValue(`The memory of the program cannot be limited: unknown encoding at byte ${at}`)

/** Reads a binary, and copies it with changes. */
class Cursor {
  constructor(bytes, at, end) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  byte() {
    if (this.at >= this.end) throw unreadable(this.at)
    return this.bytes[this.at++]
  }

  /** Reads a number in LEB128, as a bigint. */
  number() {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw unreadable(this.at)
  }

  /** Reads a number of elements or bytes. */
  size() {
    return Number(this.number())
  }

  skip(count) {
    if (count > this.end - this.at) throw unreadable(this.at)
    this.at += count
  }

  name() {
    const length = this.size()
    this.skip(length)
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + this.at - length, length).toString()
  }

  /** Skips a value type or reference type. 0x63 and 0x64 precede a heap type. */
  type() {
    const byte = this.byte()
    if (byte === 0x63 || byte === 0x64) this.number()
  }

  /** Skips a constant expression. */
  expression() {
    for (;;) {
      const opcode = this.byte()
      if (opcode === 0x0b) return
      const skip = EXPRESSIONS.get(opcode)
      if (skip === undefined) throw unreadable(this.at - 1)
      skip(this)
    }
  }

  /** Reads the limits of a memory or table. */
  limits(unit) {
    const [start, flags] = [this.at, this.byte()]
    if (flags & ~(FLAG.maximum | FLAG.shared | FLAG.index64)) throw unreadable(start)
    const initial = this.number()
    const maximumAt = this.at
    const maximum = flags & FLAG.maximum ? this.number() : undefined
    return { start, flags, initial, maximumAt, maximum, end: this.at, unit: BigInt(unit) }
  }
}

const skipNumber = (cursor) => cursor.number()
const skipNothing = () => {}
/** Skips the operands of an instruction in a constant expression. */
const EXPRESSIONS = new Map([
  [0x23, skipNumber],
  [0x41, skipNumber],
  [0x42, skipNumber],
  [0x43, (cursor) => cursor.skip(4)],
  [0x44, (cursor) => cursor.skip(8)],
  [0x6a, skipNothing],
  [0x6b, skipNothing],
  [0x6c, skipNothing],
  [0x7c, skipNothing],
  [0x7d, skipNothing],
  [0x7e, skipNothing],
  [0xd0, skipNumber],
  [0xd2, skipNumber],
])

/** Yields the sections of a binary. */
function* sections(bytes) {
  const cursor = new Cursor(bytes, 8, bytes.length)
  while (cursor.at < bytes.length) {
    const start = cursor.at
    const id = cursor.byte()
    const size = cursor.size()
    const content = cursor.at
    cursor.skip(size)
    yield { id, start, content, end: cursor.at }
  }
}

/** Reads the tables and memories in a section of imports. */
function readImports(cursor) {
  const found = []
  for (let left = cursor.size(); left > 0; left--) {
    const [module, name, kind] = [cursor.name(), cursor.name(), cursor.byte()]
    if (kind === KIND.function) cursor.number()
    else if (kind === KIND.table) {
      cursor.type()
      found.push({ ...cursor.limits(ELEMENT_SIZE), isTable: true })
    } else if (kind === KIND.memory) found.push({ ...cursor.limits(PAGE_SIZE), module, name })
    else if (kind === KIND.global) {
      cursor.type()
      cursor.byte()
    } else if (kind === KIND.tag) {
      cursor.byte()
      cursor.number()
    } else throw unreadable(cursor.at)
  }
  return found
}

/** Reads a section of tables. */
function readTables(cursor) {
  return Array.from({ length: cursor.size() }, () => {
    const hasExpression = cursor.bytes[cursor.at] === 0x40
    if (hasExpression) cursor.skip(2)
    cursor.type()
    const limits = cursor.limits(ELEMENT_SIZE)
    if (hasExpression) cursor.expression()
    return { ...limits, isTable: true }
  })
}

/** Reads a section of memories. */
const readMemories = (cursor) => Array.from({ length: cursor.size() }, () => cursor.limits(PAGE_SIZE))

const READERS = {
  __proto__: null,
  [SECTION.import]: readImports,
  [SECTION.table]: readTables,
  [SECTION.memory]: readMemories,
}

/** Returns whether code may contain the instruction `table.grow`: 0xfc and the number 15, which can have more bytes. */
function mayGrowTables(code) {
  for (let at = code.indexOf(0xfc); at >= 0; at = code.indexOf(0xfc, at + 1)) {
    if ((code[at + 1] & 0x7f) !== 0x0f) continue
    if (code[at + 1] === 0x0f || code[at + 2] === 0x80 || code[at + 2] === 0) return true
  }
  return false
}

const largest = ({ isTable, flags }) => {
  if (isTable) return MAX_ELEMENTS
  return flags & FLAG.index64 ? MAX_PAGES_64 : MAX_PAGES
}

function smaller(a, b) {
  if (a < b) return a
  return b
}

/**
 * Distributes the bytes of a limit: each memory and table gets its initial size, and those that can grow share the rest
 * equally, up to their maxima. Returns the maxima; undefined if the limit is too small.
 */
function distribute(found, limit, tablesGrow) {
  let rest = found.reduce((left, { initial, unit }) => left - initial * unit, BigInt(limit))
  if (rest < 0n) return undefined
  const maxima = found.map(({ initial }) => initial)
  const wanted = (index) => (found[index].maximum ?? largest(found[index])) - maxima[index]
  let growing = found.map((_, index) => index).filter((index) => tablesGrow || !found[index].isTable)
  while (growing.length > 0) {
    growing = growing.filter((index) => wanted(index) > 0n)
    const before = rest
    const share = rest / BigInt(growing.length || 1)
    for (const index of growing) {
      const more = smaller(wanted(index), share / found[index].unit)
      maxima[index] += more
      rest -= more * found[index].unit
    }
    if (rest === before) break
  }
  return maxima
}

/** Encodes a number in LEB128, with at least `length` bytes. */
function encode(number, length) {
  const bytes = []
  for (let left = number; left > 0n || bytes.length < Math.max(length, 1); left >>= 7n) {
    bytes.push(Number(left & 0x7fn) | 0x80)
  }
  bytes[bytes.length - 1] &= 0x7f
  return bytes
}

/** Reads the parts of a binary that determine how much memory a program can use. */
function read(bytes) {
  const binary = { changed: [], found: [], tablesGrow: false, usesHeap: false }
  for (const section of sections(bytes)) {
    const content = bytes.subarray(section.content, section.end)
    const reader = READERS[section.id]
    if (reader !== undefined) {
      const cursor = new Cursor(bytes, section.content, section.end)
      const found = reader(cursor)
      // An encoding that this file misreads ends elsewhere.
      if (cursor.at !== section.end) throw unreadable(cursor.at)
      binary.changed.push({ ...section, from: binary.found.length, to: binary.found.length + found.length })
      binary.found.push(...found)
    }
    if (section.id === SECTION.code) binary.tablesGrow ||= mayGrowTables(content)
    if (section.id === SECTION.tag) binary.usesHeap = true
    if (section.id === SECTION.type) binary.usesHeap ||= HEAP_TYPES.some((opcode) => content.includes(opcode))
  }
  return binary
}

/** Returns a copy of a section with other maxima. */
function rewrite(bytes, section, found, maxima) {
  const parts = []
  let copied = section.content
  found.forEach((limits, index) => {
    const { start, flags, maximumAt, maximum, end } = limits
    parts.push(bytes.subarray(copied, start), [flags | FLAG.maximum], bytes.subarray(start + 1, maximumAt))
    // The same length keeps all offsets.
    parts.push(encode(maxima[index], maximum === undefined ? 1 : end - maximumAt))
    copied = end
  })
  parts.push(bytes.subarray(copied, section.end))
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)))
  const sizeLength = section.content - section.start - 1
  return [Buffer.from([section.id, ...encode(BigInt(content.length), sizeLength)]), content]
}

/** Returns the entries with the bytes that all instances use. Each thread has tables and memories of its own. */
function countInstances(found, threads) {
  const isThreaded = found.some(({ name, flags }) => name !== undefined && flags & FLAG.shared)
  if (!isThreaded) return found
  return found.map((each) => (each.name === undefined ? { ...each, unit: each.unit * BigInt(threads + 1) } : each))
}

/**
 * Limits a program to this many bytes of memory, in all of its instances. Returns the changed binary, the limits of
 * imported memories, and whether the program can also allocate on the heap of the engine. `needed` is set instead if
 * the program needs more at once. The engine has accepted the binary.
 */
function limitMemory(bytes, limit, threads) {
  const { changed, tablesGrow, usesHeap, ...binary } = read(bytes)
  const found = countInstances(binary.found, threads)
  const maxima = distribute(found, limit, tablesGrow)
  if (maxima === undefined) return { needed: found.reduce((sum, { initial, unit }) => sum + initial * unit, 0n) }
  const parts = []
  let copied = 0
  for (const section of changed) {
    const { start, end, from, to } = section
    parts.push(bytes.subarray(copied, start))
    parts.push(...rewrite(bytes, section, found.slice(from, to), maxima.slice(from, to)))
    copied = end
  }
  parts.push(bytes.subarray(copied))
  return { bytes: Buffer.concat(parts), memories: importsAmong(found, maxima), usesHeap }
}

/** Returns the limits of the imported memories among the entries. */
const importsAmong = (found, maxima) =>
  found.flatMap(({ module, name, initial, maximum, flags }, index) => {
    if (name === undefined) return []
    const [isShared, is64] = [(flags & FLAG.shared) !== 0, (flags & FLAG.index64) !== 0]
    return [{ module, name, initial, maximum: maxima?.[index] ?? maximum, isShared, is64 }]
  })

/** Returns the limits of the memories that a binary imports. */
const memoryImportsOf = (bytes) => importsAmong(read(bytes).found)

exports.limitMemory = limitMemory
exports.memoryImportsOf = memoryImportsOf
