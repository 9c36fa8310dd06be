//! capwasi: WASI preview1 for Node.js, with a sandbox enforced by the kernel.
#![deny(unsafe_code)]

#[cfg(feature = "node")]
mod node;
pub mod wasi;
