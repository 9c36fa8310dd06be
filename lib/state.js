'use strict'

// The states of WASI objects, and the functions that run their guests. Loaded at the first use of a WASI object.

const { apply } = Reflect
const { assign, getOwnPropertyDescriptor, getPrototypeOf } = Object
const Ints = Int32Array
const Longs = BigInt64Array
const now = process.hrtime.bigint
const EMPTY = new Uint8Array(0)

const bufferOfBytes = getOwnPropertyDescriptor(getPrototypeOf(Uint8Array.prototype), 'buffer').get
const resizable = getOwnPropertyDescriptor(ArrayBuffer.prototype, 'resizable')?.get

/** Returns whether bytes can grow without a new buffer. False for shared buffers, which lack the property. */
const isResizable = (bytes) => {
  try {
    return apply(resizable, apply(bufferOfBytes, bytes, []), [])
  } catch {
    return false
  }
}

/**
 * Returns the class `State` and functions. `native` has the native functions, `addon.modules` loads modules, and the
 * others are values of lib/wasi.js.
 */
exports.makeStateFunctions = ({ native, addon, memoryBytes, terminationProbe, setImmediate, symbols }) => {
  const values = () => addon.modules.values()
  const [ints, longs] = [new Ints(native.buffer), new Longs(native.buffer)]

  /** Constructors of import objects, by namespace. */
  const importClasses = { __proto__: null }

  const importClassOf = (namespace) => {
    if (importClasses[namespace] === undefined) {
      const natives = { __proto__: null }
      native.addFunctions(namespace, natives)
      const { makeImportClass } = addon.modules.imports()
      importClasses[namespace] = makeImportClass(natives, ints, longs, EMPTY)
    }
    return importClasses[namespace]
  }

  /** The functions of lib/run.js, after their first use. */
  let runFunctions
  const runs = () => {
    runFunctions ??= addon.modules
      .run()
      .makeRunFunctions({ native, values, suspending, terminationProbe, symbols, EMPTY })
    return runFunctions
  }

  /** The functions of lib/suspending.js, after their first use. */
  let suspendingFunctions
  const suspending = () => {
    if (suspendingFunctions === undefined) {
      const natives = { ...native, ...native.suspending() }
      const { makeSuspending } = addon.modules.suspending()
      suspendingFunctions = makeSuspending({
        native: natives,
        importClassOf,
        ints,
        longs,
        EMPTY,
        setImmediate,
        ...runs(),
      })
    }
    return suspendingFunctions
  }

  /**
   * Returns a promise of the result of a run. `stateOf` returns the state, and `entry` is the name of a function of
   * lib/run.js. An async function would keep a second promise until the guest ends.
   */
  const executeAsync = (stateOf, instance, entry, ...args) => {
    try {
      return Promise.resolve(suspending().execute(stateOf(), instance, runs()[entry], ...args))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Creates another WASI object of the guest with this handle. */
  const join = (handle, WASI) => {
    const text = handle?.capwasi
    if (typeof text !== 'string') throw values().invalidType('The "handle" argument', 'a result of share()', handle)
    if (native.join(text)) return new WASI(null)
    const message = "The argument 'handle' is unknown, or its guest has ended"
    throw values().nodeError('TypeError', 'ERR_INVALID_ARG_VALUE', message)
  }

  /** Returns the `proc_exit` of a sandbox with `returnOnExit`: stores the argument, of any type, and ends the guest. */
  const returnOnProcExit = (state) =>
    ({
      'bound wasiReturnOnProcExit'(code) {
        state.check()
        state.wasi[symbols.kExitCode] = code
        try {
          native.exit(state.id, code)
        } catch (thrown) {
          state.bytes = EMPTY
          if (state.run !== undefined) state.run.end = { thrown, isExit: true }
          throw thrown
        }
      },
    })['bound wasiReturnOnProcExit']

  /** The state that a WASI object and the functions of its `wasiImport` share. Each function keeps the state alive. */
  class State {
    constructor(wasi, wasiImport, id, namespace, startsReactors, returnOnExit, callbacks, traceSink) {
      this.wasi = wasi
      /** The original `wasiImport`. */
      this.wasiImport = wasiImport
      this.id = id
      this.namespace = namespace
      /** Whether `start` also runs `__wasi_unstable_reactor_start`, as without a version. */
      this.startsReactors = startsReactors
      this.returnOnExit = returnOnExit
      this.callbacks = callbacks
      /** The value of the option `trace`: a function or the number of a descriptor; null without the option. */
      this.traceSink = traceSink
      this.captured = undefined
      this.memory = undefined
      /**
       * The bytes of the memory. Growth detaches the buffer, and then `bytes[0]` is undefined: `refreshMemory` is
       * called before the next native call. Growth of a resizable buffer is invisible, so for one `bytes` is always
       * EMPTY.
       */
      this.bytes = EMPTY
      /** The innermost run of the guest. `end` holds the exception that has ended the run. */
      this.run = undefined
      /** The memory and the workers of a guest with threads: see lib/threads.js. */
      this.threads = undefined
      /** The call for which the guest is suspended (lib/suspending.js). */
      this.suspended = undefined
      /** Logs the end of that call, for the option `trace`. */
      this.describeEnd = undefined
      /** The original functions that can wait. The embedder may replace them. Undefined until the first use. */
      this.originals = undefined
      /** Whether `kExitCode` is the exit code of an earlier run. The next run resets it. */
      this.hasExited = false
    }

    /** Adds the functions to `wasiImport`. */
    addFunctions(wasiImport) {
      apply(importClassOf(this.namespace), wasiImport, [this.id, this])
      if (this.returnOnExit) wasiImport.proc_exit = returnOnProcExit(this)
      if (this.traceSink !== null) this.trace(wasiImport)
      const { fd_read, fd_write, path_open, poll_oneoff, sock_accept, sock_recv, sock_send } = wasiImport
      this.originals = { fd_read, fd_write, path_open, poll_oneoff, sock_accept, sock_recv, sock_send }
    }

    /** Replaces the functions of an import object by functions that log, for the option `trace`. */
    trace(wasiImport) {
      const { id, traceSink } = this
      const { call, result, write } = native.trace()
      const describe = { call: (...args) => call(id, ...args), result: (...args) => result(id, ...args) }
      const log = typeof traceSink === 'number' ? (line) => write(line, traceSink) : traceSink
      addon.modules.trace().trace(wasiImport, this, EMPTY, describe, log, now)
    }

    /** Throws the exception that has ended the current run. */
    check() {
      if (this.suspended !== undefined) throw values().suspendedError()
      if (this.run?.end === undefined) return
      if (this.run.promised || native.isRunning(this.id)) throw this.run.end.thrown
      // A timeout of node:vm has ended the run without the `finally` of `execute`.
      this.run = undefined
    }

    refreshMemory() {
      this.check()
      if (this.memory !== undefined) this.bind(this.memory)
    }

    bind(memory) {
      // If a statement below throws, no function may use the old memory: garbage collection may free it.
      this.bytes = EMPTY
      const bytes = memoryBytes(memory)
      if (bytes === undefined) {
        const message = '"instance.exports.memory" property must be a WebAssembly.Memory object'
        throw assign(new TypeError(message), { code: 'ERR_INVALID_ARG_TYPE' })
      }
      native.bind(this.id, memory, bytes)
      this.memory = memory
      if (!isResizable(bytes) && this.run?.end === undefined) this.bytes = bytes
    }

    close() {
      const captures = native.close(this.id)
      // A call that waits for a descriptor fails.
      this.suspended?.wake()
      if (this.run === undefined) this.threads?.terminate()
      try {
        // Moves captured output from native memory into Buffers, which V8 can free while JavaScript runs. Finalizers of
        // native memory run only when JavaScript pauses.
        if (captures) {
          this.output(1)
          this.output(2)
        }
      } finally {
        // Ends the iteration of `stdin` or `input`.
        this.callbacks?.[0]?.end?.()
      }
    }

    /** Returns captured output: the same Buffer until the guest writes more. */
    output(fd) {
      this.captured ??= { __proto__: null }
      const output = native.captured(this.id, fd, this.captured[fd])
      this.captured[fd] = output
      return output
    }
  }

  return { State, executeAsync, join, runs, suspending }
}
