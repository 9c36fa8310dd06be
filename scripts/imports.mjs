// Writes lib/imports.js: the functions of `wasiImport`, each with the number and the types of its arguments. Writes
// lib/waiting-functions.js as well: the host functions for lib/shim.js.
//
// A generic function would be shorter. With a separate function for each call, V8 optimizes for its callee and its
// arguments.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FUNCTIONS } from '../__test__/support/abi.mjs'
import { root } from './ready.mjs'

/** Functions of preview1 that `wasi_unstable` lacks. */
const NEW_IN_PREVIEW1 = ['sock_accept']

const HEADER = `'use strict'

// The functions of \`wasiImport\`. This file is written by \`npm run imports\` (scripts/imports.mjs).
//
// A function checks its arguments, and passes them to its call. All guests share the calls. A call writes the arguments
// to a buffer and calls the native function, which reads them there. Nothing here calls a built-in that a program could
// have replaced after loading. The calls, the native functions and the buffer must not leak, because they work on any
// sandbox.
//
// - Each function has the name and the length of the bound function in node:wasi.
// - There is one closure of each call, so V8 treats its variables as constants when it inlines the call. Variables of a
//   function that each guest has are not constants.
// - Invalid arguments are EINVAL (28), before any effect. If the run has ended, \`check\` throws its exception.
// - Between the check of the memory and the native call, no JavaScript function is called. When a JavaScript function
//   is entered, a debugger may run other JavaScript, which could detach the memory.
// - Word 0 of the buffer is the number of the sandbox before the native call, and the errno after it.
// - A native function returns undefined, or an object while a worker is being terminated (src/node/termination.rs).
// - An exception ends the current run, if any. Storing the exception calls no function, because the guest may have used
//   up the stack. As \`bytes\` is empty, each later call in the run calls \`refreshMemory\`, which throws the exception
//   again.

const { is } = Object

/** WebAssembly passes an i32 as a signed number. JavaScript may pass an unsigned one, but neither -0 nor a fraction. */
const isI32 = (value) => typeof value === 'number' && ((value | 0) === value || value >>> 0 === value) && !is(value, -0)

/** An i64 is a bigint of any size. Its value modulo 2 ** 64 is written. */
const isI64 = (value) => typeof value === 'bigint'
`

/** Breaks a line after each comma, semicolon or `&&` beyond 80 columns. */
const wrap = (line, indent) => line.replace(/(.{80}.*?[,;&]) /g, `$1\n${' '.repeat(indent)}`)

/** Returns the statements that write the arguments to the buffer. */
const writesOf = (types) =>
  [...types].map((type, index) => {
    const at = index + 1
    // An i32 is the lower half of a word.
    return type === 'I' ? `longs[${at}] = a${at}` : `ints[${2 * at}] = a${at}`
  })

/** Returns the statements that call a native function for the sandbox with the number `id`, indented by some spaces. */
function callOf(name, types, id, indent) {
  const lines = `if (state.bytes[0] === undefined) state.refreshMemory()
${wrap([...writesOf(types), `ints[0] = ${id}`].join('; '), 0)}
try {
  const end = ${name}()
  return end === undefined ? ints[0] : end
} catch (thrown) {
  state.bytes = EMPTY
  if (state.run === undefined) throw thrown
  state.run.end ??= { thrown }
  throw state.run.end.thrown
}`
  return lines.replace(/^/gm, ' '.repeat(indent))
}

/** Returns the parameters of a function. */
const parametersOf = (types) => [...types].map((_, index) => `a${index + 1}`).join(', ')

/** Returns the arguments of a call. */
const argumentsOf = (types) => ['id', 'state', ...(types && [parametersOf(types)])].join(', ')

/** Returns the statement that creates the call of one function. */
function sharedCall(name, types) {
  return `  const call_${name} = (${argumentsOf(types)}) => {
${callOf(name, types, 'id', 4)}
  }
`
}

/** Returns the statement that creates one function. */
function statement(name, types) {
  const checks = [...types].map((type, index) => `${type === 'I' ? 'isI64' : 'isI32'}(a${index + 1})`)
  const isValid = [`arguments.length === ${types.length}`, ...checks].join(' && ')
  const guard = NEW_IN_PREVIEW1.includes(name) ? `if (${name} !== undefined) ` : ''
  return `    ${guard}this.${name} = {
      'bound ${name}'(${parametersOf(types)}) {
        if (!(${wrap(isValid, 10)})) {
          state.check()
          return 28
        }
        return call_${name}(${argumentsOf(types)})
      },
    }['bound ${name}']
`
}

/** The functions that may have to wait. */
const WAITING = ['fd_read', 'fd_write', 'path_open', 'poll_oneoff', 'sock_accept', 'sock_recv', 'sock_send']

/** Returns the property that is one function of lib/waiting-functions.js. */
function waitingFunction(name) {
  const types = FUNCTIONS[name]
  return `    ${name}(state, ${parametersOf(types)}) {
${callOf(name, types, 'state.id | SUSPENDING', 6)}
    },
`
}

/** Returns the text of lib/waiting-functions.js. */
export function waitingSource() {
  const types = WAITING.map((name) => `  ${name}: '${FUNCTIONS[name]}',\n`)
  return `'use strict'

// The host functions that may have to wait, for lib/shim.js. This file is written by \`npm run imports\`
// (scripts/imports.mjs). The functions work like those of lib/imports.js, with two differences. All guests share them:
// the first argument is the state of the guest. WebAssembly has checked the other arguments.

/** The types of the parameters: \`i\` is an i32, \`I\` an i64. */
const WAITING = {
  __proto__: null,
${types.join('')}}

/** The bit in the number of a sandbox that lets native code suspend the guest (src/node/arguments.rs). */
const SUSPENDING = 1 << 31

/** Returns the functions of one namespace. */
const makeWaitingFunctions = (natives, ints, longs, EMPTY) => {
  const { ${WAITING.join(', ')} } = natives
  return {
    __proto__: null,
${WAITING.map(waitingFunction).join('')}  }
}

exports.SUSPENDING = SUSPENDING
exports.WAITING = WAITING
exports.makeWaitingFunctions = makeWaitingFunctions
`
}

/** Returns the text of lib/imports.js. */
export function source() {
  const functions = Object.entries(FUNCTIONS)
  return `${HEADER}
/**
 * Returns the constructor of the import objects of one namespace. It adds functions which call the sandbox with the
 * number \`id\`. These functions keep \`state\` alive, and \`state\` keeps the sandbox alive.
 *
 * - \`natives\`: the native functions by name
 * - \`ints\`, \`longs\`: two views of the buffer
 * - \`EMPTY\`: an array without bytes
 *
 * V8 compiles functions in parentheses immediately. Without the parentheses V8 would parse them twice.
 */
exports.makeImportClass = (function (natives, ints, longs, EMPTY) {
  const {
    ${wrap(Object.keys(FUNCTIONS).join(', '), 4)}
  } = natives
${functions.map(([name, types]) => sharedCall(name, types)).join('')}  const Imports = (function WASI(id, state) {
${functions.map(([name, types]) => statement(name, types)).join('')}  })
  return Imports
})
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(root, 'lib/imports.js'), source())
  writeFileSync(join(root, 'lib/waiting-functions.js'), waitingSource())
}
