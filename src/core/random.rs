//! Random bytes of a guest.

use rand::rngs::ChaCha20Rng;
use rand::{Rng, SeedableRng};
use std::sync::{Mutex, PoisonError};

/// Source of random bytes.
#[derive(Debug, Default)]
pub enum Random {
    /// A generator per thread, which the system seeds and reseeds.
    #[default]
    System,
    /// The key stream of `ChaCha20` with the seed as key, and nonce and counter 0. Each call starts at the next
    /// multiple of four bytes.
    Seeded(Box<Mutex<ChaCha20Rng>>),
}

impl Random {
    /// Creates a source whose bytes depend only on the seed.
    #[must_use]
    pub fn seeded(seed: [u8; 32]) -> Self {
        Random::Seeded(Box::new(Mutex::new(ChaCha20Rng::from_seed(seed))))
    }

    /// Returns the seed; `None` for random bytes of the system.
    pub(crate) fn seed(&self) -> Option<[u8; 32]> {
        match self {
            Random::System => None,
            Random::Seeded(random) => Some(random.lock().unwrap_or_else(PoisonError::into_inner).get_seed()),
        }
    }

    /// Fills `bytes`.
    pub(crate) fn fill(&self, bytes: &mut [u8]) {
        match self {
            Random::System => rand::rng().fill_bytes(bytes),
            Random::Seeded(random) => random.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes),
        }
    }
}
