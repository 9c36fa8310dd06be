//! Open descriptors: the open file, its rights and its flags.

use crate::core::access::{Access, DirAccess};
use crate::core::clock::Clocks;
use crate::core::dir::DirDescriptor;
use crate::core::file::File;
use crate::core::pipe::Pipe;
use crate::core::rights::Rights;
use crate::core::stream::Stream;
use crate::sys;
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Advice, Fdflags, Filesize, Filestat, Filetype, NewTime};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::Relaxed};

/// An open file of any type.
#[derive(Debug)]
pub enum Descriptor {
    /// A directory. Boxed, because it is larger than the others.
    Dir(Box<DirDescriptor>),
    /// A regular file that the guest opened. No other descriptor shares its position.
    File(File),
    /// Stdio, a pipe, socket, terminal or device. The system tracks the position, if there is one.
    Stream(Stream),
    /// A pipe to the embedder, without a descriptor of the system.
    Pipe(Pipe),
}

impl Descriptor {
    /// Returns the file type.
    #[must_use]
    pub(crate) fn filetype(&self) -> Filetype {
        match self {
            Descriptor::Dir(_) => Filetype::Directory,
            Descriptor::File(_) => Filetype::RegularFile,
            Descriptor::Stream(stream) => stream.filetype(),
            Descriptor::Pipe(_) => Filetype::Unknown,
        }
    }

    /// Returns the attributes: `fstat`.
    pub(crate) fn stat(&self) -> Result<Filestat> {
        let filetype = self.filetype();
        let stat = match self {
            Descriptor::Dir(dir) => dir.directory().own_stat()?,
            Descriptor::File(file) => file.data().stat()?,
            Descriptor::Stream(stream) => sys::stat(stream.handle())?,
            Descriptor::Pipe(_) => {
                Filestat { dev: 0, ino: 0, filetype, nlink: 1, size: 0, atim: 0, mtim: 0, ctim: 0 }
            }
        };
        Ok(Filestat { filetype, ..stat })
    }

    /// Sets the size: `ftruncate`.
    pub fn set_size(&self, size: Filesize, clocks: &Clocks) -> Result {
        match self {
            Descriptor::File(file) => file.data().set_size(size, clocks),
            Descriptor::Stream(stream) => Ok(sys::set_size(stream.handle(), size)?),
            Descriptor::Dir(_) | Descriptor::Pipe(_) => Err(Errno::Inval),
        }
    }

    /// Sets the times: `futimens`.
    pub(crate) fn set_times(&self, atim: Option<NewTime>, mtim: Option<NewTime>, clocks: &Clocks) -> Result {
        match self {
            Descriptor::Dir(dir) => dir.directory().set_own_times(atim, mtim, clocks),
            Descriptor::File(file) => file.data().set_times(atim, mtim, clocks),
            Descriptor::Stream(stream) => stream.set_times(atim, mtim),
            Descriptor::Pipe(_) => Err(Errno::Inval),
        }
    }

    /// Announces how a range will be used: `posix_fadvise`. Stdio is ignored, because the open file description,
    /// which stores the advice, belongs to the host.
    pub(crate) fn advise(&self, offset: Filesize, len: Filesize, advice: Advice) -> Result {
        match self {
            Descriptor::Dir(dir) => dir.directory().advise(offset, len, advice),
            Descriptor::File(file) => file.data().advise(offset, len, advice),
            Descriptor::Stream(stream) if stream.is_stdio() => Ok(()),
            Descriptor::Stream(stream) => Ok(sys::advise(stream.handle(), offset, len, advice)?),
            Descriptor::Pipe(_) => Err(Errno::Inval),
        }
    }

    /// Stores data on the disk: `fdatasync`.
    pub(crate) fn datasync(&self) -> Result {
        match self {
            Descriptor::Dir(dir) => dir.directory().datasync(),
            Descriptor::File(file) => file.data().datasync(),
            Descriptor::Stream(stream) => Ok(sys::datasync(stream.handle())?),
            Descriptor::Pipe(_) => Err(Errno::Inval),
        }
    }

    /// Stores data and metadata on the disk: `fsync`.
    pub(crate) fn sync(&self) -> Result {
        match self {
            Descriptor::Dir(dir) => dir.directory().sync(),
            Descriptor::File(file) => file.data().sync(),
            Descriptor::Stream(stream) => Ok(sys::sync(stream.handle())?),
            Descriptor::Pipe(_) => Err(Errno::Inval),
        }
    }
}

/// An open descriptor of a guest.
#[derive(Debug)]
pub struct Entry {
    /// The open file.
    pub descriptor: Descriptor,
    /// Rights at the time of opening.
    opened: Rights,
    rights: AtomicU64,
    inheriting: AtomicU64,
    flags: AtomicU16,
    /// Whether the guest has neither read nor set `flags`, which the host chose. `NONBLOCK` has no effect until then.
    flags_unseen: AtomicBool,
    access: Access,
}

