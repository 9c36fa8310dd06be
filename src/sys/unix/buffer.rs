//! Regions of guest memory for system calls.
#![expect(unsafe_code, reason = "`Buffer::new` states a requirement")]

/// A region of guest memory in the layout of the kernel: `iovec`.
#[repr(transparent)]
pub struct Buffer(pub(crate) libc::iovec);

impl Buffer {
    /// Maximum bytes of one transfer on Linux. macOS fails with `EINVAL` beyond 31 bits.
    pub(crate) const MAX: usize = 0x7fff_f000;

    /// Describes `len` bytes from `address`, or as many of them as a call transfers.
    ///
    /// # Safety
    ///
    /// The bytes must stay readable and writable while the buffer is used. Other threads may access the bytes
    /// at the same time.
    #[must_use]
    pub unsafe fn new(address: *mut u8, len: usize) -> Self {
        Self::from_parts(address, len)
    }

    fn from_parts(address: *mut u8, len: usize) -> Self {
        Self(libc::iovec { iov_base: address.cast(), iov_len: len.min(Self::MAX) })
    }

    /// Returns the address of the first byte.
    #[must_use]
    pub fn address(&self) -> *mut u8 {
        self.0.iov_base.cast()
    }

    /// Returns the size in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iov_len
    }

    /// Returns the first `len` bytes, or the whole region if it has fewer.
    #[must_use]
    pub fn first(&self, len: usize) -> Self {
        Self::from_parts(self.address(), self.size().min(len))
    }
}
