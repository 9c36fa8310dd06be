'use strict'

// Runs whose end is a promise, and timeouts of runs.

const { Deferred } = require('./deferred.js')
const { callWithTimeout } = require('./timeout.js')

/**
 * Returns the functions for runs. `native` has the native functions, `receivers` the receivers of wake-ups by token,
 * and `EMPTY` is an array without bytes. The others are functions of lib/run.js.
 */
function makeAsyncRuns({ native, receivers, leave, resultOf, EMPTY, setImmediate }) {
  /** The promise of the end of a run. */
  class AsyncRun extends Deferred {
    constructor(state, run, signal, resolve) {
      super(resolve)
      this.state = state
      this.run = run
      this.signal = signal
      this.isOver = false
      /** Functions that streams of the embedder have returned, for the end of the run. */
      this.detach = state.callbacks?.map((callback) => callback?.attach?.((error) => this.drop(error)))
      run.promised = this
      signal?.addEventListener('abort', this)
    }

    /** Called by the signal. */
    handleEvent() {
      this.drop(this.signal.reason)
    }

    /** Waits for the end of the guest. */
    follow(guest) {
      guest.then(
        () => this.end(false),
        (thrown) => this.end(true, thrown),
      )
    }

    /** Ends the run, once the guest has ended. */
    end(isRejected, thrown) {
      if (this.isOver) return
      const { state, run } = this
      this.isOver = true
      // Another thread of the guest has exited.
      if (isRejected && native.isExit(thrown)) run.end ??= { thrown }
      this.signal?.removeEventListener('abort', this)
      for (const detach of this.detach ?? []) detach?.()
      try {
        const exitCode = leave(state, run)
        if (run.end !== undefined) this.fulfill(exitCode)
        else if (isRejected) this.reject(thrown)
        else this.fulfill(resultOf(state, run))
      } catch (error) {
        this.reject(error)
      }
    }

    /** Ends the run of a guest that another thread has ended. */
    stop(thrown) {
      const { state, run } = this
      if (this.isOver || run.end !== undefined) return
      run.end = { thrown }
      state.bytes = EMPTY
      state.suspended?.drop()
      this.end()
    }

    /** Stops the guest, and closes its descriptors. A guest that is suspended never continues. */
    drop(reason) {
      const { state, run } = this
      if (this.isOver || run.end !== undefined) return
      run.end = { thrown: reason }
      state.bytes = EMPTY
      const { suspended } = state
      suspended?.drop()
      try {
        state.close()
      } finally {
        this.reject(reason)
        // A guest that is not suspended ends by itself: its next call throws.
        if (suspended !== undefined || !run.hasEntered) this.end()
      }
    }
  }

  /** Starts the timeout of a run. `run.disarm` ends it. */
  const arm = (state, run, timeout) => {
    const token = native.setTimeout(state.id, timeout)
    receivers.set(token, { wake: () => run.promised?.drop(native.timeoutError(timeout)) })
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

  /** Returns a promise of the end of a run whose guest is suspended. */
  const settle = (state, run, guest) =>
    new Promise((resolve) => new AsyncRun(state, run, undefined, resolve).follow(guest))

  /** Returns a promise of the end of a run, and enters the guest in a task of its own. */
  const start = (state, run, { timeout, signal }) =>
    new Promise((resolve) => {
      const promised = new AsyncRun(state, run, signal, resolve)
      const begin = () => {
        if (run.end !== undefined) return
        try {
          const guest = enter(state, run, promising(run.entry), timeout)
          if (guest === undefined) promised.end(false)
          else promised.follow(guest)
        } catch (thrown) {
          promised.end(true, thrown)
        }
      }
      // On Node 24 a chain of guests, each started by the end of another, can exhaust the stack within a task.
      setImmediate(begin)
    })

  return { enter, settle, start }
}

/** Returns a function that returns a promise. The embedder may have made one already. */
function promising(entry) {
  try {
    return WebAssembly.promising(entry)
  } catch {
    return entry
  }
}

exports.makeAsyncRuns = makeAsyncRuns
