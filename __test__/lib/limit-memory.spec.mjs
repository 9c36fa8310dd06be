// lib/limit-memory.js: lower limits in the binary of a program. The binaries are written here byte by byte, because an
// attacker may encode them as no tool does.

import test from 'ava'
import { createMemory } from '../../lib/imported-memory.js'
import limitMemoryOf from '../../lib/limit-memory.js'
import { binary } from '../support/guest.mjs'
import { onWasm, slow } from '../support/conditions.mjs'

const { limitMemory, memoryImportsOf } = limitMemoryOf

const PAGE_SIZE = 65536
const MIB = 2 ** 20
const ID = { custom: 0, type: 1, import: 2, function: 3, table: 4, memory: 5, global: 6, export: 7, code: 10 }
const [FUNCREF, EXTERNREF] = [0x70, 0x6f]
const [MAXIMUM, SHARED, INDEX64] = [1, 2, 4]

/** Encodes a number in LEB128, with at least `length` bytes. */
function leb(number, length = 1) {
  const bytes = []
  let left = BigInt(number)
  do {
    bytes.push(Number(left & 0x7fn) | 0x80)
    left >>= 7n
  } while (left > 0n || bytes.length < length)
  bytes[bytes.length - 1] &= 0x7f
  return bytes
}

const vector = (items, length) => [...leb(items.length, length), ...items.flat()]
const name = (text) => vector([...Buffer.from(text)])
const section = (id, content, length) => [id, ...leb(content.length, length), ...content]
const custom = (text, content = []) => section(ID.custom, [...name(text), ...content])
const moduleOf = (...sections) => Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()])

/** The limits of a memory or table. `padding` is the least number of bytes of each number. */
const limits = (initial, maximum, { flags = 0, padding = 1 } = {}) => [
  flags | (maximum === undefined ? 0 : MAXIMUM),
  ...leb(initial, padding),
  ...(maximum === undefined ? [] : leb(maximum, padding)),
]
const memories = (...each) => section(ID.memory, vector(each))
const tables = (...each) => section(ID.table, vector(each.map(([type, ...rest]) => [type, ...rest])))
const exportsOf = (entries) =>
  section(ID.export, vector(entries.map(([text, kind, index]) => [...name(text), kind, ...leb(index)])))
const TABLE = 1
const MEMORY = 2

const TYPES = section(ID.type, [1, 0x60, 0, 0])
/** A module with one function of this code, exported as `f`. */
const withCode = (code, ...more) =>
  moduleOf(
    TYPES,
    section(ID.function, [1, 0]),
    ...more,
    section(ID.export, [1, 1, 0x66, 0, 0]),
    section(ID.code, vector([vector([0, ...code, 0x0b])])),
  )
const GROW_TABLE = [0xd0, FUNCREF, 0x41, 1, 0xfc, 0x0f, 0, 0x1a]

/** Reads the sections of a binary. */
function sectionsOf(bytes) {
  const found = []
  for (let at = 8; at < bytes.length; ) {
    const id = bytes[at++]
    let [size, shift, byte] = [0, 0, 0x80]
    for (; byte & 0x80; shift += 7) {
      byte = bytes[at++]
      size += (byte & 0x7f) * 2 ** shift
    }
    found.push({ id, content: Buffer.from(bytes.subarray(at, at + size)) })
    at += size
  }
  return found
}

/** Limits a binary. Checks that the result compiles and that only sections with limits differ. */
function limit(t, bytes, size) {
  t.true(WebAssembly.validate(bytes), 'the input is valid')
  const result = limitMemory(bytes, size, 0)
  if (result.needed !== undefined) return result
  t.notThrows(() => new WebAssembly.Module(result.bytes), 'the result compiles')
  const unchanged = ({ id }) => ![ID.import, ID.table, ID.memory].includes(id)
  const [before, after] = [bytes, result.bytes].map(sectionsOf)
  t.deepEqual(
    after.map(({ id }) => id),
    before.map(({ id }) => id),
  )
  t.deepEqual(after.filter(unchanged), before.filter(unchanged), 'the other sections are equal')
  return result
}

/** Grows a memory or table of an instance, one step after the other. Returns its size in bytes. */
function grow(value) {
  const unit = value instanceof WebAssembly.Memory ? PAGE_SIZE : 8
  const sizeOf = () => (unit === 8 ? value.length : value.buffer.byteLength / PAGE_SIZE)
  for (let step = 2 ** 16; step >= 1; ) {
    try {
      value.grow(step)
    } catch {
      step /= 2
    }
    if (sizeOf() * unit > 64 * MIB) throw new Error('The limit has no effect')
  }
  return sizeOf() * unit
}

