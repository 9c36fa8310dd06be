//! Layout of values in guest memory: little-endian.

/// A value that the host writes into guest memory.
pub trait Store {
    /// Size in bytes.
    const SIZE: usize;
    /// Writes the value to the first `SIZE` bytes, which are zero.
    fn store(&self, bytes: &mut [u8]);
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
            fn store(&self, bytes: &mut [u8]) {
                bytes[..size_of::<$type>()].copy_from_slice(&self.to_le_bytes());
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
