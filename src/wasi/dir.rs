//! Directories: what a directory descriptor is, `fd_readdir`, and how many directories can be in the middle of being
//! read at the cost of a descriptor and a buffer of the host's.

use super::Wasi;
use super::errno::Result;
use super::memory::{List, Memory, Out};
use super::sys::{self, DirEntry, DirPosition, DirStream};
use super::table::{Descriptor, Entry};
use super::types::{Dircookie, Dirent, Filetype, Rights, Size, Store};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, TryLockError, Weak};

/// An open directory. It is a handle, never a path: it stays the same directory whatever it is called.
#[derive(Debug)]
pub struct Dir {
    handle: Arc<cap_std::fs::Dir>,
    /// For a preopen, what the guest knows it by.
    name: Option<Box<[u8]>>,
    reading: Mutex<Reading>,
    /// When it was last read, by the clock of [`Streams`]; 0 if it has no stream.
    used: AtomicU64,
}

/// How far a directory has been read.
#[derive(Debug, Default)]
struct Reading {
    /// Opened when it is first read.
    stream: Option<DirStream>,
    /// Where to open it.
    from: DirPosition,
}

/// The two entries every directory starts with. The system has them in any place, and the stream leaves them out.
const DOTS: [&[u8]; 2] = [b".", b".."];

impl Dir {
    /// A directory that the guest opened.
    #[must_use]
    pub fn new(dir: cap_std::fs::Dir) -> Self {
        Self { handle: Arc::new(dir), name: None, reading: Mutex::default(), used: AtomicU64::default() }
    }

    /// A preopened directory, under the name the guest knows it by.
    #[must_use]
    pub fn preopen(handle: Arc<cap_std::fs::Dir>, name: &[u8]) -> Self {
        Self { handle, name: Some(name.into()), reading: Mutex::default(), used: AtomicU64::default() }
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
        let mut reading = dir.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let stream = self.streams.of(&fd, dir, &mut reading)?;
        stream.seek(cookie.saturating_sub(DOTS.len() as u64))?;
        while let Some(entry) = stream.peek()? {
            let next = entry.next + DOTS.len() as u64;
            if !out.write(&DirEntry { next, ..entry })? {
                return Ok(out.used);
            }
            stream.advance();
        }
        // Nobody reads on past the end: its descriptor and buffer are not kept.
        *reading = Reading::default();
        dir.used.store(0, Relaxed);
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

/// The streams of a guest: so many are open at most. To open another, the one that was used longest ago is closed,
/// to be opened again where it was.
#[derive(Debug, Default)]
pub struct Streams {
    clock: AtomicU64,
    /// The directories that have one, and some that have none any more.
    open: Mutex<Vec<Weak<Entry>>>,
}

impl Streams {
    const MOST: usize = 64;

    /// The stream of a directory whose `reading` is locked.
    fn of<'a>(&self, fd: &Arc<Entry>, dir: &Dir, reading: &'a mut Reading) -> Result<&'a mut DirStream> {
        dir.used.store(self.clock.fetch_add(1, Relaxed) + 1, Relaxed);
        match &mut reading.stream {
            Some(stream) => Ok(stream),
            none => {
                self.make_room(fd);
                let opened = DirStream::open(dir.cap(), &reading.from);
                Ok(none.insert(opened.inspect_err(|_| dir.used.store(0, Relaxed))?))
            }
        }
    }

    /// Closes as many streams as there are too many with that of `newcomer`, which has `used` set already so that
    /// nobody forgets it meanwhile.
    fn make_room(&self, newcomer: &Arc<Entry>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|entry| entry.strong_count() > 0 && !std::ptr::eq(entry.as_ptr(), Arc::as_ptr(newcomer)));
        if open.len() >= Self::MOST {
            let mut entries: Vec<_> = open.iter().filter_map(Weak::upgrade).collect();
            entries.retain(|entry| last_use(entry) > 0);
            entries.sort_by_cached_key(|entry| last_use(entry));
            let mut excess = (entries.len() + 1).saturating_sub(Self::MOST);
            entries.retain(|entry| {
                let closes = excess > 0 && park(entry);
                excess -= usize::from(closes);
                !closes
            });
            *open = entries.iter().map(Arc::downgrade).collect();
        }
        open.push(Arc::downgrade(newcomer));
    }
}

/// When the stream of a directory was last used, 0 if it has none.
fn last_use(entry: &Entry) -> u64 {
    match &entry.descriptor {
        Descriptor::Dir(dir) => dir.used.load(Relaxed),
        Descriptor::File(_) | Descriptor::Stream(_) | Descriptor::Pipe(_) => 0,
    }
}

/// Closes the stream of a directory and keeps its position; false if a thread is reading it. Nobody is waited for,
/// who may be waiting for room as well.
fn park(entry: &Entry) -> bool {
    let Descriptor::Dir(dir) = &entry.descriptor else {
        return true;
    };
    let mut reading = match dir.reading.try_lock() {
        Ok(reading) => reading,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return false,
    };
    if let Some(stream) = reading.stream.take() {
        reading.from = stream.position();
    }
    dir.used.store(0, Relaxed);
    true
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
