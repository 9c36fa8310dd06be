//! Regions of guest memory for system calls.

/// A region of guest memory, as the kernel takes it.
#[repr(transparent)]
pub struct Buffer(pub(crate) libc::iovec);

impl Buffer {
    /// As much as Linux transfers at once; macOS refuses more than 31 bits.
    pub(crate) const MAX: usize = 0x7fff_f000;

    /// `len` bytes from `address`, or as many of them as a call transfers.
    #[must_use]
    pub fn new(address: *mut u8, len: usize) -> Self {
        Self(libc::iovec { iov_base: address.cast(), iov_len: len.min(Self::MAX) })
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iov_len
    }

    /// Its first so many bytes, or all it has.
    #[must_use]
    pub fn first(&self, len: usize) -> Self {
        Self::new(self.0.iov_base.cast(), self.size().min(len))
    }
}
