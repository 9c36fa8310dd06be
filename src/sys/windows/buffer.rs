//! Regions of guest memory for system calls.

/// A region of guest memory.
pub struct Buffer {
    pub(crate) address: *mut u8,
    pub(crate) len: usize,
}

impl Buffer {
    /// Describes `len` bytes from `address`.
    ///
    /// # Safety
    ///
    /// The bytes must stay readable and writable while the buffer is used. Other threads may access the bytes
    /// at the same time.
    #[must_use]
    pub unsafe fn new(address: *mut u8, len: usize) -> Self {
        Self { address, len }
    }

    /// Returns the address of the first byte.
    #[must_use]
    pub fn address(&self) -> *mut u8 {
        self.address
    }

    /// Returns the size in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.len
    }

    /// Returns the first `len` bytes, or the whole region if it has fewer.
    #[must_use]
    pub fn first(&self, len: usize) -> Self {
        Self { address: self.address, len: self.len.min(len) }
    }
}
