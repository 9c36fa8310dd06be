//! `random_get`.

use super::Wasi;
use super::errno::Result;
use super::memory::{List, Memory};
use rand::Rng;

impl Wasi {
    /// Fills a buffer with random bytes, from a generator of this thread that the system seeds and reseeds.
    pub fn random_get(&self, memory: Memory, buf: List<u8>) -> Result {
        let mut random = rand::rng();
        let mut chunk = [0; 512];
        let (mut at, mut left) = (buf.ptr.0, buf.len as usize);
        while left > 0 {
            let bytes = &mut chunk[..left.min(512)];
            random.fill_bytes(bytes);
            memory.write(at, bytes)?;
            at = at.wrapping_add(bytes.len() as u32);
            left -= bytes.len();
        }
        Ok(())
    }
}
