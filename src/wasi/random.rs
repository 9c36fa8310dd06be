//! `random_get`.

use super::Wasi;
use super::abi::Attempt;
use super::errno::Result;
use super::memory::{List, Memory, Out};
use super::poll::Wait;
use super::types::Size;
use rand::Rng;

/// Bytes after which a call is interrupted, so that a worker can be ended in a long one.
const SLICE: Size = 16 << 20;

impl Wasi {
    /// Fills a buffer with random bytes, from a generator of this thread that the system seeds and reseeds.
    pub fn random_get(&self, memory: Memory, attempt: Attempt, Out(buf): Out<List<u8>>) -> Result {
        let mut random = rand::rng();
        let mut chunk = [0; 512];
        let mut done = attempt.transferred;
        let until = buf.len.min(done.saturating_add(SLICE));
        while done < until {
            let bytes = &mut chunk[..512.min(until - done) as usize];
            random.fill_bytes(bytes);
            memory.write(buf.ptr.0 + done, bytes)?;
            done += bytes.len() as Size;
        }
        if done < buf.len { Err(Wait::for_nothing(Attempt { transferred: done, ..attempt })) } else { Ok(()) }
    }
}
