'use strict'

// Guests that wait without blocking the thread: imports that suspend the guest (JSPI). src/node/suspend.rs waits and
// continues the calls. Loaded at the first use.

const { makeAsyncRuns } = require('./async-run.js')
const { Deferred } = require('./deferred.js')
const { makeSuspendingImports } = require('./suspending-imports.js')
const { requireSuspending, runOptions } = require('./run-options.js')
const { TRAP } = require('./shim.js')

/** The first token of a sandbox for which other threads have output (src/node/wakeups.rs). */
const OUTPUT = 2 ** 52

/**
 * Returns the functions for the class WASI.
 *
 * - `native`: the native functions
 * - `importClassOf`: returns the class of the import objects of a namespace
 * - `ints`, `longs`: views of the argument buffer
 * - `EMPTY`: an array without bytes
 * - `setImmediate`: that of the program when it loaded capwasi
 *
 * The others are functions of lib/run.js.
 */
function makeSuspending({ native, importClassOf, ints, longs, begin, leave, resultOf, EMPTY, setImmediate }) {
  /** Receivers of wake-ups, by token. */
  const receivers = new Map()

  /** Called by native code when waits have ended, or other threads of a guest have output for its callbacks. */
  const wake = () => {
    for (const token of native.woken()) {
      const receiver = receivers.get(token)
      receivers.delete(token)
      try {
        if (token >= OUTPUT) native.deliver(token - OUTPUT)
        else receiver?.wake()
      } catch (error) {
        // The others must wake, too.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  /** Drops guests that wait for a promise of the embedder which can no longer be settled. */
  const unreachable = new FinalizationRegistry((call) => {
    const { run, id } = call.state
    // A timeout or a signal ends the run with its own error.
    if (!call.isCurrent || run?.disarm !== undefined || run?.promised?.signal !== undefined) return
    receivers.delete(~id)
    if (run?.promised !== undefined) call.drop()
  })

  /** A call for which a guest is suspended. */
  class SuspendedCall extends Deferred {
    constructor(state, resolve) {
      super(resolve)
      this.state = state
      this.token = undefined
      // Every call of the guest from here on calls `state.check`, which rejects the call while the guest is suspended.
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
        // A callback may have dropped the guest.
        if (!this.isCurrent) {
          native.cancel(state.id)
          return
        }
        if (typeof awaited === 'number' && awaited >= 0) this.end(awaited)
      } catch (thrown) {
        if (this.isCurrent) this.fail(thrown)
        return
      }
      if (awaited === undefined) {
        // Still waits for a promise, or this is a callback of the call itself.
        receivers.set(~state.id, this)
      } else if (typeof awaited !== 'number') {
        receivers.set(~state.id, this)
        unreachable.register(awaited, this, this)
        awaited.then(
          (value) => {
            unreachable.unregister(this)
            this.proceed((id) => native.finish(id, value))
          },
          (thrown) => {
            unreachable.unregister(this)
            if (this.isCurrent) this.fail(thrown)
          },
        )
      } else if (awaited < 0) {
        this.token = -awaited
        receivers.set(this.token, this)
        receivers.set(~state.id, this)
        // A poll may wait for stdin.
        state.callbacks?.[0]?.polled?.pending?.then(() => this.wake(true))
      } else {
        this.fulfill(awaited)
      }
    }

    /**
     * Called for the token of a wait, for `~id` if another thread has ended or closed the guest, by `close`, and when
     * stdin has an item.
     */
    wake(isStdinReady) {
      if (!this.isCurrent) return
      receivers.delete(this.token)
      this.proceed((id) => native.restart(id, isStdinReady))
    }

    /** Throws an exception in the guest, which ends the run. */
    fail(thrown) {
      const { run } = this.state
      this.cancel()
      if (run === undefined) {
        this.reject(thrown)
      } else {
        run.end ??= { thrown }
        this.reject(run.end.thrown)
      }
    }

    /** Unwinds the stack of the guest without running it: V8 keeps every suspended stack. */
    drop() {
      this.cancel()
      this.reject(makeTrap())
    }

    cancel() {
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
      state.describeEnd = undefined
      receivers.delete(~state.id)
      describeEnd?.(errno)
      state.suspended = undefined
    }
  }

  /** Suspends a guest for its last call. */
  const wait = (state) => {
    // A callback may have ended the run during the call.
    if (state.run?.end !== undefined) {
      native.cancel(state.id)
      throw state.run.end.thrown
    }
    return new Promise((resolve) => new SuspendedCall(state, resolve).proceed(native.suspend))
  }

  const importsOf = makeSuspendingImports({ native, importClassOf, ints, longs, EMPTY, wait })

  /** Returns the import object of a guest. */
  const importObject = (state) => {
    requireSuspending('getImportObject({ suspending: true })')
    return { [state.namespace]: importsOf(state) }
  }

  const runs = makeAsyncRuns({ native, receivers, leave, resultOf, EMPTY, setImmediate })

  /** Runs a guest that may be suspended. Returns a promise of its exit code. */
  const execute = (state, instance, entryOf, isCommand, options) => {
    requireSuspending(isCommand ? 'startAsync()' : 'initializeAsync()')
    const checked = runOptions(options, ['timeout', 'signal'])
    if (checked.signal?.aborted) {
      state.close()
      throw checked.signal.reason
    }
    const run = begin(state, instance, entryOf, isCommand)
    return run.entry === undefined ? resultOf(state, run) : runs.start(state, run, checked)
  }

  return { importObject, wake, execute, enter: runs.enter, settle: runs.settle }
}

let throwTrap

/** Returns the exception of a trap. WebAssembly cannot catch it, unlike other exceptions. */
function makeTrap() {
  throwTrap ??= new WebAssembly.Instance(new WebAssembly.Module(TRAP)).exports.trap
  try {
    return throwTrap()
  } catch (trap) {
    return trap
  }
}

exports.makeSuspending = makeSuspending
