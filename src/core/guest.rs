//! A guest: its descriptors, clocks, random bytes and limits.

use crate::core::access::Access;
use crate::core::clock::Clocks;
use crate::core::dir::DirDescriptor;
use crate::core::directory::Directory;
use crate::core::entry::{Descriptor, Entry};
use crate::core::fs::memory::MemoryDirectory;
use crate::core::limits::{Limit, Limits};
use crate::core::origin::{DirectoryOrigin, Origin};
use crate::core::pipe::{CaptureBuffer, Pipe};
use crate::core::preopens::{FileId, shared_handle};
use crate::core::random::Random;
use crate::core::rights::Rights;
use crate::core::stream::Stream;
use crate::core::table::{Reservation, Table};
use crate::sys;
use crate::sys::dir::DirBudget;
use crate::sys::errno::Result;
use crate::sys::types::Fdflags;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

/// A guest. Its threads share it.
#[derive(Debug, Default)]
pub struct Guest {
    /// Descriptors.
    pub table: Table,
    /// Budget for the memory of directory streams.
    dir_budget: DirBudget,
    /// Captured output by descriptor.
    pub captured: [Option<Arc<CaptureBuffer>>; 3],
    /// Resource limits.
    pub limits: Limits,
    /// Clocks.
    pub clocks: Clocks,
    /// Random bytes.
    pub random: Random,
    /// Addresses of the sockets of the option `sockets`, in its order.
    pub addresses: Vec<SocketAddr>,
    /// Origins of the descriptors that the options define.
    origins: Vec<Origin>,
}

impl Guest {
    /// Replaces the limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Adds a descriptor of the host as the next descriptor, with the rights of the directions that it is open for.
    /// It is never closed.
    pub fn add_stdio(&mut self, fd: i32) -> Result {
        let stream = Stream::stdio(sys::host_stream(fd)?)?;
        let flags = sys::stream_flags(stream.handle())?;
        let (reads, writes) = sys::stream_directions(stream.handle())?;
        let mut rights = Rights::STDIO;
        rights.set(Rights::FD_READ, reads);
        rights.set(Rights::FD_WRITE, writes);
        rights.set(Rights::SOCK_ACCEPT, stream.is_socket());
        let entry = Entry::new(Descriptor::Stream(stream), rights, Rights::empty(), flags);
        self.add(Origin::Host(fd), entry)
    }

    /// Adds the guest's end of a pipe as the next descriptor, with the rights of its direction.
    pub fn add_pipe(&mut self, pipe: Pipe) -> Result {
        let rights = match pipe {
            Pipe::Input(_) => Rights::ALL - Rights::FD_WRITE,
            Pipe::Output(_) => Rights::ALL - Rights::FD_READ,
        };
        let origin = Origin::of_pipe(&pipe);
        self.add(origin, Entry::new(Descriptor::Pipe(pipe), rights, Rights::empty(), Fdflags::empty()))
    }

    /// Adds `/dev/null` as the next descriptor.
    pub fn add_null(&mut self) -> Result {
        let null = std::fs::File::options().read(true).write(true).open(sys::NULL_DEVICE)?;
        let stream = Descriptor::Stream(Stream::guest(null, Fdflags::empty())?);
        self.add(Origin::Null, Entry::new(stream, Rights::STDIO, Rights::empty(), Fdflags::empty()))
    }

    /// Adds the directory at `path` as the next descriptor, with a name for the guest.
    pub fn add_preopen(&mut self, name: &[u8], path: &Path) -> Result {
        self.add_directory(name, sys::open_directory(path, false)?, false)
    }

    /// Adds an open directory as the next descriptor, with a name for the guest. With `readonly` nothing can be
    /// changed through this descriptor. Another preopen of the same directory may still allow changes.
    pub fn add_directory(&mut self, name: &[u8], directory: std::fs::File, readonly: bool) -> Result {
        let (directory, id) = shared_handle(directory, readonly)?;
        self.add_dir(name, Directory::Host(directory), id, readonly)
    }

    /// Adds a directory in memory as the next descriptor, like [`Guest::add_directory`].
    pub fn add_memory(&mut self, name: &[u8], directory: MemoryDirectory, readonly: bool) -> Result {
        let stat = directory.own_stat()?;
        self.add_dir(name, Directory::Memory(directory), (stat.dev, stat.ino), readonly)
    }

    /// Adds a directory as the next descriptor, with a name for the guest.
    pub(crate) fn add_dir(
        &mut self,
        name: &[u8],
        directory: Directory,
        id: FileId,
        readonly: bool,
    ) -> Result {
        let dir = DirDescriptor::preopen(directory, name, self.dir_budget());
        let dir = Descriptor::Dir(Box::new(dir));
        let entry = Entry::new(dir, Rights::ALL, Rights::INHERITING, Fdflags::empty());
        let entry = entry.with_access(Access::from_readonly(readonly));
        let origin = DirectoryOrigin { name: name.into(), id, readonly };
        self.add(Origin::Directory(Box::new(origin)), entry)
    }

    /// Adds a socket that listens on `address` as the next descriptor.
    pub fn add_socket(&mut self, address: SocketAddr) -> Result {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        self.addresses.push(listener.local_addr()?);
        self.add_listener(Origin::Unique, Stream::listener(listener, false))
    }

    /// Adds a duplicate of a listening socket of the host as the next descriptor.
    pub fn add_host_socket(&mut self, fd: i32) -> Result {
        let listener = sys::host_listener(fd)?;
        self.addresses.push(listener.local_addr()?);
        let stream = Stream::listener(listener, true);
        let stat = sys::stat(stream.handle())?;
        self.add_listener(Origin::HostSocket(fd, (stat.dev, stat.ino)), stream)
    }

    /// Adds a listener with `NONBLOCK`, which Go needs to poll it. The flag has an effect once the guest has read or
    /// set the flags, because other programs expect `sock_accept` to wait.
    fn add_listener(&mut self, origin: Origin, listener: Stream) -> Result {
        let listener = Descriptor::Stream(listener);
        self.add(origin, Entry::new(listener, Rights::ALL, Rights::empty(), Fdflags::NONBLOCK))
    }

    fn add(&mut self, origin: Origin, entry: Entry) -> Result {
        self.reserve()?.fill(entry);
        self.origins.push(origin);
        Ok(())
    }

    /// Reserves a descriptor number. `EMFILE` if the limit is reached.
    pub(crate) fn reserve(&self) -> Result<Reservation<'_>> {
        self.table
            .reserve(self.limits.open_files)
            .inspect_err(|_| self.limits.note_exceeded(Limit::OpenFiles))
    }

    /// Returns a share of the budget for the memory of directory streams.
    pub(crate) fn dir_budget(&self) -> DirBudget {
        self.dir_budget.share()
    }

    /// Returns whether a directory is a preopen, by its device and inode numbers.
    pub(crate) fn is_preopen(&self, id: FileId) -> bool {
        self.origins.iter().any(|origin| matches!(origin, Origin::Directory(directory) if directory.id == id))
    }

    /// Returns whether the options of two guests define the same descriptors, limits, clocks and random bytes.
    pub fn has_equal_options(&self, other: &Self) -> bool {
        let origins = || self.origins.iter().zip(&other.origins);
        self.origins.len() == other.origins.len()
            && origins().all(|(origin, other)| origin.is_same(other))
            && self.limits.are_equal(&other.limits)
            && self.clocks.are_equal(&other.clocks)
            && self.random.seed() == other.random.seed()
    }
}
