'use strict'

// Guests that wait without blocking the thread: imports that suspend the guest (JSPI), and runs whose end is a promise.
// src/node/suspend.rs waits and continues the calls. Loaded at the first use.

const { requireSuspending, runOptions } = require('./run-options.js')
const { assemble } = require('./shim.js')
const { callWithTimeout } = require('./timeout.js')

const { keys } = Object
const { setImmediate } = globalThis

/** The functions that may have to wait, with the types of their parameters. */
const WAITING = {
  fd_read: 'iiii',
  fd_write: 'iiii',
  path_open: 'iiiiiIIii',
  poll_oneoff: 'iiii',
  sock_accept: 'iii',
  sock_recv: 'iiiiii',
  sock_send: 'iiiii',
}

/** The bit in the number of a sandbox that lets native code suspend the guest (src/node/arguments.rs). */
const SUSPENDING = 1 << 31

/**
 * Returns the functions for the class WASI. `native` has the native functions, `importClassOf` returns the class of the
 * import objects of a namespace, and `EMPTY` is an array without bytes.
 */
function makeSuspending({ native, importClassOf, EMPTY }) {
  /** Receivers of wake-ups, by token. */
  const receivers = new Map()

  /** Called by native code when waits have ended. */
  const wake = () => {
    for (const token of native.woken()) {
      const receiver = receivers.get(token)
      receivers.delete(token)
      receiver?.wake()
    }
  }

  /** A call for which a guest is suspended. */
  class SuspendedCall {
    constructor(state, resolve, reject) {
      this.state = state
      this.resolve = resolve
      this.reject = reject
      this.token = undefined
      this.bytes = state.bytes
      // Every call of the guest from here on calls `state.check`, which rejects the call.
      state.bytes = EMPTY
      state.suspended = this
    }

    /** Whether the guest is still suspended for this call. A dropped guest never continues. */
    get isCurrent() {
      return this.state.suspended === this
    }

    /** Continues the call by a native function that returns its new state, as src/node/suspend.rs describes. */
    proceed(step) {
      const { state } = this
      if (!this.isCurrent) return
      let awaited
      try {
        awaited = step(state.id)
        if (typeof awaited === 'number' && awaited >= 0) this.end(awaited)
      } catch (thrown) {
        this.fail(thrown)
        return
      }
      if (typeof awaited !== 'number') {
        const finish = (value) => this.proceed((id) => native.finish(id, value))
        awaited.then(finish, (thrown) => this.isCurrent && this.fail(thrown))
      } else if (awaited < 0) {
        this.token = -awaited
        receivers.set(this.token, this)
      } else {
        state.bytes = this.bytes
        this.resolve(awaited)
      }
    }

    wake() {
      this.proceed(native.restart)
    }

    /** Throws an exception in the guest, which ends the run. */
    fail(thrown) {
      const { run } = this.state
      this.drop()
      if (run === undefined) {
        this.reject(thrown)
      } else {
        run.end ??= { thrown }
        this.reject(run.end.thrown)
      }
    }

    /** Forgets the call. Without a call of `reject` the guest never continues. */
    drop() {
      receivers.delete(this.token)
      native.cancel(this.state.id)
      try {
        this.end(undefined)
      } catch {
        // Tracing has failed, after another failure.
      }
    }

    end(errno) {
      const { state } = this
      const { describeEnd } = state
      state.suspended = undefined
      state.describeEnd = undefined
      describeEnd?.(errno)
    }
  }

  const modules = { __proto__: null }

  /** Returns the import object of a guest. Functions of `wasiImport` that the embedder has replaced stay. */
  const importObject = (state) => {
    requireSuspending('getImportObject({ suspending: true })')
    const { id, namespace, originals } = state
    const { wasiImport } = state.wasi
    const names = keys(WAITING).filter((name) => originals[name] !== undefined)
    const types = Object.fromEntries(names.map((name) => [name, WAITING[name]]))
    modules[namespace] ??= new WebAssembly.Module(assemble(types))
    const host = new (importClassOf(namespace))(id | SUSPENDING, state)
    state.trace?.(host)
    const wait = () =>
      new Promise((resolve, reject) => new SuspendedCall(state, resolve, reject).proceed(native.suspend))
    host.wait = new WebAssembly.Suspending(wait)
    const { exports: shim } = new WebAssembly.Instance(modules[namespace], { host })
    const imports = { ...wasiImport }
    for (const name of names) if (imports[name] === originals[name]) imports[name] = shim[name]
    return { [namespace]: imports }
  }

  /** Starts the timeout of a run. `run.disarm` ends it. */
  const arm = (state, run, timeout) => {
    const token = native.setTimeout(state.id, timeout)
    receivers.set(token, { wake: () => run.drop?.(native.timeoutError(timeout)) })
    run.disarm = () => {
      receivers.delete(token)
      native.setTimeout(state.id)
    }
  }

  /**
   * Calls the entry of a guest. Returns the promise of a guest that is suspended. With a timeout, interrupts a guest
   * that computes: `run.end` then has the error.
   */
  const enter = (state, run, entry, timeout) => {
    const call = () => native.start(state.id, entry, run.isCommand)
    state.run = run
    run.hasEntered = true
    if (timeout === undefined) return call()
    arm(state, run, timeout)
    const result = callWithTimeout(call, timeout)
    if (result === undefined) {
      // In Deno, an interrupted host function may have ended the run with null.
      if ((run.end?.thrown ?? null) === null) run.end = { thrown: native.timeoutError(timeout) }
    } else if ('thrown' in result) {
      throw result.thrown
    }
    return result?.value
  }

  /** Returns a promise of the end of a run. `guest` is the promise of its guest. */
  const settle = (state, run, guest, signal) =>
    new Promise((resolve, reject) => {
      const detach = (state.callbacks ?? []).map((callback) => callback?.attach?.((error) => run.drop(error)))
      const abort = () => run.drop(signal.reason)
      let isOver = false
      const end = (settled) => {
        if (isOver) return
        isOver = true
        signal?.removeEventListener('abort', abort)
        for (const each of detach) each?.()
        try {
          const exitCode = state.leave(run)
          if (run.end === undefined) settled()
          else resolve(exitCode)
        } catch (thrown) {
          reject(thrown)
        }
      }
      run.isPending = true
      run.drop = (reason) => {
        if (isOver || run.end !== undefined) return
        run.end = { thrown: reason }
        state.bytes = EMPTY
        const call = state.suspended
        call?.drop()
        try {
          state.close()
        } finally {
          reject(reason)
          // A guest that is not suspended has to end by itself: its next call throws.
          if (call !== undefined || !run.hasEntered) end()
        }
      }
      signal?.addEventListener('abort', abort)
      guest.then(
        () => end(() => resolve(state.resultOf(run))),
        (thrown) => end(() => reject(thrown)),
      )
    })

  /** Runs a guest that may be suspended. Returns a promise of its exit code. */
  const execute = async (state, instance, entryOf, isCommand, options) => {
    requireSuspending(isCommand ? 'startAsync()' : 'initializeAsync()')
    const { timeout, signal } = runOptions(options, ['timeout', 'signal'])
    if (signal?.aborted) {
      state.close()
      throw signal.reason
    }
    const run = state.begin(instance, entryOf, isCommand)
    if (run.entry === undefined) return state.resultOf(run)
    const begin = () => (run.end === undefined ? enter(state, run, promising(run.entry), timeout) : undefined)
    // In a task of its own: on Node 24 a chain of guests, each started by the end of another, can exhaust the stack.
    return settle(state, run, new Promise(setImmediate).then(begin), signal)
  }

  return { importObject, wake, enter, settle, execute }
}

/** Returns a function that returns a promise. The embedder may have made one already. */
function promising(entry) {
  try {
    return WebAssembly.promising(entry)
  } catch {
    return entry
  }
}

exports.makeSuspending = makeSuspending