/** Returns the bytes to which each exported memory and table of a limited binary can grow. */
function growthOf(t, bytes, size, imports = {}) {
  const limited = limit(t, bytes, size)
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(limited.bytes), imports)
  return Object.values(exports)
    .filter((value) => typeof value !== 'function')
    .map(grow)
}

for (const [title, maximum, size, expected] of [
  ['without a maximum', undefined, MIB, MIB],
  ['with a larger maximum', 1000, MIB, MIB],
  ['with a smaller maximum', 3, MIB, 3 * PAGE_SIZE],
  ['with an initial size that equals the limit', 1000, PAGE_SIZE, PAGE_SIZE],
  ['whose limit is no multiple of a page', undefined, MIB - 1, MIB - PAGE_SIZE],
]) {
  test(`a memory ${title} grows to ${expected} bytes`, (t) => {
    const bytes = moduleOf(memories(limits(1, maximum)), exportsOf([['m', MEMORY, 0]]))
    t.deepEqual(growthOf(t, bytes, size), [expected])
  })
}

test('a memory without pages may have a limit of 0 bytes', (t) => {
  t.deepEqual(growthOf(t, moduleOf(memories(limits(0)), exportsOf([['m', MEMORY, 0]])), 0), [0])
})

test('a binary without memories and tables stays the same', (t) => {
  for (const bytes of [moduleOf(), withCode([]), moduleOf(custom('name', [1, 2, 3]))]) {
    const limited = limit(t, bytes, 0)
    t.deepEqual([...limited.bytes], [...bytes])
    t.deepEqual(limited.memories, [])
  }
})

for (const padding of [2, 3, 4, 5]) {
  test(`numbers of ${padding} bytes keep their length`, (t) => {
    const bytes = moduleOf(
      section(ID.memory, vector([limits(1, 1000, { padding })], padding), padding),
      exportsOf([['m', MEMORY, 0]]),
    )
    t.deepEqual(growthOf(t, bytes, MIB), [MIB])
    t.is(limit(t, bytes, MIB).bytes.length, bytes.length)
  })
}

test('a maximum that is lowered keeps all offsets of the binary', (t) => {
  const bytes = withCode([], memories(limits(1, 60_000)))
  const { bytes: limited } = limit(t, bytes, MIB)
  t.is(limited.length, bytes.length)
  t.deepEqual([...limited].filter((byte, index) => byte !== bytes[index]).length <= 3, true)
})

test('a maximum that is added grows its section only', (t) => {
  const bytes = withCode([], custom('before'), memories(limits(1)), custom('after', [7]))
  const { bytes: limited } = limit(t, bytes, MIB)
  t.is(limited.length, bytes.length + 1)
})

test('a section whose size needs one more byte is written with it', (t) => {
  // The content has 124 to 128 bytes, and gets one more: 128 needs two bytes of LEB128.
  for (let length = 58; length <= 62; length++) {
    const entry = [...name('m'.repeat(60)), ...name('n'.repeat(length)), MEMORY, ...limits(1)]
    const { memories: found } = limit(t, moduleOf(section(ID.import, vector([entry]))), MIB)
    t.is(found[0].maximum, 16n)
  }
})

onWasm('multi-memory')('several memories share the limit, and each gets no more than its maximum', (t) => {
  const entries = [0, 1, 2].map((index) => [`m${index}`, MEMORY, index])
  const share = (...each) => growthOf(t, moduleOf(memories(...each), exportsOf(entries.slice(0, each.length))), MIB)
  const pages = (...counts) => counts.map((count) => count * PAGE_SIZE)
  t.deepEqual(share(limits(0), limits(0)), pages(8, 8))
  t.deepEqual(share(limits(1), limits(5)), pages(6, 10))
  t.deepEqual(share(limits(0), limits(0, 2), limits(0)), pages(7, 2, 7))
  t.deepEqual(share(limits(0, 4), limits(0, 4), limits(0, 4)), pages(4, 4, 4))
  const [first, second, third] = share(limits(0), limits(0), limits(0))
  t.is(first + second + third, 15 * PAGE_SIZE)
})

test('a table that code can grow shares the limit with a memory', (t) => {
  const bytes = withCode(GROW_TABLE, tables([FUNCREF, ...limits(0)]), memories(limits(0)))
  const { bytes: limited } = limit(t, bytes, MIB)
  const [table, memory] = limitsIn(limited)
  t.deepEqual([table, memory], [MIB / 2 / 8, 8])
})

