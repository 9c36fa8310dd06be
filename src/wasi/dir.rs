//! Directories: what a directory descriptor is, and `fd_readdir`.

use super::Wasi;
use super::errno::Result;
use super::memory::{List, Memory, Out};
use super::sys::{self, DirEntry, DirStream};
use super::table::Entry;
use super::types::{Dircookie, Dirent, Filetype, Rights, Size, Store};
use std::sync::{Arc, Mutex, PoisonError};

/// An open directory. It is a handle, never a path: it stays the same directory whatever it is called.
#[derive(Debug)]
pub struct Dir {
    handle: Arc<cap_std::fs::Dir>,
    /// For a preopen, what the guest knows it by.
    name: Option<Box<[u8]>>,
    /// Opened when it is first read.
    stream: Mutex<Option<DirStream>>,
}

/// The two entries every directory starts with. The system has them in any place, and the stream leaves them out.
const DOTS: [&[u8]; 2] = [b".", b".."];

impl Dir {
    /// A directory that the guest opened.
    #[must_use]
    pub fn new(dir: cap_std::fs::Dir) -> Self {
        Self { handle: Arc::new(dir), name: None, stream: Mutex::default() }
    }

    /// A preopened directory, under the name the guest knows it by.
    #[must_use]
    pub fn preopen(handle: Arc<cap_std::fs::Dir>, name: &[u8]) -> Self {
        Self { handle, name: Some(name.into()), stream: Mutex::default() }
    }

    /// What the guest knows a preopen by.
    #[must_use]
    pub fn preopen_name(&self) -> Option<&[u8]> {
        self.name.as_deref()
    }

    /// The system's own handle.
    #[must_use]
    pub fn handle(&self) -> sys::Handle<'_> {
        sys::handle(&*self.handle)
    }

    /// The directory as cap-std has it, for whatever takes a path.
    #[must_use]
    pub fn cap(&self) -> &cap_std::fs::Dir {
        &self.handle
    }
}

impl Wasi {
    /// Reads directory entries from `cookie` on: `getdents`. A buffer that is full on return may have cut the
    /// last entry short; it is read again from its own cookie.
    pub fn fd_readdir(
        &self,
        memory: Memory,
        fd: Arc<Entry>,
        Out(buf): Out<List<u8>>,
        cookie: Dircookie,
    ) -> Result<Size> {
        let dir = fd.dir(Rights::FD_READDIR)?;
        let mut out = DirentWriter { memory, buf, used: 0 };
        for (at, name) in (0..).zip(DOTS).skip(usize::try_from(cookie).unwrap_or(usize::MAX)) {
            let ino = if at == 0 { sys::stat(dir.handle())?.ino } else { self.parent_ino(dir)? };
            let entry = DirEntry { name, ino, filetype: Filetype::Directory, next: at + 1 };
            if !out.write(&entry)? {
                return Ok(out.used);
            }
        }
        let mut guard = dir.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let stream = match &mut *guard {
            Some(stream) => stream,
            none => none.insert(DirStream::open(dir.cap())?),
        };
        stream.seek(cookie.saturating_sub(DOTS.len() as u64))?;
        while let Some(entry) = stream.peek()? {
            let next = entry.next + DOTS.len() as u64;
            if !out.write(&DirEntry { next, ..entry })? {
                return Ok(out.used);
            }
            stream.advance();
        }
        // Nobody reads on past the end: its descriptor and buffer are not kept.
        *guard = None;
        Ok(out.used)
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
        self.memory.store(super::memory::Ptr::new(at), &head)?;
        let name = &entry.name[..entry.name.len().min(room - head_size)];
        if !name.is_empty() {
            self.memory.write(at + head_size as u32, name)?;
        }
        self.used += (head_size + name.len()) as Size;
        Ok(name.len() == entry.name.len())
    }
}
