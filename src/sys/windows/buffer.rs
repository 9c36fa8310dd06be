//! Regions of guest memory for system calls.

/// A region of guest memory.
pub struct Buffer {
    pub(crate) address: *mut u8,
    pub(crate) len: usize,
}

impl Buffer {
    /// `len` bytes from `address`.
    #[must_use]
    pub fn new(address: *mut u8, len: usize) -> Self {
        Self { address, len }
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.len
    }

    /// Its first so many bytes, or all it has.
    #[must_use]
    pub fn first(&self, len: usize) -> Self {
        Self::new(self.address, self.len.min(len))
    }
}
