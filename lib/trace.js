'use strict'

// The option `trace`: logs each call of a guest as one line.

const { defineProperty, keys } = Object

/**
 * Replaces the functions of an import object with functions that log. `describe.call` describes a call and its
 * arguments, `describe.result` its result. `proc_exit` does not return, so its line is written before the call.
 */
exports.trace = (wasiImport, state, EMPTY, describe, write, now) => {
  keys(wasiImport).forEach((name, index) => {
    const host = wasiImport[name]
    const traced = (...args) => {
      state.check()
      try {
        const call = name + describe.call(index, args)
        if (name === 'proc_exit') {
          write(`${call} = ?`)
          return host(...args)
        }
        const started = now()
        let errno
        try {
          errno = host(...args)
          return errno
        } finally {
          const elapsed = now() - started
          write(call + describe.result(index, args, errno, elapsed))
        }
      } catch (thrown) {
        state.bytes = EMPTY
        if (state.run === undefined) throw thrown
        state.run.end ??= { thrown }
        throw state.run.end.thrown
      }
    }
    defineProperty(traced, 'name', { value: host.name })
    wasiImport[name] = defineProperty(traced, 'length', { value: host.length })
  })
}
