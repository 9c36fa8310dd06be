'use strict'

// Functions for lib/process.js. The first argument of most is a WASI object. Loaded at the first use.

/** Returns the functions. `native` has the native functions, and `stateOf` returns the state of a WASI object. */
function makeProcessFunctions({ native, stateOf }) {
  const { cpuTime, countCpuTime, peakMemory, guardHeap, hasFullHeap, end, pipe, closePipe } = native.processes()
  return {
    __proto__: null,
    cpuTime: (wasi) => cpuTime(stateOf(wasi).id),
    countCpuTime: (wasi, run) => countCpuTime(stateOf(wasi).id, run),
    peakMemory: (wasi) => peakMemory(stateOf(wasi).id),
    guardHeap: (wasi) => guardHeap(stateOf(wasi).id),
    hasFullHeap: (wasi) => hasFullHeap(stateOf(wasi).id),
    end: (wasi) => end(stateOf(wasi).id),
    pipe,
    // On Windows the descriptors belong to Node.
    closePipe: closePipe ?? require('node:fs').closeSync,
  }
}

exports.makeProcessFunctions = makeProcessFunctions
