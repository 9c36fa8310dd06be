'use strict'

// Import objects with functions that suspend a guest which has to wait.

const { assemble } = require('./shim.js')
const { SUSPENDING, WAITING, makeWaitingFunctions } = require('./suspending-imports.js')

/**
 * Returns the function that creates the import object of a guest. The argument has the same values as that of
 * `makeSuspending`, and `wait`, which returns the promise of a call that has to wait.
 */
function makeLazyImports({ native, importClassOf, ints, longs, EMPTY, wait }) {
  /** The functions of one namespace. */
  class Namespace {
    constructor(name) {
      const natives = { __proto__: null }
      native.addFunctions(name, natives)
      this.functions = makeWaitingFunctions(natives, ints, longs, EMPTY)
      this.functions.wait = new WebAssembly.Suspending(wait)
      /** The functions that guests have imported so far, with the types of their parameters. */
      this.imported = { __proto__: null }
      this.module = undefined
    }

    /**
     * Returns functions that suspend a guest, at least the one with this name. One instance of WebAssembly with all
     * functions that guests import takes less memory than an instance for each.
     */
    instantiate(name, state) {
      if (this.imported[name] === undefined) {
        this.imported[name] = WAITING[name]
        this.module = new WebAssembly.Module(assemble(this.imported))
      }
      return new WebAssembly.Instance(this.module, { host: this.hostOf(state) }).exports
    }

    /** Returns the functions that lib/shim.js imports, and the state. */
    hostOf(state) {
      const host = { __proto__: this.functions, state }
      if (state.trace === undefined) return host
      const traced = new (importClassOf(state.namespace))(state.id | SUSPENDING, state)
      state.trace(traced)
      for (const name of Object.keys(WAITING)) host[name] = (_, ...args) => traced[name](...args)
      return host
    }
  }

  const namespaces = { __proto__: null }

  /** Creates each function when a guest imports it. */
  class LazyImports {
    constructor(state) {
      this.state = state
      this.functions = undefined
    }

    create(imports, name) {
      const { originals, namespace } = this.state
      if (WAITING[name] === undefined || originals[name] === undefined || imports[name] !== originals[name]) return
      if (this.functions?.[name] === undefined) {
        namespaces[namespace] ??= new Namespace(namespace)
        this.functions = namespaces[namespace].instantiate(name, this.state)
      }
      imports[name] = this.functions[name]
    }

    get(imports, name) {
      this.create(imports, name)
      return imports[name]
    }

    getOwnPropertyDescriptor(imports, name) {
      this.create(imports, name)
      return Reflect.getOwnPropertyDescriptor(imports, name)
    }
  }

  /** Functions of `wasiImport` that the embedder has replaced stay. */
  return (state) => new Proxy({ ...state.wasi.wasiImport }, new LazyImports(state))
}

exports.makeLazyImports = makeLazyImports
