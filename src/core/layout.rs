//! Layout of values in guest memory: little-endian.

/// A value that the host writes into guest memory.
pub trait Store {
    /// Size in bytes.
    const SIZE: usize;
    /// Adds the value to zeroed words, from byte `at` on. `at` is a multiple of the value's alignment. Byte 0 of a word
    /// is its least significant byte.
    fn store(&self, words: &mut [u64], at: usize);
}

/// A value that the host reads from guest memory. Any bytes are valid; the calls check their meaning.
pub trait Load {
    /// Size in bytes.
    const SIZE: usize;
    /// Reads the value from the first `SIZE` bytes.
    fn load(bytes: &[u8]) -> Self;
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Store for $type {
            const SIZE: usize = size_of::<$type>();
            #[inline(always)]
            fn store(&self, words: &mut [u64], at: usize) {
                words[at / 8] |= u64::from(*self) << (at % 8 * 8);
            }
        }

        impl Load for $type {
            const SIZE: usize = size_of::<$type>();
            fn load(bytes: &[u8]) -> Self {
                let mut value = [0; size_of::<$type>()];
                value.copy_from_slice(&bytes[..size_of::<$type>()]);
                <$type>::from_le_bytes(value)
            }
        }
    )*};
}
integers!(u8 u16 u32 u64);
