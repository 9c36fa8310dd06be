//! Regions of guest memory for system calls.
#![expect(unsafe_code, reason = "`Buffer::new` states a requirement")]

/// A region of guest memory, as the kernel takes it.
#[repr(transparent)]
pub struct Buffer(pub(crate) libc::iovec);

impl Buffer {
    /// As much as Linux transfers at once; macOS refuses more than 31 bits.
    pub(crate) const MAX: usize = 0x7fff_f000;

    /// Describes `len` bytes from `address`, or as many of them as a call transfers.
    ///
    /// # Safety
    ///
    /// The bytes must stay readable and writable while the buffer is used. Other threads may access the bytes meanwhile.
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

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iov_len
    }

    /// Its first so many bytes, or all it has.
    #[must_use]
    pub fn first(&self, len: usize) -> Self {
        Self::from_parts(self.address(), self.size().min(len))
    }
}
