'use strict'

// Runs of a guest: the calls of its exports `_start` and `_initialize`. Loaded at the first run.

const { isArray } = Array
const { apply } = Reflect
const { toString: sourceOf } = Function.prototype

/** Returns whether a function is native, as those of `WebAssembly.promising` are. */
const isNative = (value) => apply(sourceOf, value, []).includes('[native code]')

/** Calls `finalizeBindings`, which a subclass may override. */
function bindInstance(instance) {
  this.finalizeBindings(instance)
}

/**
 * Returns the functions for the class WASI.
 *
 * - `native`: the native functions
 * - `values`, `suspending`: return the functions of lib/values.js and lib/suspending.js
 * - `symbols`: the keys of properties of WASI objects
 * - `EMPTY`: an array without bytes
 */
function makeRunFunctions({ native, values, suspending, terminationProbe, symbols, EMPTY }) {
  const { kExitCode, kInstance, kSetMemory, kStarted } = symbols
  const invalidType = (...args) => values().invalidType(...args)
  const expectObject = (value, subject) => {
    if (typeof value !== 'object' || value === null || isArray(value))
      throw invalidType(subject, 'of type object', value)
  }
  const expectFunction = (value, name) => {
    if (typeof value !== 'function') throw invalidType(`The "${name}" property`, 'of type function', value)
  }
  const expectUndefined = (value, name) => {
    if (value !== undefined) throw invalidType(`The "${name}" property`, 'undefined', value)
  }

  /**
   * Returns the entry of a command. Without a version the entry is optional, and the entry of a reactor is accepted.
   */
  const commandEntry = (exports, { startsReactors }) => {
    if (startsReactors) {
      for (const name of ['_start', '__wasi_unstable_reactor_start']) {
        const entry = exports[name]
        if (!entry) continue
        expectFunction(entry, `instance.exports.${name}`)
        return entry
      }
      return undefined
    }
    const { _start, _initialize } = exports
    expectFunction(_start, 'instance.exports._start')
    expectUndefined(_initialize, 'instance.exports._initialize')
    return _start
  }

  /** Returns the entry of a reactor, which is optional. */
  const reactorEntry = ({ _start, _initialize }) => {
    expectUndefined(_start, 'instance.exports._start')
    if (_initialize !== undefined) expectFunction(_initialize, 'instance.exports._initialize')
    return _initialize
  }

  /** The method `finalizeBindings`: stores an instance and its memory. */
  const finalizeBindings = ({ wasi, threads }, instance, options) => {
    if (options === null) throw invalidType('The "options" argument', 'of type object', options)
    let memory = options === undefined ? undefined : options.memory
    if (memory === undefined) memory = instance?.exports?.memory ?? threads?.memory
    if (wasi[kStarted]) {
      const message = 'WASI instance has already started'
      throw values().nodeError('Error', 'ERR_WASI_ALREADY_STARTED', message)
    }
    expectObject(instance, 'The "instance" argument')
    expectObject(instance.exports, 'The "instance.exports" property')
    wasi[kSetMemory](memory)
    wasi[kInstance] = instance
    wasi[kStarted] = true
  }

  /** Begins a run: binds an instance. The result has the export that `entryOf` returns; undefined for none. */
  const begin = (state, instance, entryOf, isCommand) => {
    const { wasi } = state
    if (state.hasExited) {
      wasi[kExitCode] = 0
      state.hasExited = false
    }
    const run = { end: undefined, entry: undefined, isCommand, outer: state.run, code: wasi[kExitCode] }
    try {
      apply(bindInstance, wasi, [instance])
      run.entry = entryOf(wasi[kInstance].exports, state)
      return run
    } finally {
      if (run.entry === undefined) {
        state.bytes = EMPTY
        terminationProbe()
      }
    }
  }

  /** Returns the result of a run that has ended by itself. */
  const resultOf = (state, { isCommand }) => (isCommand ? state.wasi[kExitCode] : undefined)

  /** Ends a run. Throws the exception that has ended it, or returns the exit code. */
  const leave = (state, run) => {
    const { wasi } = state
    const { end, outer } = run
    if (state.run === run) state.run = outer
    state.bytes = EMPTY
    run.disarm?.()
    if (run.isCommand) state.threads?.end()
    // Without WebAssembly.promising, the engine throws a SuspendError when a call has to wait.
    state.suspended?.cancel()
    // Carries out a termination that Node-API dropped and native code requested again (src/node/termination.rs).
    terminationProbe()
    if (end === undefined) return undefined
    const isExit = end.isExit || native.isExit(end.thrown)
    // Another thread of the guest has exited.
    if (isExit && !end.isExit) wasi[kExitCode] = end.thrown.exitCode
    const exitCode = wasi[kExitCode]
    // The code belongs to this run, not to an outer one or the next.
    if (outer !== undefined) wasi[kExitCode] = run.code
    else state.hasExited = isExit
    if (!isExit || !run.isCommand) throw end.thrown
    return exitCode
  }

  /**
   * Runs a guest. The result is the first exception of a host function, or the exit, even if the guest caught it. A
   * promise, if the entry returns one.
   */
  const execute = (state, instance, entryOf, isCommand, { timeout }) => {
    const run = begin(state, instance, entryOf, isCommand)
    if (run.entry === undefined) return resultOf(state, run)
    let guest
    try {
      state.run = run
      if (timeout === undefined) guest = native.start(state.id, run.entry, isCommand)
      else guest = suspending().enter(state, run, run.entry, timeout)
      // node:wasi does not wait for an asynchronous function of JavaScript.
      if (guest !== undefined && !isNative(run.entry)) guest = undefined
    } catch (thrown) {
      // Another thread of the guest has exited.
      if (native.isExit(thrown)) run.end ??= { thrown }
      if (thrown?.name === 'SuspendError') {
        thrown.message = 'The guest has to wait, for which start() cannot suspend it: use startAsync()'
      }
      throw thrown
    } finally {
      if (guest === undefined) {
        const exitCode = leave(state, run)
        // biome-ignore lint/correctness/noUnsafeFinally: the end of the run replaces what the guest throws or returns
        if (run.end !== undefined) return exitCode
      }
    }
    return guest === undefined ? resultOf(state, run) : suspending().settle(state, run, guest)
  }

  return { begin, resultOf, leave, execute, finalizeBindings, commandEntry, reactorEntry }
}

exports.makeRunFunctions = makeRunFunctions
