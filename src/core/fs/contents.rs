//! Contents of a file in memory: blocks of 4 KiB, with holes between them. A short file is a single smaller block.

use crate::core::fs::space::Space;
use crate::core::memory::{copy_from_guest, copy_to_guest, fill_guest};
use crate::sys::buffers::Buffer;
use crate::sys::errno::{Errno, Result};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of a block.
const BLOCK: usize = 4096;

/// Largest file size, as on Linux.
pub(crate) const MAX_SIZE: u64 = i64::MAX as u64;

/// Contents of a file.
#[derive(Debug)]
pub(crate) struct Contents {
    space: Arc<Space>,
    size: u64,
    /// The first bytes, while no later block is allocated. The capacity is a power of two.
    small: Vec<u8>,
    /// Blocks by index. Empty while `small` is in use.
    blocks: BTreeMap<u64, Box<[u8; BLOCK]>>,
}

impl Contents {
    /// Creates empty contents.
    #[inline(always)]
    pub(crate) fn new(space: &Arc<Space>) -> Self {
        Self { space: Arc::clone(space), size: 0, small: Vec::new(), blocks: BTreeMap::new() }
    }

    /// Returns the size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Returns the bytes allocated.
    pub(crate) fn allocated(&self) -> u64 {
        (self.small.capacity() + self.blocks.len() * BLOCK) as u64
    }

    /// Copies bytes from `offset` into guest buffers and returns their number.
    pub(crate) fn read(&self, buffers: &[Buffer], offset: u64) -> usize {
        let mut done = 0;
        for buffer in buffers {
            let read = self.read_part(buffer, offset + done as u64);
            done += read;
            if read < buffer.size() {
                break;
            }
        }
        done
    }

    /// Copies bytes from `offset` into one guest buffer and returns their number.
    #[inline(always)]
    fn read_part(&self, buffer: &Buffer, offset: u64) -> usize {
        let left = self.size.saturating_sub(offset);
        let len = buffer.size().min(usize::try_from(left).unwrap_or(usize::MAX));
        match self.run(offset) {
            (Some(bytes), run) if len <= run => copy_to_guest(buffer, 0, &bytes[..len]),
            _ => self.read_runs(buffer, offset, len),
        }
        len
    }

    /// Copies `len` bytes from `offset` into a guest buffer, run by run.
    #[inline(never)]
    fn read_runs(&self, buffer: &Buffer, offset: u64, len: usize) {
        let mut at = 0;
        while at < len {
            let (bytes, run) = self.run(offset + at as u64);
            let part = run.min(len - at);
            match bytes {
                Some(bytes) => copy_to_guest(buffer, at, &bytes[..part]),
                None => fill_guest(buffer, at, part),
            }
            at += part;
        }
    }

    /// Returns the allocated bytes at an offset, or the length of the hole there.
    #[inline(always)]
    fn run(&self, offset: u64) -> (Option<&[u8]>, usize) {
        if self.blocks.is_empty() {
            let bytes = usize::try_from(offset).ok().and_then(|at| self.small.get(at..));
            return match bytes {
                Some(bytes) if !bytes.is_empty() => (Some(bytes), bytes.len()),
                _ => (None, usize::MAX),
            };
        }
        let (index, at) = (offset / BLOCK as u64, (offset % BLOCK as u64) as usize);
        match self.blocks.get(&index) {
            Some(block) => (Some(&block[at..]), BLOCK - at),
            None => (None, BLOCK - at),
        }
    }

