//! Regions of guest memory for system calls.

/// A region of guest memory in the layout of the kernel: `iovec`.
#[repr(transparent)]
pub struct Buffer(pub(crate) libc::iovec);

impl Buffer {
    /// Maximum bytes of one transfer on Linux. macOS fails with `EINVAL` beyond 31 bits.
    pub(crate) const MAX: usize = 0x7fff_f000;

    /// Refers to `len` bytes from `address`, at most [`MAX`](Self::MAX).
    #[must_use]
    pub fn new(address: *mut u8, len: usize) -> Self {
        Self(libc::iovec { iov_base: address.cast(), iov_len: len.min(Self::MAX) })
    }

    /// Returns the size in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iov_len
    }

    /// Returns the first `len` bytes, or the whole region if it has fewer.
    #[must_use]
    pub fn first(&self, len: usize) -> Self {
        Self::new(self.0.iov_base.cast(), self.size().min(len))
    }
}
