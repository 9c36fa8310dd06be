//! WASI itself: what a guest has and can do, with no knowledge of who calls it. Each host function is a method
//! of [`Wasi`] in the file of its prefix; here are the two tables of their names.

use crate::core::dir::Dir;
use crate::core::limits::{Limit, Limits};
use crate::core::pipe::{Kept, Pipe};
use crate::core::stream::Stream;
use crate::core::strings::StringArray;
use crate::core::table::{Descriptor, Entry, Reservation, Table};
use crate::core::{clock, random};
use crate::preview1::abi::{Call, CoreArgs, HostFn, Signature, shown, signature};
use crate::preview1::trace::Shown;
use crate::preview1::types::{Fdflags, Rights};
use crate::sys;
use crate::sys::DirHandle;
use crate::sys::errno::{Errno, Result};
use once_cell::sync::Lazy;
use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A guest's world: its arguments, its environment, its descriptors. Threads of a guest may share it.
#[derive(Debug, Default)]
pub struct Wasi {
    /// Arguments; by custom the first is the program's name.
    pub args: StringArray,
    /// Environment variables, as `KEY=value`.
    pub env: StringArray,
    /// Descriptors.
    pub table: Table,
    /// For the directories that it reads.
    pub(crate) dir_budget: sys::DirBudget,
    /// What the guest wrote to stdout and stderr, by descriptor, where that is kept.
    pub kept: [Option<Arc<Kept>>; 3],
    /// What it may use up.
    pub limits: Limits,
    /// Clocks.
    pub clocks: clock::Clocks,
    /// What its random bytes come from, if not from the system.
    pub random: Option<random::Seeded>,
    /// The addresses of the sockets it was given.
    pub addresses: Vec<SocketAddr>,
    /// The preopened directories.
    pub(crate) preopens: Vec<FileId>,
}

impl Wasi {
    /// Lends the guest a stream of the host's as its next descriptor, to be read or written as the host opened it.
    pub fn add_stdio(&mut self, fd: i32) -> std::result::Result<(), Errno> {
        let stream = Stream::stdio(sys::host_stream(fd)?)?;
        let flags = sys::stream_flags(stream.handle())?;
        let mut rights = Rights::STDIO & (sys::stream_directions(stream.handle())? | !Rights::DIRECTIONS);
        rights.set(Rights::SOCK_ACCEPT, stream.is_socket());
        self.add(Entry::new(Descriptor::Stream(stream), rights, Rights::empty(), flags))
    }

    /// Gives the guest its end of a pipe as its next descriptor.
    pub fn add_pipe(&mut self, pipe: Pipe) -> std::result::Result<(), Errno> {
        let rights = Rights::ALL - if pipe.is_input() { Rights::FD_WRITE } else { Rights::FD_READ };
        self.add(Entry::new(Descriptor::Pipe(pipe), rights, Rights::empty(), Fdflags::empty()))
    }

    /// Gives the guest as its next descriptor a device that has nothing to read and forgets what is written.
    pub fn add_null(&mut self) -> std::result::Result<(), Errno> {
        let null = std::fs::File::options().read(true).write(true).open(sys::NULL_DEVICE)?;
        let stream = Descriptor::Stream(Stream::guest(null, Fdflags::empty())?);
        self.add(Entry::new(stream, Rights::STDIO, Rights::empty(), Fdflags::empty()))
    }

    /// Gives the guest the directory at `path` as its next descriptor, under the name `name`.
    pub fn add_preopen(&mut self, name: &[u8], path: &Path) -> std::result::Result<(), Errno> {
        self.add_directory(name, sys::open_directory(path, false)?, false)
    }