/** Returns the maxima in the sections of tables and memories, which have one entry each. */
function limitsIn(bytes) {
  const maximumAt = ({ id, content }) => (id === ID.table ? content.subarray(2) : content.subarray(1))
  return sectionsOf(bytes)
    .filter(({ id }) => id === ID.table || id === ID.memory)
    .map((each) => {
      const [, ...numbers] = maximumAt(each)
      const decoded = []
      let [value, shift] = [0, 0]
      for (const byte of numbers) {
        value += (byte & 0x7f) * 2 ** shift
        shift = byte & 0x80 ? shift + 7 : 0
        if (shift > 0) continue
        decoded.push(value)
        value = 0
      }
      return decoded[1]
    })
}

test('a table that no code can grow has its initial size only, which counts 8 bytes an element', (t) => {
  const bytes = withCode([], tables([FUNCREF, ...limits(8192)]), memories(limits(1)))
  const { bytes: limited } = limit(t, bytes, MIB)
  t.deepEqual(limitsIn(limited), [8192, 15])
  t.is(limit(t, bytes, 2 * PAGE_SIZE - 1).needed, BigInt(2 * PAGE_SIZE))
})

test('code that contains the bytes of table.grow by accident limits tables only', (t) => {
  // i32.const 2044, which is 0xfc 0x0f, and drop.
  const bytes = withCode([0x41, 0xfc, 0x0f, 0x1a], tables([FUNCREF, ...limits(0)]), memories(limits(0)))
  t.deepEqual(limitsIn(limit(t, bytes, MIB).bytes), [MIB / 2 / 8, 8])
})

for (const length of [1, 2, 3, 4, 5]) {
  test(`table.grow with an opcode of ${length} bytes cannot exceed the limit`, (t) => {
    const growing = [
      ...[0x03, 0x40],
      ...[0xd0, FUNCREF, 0x41, 1, 0xfc, ...leb(15, length), ...leb(0, length)],
      // Repeat unless it returned -1.
      ...[0x41, 0x7f, 0x47, 0x0d, 0, 0x0b],
    ]
    const bytes = moduleOf(
      TYPES,
      section(ID.function, [1, 0]),
      tables([FUNCREF, ...limits(0)]),
      exportsOf([
        ['f', 0, 0],
        ['t', TABLE, 0],
      ]),
      section(ID.code, vector([vector([0, ...growing, 0x0b])])),
    )
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(limit(t, bytes, 80_000).bytes))
    exports.f()
    t.is(exports.t.length, 10_000)
    t.throws(() => exports.t.grow(1), { instanceOf: RangeError })
  })
}

test('table.grow in the last bytes of the code is found', (t) => {
  const bytes = withCode([...GROW_TABLE.slice(0, -1), 0x1a], tables([FUNCREF, ...limits(0)]))
  t.deepEqual(limitsIn(limit(t, bytes, 800).bytes), [100])
})

test('externref tables and several tables share the limit', (t) => {
  const entries = [
    ['a', TABLE, 0],
    ['b', TABLE, 1],
  ]
  const exported = moduleOf(
    TYPES,
    section(ID.function, [1, 0]),
    tables([FUNCREF, ...limits(0)], [EXTERNREF, ...limits(10, 20)]),
    exportsOf(entries),
    section(ID.code, vector([vector([0, ...GROW_TABLE, 0x0b])])),
  )
  t.deepEqual(growthOf(t, exported, 8000), [980 * 8, 20 * 8])
})

onWasm('table initializers')('a table with an initializer is limited', (t) => {
  for (const initializer of [
    [0xd0, FUNCREF, 0x0b],
    [0xd2, 0, 0x0b],
  ]) {
    const bytes = withCode(
      GROW_TABLE,
      section(ID.table, [1, 0x40, 0, FUNCREF, ...limits(1), ...initializer]),
      memories(limits(1)),
    )
    const { bytes: limited } = limit(t, bytes, MIB)
    const [{ content }] = sectionsOf(limited).filter(({ id }) => id === ID.table)
    t.deepEqual([...content.subarray(-initializer.length)], initializer)
    t.is(content[4], MAXIMUM)
  }
})

