//! Maps error numbers of Windows to errnos, mostly as libuv does.

use crate::sys::errno::Errno;
use windows_sys::Win32::Foundation as win;
use windows_sys::Win32::Networking::WinSock as wsa;

/// Maps an error number of the system; `EIO` for unknown numbers.
#[expect(clippy::match_same_arms, reason = "one line per kind of cause, even if the errno is the same")]
pub fn errno(code: i32) -> Errno {
    match code.cast_unsigned() {
        win::ERROR_BAD_ENVIRONMENT => Errno::TooBig,
        win::ERROR_ACCESS_DENIED | win::ERROR_NOACCESS | win::ERROR_ELEVATION_REQUIRED => Errno::Acces,
        win::ERROR_CANT_ACCESS_FILE | win::ERROR_CURRENT_DIRECTORY => Errno::Acces,
        // Another handle has opened the file without sharing, or has locked a range.
        win::ERROR_SHARING_VIOLATION | win::ERROR_LOCK_VIOLATION => Errno::Busy,
        win::ERROR_BUSY | win::ERROR_PIPE_BUSY | win::ERROR_NOT_READY => Errno::Busy,
        win::ERROR_IO_INCOMPLETE => Errno::Again,
        win::ERROR_INVALID_HANDLE | win::ERROR_INVALID_ACCESS | win::ERROR_INVALID_TARGET_HANDLE => {
            Errno::Badf
        }
        win::ERROR_OPERATION_ABORTED => Errno::Canceled,
        win::ERROR_POSSIBLE_DEADLOCK => Errno::Deadlk,
        win::ERROR_DISK_QUOTA_EXCEEDED => Errno::Dquot,
        win::ERROR_ALREADY_EXISTS | win::ERROR_FILE_EXISTS => Errno::Exist,
        win::ERROR_INVALID_ADDRESS => Errno::Fault,
        win::ERROR_FILE_TOO_LARGE => Errno::Fbig,
        win::ERROR_NO_UNICODE_TRANSLATION => Errno::Ilseq,
        win::ERROR_INVALID_PARAMETER | win::ERROR_INVALID_DATA | win::ERROR_INSUFFICIENT_BUFFER => {
            Errno::Inval
        }
        win::ERROR_NEGATIVE_SEEK | win::ERROR_SYMLINK_NOT_SUPPORTED => Errno::Inval,
        // `readlink` of a file that is not a symlink.
        win::ERROR_NOT_A_REPARSE_POINT | win::ERROR_INVALID_REPARSE_DATA => Errno::Inval,
        win::ERROR_INVALID_FUNCTION | win::ERROR_DIRECTORY_NOT_SUPPORTED => Errno::Isdir,
        // cap-std reports ERROR_TOO_MANY_LINKS for too many symlinks in a path.
        win::ERROR_STOPPED_ON_SYMLINK | win::ERROR_TOO_MANY_LINKS | win::ERROR_CANT_RESOLVE_FILENAME => {
            Errno::Loop
        }
        win::ERROR_TOO_MANY_OPEN_FILES => Errno::Mfile,
        win::ERROR_FILENAME_EXCED_RANGE | win::ERROR_BUFFER_OVERFLOW => Errno::Nametoolong,
        win::ERROR_FILE_NOT_FOUND | win::ERROR_PATH_NOT_FOUND | win::ERROR_INVALID_NAME => Errno::Noent,
        win::ERROR_BAD_PATHNAME | win::ERROR_INVALID_DRIVE | win::ERROR_MOD_NOT_FOUND => Errno::Noent,
        win::ERROR_BAD_NETPATH | win::ERROR_BAD_NET_NAME | win::ERROR_DELETE_PENDING => Errno::Noent,
        win::ERROR_NOT_ENOUGH_MEMORY | win::ERROR_OUTOFMEMORY => Errno::Nomem,
        win::ERROR_NO_SYSTEM_RESOURCES | win::ERROR_COMMITMENT_LIMIT => Errno::Nomem,
        win::ERROR_DISK_FULL | win::ERROR_HANDLE_DISK_FULL | win::ERROR_END_OF_MEDIA => Errno::Nospc,
        win::ERROR_CANNOT_MAKE | win::ERROR_DISK_TOO_FRAGMENTED => Errno::Nospc,
        win::ERROR_DIRECTORY => Errno::Notdir,
        win::ERROR_DIR_NOT_EMPTY => Errno::Notempty,
        win::ERROR_NOT_SUPPORTED | win::ERROR_CALL_NOT_IMPLEMENTED => Errno::Notsup,
        win::ERROR_PRIVILEGE_NOT_HELD => Errno::Perm,
        win::ERROR_BROKEN_PIPE | win::ERROR_BAD_PIPE | win::ERROR_NO_DATA => Errno::Pipe,
        win::ERROR_PIPE_NOT_CONNECTED => Errno::Pipe,
        win::ERROR_WRITE_PROTECT => Errno::Rofs,
        win::ERROR_SEEK_ON_DEVICE => Errno::Spipe,
        win::ERROR_SEM_TIMEOUT | win::WAIT_TIMEOUT => Errno::Timedout,
        win::ERROR_NOT_SAME_DEVICE => Errno::Xdev,
        _ => socket_errno(code),
    }
}

fn socket_errno(code: i32) -> Errno {
    match code {
        wsa::WSAEACCES => Errno::Acces,
        wsa::WSAEADDRINUSE => Errno::Addrinuse,
        wsa::WSAEADDRNOTAVAIL => Errno::Addrnotavail,
        wsa::WSAEAFNOSUPPORT => Errno::Afnosupport,
        wsa::WSAEWOULDBLOCK => Errno::Again,
        wsa::WSAEALREADY => Errno::Already,
        wsa::WSAEBADF => Errno::Badf,
        wsa::WSAECONNABORTED => Errno::Connaborted,
        wsa::WSAECONNREFUSED => Errno::Connrefused,
        wsa::WSAECONNRESET => Errno::Connreset,
        wsa::WSAEFAULT => Errno::Fault,
        wsa::WSAEHOSTUNREACH => Errno::Hostunreach,
        wsa::WSAEINPROGRESS => Errno::Inprogress,
        wsa::WSAEINTR => Errno::Intr,
        wsa::WSAEINVAL => Errno::Inval,
        wsa::WSAEISCONN => Errno::Isconn,
        wsa::WSAEMFILE => Errno::Mfile,
        wsa::WSAEMSGSIZE => Errno::Msgsize,
        wsa::WSAENETDOWN => Errno::Netdown,
        wsa::WSAENETRESET => Errno::Netreset,
        wsa::WSAENETUNREACH => Errno::Netunreach,
        wsa::WSAENOBUFS => Errno::Nobufs,
        wsa::WSAENOTCONN => Errno::Notconn,
        wsa::WSAENOTSOCK => Errno::Notsock,
        wsa::WSAEOPNOTSUPP => Errno::Notsup,
        wsa::WSAESHUTDOWN => Errno::Pipe,
        wsa::WSAETIMEDOUT => Errno::Timedout,
        _ => Errno::Io,
    }
}
