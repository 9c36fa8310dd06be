//! The guest's descriptors: what each number stands for and what may be done with it.

use crate::core::dir::Dir;
use crate::core::pipe::Pipe;
use crate::core::stream::{File, Stream};
use crate::preview1::types::{Fd, Fdflags, Fdstat, Filetype, Rights};
use crate::sys;
use crate::sys::errno::{Errno, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What a descriptor is.
#[derive(Debug)]
pub enum Descriptor {
    /// A directory.
    Dir(Dir),
    /// A regular file that the guest opened: nobody else moves its position.
    File(File),
    /// Bytes that come and go in an order the system keeps: stdio, pipes, sockets, terminals, devices.
    Stream(Stream),
    /// A pipe to the embedder, which the system knows nothing of.
    Pipe(Pipe),
}

/// What is behind a descriptor number.
#[derive(Debug)]
pub struct Entry {
    /// What it is.
    pub descriptor: Descriptor,
    /// What it was opened for.
    opened: Rights,
    rights: AtomicU64,
    inheriting: AtomicU64,
    flags: AtomicU16,
    /// Whether the guest has neither read nor set `flags`, which the host chose. `NONBLOCK` has no effect until then.
    flags_unseen: AtomicBool,
    readonly: bool,
}

impl Entry {
    /// A descriptor with all the rights its kind can have, of those in `rights`.
    #[must_use]
    pub fn new(descriptor: Descriptor, rights: Rights, inheriting: Rights, flags: Fdflags) -> Self {
        let (rights, inheriting) = match descriptor.filetype() {
            Filetype::Directory => (rights & Rights::DIRECTORY, inheriting),
            Filetype::RegularFile => (rights & Rights::REGULAR_FILE, Rights::empty()),
            Filetype::SocketDgram | Filetype::SocketStream => (rights & Rights::SOCKET, Rights::empty()),
            Filetype::Unknown => (rights & Rights::PIPE, Rights::empty()),
            _ if descriptor.is_terminal() => (rights & Rights::TERMINAL, Rights::empty()),
            _ => (rights, inheriting),
        };
        let flags_unseen = AtomicBool::new(descriptor.is_listener());
        Self {
            descriptor,
            opened: rights,
            rights: AtomicU64::new(rights.bits()),
            inheriting: AtomicU64::new(inheriting.bits()),
            flags: AtomicU16::new(flags.bits()),
            flags_unseen,
            readonly: false,
        }
    }

    /// The same, but if `readonly` nothing can be changed through it.
    #[must_use]
    pub fn with_readonly(self, readonly: bool) -> Self {
        Self { readonly, ..self }
    }

    /// Whether nothing can be changed through it, nor through what is opened through it. Its rights do not tell:
    /// programs ask for all that they see a directory pass on, also to read.
    #[must_use]
    pub fn is_readonly(&self) -> bool {
        self.readonly
    }

    /// What may be done with it.
    #[must_use]
    pub fn rights(&self) -> Rights {
        Rights::from_bits_retain(self.rights.load(Relaxed))
    }

    /// What may be done with what is opened through it.
    #[must_use]
    pub fn inheriting(&self) -> Rights {
        Rights::from_bits_retain(self.inheriting.load(Relaxed))
    }

    /// The flags it has.
    #[must_use]
    pub fn flags(&self) -> Fdflags {
        Fdflags::from_bits_retain(self.flags.load(Relaxed))
    }

    /// Sets its flags.
    pub fn set_flags(&self, flags: Fdflags) {
        self.flags.store(flags.bits(), Relaxed);
        self.flags_unseen.store(false, Relaxed);
    }

    /// Returns whether a call that would wait fails with `EAGAIN` instead.
    #[must_use]
    pub fn is_nonblocking(&self) -> bool {
        self.flags().contains(Fdflags::NONBLOCK) && !self.flags_unseen.load(Relaxed)
    }

    /// Takes rights away; `NOTCAPABLE` if it would add one.
    pub fn narrow(&self, rights: Rights, inheriting: Rights) -> Result {
        if !self.rights().contains(rights) || !self.inheriting().contains(inheriting) {
            return Err(Errno::Notcapable.into());
        }
        self.rights.fetch_and(rights.bits(), Relaxed);
        self.inheriting.fetch_and(inheriting.bits(), Relaxed);
        Ok(())
    }

    /// Checks that it has all these rights, else returns `ENOTCAPABLE`; before that the errno of POSIX for what the
    /// descriptor cannot do at all: `ESPIPE` without a position, `EBADF` without the direction (a directory is open for
    /// reading, but only by `fd_readdir`). `EROFS` if it is read-only and a right is to change something.
    pub fn require(&self, rights: Rights) -> Result {
        if self.rights().contains(rights) {
            let refused = self.readonly && rights.intersects(Rights::CHANGING);
            return if refused { Err(Errno::Rofs.into()) } else { Ok(()) };
        }
        let positions = rights.intersects(Rights::FD_SEEK | Rights::FD_TELL);
        let never_open = match self.descriptor.filetype() {
            Filetype::Directory => rights.contains(Rights::FD_WRITE),
            _ => !self.opened.contains(rights & Rights::DIRECTIONS),
        };
        let errno = match &self.descriptor {
            Descriptor::Pipe(_) if positions => Errno::Spipe,
            Descriptor::Stream(stream) if positions && !stream.is_seekable() => Errno::Spipe,
            _ if never_open => Errno::Badf,
            _ => Errno::Notcapable,
        };
        Err(errno.into())
    }

    /// The directory it is, `NOTDIR` if it is none, `NOTCAPABLE` without all these rights.
    pub fn dir(&self, rights: Rights) -> Result<&Dir> {
        let Descriptor::Dir(dir) = &self.descriptor else {
            return Err(Errno::Notdir.into());
        };
        self.require(rights)?;
        Ok(dir)
    }

    /// Returns its state for the guest, which has then seen its flags.
    #[must_use]
    pub fn fdstat(&self) -> Fdstat {
        // A load first: threads of the guest then share the cache line.
        if self.flags_unseen.load(Relaxed) {
            self.flags_unseen.store(false, Relaxed);
        }
        Fdstat {
            fs_filetype: self.descriptor.filetype(),
            fs_flags: self.flags(),
            fs_rights_base: self.rights(),
            fs_rights_inheriting: self.inheriting(),
        }
    }
}

impl Descriptor {
    /// Kind of file.
    #[must_use]
    pub fn filetype(&self) -> Filetype {
        match self {
            Descriptor::Dir(_) => Filetype::Directory,
            Descriptor::File(_) => Filetype::RegularFile,
            Descriptor::Stream(stream) => stream.filetype(),
            Descriptor::Pipe(_) => Filetype::Unknown,
        }
    }

    fn is_terminal(&self) -> bool {
        matches!(self, Descriptor::Stream(stream) if stream.is_terminal())
    }

    fn is_listener(&self) -> bool {
        matches!(self, Descriptor::Stream(stream) if stream.is_listener())
    }

    /// The system's own handle; a pipe to the embedder has none, `INVAL`.
    pub fn handle(&self) -> std::result::Result<sys::Handle<'_>, Errno> {
        match self {
            Descriptor::Dir(dir) => Ok(dir.handle()),
            Descriptor::File(file) => Ok(file.handle()),
            Descriptor::Stream(stream) => Ok(stream.handle()),
            Descriptor::Pipe(_) => Err(Errno::Inval),
        }
    }
}