impl Entry {
    /// Creates a descriptor. Drops rights that its file type does not support.
    #[inline(always)]
    #[must_use]
    pub(crate) fn new(descriptor: Descriptor, rights: Rights, inheriting: Rights, flags: Fdflags) -> Self {
        let is_terminal = matches!(&descriptor, Descriptor::Stream(stream) if stream.is_terminal());
        let (rights, inheriting) = match descriptor.filetype() {
            Filetype::Directory => (rights & Rights::DIRECTORY, inheriting),
            Filetype::RegularFile => (rights & Rights::REGULAR_FILE, Rights::empty()),
            Filetype::SocketDgram | Filetype::SocketStream => (rights & Rights::SOCKET, Rights::empty()),
            Filetype::Unknown => (rights & Rights::PIPE, Rights::empty()),
            _ if is_terminal => (rights & Rights::TERMINAL, Rights::empty()),
            _ => (rights, inheriting),
        };
        let is_listener = matches!(&descriptor, Descriptor::Stream(stream) if stream.is_listener());
        Self {
            descriptor,
            opened: rights,
            rights: AtomicU64::new(rights.bits()),
            inheriting: AtomicU64::new(inheriting.bits()),
            flags: AtomicU16::new(flags.bits()),
            flags_unseen: AtomicBool::new(is_listener),
            access: Access::ReadWrite,
        }
    }

    /// Replaces the access.
    #[must_use]
    pub(crate) fn with_access(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// Returns the access through the descriptor.
    #[must_use]
    pub(crate) fn access(&self) -> Access {
        self.access
    }

    /// Returns the rights.
    #[must_use]
    pub(crate) fn rights(&self) -> Rights {
        Rights::from_bits_retain(self.rights.load(Relaxed))
    }

    /// Returns the rights of descriptors opened through this one.
    #[must_use]
    pub(crate) fn inheriting(&self) -> Rights {
        Rights::from_bits_retain(self.inheriting.load(Relaxed))
    }

    /// Returns the flags.
    #[must_use]
    pub(crate) fn flags(&self) -> Fdflags {
        Fdflags::from_bits_retain(self.flags.load(Relaxed))
    }

    /// Returns the flags for the guest. From then on `NONBLOCK` has an effect.
    pub(crate) fn show_flags(&self) -> Fdflags {
        // Loads first, so that threads of the guest share the cache line.
        if self.flags_unseen.load(Relaxed) {
            self.flags_unseen.store(false, Relaxed);
        }
        self.flags()
    }

    /// Sets the flags. From then on `NONBLOCK` has an effect.
    pub(crate) fn set_flags(&self, flags: Fdflags) {
        self.flags.store(flags.bits(), Relaxed);
        self.flags_unseen.store(false, Relaxed);
    }

    /// Returns whether a call that would wait fails with `EAGAIN` instead.
    #[must_use]
    pub(crate) fn is_nonblocking(&self) -> bool {
        self.flags().contains(Fdflags::NONBLOCK) && !self.flags_unseen.load(Relaxed)
    }

    /// Returns whether the guest has shut down a listener that belongs to the host. The system does not know about the
    /// shutdown.
    #[must_use]
    pub(crate) fn is_shut_down(&self) -> bool {
        matches!(&self.descriptor, Descriptor::Stream(stream) if stream.is_shut_down())
    }

    /// Reduces the rights. `ENOTCAPABLE` if that would add a right.
    pub(crate) fn narrow(&self, rights: Rights, inheriting: Rights) -> Result {
        if !self.rights().contains(rights) || !self.inheriting().contains(inheriting) {
            return Err(Errno::Notcapable);
        }
        self.rights.fetch_and(rights.bits(), Relaxed);
        self.inheriting.fetch_and(inheriting.bits(), Relaxed);
        Ok(())
    }

    /// Checks that the descriptor has all these rights, else returns `ENOTCAPABLE`. If the file can never do the
    /// operation, returns the errno of POSIX: `ESPIPE` for a file without a position, `EBADF` for a direction that
    /// the file is not open for. A directory is open for reading by `fd_readdir` only.
    pub(crate) fn require(&self, rights: Rights) -> Result {
        if self.rights().contains(rights) {
            return self.access.check(rights);
        }
        let needs_position = rights.intersects(Rights::FD_SEEK | Rights::FD_TELL);
        let never_open = match self.descriptor.filetype() {
            Filetype::Directory => rights.contains(Rights::FD_WRITE),
            _ => !self.opened.contains(rights & Rights::DIRECTIONS),
        };
        Err(match &self.descriptor {
            Descriptor::Pipe(_) if needs_position => Errno::Spipe,
            Descriptor::Stream(stream) if needs_position && !stream.is_seekable() => Errno::Spipe,
            _ if never_open => Errno::Badf,
            _ => Errno::Notcapable,
        })
    }

    /// Returns the directory; `ENOTDIR` for any other file, `ENOTCAPABLE` without all these rights.
    pub(crate) fn dir(&self, rights: Rights) -> Result<&DirDescriptor> {
        let Descriptor::Dir(dir) = &self.descriptor else {
            return Err(Errno::Notdir);
        };
        self.require(rights)?;
        Ok(dir)
    }

    /// Returns the directory for calls with a path; errors as in [`Entry::dir`].
    pub(crate) fn dir_access<'a>(&'a self, rights: Rights, clocks: &'a Clocks) -> Result<DirAccess<'a>> {
        Ok(DirAccess::new(self.dir(rights)?.directory(), self.access, clocks))
    }
}
