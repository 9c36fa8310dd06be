'use strict'

// Assembles the WebAssembly module between a guest and a host function that may have to wait. A function of
// `WebAssembly.Suspending` always suspends the guest, even for a result that it has at once. So the guest calls a
// function of this module, which calls the host function, and `wait` only if the result is SUSPENDED:
//
//     (func (export "fd_read") (param i32 i32 i32 i32) (result i32) (local i32)
//       (local.tee 4 (call $fd_read (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
//       (if (result i32) (i32.eq (i32.const -1)) (then (call $wait)) (else (local.get 4))))

/** The result of a host function that has to wait. */
const SUSPENDED = -1

const TYPES = { i: 0x7f, I: 0x7e }

/** Encodes an unsigned number (LEB128). */
const number = (value) => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...number(value >>> 7)])
/** Encodes a list with its length. */
const list = (items) => [...number(items.length), ...items.flat()]
const name = (text) => list([...Buffer.from(text)])
const section = (id, items) => {
  const content = list(items)
  return [id, ...number(content.length), ...content]
}

/** Returns the type of a function with these parameters and an i32 as its result. */
const functionType = (params) => [0x60, ...list([...params].map((type) => [TYPES[type]])), 1, TYPES.i]

/** Returns the code of the function. The host function is import 0, and `wait` is import 1. */
function functionBody(params) {
  const result = params.length
  const body = [
    ...[1, 1, TYPES.i], // One local, an i32.
    ...[...params].flatMap((_, param) => [0x20, param]), // local.get
    ...[0x10, 0, 0x22, result], // call, local.tee
    ...[0x41, SUSPENDED & 0x7f, 0x46], // i32.const -1, i32.eq
    ...[0x04, TYPES.i, 0x10, 1, 0x05, 0x20, result, 0x0b, 0x0b], // if, call, else, local.get, end, end
  ]
  return [...number(body.length), ...body]
}

/**
 * Returns the bytes of the module for a function with these parameters: `i` is an i32, `I` an i64. The module imports
 * the function and `wait` from `host`, and exports a function of the same name.
 */
function assemble(functionName, params) {
  const imported = (text, type) => [...name('host'), ...name(text), 0, type]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // The magic number and the version.
    ...section(1, [functionType(params), functionType('')]), // types
    ...section(2, [imported(functionName, 0), imported('wait', 1)]), // imports
    ...section(3, [[0]]), // functions
    ...section(7, [[...name(functionName), 0, 2]]), // exports
    ...section(10, [functionBody(params)]), // code
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
