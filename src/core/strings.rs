//! Arguments and environment variables, in the form that the ABI expects. Each thread of a guest has its own.

use crate::core::memory::{Memory, Ptr, Size};
use crate::sys::errno::{Errno, Result};

/// Arguments and environment variables.
#[derive(Debug, Default)]
pub struct Strings {
    /// Arguments; by convention the first is the name of the program.
    pub args: StringArray,
    /// Environment variables, as `KEY=value`.
    pub env: StringArray,
}

/// Strings in one buffer, each followed by a NUL byte.
#[derive(Debug, Default)]
pub struct StringArray {
    bytes: Vec<u8>,
    /// Offset of each string.
    starts: Vec<u32>,
}

impl StringArray {
    /// Appends a string; `EINVAL` if it contains a NUL byte, `E2BIG` if all strings together exceed 32 bits.
    pub fn push(&mut self, string: &[u8]) -> Result {
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

    /// Returns the number of strings and their total size in bytes.
    pub(crate) fn sizes(&self) -> (Size, Size) {
        (self.starts.len() as Size, self.bytes.len() as Size)
    }

    /// Writes the strings to `buffer`, and the address of each to `pointers`. `EOVERFLOW` if either is out of bounds.
    pub(crate) fn copy(&self, memory: Memory, pointers: Ptr<u32>, buffer: Ptr<u8>) -> Result {
        let (count, len) = self.sizes();
        memory.check(pointers.0, u64::from(count) * size_of::<u32>() as u64)?;
        memory.check(buffer.0, u64::from(len))?;
        for (index, start) in (0..).zip(&self.starts) {
            memory.store(Ptr::new(pointers.0 + index * 4), &(buffer.0 + start))?;
        }
        memory.write(buffer.0, &self.bytes)
    }
}