    /// Gives the guest an open directory as its next descriptor, under the name `name`. If it is `readonly`, nothing
    /// in it can be changed through that descriptor; the same directory may be another preopen that is not.
    pub fn add_directory(
        &mut self,
        name: &[u8],
        directory: std::fs::File,
        readonly: bool,
    ) -> std::result::Result<(), Errno> {
        let (dir, id) = share(directory, readonly)?;
        self.preopens.push(id);
        let dir = Descriptor::Dir(Dir::preopen(dir, name, self.dir_budget.share()));
        let entry = Entry::new(dir, Rights::ALL, Rights::INHERITING, Fdflags::empty());
        self.add(entry.with_readonly(readonly))
    }

    /// Gives the guest a socket that listens on `address`, as its next descriptor.
    pub fn add_socket(&mut self, address: SocketAddr) -> std::result::Result<(), Errno> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        self.add_listener(listener, false)
    }

    /// Gives the guest a socket that listens for the host, as its next descriptor; the host keeps its own.
    pub fn add_host_socket(&mut self, fd: i32) -> std::result::Result<(), Errno> {
        self.add_listener(sys::host_listener(fd)?, true)
    }

    /// Adds a listener with `NONBLOCK`, by which Go polls it. The flag takes effect once the guest has read or set the
    /// flags: a program that does neither expects `sock_accept` to wait.
    fn add_listener(&mut self, listener: TcpListener, is_lent: bool) -> std::result::Result<(), Errno> {
        self.addresses.push(listener.local_addr()?);
        let listener = Descriptor::Stream(Stream::listener(listener, is_lent));
        self.add(Entry::new(listener, Rights::ALL, Rights::empty(), Fdflags::NONBLOCK))
    }

    fn add(&mut self, entry: Entry) -> std::result::Result<(), Errno> {
        self.reserve()?.fill(entry);
        Ok(())
    }

    /// Sets a number aside for a descriptor, if the guest may have one more.
    pub(crate) fn reserve(&self) -> std::result::Result<Reservation<'_>, Errno> {
        self.table.reserve(self.limits.open_files).inspect_err(|_| self.limits.exceed(Limit::OpenFiles))
    }
}

/// Preopened directories of the process, by the path they were last seen at, and whether they are read-only: however
/// many guests there are, each needs one handle.
static PREOPENS: Lazy<Mutex<HashMap<(PathBuf, bool), Shared>>> = Lazy::new(Mutex::default);

/// A handle that guests share.
struct Shared {
    dir: Weak<DirHandle>,
    id: FileId,
    /// The same directory may be mounted twice, and be writable through one mount only.
    mount: u64,
}

/// Device and serial number. They tell one file from another where file systems keep to it; not all do.
type FileId = (u64, u64);

/// The handle there is of a directory just opened, or this one from now on. It is the same only if the system says that
/// both are at the same path at this moment, and their numbers do not differ either. Read-only preopens share handles
/// of their own, by which reading leaves the access times.
fn share(directory: std::fs::File, readonly: bool) -> std::io::Result<(Arc<DirHandle>, FileId)> {
    let dir = Arc::new(DirHandle::new(directory));
    let stat = sys::stat(dir.handle())?;
    let id = (stat.dev, stat.ino);
    let (Some(mount), Some(path)) = (sys::mount_id(dir.handle()), sys::path_of(dir.handle())) else {
        return Ok((dir, id));
    };
    let mut preopens = PREOPENS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (path, readonly);
    let known = preopens.get(&key).filter(|known| known.id == id && known.mount == mount);
    if let Some(shared) = known.and_then(|known| known.dir.upgrade())
        && sys::path_of(shared.handle()).is_some_and(|now| now == key.0)
    {
        return Ok((shared, id));
    }
    preopens.retain(|_, known| known.dir.strong_count() > 0);
    preopens.insert(key, Shared { dir: Arc::downgrade(&dir), id, mount });
    Ok((dir, id))
}

/// A function that a guest can import.
pub trait Import {
    /// Its name.
    const NAME: &'static str;
    /// Its core parameters.
    const SIGNATURE: Signature;

