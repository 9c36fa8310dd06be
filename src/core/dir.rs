//! Directories: what a directory descriptor is, and `fd_readdir`.

use crate::core::guest::Wasi;
use crate::core::memory::{List, Memory, Out};
use crate::core::table::Entry;
use crate::preview1::abi::Attempt;
use crate::preview1::poll::Wait;
use crate::preview1::types::{Dircookie, Dirent, Filetype, Rights, Size, Store};
use crate::sys::errno::Result;
use crate::sys::{self, DirBudget, DirEntry, DirHandle, DirStream, Progress};
use std::sync::{Arc, Mutex, PoisonError};

/// An open directory. It is a handle, never a path: it stays the same directory whatever it is called.
#[derive(Debug)]
pub struct Dir {
    handle: Arc<DirHandle>,
    /// For a preopen, what the guest knows it by.
    name: Option<Box<[u8]>>,
    /// How far it has been read.
    stream: Mutex<DirStream>,
}

/// The two entries every directory starts with. The system has them in any place, and the stream leaves them out.
const DOTS: [&[u8]; 2] = [b".", b".."];

impl Dir {
    /// A directory that the guest opened.
    #[must_use]
    pub fn new(dir: std::fs::File, budget: DirBudget) -> Self {
        let stream = Mutex::new(DirStream::new(budget));
        Self { handle: Arc::new(DirHandle::new(dir)), name: None, stream }
    }

    /// A preopened directory, under the name the guest knows it by.
    #[must_use]
    pub fn preopen(handle: Arc<DirHandle>, name: &[u8], budget: DirBudget) -> Self {
        Self { handle, name: Some(name.into()), stream: Mutex::new(DirStream::new(budget)) }
    }

    /// What the guest knows a preopen by.
    #[must_use]
    pub fn preopen_name(&self) -> Option<&[u8]> {
        self.name.as_deref()
    }

    /// The system's own handle.
    #[must_use]
    pub fn handle(&self) -> sys::Handle<'_> {
        self.handle.handle()
    }

    /// The directory as cap-std has it, for whatever takes a path.
    #[must_use]
    pub fn cap(&self) -> &cap_std::fs::Dir {
        self.handle.cap()
    }
}

impl Wasi {
    /// Reads directory entries from `cookie` on: `getdents`. A buffer that is full on return may have cut the
    /// last entry short; it is read again from its own cookie.
    pub fn fd_readdir(
        &self,
        memory: Memory,
        attempt: Attempt,
        fd: Arc<Entry>,
        Out(buf): Out<List<u8>>,
        cookie: Dircookie,
    ) -> Result<Size> {
        let dir = fd.dir(Rights::FD_READDIR)?;
        let cookie = attempt.cookie.unwrap_or(cookie);
        let mut out = DirentWriter { memory, buf, used: attempt.transferred as Size };
        for (at, name) in (0..).zip(DOTS).skip(usize::try_from(cookie).unwrap_or(usize::MAX)) {
            let ino = if at == 0 { sys::stat(dir.handle())?.ino } else { self.parent_ino(dir)? };
            let entry = DirEntry { name, ino, filetype: Filetype::Directory, next: at + 1 };
            if !out.write(&entry)? {
                return Ok(out.used);
            }
        }
        let from = cookie.saturating_sub(DOTS.len() as u64);
        let (mut cookie, mut failed) = (cookie.max(DOTS.len() as u64), None);
        let mut stream = dir.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = stream.read(&dir.handle, from, |entry| {
            let next = entry.next + DOTS.len() as u64;
            match out.write(&DirEntry { next, ..*entry }) {
                Ok(true) => cookie = next,
                Ok(false) => return false,
                Err(failure) => {
                    failed = Some(failure);
                    return false;
                }
            }
            true
        })?;
        match (failed, progress) {
            (Some(failure), _) => Err(failure),
            (None, Progress::End | Progress::Stopped) => Ok(out.used),
            (None, Progress::Paused) => {
                let transferred = u64::from(out.used);
                let attempt = Attempt { transferred, cookie: Some(cookie), ..attempt };
                Err(Wait::for_nothing(Attempt { fd: Some(Arc::clone(&fd)), ..attempt }))
            }
        }
    }

    /// Serial number of the directory above. Above a preopen there is, for the guest, the preopen itself; and
    /// above a directory that the host has moved out of all preopens, nothing but itself.
    fn parent_ino(&self, dir: &Dir) -> Result<u64> {
        let own = sys::stat(dir.handle())?;
        let is_preopen = |id| self.preopens.contains(&id);
        if is_preopen((own.dev, own.ino)) {
            return Ok(own.ino);
        }
        Ok(sys::parent_ino(dir.handle(), is_preopen).ok().flatten().unwrap_or(own.ino))
    }
}

/// Writes entries into the guest's buffer.
struct DirentWriter {
    memory: Memory,
    buf: List<u8>,
    used: Size,
}

impl DirentWriter {
    /// Writes an entry. Whether it fitted; if not, the buffer is full now: a name is cut, and a head that
    /// does not fit is left out, as node:wasi does.
    fn write(&mut self, entry: &DirEntry<'_>) -> Result<bool> {
        let head = Dirent {
            d_next: entry.next,
            d_ino: entry.ino,
            d_namlen: entry.name.len() as Size,
            d_type: entry.filetype,
        };
        let head_size = <Dirent as Store>::SIZE;
        let room = (self.buf.len - self.used) as usize;
        if room < head_size {
            self.used = self.buf.len;
            return Ok(false);
        }
        let at = self.buf.ptr.0 + self.used;
        self.memory.store(crate::core::memory::Ptr::new(at), &head)?;
        let name = &entry.name[..entry.name.len().min(room - head_size)];
        if !name.is_empty() {
            self.memory.write(at + head_size as u32, name)?;
        }
        self.used += (head_size + name.len()) as Size;
        Ok(name.len() == entry.name.len())
    }
}
