//! `random_get`.

use crate::core::guest::Wasi;
use crate::core::memory::{List, Memory, Out};
use crate::preview1::abi::Transferred;
use crate::preview1::poll::Wait;
use crate::preview1::types::Size;
use crate::preview1::vectored::SLICE;
use crate::sys::errno::Result;
use rand::rngs::ChaCha20Rng;
use rand::{Rng, SeedableRng};
use std::sync::{Mutex, PoisonError};

/// Bytes that a seed determines: the key stream of `ChaCha20` with the seed as the key, and nonce and counter 0. Each
/// call goes on at the next multiple of four bytes.
#[derive(Debug)]
pub struct Seeded(Mutex<ChaCha20Rng>);

impl Seeded {
    /// A generator at its start.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self(Mutex::new(ChaCha20Rng::from_seed(seed)))
    }
}

impl Wasi {
    /// Fills a buffer with random bytes, from a generator of this thread that the system seeds and reseeds, unless
    /// the guest has one of its own.
    pub fn random_get(&self, memory: Memory, transferred: Transferred, Out(buf): Out<List<u8>>) -> Result {
        match &self.random {
            None => fill(rand::rng(), memory, transferred, buf),
            Some(Seeded(random)) => {
                fill(&mut *random.lock().unwrap_or_else(PoisonError::into_inner), memory, transferred, buf)
            }
        }
    }
}

fn fill(mut random: impl Rng, memory: Memory, Transferred(mut done): Transferred, buf: List<u8>) -> Result {
    let mut chunk = [0; 512];
    let until = buf.len.min(done.saturating_add(SLICE));
    while done < until {
        let bytes = &mut chunk[..512.min(until - done) as usize];
        random.fill_bytes(bytes);
        memory.write(buf.ptr.0 + done, bytes)?;
        done += bytes.len() as Size;
    }
    if done < buf.len { Err(Wait::for_nothing(Transferred::attempt(done))) } else { Ok(()) }
}
