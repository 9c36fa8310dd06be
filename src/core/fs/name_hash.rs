//! Hashes of names: SipHash-1-3 with random keys, as in the standard library, so that a guest cannot choose names that
//! collide. A name is hashed in one piece and without its length, which takes half the time.

use once_cell::sync::Lazy;
use siphasher::sip::SipHasher13;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Keyed hash function of the process.
static SIP: Lazy<SipHasher13> = Lazy::new(|| {
    let key = || RandomState::new().build_hasher().finish();
    SipHasher13::new_with_keys(key(), key())
});

/// Builds hashers of names.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NameHash;

/// Hash of a name.
#[derive(Debug, Default)]
pub(crate) struct NameHasher(u64);

impl BuildHasher for NameHash {
    type Hasher = NameHasher;

    #[inline]
    fn build_hasher(&self) -> NameHasher {
        NameHasher::default()
    }
}

impl Hasher for NameHasher {
    #[inline]
    fn write(&mut self, name: &[u8]) {
        self.0 = SIP.hash(name);
    }

    /// Ignores the length of the name.
    #[inline]
    fn write_usize(&mut self, _len: usize) {}

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
