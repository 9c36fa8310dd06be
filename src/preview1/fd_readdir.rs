//! `fd_readdir`.

use crate::core::dir::DirDescriptor;
use crate::core::guest::Guest;
use crate::core::layout::Store;
use crate::core::memory::{List, Memory, Ptr, Size};
use crate::core::outcome::{HostResult, Outcome};
use crate::core::restart::{RestartState, Saved};
use crate::core::rights::Rights;
use crate::core::table::OpenEntry;
use crate::preview1::abi::Out;
use crate::preview1::types::Dirent;
use crate::sys::dir::{DirEntry, Progress};
use crate::sys::errno::Result;
use crate::sys::types::{Dircookie, Filetype};
use std::sync::Arc;

/// The first two entries of every directory. Directory readers omit these entries; `fd_readdir` adds them first.
const DOTS: [&[u8]; 2] = [b".", b".."];

impl Guest {
    /// Reads directory entries from `cookie`: `getdents`. If the buffer is full on return, the last entry may be
    /// truncated. The guest reads it again from its own cookie.
    pub(crate) fn fd_readdir(
        &self,
        memory: Memory,
        restart: &RestartState,
        fd: OpenEntry<'_>,
        Out(buf): Out<List<u8>>,
        cookie: Dircookie,
    ) -> HostResult<Size> {
        let dir = fd.dir(Rights::FD_READDIR)?;
        let cookie = restart.cookie.unwrap_or(cookie);
        let mut out = DirentWriter { memory, buf, used: restart.bytes_done as Size };
        for (at, name) in (0..).zip(DOTS).skip(usize::try_from(cookie).unwrap_or(usize::MAX)) {
            let ino = if at == 0 { dir.directory().own_stat()?.ino } else { self.parent_ino(dir)? };
            let entry = DirEntry { name, ino, filetype: Filetype::Directory, next: at + 1 };
            if !out.write(&entry)? {
                return Ok(out.used);
            }
        }
        let from = cookie.saturating_sub(DOTS.len() as u64);
        let mut failed = None;
        let progress = dir.directory().read_dir(&mut dir.reader(), from, |entry| {
            let next = entry.next + DOTS.len() as u64;
            out.write(&DirEntry { next, ..*entry }).unwrap_or_else(|errno| {
                failed = Some(errno);
                false
            })
        })?;
        match (failed, progress) {
            (Some(errno), _) => Err(errno.into()),
            (None, Progress::End | Progress::Stopped) => Ok(out.used),
            (None, Progress::Paused(next)) => {
                let (bytes_done, cookie) = (u64::from(out.used), next + DOTS.len() as u64);
                let fd = Some(Arc::clone(&fd));
                Err(Outcome::pause(Saved { fd, bytes_done, cookie: Some(cookie), ..Saved::default() }.into()))
            }
        }
    }

    /// Returns the inode number of the parent. For a guest, the parent of a preopen is the preopen itself. The same
    /// holds for a directory that the host has moved out of all preopens.
    fn parent_ino(&self, dir: &DirDescriptor) -> Result<u64> {
        let own = dir.directory().own_stat()?;
        if self.is_preopen((own.dev, own.ino)) {
            return Ok(own.ino);
        }
        let parent = dir.directory().parent_ino(|id| self.is_preopen(id));
        Ok(parent.ok().flatten().unwrap_or(own.ino))
    }
}

/// Writes entries into the guest's buffer.
struct DirentWriter {
    memory: Memory,
    buf: List<u8>,
    used: Size,
}

impl DirentWriter {
    /// Writes an entry and returns whether it fits. If not, the buffer counts as full: the name is truncated, and a
    /// header that does not fit is omitted, as in node:wasi.
    fn write(&mut self, entry: &DirEntry<'_>) -> Result<bool> {
        let header = Dirent {
            d_next: entry.next,
            d_ino: entry.ino,
            d_namlen: entry.name.len() as Size,
            d_type: entry.filetype,
        };
        let header_size = <Dirent as Store>::SIZE;
        let room = (self.buf.len - self.used) as usize;
        if room < header_size {
            self.used = self.buf.len;
            return Ok(false);
        }
        let at = self.buf.ptr.0 + self.used;
        self.memory.store(Ptr::new(at), &header)?;
        let name = &entry.name[..entry.name.len().min(room - header_size)];
        if !name.is_empty() {
            self.memory.write(at + header_size as u32, name)?;
        }
        self.used += (header_size + name.len()) as Size;
        Ok(name.len() == entry.name.len())
    }
}
