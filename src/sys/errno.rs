//! `errno`: what a call answers, and the one place where an `io::Error` becomes one.

use crate::core::pipe::Ask;
use crate::preview1::layout::Store;
use crate::preview1::poll::Wait;
use crate::preview1::trace;
use crate::preview1::types::Clockid;
use std::io;

/// What a host function returns.
pub type Result<T = ()> = std::result::Result<T, Failure>;

/// Why a host function has no result.
#[derive(Debug)]
pub enum Failure {
    /// It failed; the guest is told.
    Errno(Errno),
    /// It cannot go on before something happens; it is called again then.
    Wait(Box<Wait>),
    /// The embedder has to do something first; it is called again then.
    Ask(Box<Ask>),
    /// The caller is to tell the time of this clock, the realtime or the monotonic one, and to call again.
    Time(Clockid),
    /// The guest exits, with this code.
    Exit(u32),
}

impl<E: Into<Errno>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Errno(error.into())
    }
}

enumeration! {
    /// An error of WASI, under its witx name and number; success is no `Errno` and is 0.
    #[expect(missing_docs, reason = "the names are POSIX's, which documents them")]
    Errno: u16 {
        TooBig = 1,
        Acces = 2,
        Addrinuse = 3,
        Addrnotavail = 4,
        Afnosupport = 5,
        Again = 6,
        Already = 7,
        Badf = 8,
        Badmsg = 9,
        Busy = 10,
        Canceled = 11,
        Child = 12,
        Connaborted = 13,
        Connrefused = 14,
        Connreset = 15,
        Deadlk = 16,
        Destaddrreq = 17,
        Dom = 18,
        Dquot = 19,
        Exist = 20,
        Fault = 21,
        Fbig = 22,
        Hostunreach = 23,
        Idrm = 24,
        Ilseq = 25,
        Inprogress = 26,
        Intr = 27,
        Inval = 28,
        Io = 29,
        Isconn = 30,
        Isdir = 31,
        Loop = 32,
        Mfile = 33,
        Mlink = 34,
        Msgsize = 35,
        Multihop = 36,
        Nametoolong = 37,
        Netdown = 38,
        Netreset = 39,
        Netunreach = 40,
        Nfile = 41,
        Nobufs = 42,
        Nodev = 43,
        Noent = 44,
        Noexec = 45,
        Nolck = 46,
        Nolink = 47,
        Nomem = 48,
        Nomsg = 49,
        Noprotoopt = 50,
        Nospc = 51,
        Nosys = 52,
        Notconn = 53,
        Notdir = 54,
        Notempty = 55,
        Notrecoverable = 56,
        Notsock = 57,
        Notsup = 58,
        Notty = 59,
        Nxio = 60,
        Overflow = 61,
        Ownerdead = 62,
        Perm = 63,
        Pipe = 64,
        Proto = 65,
        Protonosupport = 66,
        Prototype = 67,
        Range = 68,
        Rofs = 69,
        Spipe = 70,
        Srch = 71,
        Stale = 72,
        Timedout = 73,
        Txtbsy = 74,
        Xdev = 75,
        Notcapable = 76,
    }
}

impl Errno {
    /// The name POSIX gives it: `ENOENT`.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Errno::TooBig => "E2BIG".to_owned(),
            _ => format!("E{self:?}").to_uppercase(),
        }
    }
}

impl From<io::Error> for Errno {
    /// The system's own number where there is one; else the error was made by `std` or cap-std, which
    /// refuses what leads out of a directory with a `PermissionDenied` that carries no number.
    fn from(error: io::Error) -> Self {
        if let Some(code) = error.raw_os_error() {
            return crate::sys::errno(code);
        }
        match error.kind() {
            io::ErrorKind::PermissionDenied => Errno::Notcapable,
            io::ErrorKind::NotFound => Errno::Noent,
            io::ErrorKind::WouldBlock => Errno::Again,
            io::ErrorKind::AlreadyExists => Errno::Exist,
            io::ErrorKind::InvalidInput => Errno::Inval,
            io::ErrorKind::Unsupported => Errno::Notsup,
            io::ErrorKind::QuotaExceeded => Errno::Dquot,
            io::ErrorKind::FileTooLarge => Errno::Fbig,
            _ => Errno::Io,
        }
    }
}