onWasm('memory64')('a memory with 64-bit addresses is limited', (t) => {
  for (const [maximum, padding] of [
    [undefined, 1],
    [1000, 1],
    [2 ** 18, 9],
    [100, 10],
  ]) {
    // i64.const 1, memory.grow, i64.const -1, i64.ne, br_if 0
    const growing = [...[0x03, 0x40], ...[0x42, 1, 0x40, 0, 0x42, 0x7f, 0x52, 0x0d, 0, 0x0b]]
    const bytes = moduleOf(
      TYPES,
      section(ID.function, [1, 0]),
      memories(limits(1, maximum, { flags: INDEX64, padding })),
      exportsOf([
        ['f', 0, 0],
        ['m', MEMORY, 0],
      ]),
      section(ID.code, vector([vector([0, ...growing, 0x0b])])),
    )
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(limit(t, bytes, MIB).bytes))
    exports.f()
    t.is(exports.m.buffer.byteLength, MIB)
  }
})

test('a shared memory is limited', (t) => {
  const bytes = moduleOf(memories(limits(1, 1000, { flags: SHARED })), exportsOf([['m', MEMORY, 0]]))
  t.deepEqual(growthOf(t, bytes, MIB), [MIB])
})

test('an imported memory gets a maximum in the binary and in the list of imports', (t) => {
  for (const [flags, maximum, isShared] of [
    [0, undefined, false],
    [0, 1000, false],
    [SHARED, 1000, true],
  ]) {
    const imported = [...name('env'), ...name('memory'), MEMORY, ...limits(2, maximum, { flags })]
    const bytes = moduleOf(section(ID.import, vector([imported])), exportsOf([['m', MEMORY, 0]]))
    const { memories: found } = limit(t, bytes, MIB)
    t.deepEqual(found, [{ module: 'env', name: 'memory', initial: 2n, maximum: 16n, isShared, is64: false }])
    const memory = createMemory(found[0])
    t.deepEqual(growthOf(t, bytes, MIB, { env: { memory } }), [MIB])
  }
})

test('memoryImportsOf returns the limits of imported memories', (t) => {
  const bytes = binary('(module (import "a" "b" (memory 3)) (import "env" "f" (func)) (import "g" "h" (global i32)))')
  t.deepEqual(memoryImportsOf(bytes), [
    { module: 'a', name: 'b', initial: 3n, maximum: undefined, isShared: false, is64: false },
  ])
})

test('imports of functions, tables and globals do not hide a memory', (t) => {
  const entries = [
    [...name('a'), ...name('f'), 0, ...leb(0, 5)],
    [...name(''), ...name(''), TABLE, FUNCREF, ...limits(1, 5, { padding: 3 })],
    [...name('\u{1f600}'), ...name('g'), 3, 0x7f, 0],
    [...name('env'), ...name('m'), MEMORY, ...limits(1)],
  ]
  const bytes = moduleOf(TYPES, section(ID.import, vector(entries, 5), 5))
  const { memories: found } = limit(t, bytes, MIB)
  t.is(found.length, 1)
  t.is(found[0].module, 'env')
  t.is(found[0].maximum, (BigInt(MIB) - 8n) / BigInt(PAGE_SIZE))
})

test('a program that needs more than the limit is reported with its bytes', (t) => {
  for (const [bytes, needed] of [
    [moduleOf(memories(limits(17))), 17 * PAGE_SIZE],
    [moduleOf(memories(limits(65536))), 65536 * PAGE_SIZE],
    [moduleOf(tables([FUNCREF, ...limits(200_000)])), 1_600_000],
    [moduleOf(tables([FUNCREF, ...limits(1)]), memories(limits(16))), MIB + 8],
  ]) {
    t.deepEqual(limit(t, bytes, MIB), { needed: BigInt(needed) })
  }
})

test('a type of a structure or an array, or an exception, shows that the program uses the heap', (t) => {
  const usesHeap = (bytes) => limitMemory(bytes, MIB, 0).usesHeap
  t.false(usesHeap(withCode([])))
  t.true(usesHeap(moduleOf(section(ID.type, [1, 0x5f, 0]))))
  t.true(usesHeap(moduleOf(section(ID.type, [1, 0x5e, 0x7f, 1]))))
  t.true(usesHeap(moduleOf(section(ID.type, [1, 0x4e, 1, 0x50, 0, 0x5f, 0]))))
  t.true(usesHeap(moduleOf(TYPES, section(13, [1, 0, 0]))))
})

