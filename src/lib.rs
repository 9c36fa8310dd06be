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
//! | `node/imports.rs`, `frame.rs`, `memory.rs` | the hot path: a guest's call, its arguments, the view of its memory |
//! | `node/termination.rs` | workers that end while a guest runs |
//! | `wasi.rs` | a guest's world, and the tables of what it can import |
//! | `wasi/abi.rs`, `types.rs`, `layout.rs`, `snapshot.rs` | core values, typed arguments and results, layouts |
//! | `wasi/trace.rs`, `node/trace.rs` | calls as text, for the option `trace` |
//! | `wasi/pipe.rs`, `transfer.rs` | pipes to the embedder; buffers handed to the system |
//! | `wasi/memory.rs`, `errno.rs`, `table.rs`, `limits.rs` | guest memory, errors, descriptors, what may be used up |
//! | `wasi/place.rs` | directories that paths start from, and what may be changed in them |
//! | `wasi/env.rs`, `clock.rs`, `fd.rs`, … | the host functions, by the prefix of their names |
//! | `wasi/sys.rs`, `sys/` | what differs between systems: one function, one system call |
//!
//! The life of one call, `fd_write` in a guest:
//!
//! 1. `node/imports.rs`: a JavaScript function, made by `table`, checks the count and the types of the arguments,
//!    `INVAL`, and writes them to the frame. If the memory has grown it is looked at anew (`node/memory.rs`); if none
//!    is bound yet, `ERR_WASI_NOT_STARTED` is thrown.
//! 2. The native `callback::<fd_write>` reads them from the frame (`node/frame.rs`), with no call of Node-API's for any.
//! 3. `wasi/abi.rs`: every pointer is checked before anything happens, `OVERFLOW`; the descriptor is looked up,
//!    `BADF`.
//! 4. `wasi/io.rs`: `Wasi::fd_write` checks the rights; `wasi/transfer.rs` gathers the addresses of the buffers.
//! 5. `wasi/sys/unix/io.rs`: one `pwrite`, or one `pwritev` of several buffers, straight from guest memory.
//! 6. Back in `abi.rs` the count is written where the guest wants it, and the errno goes back through the frame.
//!
//! A call that would have to wait says on what instead (`wasi/poll.rs`), and one that needs the embedder says what for
//! (`wasi/pipe.rs`, `wasi/clock.rs`); it is made again afterwards.
#![deny(unsafe_code)]

#[cfg(feature = "node")]
mod node;
#[macro_use]
pub mod preview1;
pub mod core;
pub mod sys;
