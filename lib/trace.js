'use strict'

// The option `trace`: logs each call of a guest as one line.

const { SUSPENDED } = require('./shim.js')

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
        const end = (errno) => write(call + describe.result(index, args, errno, now() - started))
        let errno
        try {
          errno = host(...args)
        } finally {
          // A call for which the guest is suspended has not ended yet.
          if (errno === SUSPENDED) state.describeEnd = end
          else end(errno)
        }
        return errno
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
