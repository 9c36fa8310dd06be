'use strict'

// The functions of `wasiImport`. This file is written by `npm run imports` (scripts/imports.mjs).
//
// A function checks its arguments, and passes them to its call. All guests share the calls. A call writes the arguments
// to a buffer and calls the native function, which reads them there. Nothing here calls a built-in that a program could
// have replaced after loading. The calls, the native functions and the buffer must not leak, because they work on any
// sandbox.
//
// - Each function has the name and the length of the bound function in node:wasi.
// - There is one closure of each call, so V8 treats its variables as constants when it inlines the call. Variables of a
//   function that each guest has are not constants.
// - Invalid arguments are EINVAL (28), before any effect. If the run has ended, `check` throws its exception.
// - Between the check of the memory and the native call, no JavaScript function is called. When a JavaScript function
//   is entered, a debugger may run other JavaScript, which could detach the memory.
// - Word 0 of the buffer is the number of the sandbox before the native call, and the errno after it.
// - A native function returns undefined, or an object while a worker is being terminated (src/node/termination.rs).
// - An exception ends the current run, if any. Storing the exception calls no function, because the guest may have used
//   up the stack. As `bytes` is empty, each later call in the run calls `refreshMemory`, which throws the exception
//   again.

const { is } = Object

/** WebAssembly passes an i32 as a signed number. JavaScript may pass an unsigned one, but neither -0 nor a fraction. */
const isI32 = (value) => typeof value === 'number' && ((value | 0) === value || value >>> 0 === value) && !is(value, -0)

/** An i64 is a bigint of any size. Its value modulo 2 ** 64 is written. */
const isI64 = (value) => typeof value === 'bigint'

/**
 * Returns the constructor of the import objects of one namespace. It adds functions which call the sandbox with the
 * number `id`. These functions keep `state` alive, and `state` keeps the sandbox alive.
 *
 * - `natives`: the native functions by name
 * - `ints`, `longs`: two views of the buffer
 * - `EMPTY`: an array without bytes
 *
 * V8 compiles functions in parentheses immediately. Without the parentheses V8 would parse them twice.
 */
