'use strict'

// The thread of the guest, in the role of a pool. Without limits that need one, the guest runs in this thread: that
// starts sooner, and a signal ends the process in either case.

const { runGuest } = require('../guest.js')

const nothing = () => {}

/** This thread. */
const here = { canInterrupt: true, run: runGuest, terminate: nothing, ref: nothing, unref: nothing }

const createThread = (heap) => {
  const { Thread } = require('../pool.js')
  return new Thread(heap, nothing)
}

/** Runs one guest. */
class OnlyThread {
  /** A thread that starts while the program is compiled. */
  #early

  constructor(isNeeded) {
    if (isNeeded) this.#early = createThread()
  }

  enter() {
    return true
  }

  leave() {}

  /** Returns the thread. `heap` limits the objects on the heap of the engine, which only a thread of its own can. */
  take(heap) {
    if (heap === undefined) return this.#early ?? here
    this.#early?.terminate()
    return createThread(heap)
  }

  release() {}
}

exports.OnlyThread = OnlyThread
