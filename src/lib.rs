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
//! | `node/embedder.rs`, `stdio.js` | the embedder's functions that serve a guest's stdio and clocks |
//! | `node/imports.rs`, `memory.rs` | the hot path: a guest's call, and the view of its memory |
//! | `node/termination.rs` | workers that end while a guest runs |
//! | `wasi.rs` | a guest's world, and the tables of what it can import |
//! | `wasi/abi.rs`, `types.rs`, `layout.rs`, `snapshot.rs` | core values, typed arguments and results, layouts |
//! | `wasi/trace.rs`, `node/trace.rs` | calls as text, for the option `trace` |
//! | `wasi/pipe.rs`, `transfer.rs` | pipes to the embedder; buffers handed to the system |
//! | `wasi/memory.rs`, `errno.rs`, `table.rs`, `limits.rs` | guest memory, errors, descriptors, what may be used up |
//! | `wasi/env.rs`, `clock.rs`, `fd.rs`, … | the host functions, by the prefix of their names |
//! | `wasi/sys.rs`, `sys/` | what differs between systems: one function, one system call |
//!
//! The life of one call, `fd_write` in a guest:
//!
//! 1. `node/imports.rs`: a JavaScript function, made by `table`, passes on the arguments behind the number of its
//!    sandbox; a wrong count is `INVAL`.
//! 2. The native `callback::<fd_write>` reads them as the method's own types demand; a wrong type is `INVAL`.
//! 3. `node/memory.rs`: the memory bound by `start` is looked up as it is now; without one,
//!    `ERR_WASI_NOT_STARTED` is thrown.
//! 4. `wasi/abi.rs`: every pointer is checked before anything happens, `OVERFLOW`; the descriptor is looked up,
//!    `BADF`.
//! 5. `wasi/io.rs`: `Wasi::fd_write` checks the rights; `wasi/transfer.rs` gathers the addresses of the buffers.
//! 6. `wasi/sys/unix/io.rs`: one `pwrite`, or one `pwritev` of several buffers, straight from guest memory.
//! 7. Back in `abi.rs` the count is written where the guest wants it, and `imports.rs` returns the errno.
//!
//! A call that would have to wait says on what instead (`wasi/poll.rs`), and one that needs the embedder says what for
//! (`wasi/pipe.rs`, `wasi/clock.rs`); it is made again afterwards.
#![deny(unsafe_code)]

#[cfg(feature = "node")]
mod node;
pub mod wasi;
