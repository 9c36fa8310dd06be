//! What preview1 says: types and layouts, signatures, and one method per function.

#[macro_use]
pub mod layout;
pub mod abi;
pub mod fd;
pub mod path;
pub mod poll;
pub mod proc;
pub mod snapshot0;
pub mod sock;
pub mod trace;
pub mod types;
pub(crate) mod vectored;
