//! Handles, and results of system calls.

use std::io::{Error, Result};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle};
use windows_sys::Win32::Foundation::{ERROR_BROKEN_PIPE, ERROR_HANDLE_EOF};
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_DISK, GetFileType};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};

/// A device that reads as empty and discards output.
pub const NULL_DEVICE: &str = "NUL";

/// A borrowed handle.
pub type Handle<'a> = BorrowedHandle<'a>;

/// Borrows the handle of an open file.
pub fn handle<T: AsHandle>(open: &T) -> Handle<'_> {
    open.as_handle()
}

/// Returns the error with an error number of the system.
#[cold]
pub(crate) fn os_error(code: u32) -> Error {
    Error::from_raw_os_error(code.cast_signed())
}

pub(crate) fn has_code(error: &Error, code: u32) -> bool {
    error.raw_os_error() == Some(code.cast_signed())
}

/// Converts the result of a system call. On failure returns the last error of the thread.
pub(crate) fn check(returned: windows_sys::core::BOOL) -> Result<()> {
    if returned == 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

/// Returns the type of a handle, for example `FILE_TYPE_DISK`: `GetFileType`.
pub(crate) fn file_type(handle: Handle<'_>) -> Result<u32> {
    // SAFETY: the handle is open, and the call takes no pointers.
    match unsafe { GetFileType(handle.as_raw_handle()) } {
        0 => match Error::last_os_error() {
            error if error.raw_os_error() == Some(0) => Ok(0),
            error => Err(error),
        },
        file_type => Ok(file_type),
    }
}

/// Fails with the error number `code` unless the handle is a file. For other handles Windows could do something else.
pub(crate) fn require_disk(handle: Handle<'_>, code: u32) -> Result<()> {
    if file_type(handle)? == FILE_TYPE_DISK { Ok(()) } else { Err(os_error(code)) }
}

/// Returns whether a read failed because of the end of a file, or of a pipe without writers.
pub(crate) fn is_end(error: &Error) -> bool {
    has_code(error, ERROR_HANDLE_EOF) || has_code(error, ERROR_BROKEN_PIPE)
}

/// Joins the halves of a 64-bit number.
pub(crate) fn wide(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Keeps the addon loaded until the process ends. Node unloads an addon with the last worker that uses it, and threads
/// of the addon may still run then.
pub fn keep_loaded() {
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
    let address = keep_loaded as *const u16;
    let mut module = std::ptr::null_mut();
    // SAFETY: the address of a function of this module, and an out pointer for the module. Fails only if the address
    // is in no module.
    unsafe { GetModuleHandleExW(flags, address, &raw mut module) };
}