for (const [title, bytes] of [
  ['a custom page size', moduleOf(memories([8, 1, 0]))],
  ['a padded flag', moduleOf(memories([0x80, 0, 1]))],
  ['an unknown flag of a table', moduleOf(tables([FUNCREF, 0x10, 1]))],
  ['an unknown kind of import', moduleOf(section(ID.import, [1, 0, 0, 5, 0, 0]))],
  ['an unknown instruction in an initializer', moduleOf(section(ID.table, [1, 0x40, 0, FUNCREF, 0, 1, 0x20, 0, 0x0b]))],
  ['a number that is too long', moduleOf(memories([0, ...leb(1, 11)]))],
  ['a number that ends too early', moduleOf(section(ID.memory, [1, 0, 0x80]))],
  ['a section that ends too late', moduleOf([ID.memory, 100, 1, 0, 1])],
  ['bytes after the last memory', moduleOf(section(ID.memory, [1, 0, 1, 0, 1]))],
  ['bytes after the last table', moduleOf(section(ID.table, [1, FUNCREF, 0, 1, 0]))],
  ['a reference type with more bytes', moduleOf(section(ID.table, [1, 0x63, 0x62, 0, 0, 1]))],
]) {
  test(`a binary with ${title} is refused`, (t) => {
    t.throws(() => limitMemory(bytes, MIB, 0), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /^The memory of the program cannot be limited: unknown encoding at byte \d+$/,
    })
  })
}

/** Returns a function that returns pseudo-random whole numbers below a bound. */
function randomOf(seed) {
  let state = BigInt(seed) * 2n + 1n
  return (bound) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & (2n ** 64n - 1n)
    return Number((state >> 33n) % BigInt(bound))
  }
}

/** Returns a random valid module, which exports all of its memories and tables. */
function randomModule(seed, hasSeveralMemories) {
  const random = randomOf(seed)
  const number = (bound) => [random(bound), random(2) === 0 ? undefined : bound + random(bound)]
  const padding = () => 1 + random(5)
  const limitsOf = (bound) => limits(...number(bound), { padding: padding() })
  const noise = () => (random(3) === 0 ? custom('x'.repeat(random(200)), [0xfc, 0x0f]) : [])
  const list = (count, create) => Array.from({ length: random(count + 1) }, create)
  const importedTables = list(2, () => [...name('i'), ...name('t'), TABLE, FUNCREF, ...limitsOf(100)])
  const ownTables = list(3, () => [random(2) ? FUNCREF : EXTERNREF, ...limitsOf(10_000)])
  const ownMemories = list(hasSeveralMemories ? 4 : 1, () => limitsOf(8))
  const hasFuncref = importedTables.length > 0 || ownTables[0]?.[0] === FUNCREF
  const code = random(2) && hasFuncref ? [0xd0, FUNCREF, 0x41, 1, 0xfc, ...leb(15, padding()), 0, 0x1a] : []
  const entries = [
    ['f', 0, 0],
    ...ownTables.map((_, index) => [`t${index}`, TABLE, importedTables.length + index]),
    ...ownMemories.map((_, index) => [`m${index}`, MEMORY, index]),
  ]
  return moduleOf(
    noise(),
    TYPES,
    importedTables.length ? section(ID.import, vector(importedTables, padding()), padding()) : [],
    noise(),
    section(ID.function, [1, 0]),
    ownTables.length ? section(ID.table, vector(ownTables, padding()), padding()) : noise(),
    noise(),
    ownMemories.length ? section(ID.memory, vector(ownMemories, padding()), padding()) : [],
    exportsOf(entries),
    noise(),
    section(ID.code, vector([vector([0, ...code, 0x0b])]), padding()),
    noise(),
  )
}

slow()('random programs compile with the limit and cannot allocate more', (t) => {
  const hasSeveralMemories = WebAssembly.validate(moduleOf(memories(limits(0), limits(0))))
  for (let seed = 1; seed <= 500; seed++) {
    const bytes = randomModule(seed, hasSeveralMemories)
    const size = 1000 * (seed % 50) * (seed % 7)
    const limited = limit(t, bytes, size)
    const module = new WebAssembly.Module(limited.bytes ?? bytes)
    if (WebAssembly.Module.imports(module).length > 0) continue
    const { exports } = new WebAssembly.Instance(module)
    const values = Object.values(exports).filter((value) => typeof value !== 'function')
    const sizeOf = (value) => value.length * 8 || (value.buffer?.byteLength ?? 0)
    const initial = values.reduce((sum, value) => sum + sizeOf(value), 0)
    if (limited.needed === undefined) {
      const total = values.reduce((sum, value) => sum + grow(value), 0)
      t.true(total <= size, `seed ${seed}: ${total} > ${size}`)
    } else t.is(initial, Number(limited.needed), `seed ${seed}`)
  }
})