/// What each kind of file can do at most; a terminal cannot seek, by which wasi-libc's `isatty` knows it.
impl Rights {
    /// Every right there is.
    pub const ALL: Self = Self::from_bits_retain(0x3fff_ffff);
    /// What a preopened directory passes on: all but what is for sockets.
    pub const INHERITING: Self = Self::from_bits_retain(0x0fff_ffff);
    /// Rights of stdio: all but changing its size, times and allocation, and shutting it down.
    pub(crate) const STDIO: Self = Self::REGULAR_FILE
        .difference(Self::FD_FILESTAT_SET_SIZE)
        .difference(Self::FD_FILESTAT_SET_TIMES)
        .difference(Self::FD_ALLOCATE);
    /// Reading and writing.
    pub(crate) const DIRECTIONS: Self = Self::FD_READ.union(Self::FD_WRITE);
    const DIRECTORY: Self = Self::from_bits_retain(0x0fbf_fe98);
    const REGULAR_FILE: Self = Self::from_bits_retain(0x08e0_01ff);
    /// Any of these asks `path_open` for a descriptor to read from.
    pub(crate) const READING: Self = Self::FD_READ.union(Self::FD_READDIR);
    /// Any of these asks `path_open` for a descriptor to write to.
    pub(crate) const WRITING: Self =
        Self::FD_WRITE.union(Self::FD_DATASYNC).union(Self::FD_ALLOCATE).union(Self::FD_FILESTAT_SET_SIZE);
    /// What changes something open. Of what changes something by its path, `Place` decides.
    const CHANGING: Self = Self::FD_WRITE.union(Self::FD_ALLOCATE).union(Self::FD_FILESTAT_SET_SIZE);
    const PIPE: Self = Self::FD_READ
        .union(Self::FD_WRITE)
        .union(Self::FD_FDSTAT_SET_FLAGS)
        .union(Self::FD_FILESTAT_GET)
        .union(Self::POLL_FD_READWRITE);
    const TERMINAL: Self = Self::PIPE;
    const SOCKET: Self = Self::PIPE.union(Self::SOCK_SHUTDOWN).union(Self::SOCK_ACCEPT);
}

