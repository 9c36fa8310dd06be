//! The ABI of preview1: types and layouts, signatures, and one method per function, in files by the prefix of the witx.
#![allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "every host function has the same form")]

#[macro_use]
mod layout;
pub mod abi;
mod args;
mod clock;
pub mod describe;
mod fd;
mod fd_io;
mod fd_readdir;
pub mod imports;
mod path;
mod poll;
mod proc;
mod random;
pub mod snapshot0;
mod sock;
pub mod trace;
pub mod types;
mod vectored;