    /// Calls it.
    fn call(call: &Call<'_>, core: &CoreArgs) -> Result;
}

/// Something to be done with each function of a table.
pub trait Visitor {
    /// Does it.
    fn visit<I: Import>(&mut self);
}

macro_rules! imports {
    ($(#[$doc:meta])* $module:ident { $($name:ident $(=> $method:ident)?,)* }) => {
        $(#[$doc])*
        #[expect(non_camel_case_types, missing_docs, reason = "these are the names of the witx")]
        pub mod $module {
            use super::{Call, CoreArgs, HostFn, Import, Result, Shown, Signature, Visitor, Wasi, shown, signature};

            $(
                pub struct $name;

                impl Import for $name {
                    const NAME: &'static str = stringify!($name);
                    const SIGNATURE: Signature = signature(&imports!(@method $name $($method)?));

                    #[inline(always)]
                    fn call(call: &Call<'_>, core: &CoreArgs) -> Result {
                        imports!(@method $name $($method)?).call(call, core)
                    }
                }
            )*

            /// How the calls of each are shown, in the same order.
            pub static SHOWN: &[Shown] = &[$(shown(&imports!(@method $name $($method)?)),)*];

            /// Visits each function, in node:wasi's order.
            pub fn visit(visitor: &mut impl Visitor) {
                $(visitor.visit::<$name>();)*
            }
        }
    };
    (@method $name:ident) => { Wasi::$name };
    (@method $name:ident $method:ident) => { Wasi::$method };
}

imports! {
    /// The functions of `wasi_snapshot_preview1`.
    preview1 {
        args_get,
        args_sizes_get,
        clock_res_get,
        clock_time_get,
        environ_get,
        environ_sizes_get,
        fd_advise,
        fd_allocate,
        fd_close,
        fd_datasync,
        fd_fdstat_get,
        fd_fdstat_set_flags,
        fd_fdstat_set_rights,
        fd_filestat_get,
        fd_filestat_set_size,
        fd_filestat_set_times,
        fd_pread,
        fd_prestat_get,
        fd_prestat_dir_name,
        fd_pwrite,
        fd_read,
        fd_readdir,
        fd_renumber,
        fd_seek,
        fd_sync,
        fd_tell,
        fd_write,
        path_create_directory,
        path_filestat_get,
        path_filestat_set_times,
        path_link,
        path_open,
        path_readlink,
        path_remove_directory,
        path_rename,
        path_symlink,
        path_unlink_file,
        poll_oneoff,
        proc_exit,
        proc_raise,
        random_get,
        sched_yield,
        sock_accept,
        sock_recv,
        sock_send,
        sock_shutdown,
    }
}

imports! {
    /// The functions of `wasi_unstable`.
    unstable {
        args_get,
        args_sizes_get,
        clock_res_get,
        clock_time_get,
        environ_get,
        environ_sizes_get,
        fd_advise,
        fd_allocate,
        fd_close,
        fd_datasync,
        fd_fdstat_get,
        fd_fdstat_set_flags,
        fd_fdstat_set_rights,
        fd_filestat_get => unstable_fd_filestat_get,
        fd_filestat_set_size,
        fd_filestat_set_times,
        fd_pread,
        fd_prestat_get,
        fd_prestat_dir_name,
        fd_pwrite,
        fd_read,
        fd_readdir,
        fd_renumber,
        fd_seek => unstable_fd_seek,
        fd_sync,
        fd_tell,
        fd_write,
        path_create_directory,
        path_filestat_get => unstable_path_filestat_get,
        path_filestat_set_times,
        path_link,
        path_open,
        path_readlink,
        path_remove_directory,
        path_rename,
        path_symlink,
        path_unlink_file,
        poll_oneoff => unstable_poll_oneoff,
        proc_exit,
        proc_raise,
        random_get,
        sched_yield,
        sock_recv,
        sock_send,
        sock_shutdown,
    }
}
