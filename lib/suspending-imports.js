'use strict'

// Import objects with functions that suspend a guest which has to wait.

const { assembleOwn, assembleShared } = require('./shim.js')
const { SUSPENDING, WAITING, makeWaitingFunctions } = require('./waiting-functions.js')

/**
 * Returns the function that creates the import object of a guest. The argument has the same values as that of
 * `makeSuspending`, and `wait`, which returns the promise of a call that has to wait.
 */
function makeSuspendingImports({ native, importClassOf, ints, longs, EMPTY, wait }) {
  /** The functions of one namespace. */
  class Namespace {
    constructor(name) {
      const natives = { __proto__: null }
      native.addFunctions(name, natives)
      this.functions = makeWaitingFunctions(natives, ints, longs, EMPTY)
      this.functions.wait = new WebAssembly.Suspending(wait)
      /** The functions that guests have imported so far, with the types of their parameters. */
      this.imported = { __proto__: null }
      /** The modules of lib/shim.js for these functions, and the shared instance. */
      this.shared = undefined
      this.own = undefined
      this.instance = undefined
    }

    /**
     * Returns functions that suspend a guest, at least the one with this name. One instance of WebAssembly with all
     * functions that guests import takes less memory than an instance for each.
     */
    instantiate(name, state) {
      if (this.imported[name] === undefined) {
        this.imported[name] = WAITING[name]
        const [names, params] = [Object.keys(this.imported), Object.values(this.imported)]
        this.shared = new WebAssembly.Module(assembleShared(names, params))
        this.own = new WebAssembly.Module(assembleOwn(names, params))
        this.instance = new WebAssembly.Instance(this.shared, { host: this.functions })
      }
      const { exports } = state.traceSink === null ? this.instance : this.tracing(state)
      return new WebAssembly.Instance(this.own, { host: { __proto__: exports, state } }).exports
    }

    /** Returns an instance like the shared one, with functions that log. */
    tracing(state) {
      const traced = new (importClassOf(state.namespace))(state.id | SUSPENDING, state)
      state.trace(traced)
      const host = { __proto__: this.functions }
      for (const name of Object.keys(WAITING)) host[name] = (_, ...args) => traced[name](...args)
      return new WebAssembly.Instance(this.shared, { host })
    }
  }

  const namespaces = { __proto__: null }

  /** The operations of a proxy that creates each function when a guest imports it. */
  class SuspendingImports {
    constructor(state, isComplete) {
      this.state = state
      /** Whether the object has the functions of `wasiImport`. Copying them creates them. */
      this.isComplete = isComplete
      /** The functions that suspend the guest. */
      this.shims = undefined
    }

    complete(imports) {
      if (!this.isComplete) Object.assign(imports, this.state.wasi.wasiImport)
      this.isComplete = true
    }

    shim(name) {
      const { state } = this
      namespaces[state.namespace] ??= new Namespace(state.namespace)
      if (this.shims?.[name] === undefined) this.shims = namespaces[state.namespace].instantiate(name, state)
      return this.shims[name]
    }

    create(imports, name) {
      if (WAITING[name] === undefined) return
      const original = this.state.originals?.[name]
      if (original !== undefined && imports[name] === original) imports[name] = this.shim(name)
    }

    get(imports, name) {
      if (!this.isComplete && WAITING[name] !== undefined) return this.shim(name)
      this.complete(imports)
      this.create(imports, name)
      return imports[name]
    }

    getOwnPropertyDescriptor(imports, name) {
      this.complete(imports)
      this.create(imports, name)
      return Reflect.getOwnPropertyDescriptor(imports, name)
    }
  }
  for (const name of ['has', 'ownKeys', 'defineProperty', 'deleteProperty', 'preventExtensions']) {
    const operation = Reflect[name]
    SuspendingImports.prototype[name] = function (imports, ...args) {
      this.complete(imports)
      return operation(imports, ...args)
    }
  }

  return (state) => {
    const { wasiImport } = state.wasi
    // Functions that the embedder has replaced stay.
    const isComplete = state.originals !== undefined || wasiImport !== state.wasiImport
    return new Proxy(isComplete ? { ...wasiImport } : {}, new SuspendingImports(state, isComplete))
  }
}

exports.makeSuspendingImports = makeSuspendingImports
