//! `args_*` and `environ_*`: two lists of strings, passed the same way.

use crate::core::guest::Wasi;
use crate::core::memory::{Memory, Ptr};
use crate::preview1::types::{Size, Store};
use crate::sys::errno::{Errno, Result};

/// Strings as the ABI passes them: one after the other, each ended by a NUL.
#[derive(Debug, Default)]
pub struct StringArray {
    bytes: Vec<u8>,
    /// Where each string starts.
    starts: Vec<u32>,
}

impl StringArray {
    /// Appends a string; `INVAL` if it has a NUL in it, `TOOBIG` if all do not fit in 32 bits.
    pub fn push(&mut self, string: &[u8]) -> std::result::Result<(), Errno> {
        if string.contains(&0) {
            return Err(Errno::Inval);
        }
        let end = self.bytes.len() + string.len() + 1;
        u32::try_from(end).map_err(|_| Errno::TooBig)?;
        self.starts.push(self.bytes.len() as u32);
        self.bytes.extend_from_slice(string);
        self.bytes.push(0);
        Ok(())
    }

    fn sizes(&self) -> (Size, Size) {
        (self.starts.len() as Size, self.bytes.len() as Size)
    }

    fn copy(&self, memory: Memory, pointers: Ptr<u32>, buffer: Ptr<u8>) -> Result {
        let (count, len) = self.sizes();
        memory.check(pointers.0, u64::from(count) * <u32 as Store>::SIZE as u64)?;
        memory.check(buffer.0, u64::from(len))?;
        for (index, start) in (0..).zip(&self.starts) {
            memory.store(Ptr::new(pointers.0 + index * 4), &(buffer.0 + start))?;
        }
        memory.write(buffer.0, &self.bytes)
    }
}

impl Wasi {
    /// Writes the arguments to `argv_buf`, and to `argv` where each starts.
    pub fn args_get(&self, memory: Memory, argv: Ptr<u32>, argv_buf: Ptr<u8>) -> Result {
        self.args.copy(memory, argv, argv_buf)
    }

    /// How many arguments there are, and the bytes they take.
    pub fn args_sizes_get(&self) -> Result<(Size, Size)> {
        Ok(self.args.sizes())
    }

    /// Writes the environment to `environ_buf` as `KEY=value`, and to `environ` where each starts.
    pub fn environ_get(&self, memory: Memory, environ: Ptr<u32>, environ_buf: Ptr<u8>) -> Result {
        self.env.copy(memory, environ, environ_buf)
    }

    /// How many environment variables there are, and the bytes they take.
    pub fn environ_sizes_get(&self) -> Result<(Size, Size)> {
        Ok(self.env.sizes())
    }
}
