//! `args_*` and `environ_*`.

use crate::core::memory::{Memory, Ptr, Size};
use crate::core::outcome::HostResult;
use crate::core::strings::Strings;

impl Strings {
    /// Writes the arguments to `argv_buf`, each followed by a NUL byte, and their addresses to `argv`.
    pub(crate) fn args_get(&self, memory: Memory, argv: Ptr<u32>, argv_buf: Ptr<u8>) -> HostResult {
        Ok(self.args.copy(memory, argv, argv_buf)?)
    }

    /// Returns the number of arguments and their total size in bytes.
    pub(crate) fn args_sizes_get(&self) -> HostResult<(Size, Size)> {
        Ok(self.args.sizes())
    }

    /// Writes the environment variables to `environ_buf`, each as `KEY=value` and a NUL byte, and their addresses to
    /// `environ`.
    pub(crate) fn environ_get(&self, memory: Memory, environ: Ptr<u32>, environ_buf: Ptr<u8>) -> HostResult {
        Ok(self.env.copy(memory, environ, environ_buf)?)
    }

    /// Returns the number of environment variables and their total size in bytes.
    pub(crate) fn environ_sizes_get(&self) -> HostResult<(Size, Size)> {
        Ok(self.env.sizes())
    }
}
