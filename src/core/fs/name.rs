//! Names of entries, with their hashes: SipHash-1-3 with random keys, as in the standard library, so that a guest
//! cannot choose names that collide. A `Name` keeps its hash, so that several look-ups hash it once.

use once_cell::sync::Lazy;
use siphasher::sip::SipHasher13;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Keyed hash function of the process.
static SIP: Lazy<SipHasher13> = Lazy::new(|| {
    let key = || RandomState::new().build_hasher().finish();
    SipHasher13::new_with_keys(key(), key())
});

/// A name with its hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    bytes: &'a [u8],
    hash: u64,
}

impl<'a> Name<'a> {
    /// Hashes a name.
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, hash: SIP.hash(bytes) }
    }

    /// Describes a name that was hashed before.
    pub(crate) fn with_hash(bytes: &'a [u8], hash: u64) -> Self {
        Self { bytes, hash }
    }

    /// Returns the name itself.
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the hash.
    pub(crate) fn hash(self) -> u64 {
        self.hash
    }
}
