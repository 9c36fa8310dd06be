// What JavaScript makes best, for context.rs, which evaluates this once in each environment: bound functions,
// symbols, and ties between the lifetimes of objects. None of it is on the path of a guest's call.
;(native) => {
  'use strict'
  const { bind } = Function.prototype
  const { get: buffer } = Object.getOwnPropertyDescriptor(WebAssembly.Memory.prototype, 'buffer')
  const { apply } = Reflect
  const names = ['kSetMemory', 'kStarted', 'kInstance', 'kExitCode', 'kBindingName']
  const symbols = names.map((name) => Symbol(name))
  const [kSetMemory, kStarted, kInstance, kExitCode, kBindingName] = symbols
  const kept = new WeakMap()

  // The import object of node:wasi is of a class called WASI, too.
  const Imports = class WASI {
    constructor(functions, wasi, id) {
      for (const name in functions) this[name] = apply(bind, functions[name], [wasi, id])
    }
  }

  // Calling this, or converting it to a number, shows whether JavaScript may still run.
  const idle = Object.assign(() => {}, { valueOf: () => 0 })

  // The methods that run a guest. If the guest was stopped because its worker is to end, termination.rs has asked
  // for that end again, and it strikes at the next call of JavaScript: at once.
  const running = ({ start, initialize }) => {
    const run = (method, wasi, instance) => {
      const result = apply(method, wasi, [instance])
      idle()
      return result
    }
    return {
      start(instance) {
        return run(start, this, instance)
      },
      initialize(instance) {
        return run(initialize, this, instance)
      },
    }
  }

  return {
    symbols,

    // Gives a WASI object the properties it has in node:wasi.
    populate(wasi, id, namespace, returnOnExit) {
      const unstable = namespace === 'wasi_unstable'
      const wasiImport = new Imports(unstable ? native.unstable : native.preview1, wasi, id)
      if (returnOnExit) wasiImport.proc_exit = apply(bind, native.wasiReturnOnProcExit, [wasi, id])
      wasi.wasiImport = wasiImport
      wasi[kSetMemory] = apply(bind, native.setMemory, [wasi, id])
      wasi[kStarted] = false
      wasi[kExitCode] = 0
      wasi[kInstance] = undefined
      wasi[kBindingName] = namespace
    },

    // Throws if `memory` is no WebAssembly.Memory.
    buffer: (memory) => apply(buffer, memory, []),

    bytes: (buffer) => new Uint8Array(buffer),

    // Keeps a memory and the view of it alive as long as the WASI object.
    keep(wasi, memory, view) {
      kept.set(wasi, [memory, view])
    },

    text: String,

    entries: Object.entries,

    // What Node's messages say was received.
    describe(value) {
      if (value === undefined || value === null) return `${value}`
      switch (typeof value) {
        case 'function':
          return `function ${value.name}`
        case 'object': {
          const name = value.constructor?.name
          if (name) return `an instance of ${name}`
          return Object.keys(value).length > 0 ? '[Object: null prototype]' : '[Object: null prototype] {}'
        }
        case 'string': {
          const text = value.length > 28 ? `${value.slice(0, 25)}...` : value
          return `type string (${text.includes("'") ? JSON.stringify(text) : `'${text}'`})`
        }
        case 'bigint':
          return `type bigint (${value}n)`
        default:
          return `type ${typeof value} (${Object.is(value, -0) ? '-0' : String(value)})`
      }
    },

    idle,

    // What node:wasi's class looks like where Node-API makes it otherwise.
    shape({ prototype }) {
      const lengths = { constructor: 0, finalizeBindings: 1, start: 1, initialize: 1, getImportObject: 0, close: 0 }
      Object.assign(prototype, running(prototype))
      for (const name in lengths) {
        const value = prototype[name]
        delete prototype[name]
        Object.defineProperty(value, 'length', { value: lengths[name], configurable: true })
        Object.defineProperty(prototype, name, { value, writable: true, configurable: true })
      }
      const { dispose } = Symbol
      if (dispose) Object.defineProperty(prototype, dispose, { value: prototype.close, writable: true, configurable: true })
    },
  }
}
