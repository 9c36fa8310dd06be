'use strict'

// Assembles the WebAssembly modules between a guest and the host functions that may have to wait. A function of
// `WebAssembly.Suspending` always suspends the guest, even for a result that it has at once. Therefore a function of
// WebAssembly calls the host function, and calls `wait` only if the result is SUSPENDED. All guests share the function:
// its first argument is the state of the guest.
//
//     (func (export "sock_accept") (param externref i32 i32 i32) (result i32) (local i32)
//       (local.tee 4 (call $sock_accept (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
//       (if (result i32) (i32.eq (i32.const -1)) (then (call $wait (local.get 0))) (else (local.get 4))))
//
// A guest imports a function of its own, which calls the shared one. The state is in a global of its instance.
//
//     (func (export "sock_accept") (param i32 i32 i32) (result i32)
//       (call $sock_accept (global.get $state) (local.get 0) (local.get 1) (local.get 2)))
//
// V8 needs more memory to import a function of JavaScript than one of WebAssembly.

/** The result of a host function that has to wait. */
const SUSPENDED = -1

const I32 = 0x7f
const EXTERNREF = 0x6f
const TYPES = { i: I32, I: 0x7e }

/** Encodes an unsigned number (LEB128). */
const number = (value) => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...number(value >>> 7)])
/** Encodes a list with its length. */
const list = (items) => [...number(items.length), ...items.flat()]
const name = (text) => list([...Buffer.from(text)])
const section = (kind, items) => {
  const content = list(items)
  return [SECTIONS[kind], ...number(content.length), ...content]
}

/** The magic number and the version. */
const HEADER = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
const SECTIONS = { types: 1, imports: 2, functions: 3, exports: 7, code: 10 }

const typesOf = (params) => [...params].map((type) => TYPES[type])

/** Returns the type of a function with parameters of these types and an i32 as its result. */
const functionType = (types) => [0x60, ...list(types), 1, I32]

/** Returns an import from `host`. */
const imported = (text, ...description) => [...name('host'), ...name(text), ...description]

/** Returns the code of a function. */
const bodyOf = (locals, ...code) => {
  const body = [...list(locals), ...code.flat(), 0x0b] // end
  return [...number(body.length), ...body]
}

const localGet = (index) => [0x20, index]
const localsGet = (count) => Array.from({ length: count }, (_, index) => localGet(index)).flat()
const globalGet = (index) => [0x23, index]
const call = (index) => [0x10, index]

/**
 * Returns the bytes of a module. `functions` has the type and the code of each exported function, and `first` is the
 * index of the first: the number of imported functions.
 */
const moduleOf = (types, imports, names, functions, first) => {
  const indices = functions.map(({ type }) => [type])
  const exported = names.map((text, index) => [...name(text), 0, first + index])
  const code = functions.map((each) => each.code)
  return Uint8Array.from([
    ...HEADER,
    ...section('types', types.map(functionType)),
    ...section('imports', imports),
    ...section('functions', indices),
    ...section('exports', exported),
    ...section('code', code),
  ])
}

/**
 * Returns the bytes of the module that all guests share, for host functions with these names and parameters: `i` is an
 * i32, `I` an i64. It imports `wait` and the host functions from `host`, and exports functions of the same names.
 */
function assembleShared(names, params) {
  const types = [[EXTERNREF], ...params.map((each) => [EXTERNREF, ...typesOf(each)])]
  const imports = ['wait', ...names].map((text, type) => imported(text, 0, type))
  const functions = params.map((each, index) => {
    const count = each.length + 1 // with the state
    const code = bodyOf(
      [[1, I32]],
      localsGet(count),
      call(index + 1),
      [0x22, count], // local.tee
      [0x41, SUSPENDED & 0x7f, 0x46], // i32.const -1, i32.eq
      [0x04, I32, localGet(0), call(0), 0x05, localGet(count), 0x0b].flat(), // if, else, end
    )
    return { type: index + 1, code }
  })
  return moduleOf(types, imports, names, functions, names.length + 1)
}

/** Returns the bytes of the module of a guest. It imports `state` and the shared functions, and exports its own. */
function assembleOwn(names, params) {
  const types = [...params.map((each) => [EXTERNREF, ...typesOf(each)]), ...params.map(typesOf)]
  const imports = [...names.map((text, type) => imported(text, 0, type)), imported('state', 3, EXTERNREF, 0)]
  const functions = params.map((each, index) => {
    const code = bodyOf([], globalGet(0), localsGet(each.length), call(index))
    return { type: names.length + index, code }
  })
  return moduleOf(types, imports, names, functions, names.length)
}

/** The bytes of a module whose export `trap` traps. */
const TRAP = Uint8Array.from([
  ...HEADER,
  ...section('types', [[0x60, 0, 0]]),
  ...section('functions', [[0]]),
  ...section('exports', [[...name('trap'), 0, 0]]),
  ...section('code', [[3, 0, 0x00, 0x0b]]), // unreachable, end
])

exports.assembleOwn = assembleOwn
exports.assembleShared = assembleShared
exports.TRAP = TRAP
exports.SUSPENDED = SUSPENDED
