'use strict'

/** A promise that is settled later, once. */
class Deferred {
  constructor(resolve) {
    this.resolve = resolve
  }

  fulfill(value) {
    this.resolve?.(value)
    this.resolve = undefined
  }

  /** Rejects through `resolve`: storing the promise's own `reject` would take memory for each waiting guest. */
  reject(reason) {
    this.resolve?.(Promise.reject(reason))
    this.resolve = undefined
  }
}

exports.Deferred = Deferred
