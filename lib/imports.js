'use strict'

// Makes the functions of `wasiImport`. They are generated, so that V8 compiles the count and the types of the arguments
// into each. Nothing here calls a built-in that a program could have replaced after loading: the native functions and
// the argument buffer must not leak, because they work on any sandbox.

const { apply } = Reflect
const { is } = Object
const { indexOf, slice } = String.prototype

const EINVAL = 28
const EMPTY = new Uint8Array(0)

/** WebAssembly passes an i32 as a signed number. JavaScript may pass an unsigned one, but neither -0 nor a fraction. */
const isI32 = (value) => typeof value === 'number' && ((value | 0) === value || value >>> 0 === value) && !is(value, -0)

/** An i64 is a bigint of any size: its value modulo 2 ** 64 is written. */
const isI64 = (value) => typeof value === 'bigint'

/**
 * The parts of the source of a function that depend on its types only: parameters, a check of the arguments, and
 * statements that write the arguments to the buffer. `types` has an `i` for each i32 and an `I` for each i64.
 */
function argumentSource(types) {
  let parameters = ''
  let check = `arguments.length===${types.length}`
  let write = ''
  for (let at = 1; at <= types.length; at++) {
    const isWide = types[at - 1] === 'I'
    parameters += at === 1 ? 'a1' : `,a${at}`
    check += isWide ? `&&isI64(a${at})` : `&&isI32(a${at})`
    write += isWide ? `longs[${at}]=a${at};` : `ints[${2 * at}]=a${at};`
  }
  return { parameters, check, write }
}

/**
 * The source of one function.
 *
 * After the check that the memory is still there, only native code is called: an engine may run other JavaScript at a
 * function's entry (a debugger does). The native function returns undefined, or an object while a worker is being
 * terminated (src/node/termination.rs). An exception ends the run if there is one. It is stored without a call,
 * because a guest could leave no stack for one. With `bytes` empty, each later call of the run begins with
 * `refreshMemory`, which throws the exception again.
 */
const functionSource = (name, { parameters, check, write }) => `this.${name}={'bound ${name}'(${parameters}){
if(!(${check})){self.check();return ${EINVAL}}
if(self.bytes[0]===undefined)self.refreshMemory();
${write}ints[0]=id;
try{const end=${name}();return end===undefined?ints[0]:end}
catch(thrown){self.bytes=EMPTY;throw self.run===undefined?thrown:(self.run.end??={thrown}).thrown}
}}['bound ${name}'];
`

/**
 * The source of a function that takes the tools and returns a function that takes the native functions and returns a
 * constructor of import objects.
 *
 * V8 compiles a function in parentheses at once, and would parse others twice. Like node:wasi's, import objects are
 * instances of a class `WASI`; the class that they show is another, which makes nothing.
 */
function tableSource(namespace, signatures) {
  const known = { __proto__: null }
  let names = ''
  let body = ''
  for (let at = 0; at < signatures.length; ) {
    const space = apply(indexOf, signatures, [' ', at])
    const end = apply(indexOf, signatures, [';', space])
    const name = apply(slice, signatures, [at, space])
    names += at === 0 ? name : `,${name}`
    const types = apply(slice, signatures, [space + 1, end])
    known[types] ??= argumentSource(types)
    body += functionSource(name, known[types])
    at = end + 1
  }
  return `'use strict';(function(ints,longs,isI32,isI64,EMPTY){return(function(${names}){
const Imports=(function WASI(id,self){
${body}});
Imports.prototype.constructor=class WASI{};
return Imports})})
//# sourceURL=capwasi:${namespace}`
}

/**
 * Returns a function that makes import objects: `makeImports(namespace, id, state)`. The functions of an import object
 * keep `state` alive, and so the sandbox with the number `id`. `native` provides:
 *
 * - `buffer`: words for the arguments of a call. The first is `id`, and then the errno. An i32 is the lower half of a
 *   word.
 * - `signatures(namespace)`: `name types;` for each function.
 * - `evaluate(source)`: runs a script, also with `--disallow-code-generation-from-strings`. Loading `node:vm` for it
 *   would take longer than all the rest.
 * - `link(namespace, take)`: calls `take` with the native functions, in the order of the signatures.
 */
exports.importsOf = ({ buffer, signatures, evaluate, link }) => {
  const ints = new Int32Array(buffer)
  const longs = new BigInt64Array(buffer)
  const classes = { __proto__: null }
  return (namespace, id, state) => {
    let Imports = classes[namespace]
    if (Imports === undefined) {
      const source = tableSource(namespace, signatures(namespace))
      Imports = link(namespace, evaluate(source)(ints, longs, isI32, isI64, EMPTY))
      classes[namespace] = Imports
    }
    return new Imports(id, state)
  }
}

exports.EMPTY = EMPTY