    /// Writes guest buffers at `offset` and returns the number of bytes: fewer if the space ends, `ENOSPC` if none fit.
    pub(crate) fn write(&mut self, buffers: &[Buffer], offset: u64) -> Result<usize> {
        let mut done = 0;
        for buffer in buffers {
            let write = |bytes: &mut [u8], at: usize| copy_from_guest(buffer, at, bytes);
            match self.write_with(offset + done as u64, buffer.size(), write) {
                Ok(written) => {
                    done += written;
                    if written < buffer.size() {
                        break;
                    }
                }
                Err(_) if done > 0 => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(done)
    }

    /// Writes bytes at `offset`; fewer if the space ends.
    pub(crate) fn write_bytes(&mut self, bytes: &[u8], offset: u64) -> Result<usize> {
        self.write_with(offset, bytes.len(), |part, at| part.copy_from_slice(&bytes[at..at + part.len()]))
    }

    /// Writes bytes at `offset`, except blocks of zeros, which stay holes; `ENOSPC` if the space ends.
    pub(crate) fn write_data(&mut self, bytes: &[u8], offset: u64) -> Result {
        let mut at = 0;
        while at < bytes.len() {
            let block = BLOCK - ((offset + at as u64) % BLOCK as u64) as usize;
            let part = &bytes[at..bytes.len().min(at + block)];
            let is_written = part.iter().any(|byte| *byte != 0);
            if is_written && self.write_bytes(part, offset + at as u64)? < part.len() {
                return Err(Errno::Nospc);
            }
            at += part.len();
        }
        Ok(())
    }

    /// Writes `len` bytes at `offset`, piece by piece: `write` fills a piece from an offset of the data on.
    fn write_with(&mut self, offset: u64, len: usize, write: impl Fn(&mut [u8], usize)) -> Result<usize> {
        if len == 0 {
            return Ok(0);
        }
        if offset >= MAX_SIZE {
            return Err(Errno::Fbig);
        }
        let len = len.min(usize::try_from(MAX_SIZE - offset).unwrap_or(usize::MAX));
        let mut done = 0;
        while done < len {
            let at = offset + done as u64;
            match self.writable(at, len - done) {
                Ok(piece) => {
                    let part = piece.len();
                    write(piece, done);
                    done += part;
                }
                Err(_) if done > 0 => break,
                Err(errno) => return Err(errno),
            }
        }
        self.size = self.size.max(offset + done as u64);
        Ok(done)
    }

    /// Returns allocated bytes at an offset, at most `len`.
    fn writable(&mut self, offset: u64, len: usize) -> Result<&mut [u8]> {
        if self.blocks.is_empty() {
            let end = offset.saturating_add(len as u64);
            if end <= BLOCK as u64 {
                self.grow_small(end as usize)?;
                return Ok(&mut self.small[offset as usize..end as usize]);
            }
            if self.small.capacity() > 0 {
                self.space.take_bytes((BLOCK - self.small.capacity()) as u64)?;
                self.spread();
            }
        }
        let (index, at) = (offset / BLOCK as u64, (offset % BLOCK as u64) as usize);
        self.allocate_block(index)?;
        let block = self.blocks.get_mut(&index).ok_or(Errno::Io)?;
        let part = len.min(BLOCK - at);
        Ok(&mut block[at..at + part])
    }

    /// Makes `small` at least `len` bytes long.
    fn grow_small(&mut self, len: usize) -> Result {
        if len > self.small.capacity() {
            let capacity = len.next_power_of_two().clamp(16, BLOCK);
            self.space.take_bytes((capacity - self.small.capacity()) as u64)?;
            self.small.reserve_exact(capacity - self.small.len());
        }
        if len > self.small.len() {
            self.small.resize(len, 0);
        }
        Ok(())
    }

    /// Turns `small` into the first block. The caller has taken the bytes.
    fn spread(&mut self) {
        let small = std::mem::take(&mut self.small);
        if small.capacity() > 0 {
            let mut block = new_block();
            block[..small.len()].copy_from_slice(&small);
            self.blocks.insert(0, block);
        }
    }

    fn allocate_block(&mut self, index: u64) -> Result {
        if !self.blocks.contains_key(&index) {
            self.space.take_bytes(BLOCK as u64)?;
            self.blocks.insert(index, new_block());
        }
        Ok(())
    }

    /// Allocates a range and extends the file to its end; `ENOSPC` without any effect if the space has less.
    pub(crate) fn allocate(&mut self, offset: u64, len: u64) -> Result {
        let end = offset.checked_add(len).filter(|end| *end <= MAX_SIZE).ok_or(Errno::Fbig)?;
        let (first, last) = (offset / BLOCK as u64, (end - 1) / BLOCK as u64);
        let present = self.blocks.range(first..=last).count() as u64;
        let mut missing = last - first + 1 - present;
        // `small` becomes the first block.
        let small = self.small.capacity() as u64;
        if small > 0 && first > 0 {
            missing += 1;
        }
        self.space.take_bytes(missing * BLOCK as u64 - small)?;
        self.spread();
        for index in first..=last {
            self.blocks.entry(index).or_insert_with(new_block);
        }
        self.size = self.size.max(end);
        Ok(())
    }

    /// Sets the size. Bytes beyond a smaller size are freed.
    pub(crate) fn set_size(&mut self, size: u64) -> Result {
        if size > MAX_SIZE {
            return Err(Errno::Fbig);
        }
        if size < self.size {
            self.truncate(size);
        }
        self.size = size;
        Ok(())
    }

    fn truncate(&mut self, size: u64) {
        let kept = usize::try_from(size).unwrap_or(usize::MAX);
        if kept < self.small.len() {
            self.small.truncate(kept);
            if kept == 0 {
                self.space.give_bytes(std::mem::take(&mut self.small).capacity() as u64);
            }
        }
        let freed = self.blocks.split_off(&size.div_ceil(BLOCK as u64));
        self.space.give_bytes((freed.len() * BLOCK) as u64);
        if let Some(block) = self.blocks.get_mut(&(size / BLOCK as u64)) {
            block[(size % BLOCK as u64) as usize..].fill(0);
        }
    }

    /// Returns the next range from `offset` on that is allocated; `None` if only a hole follows.
    pub(crate) fn next_data(&self, offset: u64) -> Option<(u64, u64)> {
        if self.blocks.is_empty() {
            let end = self.small.len() as u64;
            return (offset < end).then_some((offset, end));
        }
        let first = offset / BLOCK as u64;
        let (index, _) = self.blocks.range(first..).next()?;
        let start = (index * BLOCK as u64).max(offset);
        let end = ((index + 1) * BLOCK as u64).min(self.size);
        (start < end).then_some((start, end))
    }
}

impl Drop for Contents {
    fn drop(&mut self) {
        self.space.give_bytes(self.allocated());
    }
}

fn new_block() -> Box<[u8; BLOCK]> {
    Box::new([0; BLOCK])
}
