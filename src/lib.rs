//! capwasi: WASI preview1 for Node.js, with a sandbox enforced by the kernel.
//!
//! Two worlds, and the way leads down only: `node` knows [`wasi`]; `wasi` knows nothing of Node, and builds
//! and tests with `--no-default-features`.
//!
//! | | |
//! |---|---|
//! | `node/class.rs` | the JavaScript class `WASI` |
//! | `node/options.rs`, `options/`, `error.rs` | what it is given, and the errors it throws |
//! | `node/context.rs`, `prelude.js` | what a JavaScript environment has: functions, symbols, sandboxes |
//! | `node/imports.rs`, `memory.rs` | the hot path: a guest's call, and the view of its memory |
//! | `node/clocks.rs` | clocks that are JavaScript functions |
//! | `node/termination.rs` | workers that end while a guest runs |
//! | `wasi.rs` | a guest's world, and the tables of what it can import |
//! | `wasi/abi.rs`, `types.rs`, `layout.rs`, `snapshot.rs` | core values, typed arguments and results, layouts |
//! | `wasi/memory.rs`, `errno.rs`, `table.rs` | guest memory, errors, descriptors |
//! | `wasi/env.rs`, `clock.rs`, `fd.rs`, … | the host functions, by the prefix of their names |
//! | `wasi/sys.rs`, `sys/` | what differs between systems: one function, one system call |
//!
//! The life of one call, `fd_write` in a guest:
//!
//! 1. `node/imports.rs`: `callback::<fd_write>` reads its arguments as the method's own types demand; a wrong
//!    count or type is `INVAL`.
//! 2. `node/memory.rs`: the memory bound by `start` is looked up as it is now; without one,
//!    `ERR_WASI_NOT_STARTED` is thrown.
//! 3. `wasi/abi.rs`: every pointer is checked before anything happens, `OVERFLOW`; the descriptor is looked up,
//!    `BADF`.
//! 4. `wasi/io.rs`: `Wasi::fd_write` checks the rights; `wasi/transfer.rs` gathers the addresses of the buffers.
//! 5. `wasi/sys/unix/io.rs`: one `pwritev`, straight from guest memory.
//! 6. Back in `abi.rs` the count is written where the guest wants it, and `imports.rs` returns the errno.
//!
//! A call that would have to wait says on what instead (`wasi/poll.rs`), and is made again afterwards. One
//! that needs the time of a JavaScript function says so in the same way.
#![deny(unsafe_code)]

#[cfg(feature = "node")]
mod node;
pub mod wasi;
