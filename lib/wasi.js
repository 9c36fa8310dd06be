// What JavaScript makes best, for context.rs, which evaluates this once in each environment: symbols, ties between
// the lifetimes of objects, and what the class looks like.
;(native) => {
  'use strict'
  const { apply } = Reflect
  const { defineProperty, entries, getOwnPropertyDescriptor, getOwnPropertyDescriptors, getPrototypeOf, keys } = Object
  const { get, set } = WeakMap.prototype
  const mapGet = (map, key) => apply(get, map, [key])
  const mapSet = (map, key, value) => apply(set, map, [key, value])
  const Bytes = Uint8Array
  const nothing = new Bytes(0)
  const WrongType = TypeError
  const Text = String
  const { isArray } = Array
  const { includes } = Array.prototype
  const now = process.hrtime.bigint
  const { allocUnsafeSlow } = Buffer
  const names = ['kSetMemory', 'kStarted', 'kInstance', 'kExitCode', 'kBindingName']
  const symbols = names.map((name) => Symbol(name))
  const [kSetMemory, kStarted, kInstance, kExitCode, kBindingName] = symbols
  const getter = (prototype, name) => getOwnPropertyDescriptor(prototype, name)?.get
  const buffer = getter(WebAssembly.Memory.prototype, 'buffer')
  const bufferOfBytes = getter(getPrototypeOf(Bytes.prototype), 'buffer')
  const resizable = getter(ArrayBuffer.prototype, 'resizable')
  const isResizable = (bytes) => {
    try {
      return apply(resizable, apply(bufferOfBytes, bytes, []), [])
    } catch {
      return false // What is shared has no such property, and never moves.
    }
  }

  // A function of node:url. index.js provides it, since this script has no `require`.
  let fileURLToPath

  // Calling this, or converting it to a number, shows whether JavaScript may still run.
  const idle = Object.assign(() => {}, { valueOf: () => 0 })

  // What the functions of import objects check arguments with, and where they write them: in the frame each has a word,
  // of which an i32 is the lower half.
  const { is } = Object
  const tools = {
    nothing,
    ints: new Int32Array(native.frame),
    longs: new BigInt64Array(native.frame),
    // As WebAssembly passes it a signed number, JavaScript may pass an unsigned one; -0, like a fraction, is none.
    i32: (value) => typeof value === 'number' && ((value | 0) === value || value >>> 0 === value) && !is(value, -0),
    // Of any size: what is written is it modulo 2^64.
    i64: (value) => typeof value === 'bigint',
  }

  // The classes of import objects, by namespace.
  const classes = { __proto__: null }

  // The methods of the class, which native code wants called on a WASI object itself: found, as in node:wasi,
  // through whatever proxy or heir of it is at hand.
  const selves = new WeakMap()
  const shaped = ({ finalizeBindings, start, initialize, getImportObject, close, kept, exceeded, addresses }) => {
    const selfOf = (wasi) => mapGet(selves, wasi[kSetMemory])
    const call = (method, wasi, args) => apply(method, selfOf(wasi)?.wasi ?? wasi, args)
    const keptOf = (wasi, fd) => {
      const known = selfOf(wasi)?.kept ?? {}
      return (known[fd] = call(kept, wasi, [fd, known[fd]]))
    }
    // Calls `start` or `initialize`. The first exception of a host function, or the exit, is the result of that run,
    // even if the guest has caught it.
    const run = (method, wasi, instance) => {
      const self = selfOf(wasi) ?? { wasi }
      const outer = self.run
      if (self.hasExited) {
        self.wasi[kExitCode] = 0
        self.hasExited = false
      }
      const code = self.wasi[kExitCode]
      const current = (self.run = { end: undefined })
      try {
        return apply(method, self.wasi, [instance])
      } finally {
        self.run = outer
        self.bytes = nothing
        // If the worker is being terminated, termination.rs has requested the termination again. V8 carries it out at
        // the next call of JavaScript, which is this one.
        idle()
        const { end } = current
        if (end !== undefined) {
          const exitCode = self.wasi[kExitCode]
          // The code is that of this run alone: not of one around it, nor of the next.
          if (outer !== undefined) self.wasi[kExitCode] = code
          else self.hasExited = end.isExit === true
          if (!end.isExit || method !== start) throw end.thrown
          return exitCode
        }
      }
    }
    return {
      finalizeBindings(instance, options = undefined) {
        call(finalizeBindings, this, [instance, options])
      },
      start(instance) {
        return run(start, this, instance)
      },
      initialize(instance) {
        return run(initialize, this, instance)
      },
      getImportObject() {
        return call(getImportObject, this, [])
      },
      close() {
        const captures = call(close, this, [])
        try {
          // Moves captured output into Buffers of this object. V8 frees Buffers while JavaScript runs, but what native
          // code holds only when JavaScript pauses.
          if (captures) {
            keptOf(this, 1)
            keptOf(this, 2)
          }
        } finally {
          // Ends an iterable that was not read to its end.
          selfOf(this)?.functions?.[0]?.end?.()
        }
      },
      get stdout() {
        return keptOf(this, 1)
      },
      get stderr() {
        return keptOf(this, 2)
      },
      get exceeded() {
        return call(exceeded, this, [])
      },
      get addresses() {
        return call(addresses, this, [])
      },
    }
  }

  // `proc_exit` when `start` is to return: records what it was given, whatever that is, and ends the guest.
  const returnOnProcExit = (self) =>
    ({
      'bound wasiReturnOnProcExit'(code) {
        self.check()
        self.wasi[kExitCode] = code
        try {
          native.exit(code)
        } catch (thrown) {
          self.bytes = nothing
          if (self.run !== undefined) self.run.end = { thrown, isExit: true }
          throw thrown
        }
      },
    })['bound wasiReturnOnProcExit']

  // Has the functions of an import object say what they are called with, and what comes of it, in lines that `write`
  // gets. What does not return is told before.
  const trace = (wasiImport, id, self, write) => {
    keys(wasiImport).forEach((name, at) => {
      const host = wasiImport[name]
      const traced = (...args) => {
        self.check()
        try {
          const call = name + native.trace.call(id, at, args)
          if (name === 'proc_exit') {
            write(`${call} = ?`)
            return host(...args)
          }
          const started = now()
          let errno
          try {
            return (errno = host(...args))
          } finally {
            const elapsed = now() - started
            write(call + native.trace.result(id, at, args, errno, elapsed))
          }
        } catch (thrown) {
          self.bytes = nothing
          throw self.run === undefined ? thrown : (self.run.end ??= { thrown }).thrown
        }
      }
      defineProperty(traced, 'name', { value: host.name })
      wasiImport[name] = defineProperty(traced, 'length', { value: host.length })
    })
  }

  const own = (name) =>
    function (value) {
      defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true })
    }

  return {
    symbols,

    // Gives a WASI object the properties it has in node:wasi. What its functions share keeps the object and its memory
    // alive as long as there is one of them.
    populate(wasi, id, namespace, returnOnExit, functions, traced) {
      const setMemory = (memory) => {
        // Whatever fails in between, native code is not called for a memory that nobody watches or keeps.
        self.bytes = nothing
        const bytes = native.setMemory(id, memory)
        self.memory = memory
        if (!isResizable(bytes) && self.run?.end === undefined) self.bytes = bytes
      }
      const self = {
        wasi,
        functions,
        kept: { __proto__: null },
        memory: undefined,
        // Covers the memory; without a first byte, which growth takes from it, the memory has to be looked at before
        // native code uses it. A buffer that can be resized does not show when it grows, so it is looked at each time.
        bytes: nothing,
        // The innermost `start` or `initialize` that has not returned. Its `end` holds the first exception of a host
        // function; `isExit` marks an exit whose code `start` returns.
        run: undefined,
        // Whether the last run has left its exit code, which the next one does not return.
        hasExited: false,
        check() {
          if (self.run?.end === undefined) return
          if (native.isRunning(id)) throw self.run.end.thrown
          // A timeout of node:vm has ended that run, without its `finally`.
          self.run = undefined
        },
        look() {
          self.check()
          if (self.memory !== undefined) setMemory(self.memory)
        },
      }
      const Imports = (classes[namespace] ??= native.imports(namespace, tools))
      const wasiImport = new Imports(id, self)
      if (returnOnExit) wasiImport.proc_exit = returnOnProcExit(self)
      if (traced) trace(wasiImport, id, self, traced === true ? native.trace.write : traced)
      wasi.wasiImport = wasiImport
      mapSet(selves, setMemory, self)
      wasi[kSetMemory] = setMemory
      wasi[kStarted] = false
      wasi[kExitCode] = 0
      wasi[kInstance] = undefined
      wasi[kBindingName] = namespace
    },

    // The bytes of a memory; undefined if it is no WebAssembly.Memory. What else is thrown, when the stack is full, says
    // nothing of it.
    bytes(memory) {
      try {
        return new Bytes(apply(buffer, memory, []))
      } catch (error) {
        if (error instanceof WrongType) return undefined
        throw error
      }
    },

    // Returns a new Buffer with its own ArrayBuffer. Throws if there is no memory, where Node-API's function ends the
    // process.
    allocate: (size) => apply(allocUnsafeSlow, Buffer, [size]),

    text: Text,

    // The elements of an array as strings, a hole being 'undefined'; nothing for what is no array.
    texts(value) {
      if (!isArray(value)) return undefined
      const texts = []
      for (let index = 0; index < value.length; index++) texts[index] = Text(value[index])
      return texts
    },

    // Returns the path of a URL, of any realm, detected as Node does; undefined for any other value.
    urlPath(value) {
      if (typeof value !== 'object' || value === null) return undefined
      const isURL = value.href && value.protocol && value.auth === undefined && value.path === undefined
      return isURL ? fileURLToPath(value.href) : undefined
    },

    entries,

    // Returns the own names that are not options, without reading a value; undefined if there are none.
    unknownOptions(options) {
      const names = keys(options)
      let unknown
      for (let index = 0; index < names.length; index++) {
        if (!apply(includes, native.options, [names[index]])) (unknown ??= [])[unknown.length] = names[index]
      }
      return unknown
    },

    provide(given) {
      ;({ fileURLToPath } = given)
    },

    // What Node's messages say was received.
    describe(value) {
      if (value === undefined || value === null) return `${value}`
      switch (typeof value) {
        case 'function':
          return `function ${value.name}`
        case 'object': {
          const name = value.constructor?.name
          if (typeof name === 'string') return `an instance of ${name}`
          return keys(value).length > 0 ? '[Object: null prototype]' : '[Object: null prototype] {}'
        }
        case 'string': {
          const text = value.length > 28 ? `${value.slice(0, 25)}...` : value
          return `type string (${text.includes("'") ? JSON.stringify(text) : `'${text}'`})`
        }
        case 'bigint':
          return `type bigint (${value}n)`
        default:
          return `type ${typeof value} (${Object.is(value, -0) ? '-0' : Text(value)})`
      }
    },

    idle,

    // What node:wasi's class looks like where Node-API makes it otherwise.
    shape({ prototype }) {
      const members = getOwnPropertyDescriptors(shaped(prototype))
      delete prototype.kept
      for (const name of keys(members)) {
        const member = members[name]
        // As what is not there in node:wasi, an heir may have a property of its own of that name.
        if (member.get) member.set = own(name)
        delete prototype[name]
        defineProperty(prototype, name, { ...member, enumerable: false })
      }
      const { dispose } = Symbol
      if (dispose) defineProperty(prototype, dispose, { ...members.close, enumerable: false })
    },
  }
}
