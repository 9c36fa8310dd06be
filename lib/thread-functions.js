'use strict'

// Functions for lib/threads.js. The first argument is a WASI object. Loaded at the first use.

/** Returns the functions. `native` has the native functions, and `stateOf` returns the state of a WASI object. */
function makeThreadFunctions({ native, stateOf }) {
  const { spawn, next, finish, fail, end, ending, allow } = native.threads()
  return {
    __proto__: null,
    allow(wasi, limit, memory, terminate) {
      const state = stateOf(wasi)
      allow(state.id, limit)
      state.threads = {
        memory,
        terminate,
        end() {
          end(state.id)
          // Where native code cannot stop threads that compute, their workers are terminated.
          terminate()
        },
      }
    },
    spawn: (wasi, argument, createWorker) => spawn(stateOf(wasi).id, argument, createWorker),
    next: (wasi) => next(stateOf(wasi).id),
    finish: (wasi) => finish(stateOf(wasi).id),
    fail: (wasi, error) => fail(stateOf(wasi).id, error),
    /** Returns the error or the exit by which a thread has ended the guest; undefined if it was reported before. */
    ending: (wasi) => ending(stateOf(wasi).id),
    /** Reports the error or the exit of another thread, unless a run has thrown it. */
    report(wasi) {
      const state = stateOf(wasi)
      const thrown = ending(state.id)
      if (thrown === undefined) return
      const promised = state.run?.promised
      if (promised !== undefined) promised.stop(thrown)
      else if (!native.isExit(thrown)) throw thrown
    },
  }
}

exports.makeThreadFunctions = makeThreadFunctions
