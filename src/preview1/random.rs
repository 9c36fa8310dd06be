//! `random_get`.

use crate::core::guest::Guest;
use crate::core::memory::{List, Memory, Size};
use crate::core::outcome::{HostResult, Outcome};
use crate::core::restart::{RestartState, Saved};
use crate::preview1::abi::Out;
use crate::preview1::vectored::SLICE;

impl Guest {
    /// Fills a buffer with random bytes. Pauses after every [`SLICE`] bytes.
    pub(crate) fn random_get(
        &self,
        memory: Memory,
        restart: &RestartState,
        Out(buf): Out<List<u8>>,
    ) -> HostResult {
        let mut done = restart.bytes_done as Size;
        let mut chunk = [0; 512];
        let until = buf.len.min(done.saturating_add(SLICE));
        while done < until {
            let bytes = &mut chunk[..512.min(until - done) as usize];
            self.random.fill(bytes);
            memory.write(buf.ptr.0 + done, bytes)?;
            done += bytes.len() as Size;
        }
        if done == buf.len {
            return Ok(());
        }
        Err(Outcome::pause(Saved { bytes_done: done.into(), ..Saved::default() }.into()))
    }
}