/// All descriptors of a guest.
#[derive(Debug, Default)]
pub struct Table(RwLock<Slots>);

/// A number set aside for a descriptor to come, and free again if none comes.
#[derive(Debug)]
pub struct Reservation<'a> {
    table: &'a Table,
    fd: Fd,
    filled: bool,
}

impl Reservation<'_> {
    /// Opens it: it stands for `entry` from now on, unless all was closed meanwhile.
    pub fn fill(mut self, entry: Entry) -> Fd {
        if let Some(slot) = self.table.write().entries.get_mut(self.fd.0 as usize) {
            *slot = Some(Arc::new(entry));
        }
        self.filled = true;
        self.fd
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.filled {
            return;
        }
        let mut slots = self.table.write();
        if (self.fd.0 as usize) < slots.entries.len() {
            slots.free.push(Reverse(self.fd.0));
        }
    }
}

#[derive(Debug, Default)]
struct Slots {
    entries: Vec<Option<Arc<Entry>>>,
    /// The numbers below `entries.len()` that are free.
    free: BinaryHeap<Reverse<u32>>,
}

impl Slots {
    fn get_mut(&mut self, fd: Fd) -> Result<&mut Option<Arc<Entry>>> {
        let slot = self.entries.get_mut(fd.0 as usize).filter(|slot| slot.is_some());
        Ok(slot.ok_or(Errno::Badf)?)
    }
}

impl Table {
    /// Looks at what `fd` stands for, while nothing is opened or closed: for what neither waits nor opens anything.
    #[inline]
    pub fn look<T>(&self, fd: Fd, at: impl FnOnce(&Arc<Entry>) -> T) -> Result<T> {
        let slots = self.read();
        let entry = slots.entries.get(fd.0 as usize).and_then(Option::as_ref);
        Ok(at(entry.ok_or(Errno::Badf)?))
    }

    /// What `fd` stands for. The entry lives on while a call uses it, whatever happens to the number.
    pub fn get(&self, fd: Fd) -> Result<Arc<Entry>> {
        self.look(fd, Arc::clone)
    }

    /// Sets the lowest free number aside, before anything is opened for it that would then have no place; `MFILE` if
    /// `at_most` so many are open, or set aside.
    pub fn reserve(&self, at_most: usize) -> std::result::Result<Reservation<'_>, Errno> {
        let mut slots = self.write();
        if let Some(Reverse(number)) = slots.free.pop() {
            return Ok(Reservation { table: self, fd: Fd(number), filled: false });
        }
        if slots.entries.len() >= at_most {
            return Err(Errno::Mfile);
        }
        slots.entries.push(None);
        Ok(Reservation { table: self, fd: Fd(slots.entries.len() as u32 - 1), filled: false })
    }

    /// Frees `fd`. What it stood for is given back, so that it is closed with no lock held, and only when the last
    /// call that uses it ends.
    pub fn remove(&self, fd: Fd) -> Result<Arc<Entry>> {
        let mut slots = self.write();
        let entry = slots.get_mut(fd)?.take().ok_or(Errno::Badf)?;
        slots.free.push(Reverse(fd.0));
        Ok(entry)
    }

    /// Moves `from` to the number `to`, which must be open; what that stood for is given back, to be closed.
    pub fn renumber(&self, from: Fd, to: Fd) -> Result<Option<Arc<Entry>>> {
        let mut slots = self.write();
        slots.get_mut(from)?;
        slots.get_mut(to)?;
        if from == to {
            return Ok(None);
        }
        let entry = slots.get_mut(from)?.take();
        slots.free.push(Reverse(from.0));
        Ok(std::mem::replace(slots.get_mut(to)?, entry))
    }

    /// Closes everything.
    pub fn clear(&self) {
        let slots = std::mem::take(&mut *self.write());
        drop(slots);
    }

    fn read(&self) -> RwLockReadGuard<'_, Slots> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Slots> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
