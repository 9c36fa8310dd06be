//! capwasi: WASI preview1 for Node.js, with a sandbox enforced by the kernel.
//!
//! Four layers. Imports point downwards only; `__test__/project/layers.spec.mjs` checks that. Without the feature
//! `node` the crate is the WASI implementation alone.
//!
//! | layer | contents |
//! |---|---|
//! | `node` | the binding: the JavaScript class `WASI`, its options, the functions that a guest imports, threads |
//! | [`preview1`] | the ABI: types, layouts, signatures, and one method per function, in files by prefix of the witx |
//! | [`core`] | directories, files, streams, pipes, descriptors, clocks, random bytes, limits and waits of a guest |
//! | [`sys`] | the operating systems: one function per system call |
//!
//! The JavaScript that ships is in `lib/`.
//!
//! The life of one call, `fd_write` of a guest:
//!
//! 1. `lib/imports.js`: the function that the guest imports checks the number and types of the arguments (`EINVAL`) and
//!    writes them to a buffer that JavaScript and native code share. If the memory has grown, it is looked up again.
//! 2. `node/callback.rs` is the entry of every native function. `node/perform.rs` reads the arguments and makes the
//!    first step of the call, which is usually the whole call.
//! 3. `preview1/abi.rs`: checks every pointer before any effect (`EOVERFLOW`), and looks up the descriptor
//!    (`EBADF`).
//! 4. `preview1/fd_io.rs`: `Guest::fd_write` checks the rights. `preview1/vectored.rs` collects the addresses of the
//!    buffers.
//! 5. `sys/unix/transfer.rs`: one `pwrite`, or one `pwritev` for several buffers, from guest memory.
//! 6. `preview1/abi.rs` writes the number of bytes where the guest wants it, and `node` returns the errno.
//!
//! A call that would block, or that needs a callback of the embedder, returns an [`Outcome`](core::outcome::Outcome).
//! `node` waits or calls back, and makes the call again with its [`RestartState`](core::restart::RestartState). With
//! suspending imports the guest is suspended meanwhile: `core/waker.rs` waits for all guests, and `lib/suspending.js`
//! continues them.
#![deny(unsafe_code)]

#[macro_use]
pub mod sys;
pub mod core;
pub mod preview1;

#[cfg(feature = "node")]
mod node;
