'use strict'

// The host functions that may have to wait, for lib/shim.js. This file is written by `npm run imports`
// (scripts/imports.mjs). The functions work like those of lib/imports.js, with two differences. All guests share them:
// the first argument is the state of the guest. WebAssembly has checked the other arguments.

/** The types of the parameters: `i` is an i32, `I` an i64. */
const WAITING = {
  __proto__: null,
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

/** Returns the functions of one namespace. */
const makeWaitingFunctions = (natives, ints, longs, EMPTY) => {
  const { fd_read, fd_write, path_open, poll_oneoff, sock_accept, sock_recv, sock_send } = natives
  return {
    __proto__: null,
    fd_read(state, a1, a2, a3, a4) {
      if (state.bytes[0] === undefined) state.refreshMemory()
      ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[0] = state.id | SUSPENDING
      try {
        const end = fd_read()
        return end === undefined ? ints[0] : end
      } catch (thrown) {
        state.bytes = EMPTY
        if (state.run === undefined) throw thrown
        state.run.end ??= { thrown }
        throw state.run.end.thrown
      }
    },
    fd_write(state, a1, a2, a3, a4) {
      if (state.bytes[0] === undefined) state.refreshMemory()
      ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[0] = state.id | SUSPENDING
      try {
        const end = fd_write()
        return end === undefined ? ints[0] : end
      } catch (thrown) {
        state.bytes = EMPTY
        if (state.run === undefined) throw thrown
        state.run.end ??= { thrown }
        throw state.run.end.thrown
      }
    },
    path_open(state, a1, a2, a3, a4, a5, a6, a7, a8, a9) {
      if (state.bytes[0] === undefined) state.refreshMemory()
      ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[10] = a5; longs[6] = a6;
      longs[7] = a7; ints[16] = a8; ints[18] = a9; ints[0] = state.id | SUSPENDING
      try {
        const end = path_open()
        return end === undefined ? ints[0] : end
      } catch (thrown) {
        state.bytes = EMPTY
        if (state.run === undefined) throw thrown
        state.run.end ??= { thrown }
        throw state.run.end.thrown
      }
    },
    poll_oneoff(state, a1, a2, a3, a4) {
      if (state.bytes[0] === undefined) state.refreshMemory()
      ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[0] = state.id | SUSPENDING
      try {
        const end = poll_oneoff()
        return end === undefined ? ints[0] : end
      } catch (thrown) {
        state.bytes = EMPTY
        if (state.run === undefined) throw thrown
        state.run.end ??= { thrown }
        throw state.run.end.thrown
      }
    },
    sock_accept(state, a1, a2, a3) {
      if (state.bytes[0] === undefined) state.refreshMemory()
      ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[0] = state.id | SUSPENDING
      try {
        const end = sock_accept()
        return end === undefined ? ints[0] : end
      } catch (thrown) {
        state.bytes = EMPTY
        if (state.run === undefined) throw thrown
        state.run.end ??= { thrown }
        throw state.run.end.thrown
      }
    },
    sock_recv(state, a1, a2, a3, a4, a5, a6) {
      if (state.bytes[0] === undefined) state.refreshMemory()
      ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[10] = a5; ints[12] = a6;
      ints[0] = state.id | SUSPENDING
      try {
        const end = sock_recv()
        return end === undefined ? ints[0] : end
      } catch (thrown) {
        state.bytes = EMPTY
        if (state.run === undefined) throw thrown
        state.run.end ??= { thrown }
        throw state.run.end.thrown
      }
    },
    sock_send(state, a1, a2, a3, a4, a5) {
      if (state.bytes[0] === undefined) state.refreshMemory()
      ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[10] = a5; ints[0] = state.id | SUSPENDING
      try {
        const end = sock_send()
        return end === undefined ? ints[0] : end
      } catch (thrown) {
        state.bytes = EMPTY
        if (state.run === undefined) throw thrown
        state.run.end ??= { thrown }
        throw state.run.end.thrown
      }
    },
  }
}

exports.SUSPENDING = SUSPENDING
exports.WAITING = WAITING
exports.makeWaitingFunctions = makeWaitingFunctions
