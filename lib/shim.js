'use strict'

// Assembles the WebAssembly module between a guest and the host functions that may have to wait. A function of
// `WebAssembly.Suspending` always suspends the guest, even for a result that it has at once. So the guest calls a
// function of this module, which calls the host function, and `wait` only if the result is SUSPENDED. All guests share
// the host functions: the first argument is the state of the guest, a global that the module imports.
//
//     (func (export "sock_accept") (param i32 i32 i32) (result i32) (local i32)
//       (local.tee 3 (call $sock_accept (global.get $state) (local.get 0) (local.get 1) (local.get 2)))
//       (if (result i32) (i32.eq (i32.const -1)) (then (call $wait (global.get $state))) (else (local.get 3))))

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
const section = (id, items) => {
  const content = list(items)
  return [id, ...number(content.length), ...content]
}

const typesOf = (params) => [...params].map((type) => TYPES[type])

/** Returns the type of a function with parameters of these types and an i32 as its result. */
const functionType = (types) => [0x60, ...list(types), 1, I32]

/** Returns the code of a function that calls the imported function with this index. `wait` is import 0. */
function functionBody(params, host) {
  const result = params.length
  const body = [
    ...[1, 1, I32], // One local, an i32.
    ...[0x23, 0], // global.get
    ...[...params].flatMap((_, param) => [0x20, param]), // local.get
    ...[0x10, host, 0x22, result], // call, local.tee
    ...[0x41, SUSPENDED & 0x7f, 0x46], // i32.const -1, i32.eq
    ...[0x04, I32, 0x23, 0, 0x10, 0, 0x05, 0x20, result, 0x0b, 0x0b], // if, global.get, call, else, local.get, end, end
  ]
  return [...number(body.length), ...body]
}

/**
 * Returns the bytes of the module for functions with these names and parameters: `i` is an i32, `I` an i64. The module
 * imports `state`, `wait` and the host functions from `host`, and exports functions of the same names.
 */
function assemble(functions) {
  const names = Object.keys(functions)
  const params = Object.values(functions)
  // Type 0 is that of `wait`. Each function has two types: the one of the host function, and its own.
  const types = params.flatMap((params) => [[EXTERNREF, ...typesOf(params)], typesOf(params)])
  const imported = (text, ...description) => [...name('host'), ...name(text), ...description]
  const imports = names.map((text, index) => imported(text, 0, 2 * index + 1))
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // The magic number and the version.
    ...section(1, [[EXTERNREF], ...types].map(functionType)), // types
    ...section(2, [imported('wait', 0, 0), ...imports, imported('state', 3, EXTERNREF, 0)]), // imports
    ...section(
      3,
      names.map((_, index) => [2 * index + 2]),
    ), // functions
    ...section(
      7,
      names.map((text, index) => [...name(text), 0, names.length + 1 + index]),
    ), // exports
    ...section(
      10,
      params.map((params, index) => functionBody(params, index + 1)),
    ), // code
  ])
}

/** The bytes of a module whose export `trap` traps. */
const TRAP = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, [[0x60, 0, 0]]),
  ...section(3, [[0]]),
  ...section(7, [[...name('trap'), 0, 0]]),
  ...section(10, [[3, 0, 0x00, 0x0b]]), // unreachable, end
])

exports.assemble = assemble
exports.TRAP = TRAP
exports.SUSPENDED = SUSPENDED
