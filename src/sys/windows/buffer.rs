//! Regions of guest memory for system calls.

/// A region of guest memory.
pub struct Buffer {
    pub(crate) address: *mut u8,
    pub(crate) len: usize,
}

impl Buffer {
    /// Refers to `len` bytes from `address`.
    #[must_use]
    pub fn new(address: *mut u8, len: usize) -> Self {
        Self { address, len }
    }

    /// Returns the size in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.len
    }

    /// Returns the first `len` bytes, or the whole region if it has fewer.
    #[must_use]
    pub fn first(&self, len: usize) -> Self {
        Self::new(self.address, self.len.min(len))
    }
}