exports.makeImportClass = (function (natives, ints, longs, EMPTY) {
  const {
    args_get, args_sizes_get, clock_res_get, clock_time_get, environ_get, environ_sizes_get,
    fd_advise, fd_allocate, fd_close, fd_datasync, fd_fdstat_get, fd_fdstat_set_flags,
    fd_fdstat_set_rights, fd_filestat_get, fd_filestat_set_size, fd_filestat_set_times,
    fd_pread, fd_prestat_get, fd_prestat_dir_name, fd_pwrite, fd_read, fd_readdir, fd_renumber,
    fd_seek, fd_sync, fd_tell, fd_write, path_create_directory, path_filestat_get, path_filestat_set_times,
    path_link, path_open, path_readlink, path_remove_directory, path_rename, path_symlink,
    path_unlink_file, poll_oneoff, proc_exit, proc_raise, random_get, sched_yield, sock_accept,
    sock_recv, sock_send, sock_shutdown
  } = natives
  const call_args_get = (id, state, a1, a2) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[0] = id
    try {
      const end = args_get()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_args_sizes_get = (id, state, a1, a2) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[0] = id
    try {
      const end = args_sizes_get()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_clock_res_get = (id, state, a1, a2) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[0] = id
    try {
      const end = clock_res_get()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_clock_time_get = (id, state, a1, a2, a3) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; longs[2] = a2; ints[6] = a3; ints[0] = id
    try {
      const end = clock_time_get()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_environ_get = (id, state, a1, a2) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[0] = id
    try {
      const end = environ_get()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_environ_sizes_get = (id, state, a1, a2) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[0] = id
    try {
      const end = environ_sizes_get()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_advise = (id, state, a1, a2, a3, a4) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; longs[2] = a2; longs[3] = a3; ints[8] = a4; ints[0] = id
    try {
      const end = fd_advise()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_allocate = (id, state, a1, a2, a3) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; longs[2] = a2; longs[3] = a3; ints[0] = id
    try {
      const end = fd_allocate()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_close = (id, state, a1) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[0] = id
    try {
      const end = fd_close()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_datasync = (id, state, a1) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[0] = id
    try {
      const end = fd_datasync()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_fdstat_get = (id, state, a1, a2) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[0] = id
    try {
      const end = fd_fdstat_get()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_fdstat_set_flags = (id, state, a1, a2) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[0] = id
    try {
      const end = fd_fdstat_set_flags()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_fdstat_set_rights = (id, state, a1, a2, a3) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; longs[2] = a2; longs[3] = a3; ints[0] = id
    try {
      const end = fd_fdstat_set_rights()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_filestat_get = (id, state, a1, a2) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[0] = id
    try {
      const end = fd_filestat_get()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_filestat_set_size = (id, state, a1, a2) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; longs[2] = a2; ints[0] = id
    try {
      const end = fd_filestat_set_size()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_filestat_set_times = (id, state, a1, a2, a3, a4) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; longs[2] = a2; longs[3] = a3; ints[8] = a4; ints[0] = id
    try {
      const end = fd_filestat_set_times()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_pread = (id, state, a1, a2, a3, a4, a5) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; longs[4] = a4; ints[10] = a5; ints[0] = id
    try {
      const end = fd_pread()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_prestat_get = (id, state, a1, a2) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[0] = id
    try {
      const end = fd_prestat_get()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_prestat_dir_name = (id, state, a1, a2, a3) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[0] = id
    try {
      const end = fd_prestat_dir_name()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_pwrite = (id, state, a1, a2, a3, a4, a5) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; longs[4] = a4; ints[10] = a5; ints[0] = id
    try {
      const end = fd_pwrite()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_read = (id, state, a1, a2, a3, a4) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[0] = id
    try {
      const end = fd_read()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_readdir = (id, state, a1, a2, a3, a4, a5) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; longs[4] = a4; ints[10] = a5; ints[0] = id
    try {
      const end = fd_readdir()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_renumber = (id, state, a1, a2) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[0] = id
    try {
      const end = fd_renumber()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_seek = (id, state, a1, a2, a3, a4) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; longs[2] = a2; ints[6] = a3; ints[8] = a4; ints[0] = id
    try {
      const end = fd_seek()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_sync = (id, state, a1) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[0] = id
    try {
      const end = fd_sync()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_tell = (id, state, a1, a2) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[0] = id
    try {
      const end = fd_tell()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_fd_write = (id, state, a1, a2, a3, a4) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[0] = id
    try {
      const end = fd_write()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_path_create_directory = (id, state, a1, a2, a3) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[0] = id
    try {
      const end = path_create_directory()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_path_filestat_get = (id, state, a1, a2, a3, a4, a5) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[10] = a5; ints[0] = id
    try {
      const end = path_filestat_get()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_path_filestat_set_times = (id, state, a1, a2, a3, a4, a5, a6, a7) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; longs[5] = a5; longs[6] = a6;
    ints[14] = a7; ints[0] = id
    try {
      const end = path_filestat_set_times()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_path_link = (id, state, a1, a2, a3, a4, a5, a6, a7) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[10] = a5; ints[12] = a6;
    ints[14] = a7; ints[0] = id
    try {
      const end = path_link()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_path_open = (id, state, a1, a2, a3, a4, a5, a6, a7, a8, a9) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[10] = a5; longs[6] = a6;
    longs[7] = a7; ints[16] = a8; ints[18] = a9; ints[0] = id
    try {
      const end = path_open()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_path_readlink = (id, state, a1, a2, a3, a4, a5, a6) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[10] = a5; ints[12] = a6;
    ints[0] = id
    try {
      const end = path_readlink()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_path_remove_directory = (id, state, a1, a2, a3) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[0] = id
    try {
      const end = path_remove_directory()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_path_rename = (id, state, a1, a2, a3, a4, a5, a6) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[10] = a5; ints[12] = a6;
    ints[0] = id
    try {
      const end = path_rename()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_path_symlink = (id, state, a1, a2, a3, a4, a5) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[10] = a5; ints[0] = id
    try {
      const end = path_symlink()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_path_unlink_file = (id, state, a1, a2, a3) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[0] = id
    try {
      const end = path_unlink_file()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_poll_oneoff = (id, state, a1, a2, a3, a4) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[0] = id
    try {
      const end = poll_oneoff()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_proc_exit = (id, state, a1) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[0] = id
    try {
      const end = proc_exit()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_proc_raise = (id, state, a1) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[0] = id
    try {
      const end = proc_raise()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_random_get = (id, state, a1, a2) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[0] = id
    try {
      const end = random_get()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_sched_yield = (id, state) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[0] = id
    try {
      const end = sched_yield()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_sock_accept = (id, state, a1, a2, a3) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[0] = id
    try {
      const end = sock_accept()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_sock_recv = (id, state, a1, a2, a3, a4, a5, a6) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[10] = a5; ints[12] = a6;
    ints[0] = id
    try {
      const end = sock_recv()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_sock_send = (id, state, a1, a2, a3, a4, a5) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[6] = a3; ints[8] = a4; ints[10] = a5; ints[0] = id
    try {
      const end = sock_send()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const call_sock_shutdown = (id, state, a1, a2) => {
    if (state.bytes[0] === undefined) state.refreshMemory()
    ints[2] = a1; ints[4] = a2; ints[0] = id
    try {
      const end = sock_shutdown()
      return end === undefined ? ints[0] : end
    } catch (thrown) {
      state.bytes = EMPTY
      if (state.run === undefined) throw thrown
      state.run.end ??= { thrown }
      throw state.run.end.thrown
    }
  }
  const Imports = (function WASI(id, state) {
    this.args_get = {
      'bound args_get'(a1, a2) {
        if (!(arguments.length === 2 && isI32(a1) && isI32(a2))) {
          state.check()
          return 28
        }
        return call_args_get(id, state, a1, a2)
      },
    }['bound args_get']
    this.args_sizes_get = {
      'bound args_sizes_get'(a1, a2) {
        if (!(arguments.length === 2 && isI32(a1) && isI32(a2))) {
          state.check()
          return 28
        }
        return call_args_sizes_get(id, state, a1, a2)
      },
    }['bound args_sizes_get']
    this.clock_res_get = {
      'bound clock_res_get'(a1, a2) {
        if (!(arguments.length === 2 && isI32(a1) && isI32(a2))) {
          state.check()
          return 28
        }
        return call_clock_res_get(id, state, a1, a2)
      },
    }['bound clock_res_get']
    this.clock_time_get = {
      'bound clock_time_get'(a1, a2, a3) {
        if (!(arguments.length === 3 && isI32(a1) && isI64(a2) && isI32(a3))) {
          state.check()
          return 28
        }
        return call_clock_time_get(id, state, a1, a2, a3)
      },
    }['bound clock_time_get']
    this.environ_get = {
      'bound environ_get'(a1, a2) {
        if (!(arguments.length === 2 && isI32(a1) && isI32(a2))) {
          state.check()
          return 28
        }
        return call_environ_get(id, state, a1, a2)
      },
    }['bound environ_get']
    this.environ_sizes_get = {
      'bound environ_sizes_get'(a1, a2) {
        if (!(arguments.length === 2 && isI32(a1) && isI32(a2))) {
          state.check()
          return 28
        }
        return call_environ_sizes_get(id, state, a1, a2)
      },
    }['bound environ_sizes_get']
    this.fd_advise = {
      'bound fd_advise'(a1, a2, a3, a4) {
        if (!(arguments.length === 4 && isI32(a1) && isI64(a2) && isI64(a3) && isI32(a4))) {
          state.check()
          return 28
        }
        return call_fd_advise(id, state, a1, a2, a3, a4)
      },
    }['bound fd_advise']
    this.fd_allocate = {
      'bound fd_allocate'(a1, a2, a3) {
        if (!(arguments.length === 3 && isI32(a1) && isI64(a2) && isI64(a3))) {
          state.check()
          return 28
        }
        return call_fd_allocate(id, state, a1, a2, a3)
      },
    }['bound fd_allocate']
    this.fd_close = {
      'bound fd_close'(a1) {
        if (!(arguments.length === 1 && isI32(a1))) {
          state.check()
          return 28
        }
        return call_fd_close(id, state, a1)
      },
    }['bound fd_close']
    this.fd_datasync = {
      'bound fd_datasync'(a1) {
        if (!(arguments.length === 1 && isI32(a1))) {
          state.check()
          return 28
        }
        return call_fd_datasync(id, state, a1)
      },
    }['bound fd_datasync']
    this.fd_fdstat_get = {
      'bound fd_fdstat_get'(a1, a2) {
        if (!(arguments.length === 2 && isI32(a1) && isI32(a2))) {
          state.check()
          return 28
        }
        return call_fd_fdstat_get(id, state, a1, a2)
      },
    }['bound fd_fdstat_get']
    this.fd_fdstat_set_flags = {
      'bound fd_fdstat_set_flags'(a1, a2) {
        if (!(arguments.length === 2 && isI32(a1) && isI32(a2))) {
          state.check()
          return 28
        }
        return call_fd_fdstat_set_flags(id, state, a1, a2)
      },
    }['bound fd_fdstat_set_flags']
    this.fd_fdstat_set_rights = {
      'bound fd_fdstat_set_rights'(a1, a2, a3) {
        if (!(arguments.length === 3 && isI32(a1) && isI64(a2) && isI64(a3))) {
          state.check()
          return 28
        }
        return call_fd_fdstat_set_rights(id, state, a1, a2, a3)
      },
    }['bound fd_fdstat_set_rights']
    this.fd_filestat_get = {
      'bound fd_filestat_get'(a1, a2) {
        if (!(arguments.length === 2 && isI32(a1) && isI32(a2))) {
          state.check()
          return 28
        }
        return call_fd_filestat_get(id, state, a1, a2)
      },
    }['bound fd_filestat_get']
    this.fd_filestat_set_size = {
      'bound fd_filestat_set_size'(a1, a2) {
        if (!(arguments.length === 2 && isI32(a1) && isI64(a2))) {
          state.check()
          return 28
        }
        return call_fd_filestat_set_size(id, state, a1, a2)
      },
    }['bound fd_filestat_set_size']
    this.fd_filestat_set_times = {
      'bound fd_filestat_set_times'(a1, a2, a3, a4) {
        if (!(arguments.length === 4 && isI32(a1) && isI64(a2) && isI64(a3) && isI32(a4))) {
          state.check()
          return 28
        }
        return call_fd_filestat_set_times(id, state, a1, a2, a3, a4)
      },
    }['bound fd_filestat_set_times']
    this.fd_pread = {
      'bound fd_pread'(a1, a2, a3, a4, a5) {
        if (!(arguments.length === 5 && isI32(a1) && isI32(a2) && isI32(a3) && isI64(a4) && isI32(a5))) {
          state.check()
          return 28
        }
        return call_fd_pread(id, state, a1, a2, a3, a4, a5)
      },
    }['bound fd_pread']
    this.fd_prestat_get = {
      'bound fd_prestat_get'(a1, a2) {
        if (!(arguments.length === 2 && isI32(a1) && isI32(a2))) {
          state.check()
          return 28
        }
        return call_fd_prestat_get(id, state, a1, a2)
      },
    }['bound fd_prestat_get']
    this.fd_prestat_dir_name = {
      'bound fd_prestat_dir_name'(a1, a2, a3) {
        if (!(arguments.length === 3 && isI32(a1) && isI32(a2) && isI32(a3))) {
          state.check()
          return 28
        }
        return call_fd_prestat_dir_name(id, state, a1, a2, a3)
      },
    }['bound fd_prestat_dir_name']
    this.fd_pwrite = {
      'bound fd_pwrite'(a1, a2, a3, a4, a5) {
        if (!(arguments.length === 5 && isI32(a1) && isI32(a2) && isI32(a3) && isI64(a4) && isI32(a5))) {
          state.check()
          return 28
        }
        return call_fd_pwrite(id, state, a1, a2, a3, a4, a5)
      },
    }['bound fd_pwrite']
    this.fd_read = {
      'bound fd_read'(a1, a2, a3, a4) {
        if (!(arguments.length === 4 && isI32(a1) && isI32(a2) && isI32(a3) && isI32(a4))) {
          state.check()
          return 28
        }
        return call_fd_read(id, state, a1, a2, a3, a4)
      },
    }['bound fd_read']
    this.fd_readdir = {
      'bound fd_readdir'(a1, a2, a3, a4, a5) {
        if (!(arguments.length === 5 && isI32(a1) && isI32(a2) && isI32(a3) && isI64(a4) && isI32(a5))) {
          state.check()
          return 28
        }
        return call_fd_readdir(id, state, a1, a2, a3, a4, a5)
      },
    }['bound fd_readdir']
    this.fd_renumber = {
      'bound fd_renumber'(a1, a2) {
        if (!(arguments.length === 2 && isI32(a1) && isI32(a2))) {
          state.check()
          return 28
        }
        return call_fd_renumber(id, state, a1, a2)
      },
    }['bound fd_renumber']
    this.fd_seek = {
      'bound fd_seek'(a1, a2, a3, a4) {
        if (!(arguments.length === 4 && isI32(a1) && isI64(a2) && isI32(a3) && isI32(a4))) {
          state.check()
          return 28
        }
        return call_fd_seek(id, state, a1, a2, a3, a4)
      },
    }['bound fd_seek']
    this.fd_sync = {
      'bound fd_sync'(a1) {
        if (!(arguments.length === 1 && isI32(a1))) {
          state.check()
          return 28
        }
        return call_fd_sync(id, state, a1)
      },
    }['bound fd_sync']
    this.fd_tell = {
      'bound fd_tell'(a1, a2) {
        if (!(arguments.length === 2 && isI32(a1) && isI32(a2))) {
          state.check()
          return 28
        }
        return call_fd_tell(id, state, a1, a2)
      },
    }['bound fd_tell']
    this.fd_write = {
      'bound fd_write'(a1, a2, a3, a4) {
        if (!(arguments.length === 4 && isI32(a1) && isI32(a2) && isI32(a3) && isI32(a4))) {
          state.check()
          return 28
        }
        return call_fd_write(id, state, a1, a2, a3, a4)
      },
    }['bound fd_write']
    this.path_create_directory = {
      'bound path_create_directory'(a1, a2, a3) {
        if (!(arguments.length === 3 && isI32(a1) && isI32(a2) && isI32(a3))) {
          state.check()
          return 28
        }
        return call_path_create_directory(id, state, a1, a2, a3)
      },
    }['bound path_create_directory']
    this.path_filestat_get = {
      'bound path_filestat_get'(a1, a2, a3, a4, a5) {
        if (!(arguments.length === 5 && isI32(a1) && isI32(a2) && isI32(a3) && isI32(a4) && isI32(a5))) {
          state.check()
          return 28
        }
        return call_path_filestat_get(id, state, a1, a2, a3, a4, a5)
      },
    }['bound path_filestat_get']
    this.path_filestat_set_times = {
      'bound path_filestat_set_times'(a1, a2, a3, a4, a5, a6, a7) {
        if (!(arguments.length === 7 && isI32(a1) && isI32(a2) && isI32(a3) && isI32(a4) && isI64(a5) &&
          isI64(a6) && isI32(a7))) {
          state.check()
          return 28
        }
        return call_path_filestat_set_times(id, state, a1, a2, a3, a4, a5, a6, a7)
      },
    }['bound path_filestat_set_times']
    this.path_link = {
      'bound path_link'(a1, a2, a3, a4, a5, a6, a7) {
        if (!(arguments.length === 7 && isI32(a1) && isI32(a2) && isI32(a3) && isI32(a4) && isI32(a5) &&
          isI32(a6) && isI32(a7))) {
          state.check()
          return 28
        }
        return call_path_link(id, state, a1, a2, a3, a4, a5, a6, a7)
      },
    }['bound path_link']
    this.path_open = {
      'bound path_open'(a1, a2, a3, a4, a5, a6, a7, a8, a9) {
        if (!(arguments.length === 9 && isI32(a1) && isI32(a2) && isI32(a3) && isI32(a4) && isI32(a5) &&
          isI64(a6) && isI64(a7) && isI32(a8) && isI32(a9))) {
          state.check()
          return 28
        }
        return call_path_open(id, state, a1, a2, a3, a4, a5, a6, a7, a8, a9)
      },
    }['bound path_open']
    this.path_readlink = {
      'bound path_readlink'(a1, a2, a3, a4, a5, a6) {
        if (!(arguments.length === 6 && isI32(a1) && isI32(a2) && isI32(a3) && isI32(a4) && isI32(a5) &&
          isI32(a6))) {
          state.check()
          return 28
        }
        return call_path_readlink(id, state, a1, a2, a3, a4, a5, a6)
      },
    }['bound path_readlink']
    this.path_remove_directory = {
      'bound path_remove_directory'(a1, a2, a3) {
        if (!(arguments.length === 3 && isI32(a1) && isI32(a2) && isI32(a3))) {
          state.check()
          return 28
        }
        return call_path_remove_directory(id, state, a1, a2, a3)
      },
    }['bound path_remove_directory']
    this.path_rename = {
      'bound path_rename'(a1, a2, a3, a4, a5, a6) {
        if (!(arguments.length === 6 && isI32(a1) && isI32(a2) && isI32(a3) && isI32(a4) && isI32(a5) &&
          isI32(a6))) {
          state.check()
          return 28
        }
        return call_path_rename(id, state, a1, a2, a3, a4, a5, a6)
      },
    }['bound path_rename']
    this.path_symlink = {
      'bound path_symlink'(a1, a2, a3, a4, a5) {
        if (!(arguments.length === 5 && isI32(a1) && isI32(a2) && isI32(a3) && isI32(a4) && isI32(a5))) {
          state.check()
          return 28
        }
        return call_path_symlink(id, state, a1, a2, a3, a4, a5)
      },
    }['bound path_symlink']
    this.path_unlink_file = {
      'bound path_unlink_file'(a1, a2, a3) {
        if (!(arguments.length === 3 && isI32(a1) && isI32(a2) && isI32(a3))) {
          state.check()
          return 28
        }
        return call_path_unlink_file(id, state, a1, a2, a3)
      },
    }['bound path_unlink_file']
    this.poll_oneoff = {
      'bound poll_oneoff'(a1, a2, a3, a4) {
        if (!(arguments.length === 4 && isI32(a1) && isI32(a2) && isI32(a3) && isI32(a4))) {
          state.check()
          return 28
        }
        return call_poll_oneoff(id, state, a1, a2, a3, a4)
      },
    }['bound poll_oneoff']
    this.proc_exit = {
      'bound proc_exit'(a1) {
        if (!(arguments.length === 1 && isI32(a1))) {
          state.check()
          return 28
        }
        return call_proc_exit(id, state, a1)
      },
    }['bound proc_exit']
    this.proc_raise = {
      'bound proc_raise'(a1) {
        if (!(arguments.length === 1 && isI32(a1))) {
          state.check()
          return 28
        }
        return call_proc_raise(id, state, a1)
      },
    }['bound proc_raise']
    this.random_get = {
      'bound random_get'(a1, a2) {
        if (!(arguments.length === 2 && isI32(a1) && isI32(a2))) {
          state.check()
          return 28
        }
        return call_random_get(id, state, a1, a2)
      },
    }['bound random_get']
    this.sched_yield = {
      'bound sched_yield'() {
        if (!(arguments.length === 0)) {
          state.check()
          return 28
        }
        return call_sched_yield(id, state)
      },
    }['bound sched_yield']
    if (sock_accept !== undefined) this.sock_accept = {
      'bound sock_accept'(a1, a2, a3) {
        if (!(arguments.length === 3 && isI32(a1) && isI32(a2) && isI32(a3))) {
          state.check()
          return 28
        }
        return call_sock_accept(id, state, a1, a2, a3)
      },
    }['bound sock_accept']
    this.sock_recv = {
      'bound sock_recv'(a1, a2, a3, a4, a5, a6) {
        if (!(arguments.length === 6 && isI32(a1) && isI32(a2) && isI32(a3) && isI32(a4) && isI32(a5) &&
          isI32(a6))) {
          state.check()
          return 28
        }
        return call_sock_recv(id, state, a1, a2, a3, a4, a5, a6)
      },
    }['bound sock_recv']
    this.sock_send = {
      'bound sock_send'(a1, a2, a3, a4, a5) {
        if (!(arguments.length === 5 && isI32(a1) && isI32(a2) && isI32(a3) && isI32(a4) && isI32(a5))) {
          state.check()
          return 28
        }
        return call_sock_send(id, state, a1, a2, a3, a4, a5)
      },
    }['bound sock_send']
    this.sock_shutdown = {
      'bound sock_shutdown'(a1, a2) {
        if (!(arguments.length === 2 && isI32(a1) && isI32(a2))) {
          state.check()
          return 28
        }
        return call_sock_shutdown(id, state, a1, a2)
      },
    }['bound sock_shutdown']
  })
  return Imports
})
