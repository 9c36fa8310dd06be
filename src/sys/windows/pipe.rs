//! Pipes between threads of the process.

use crate::sys::windows::handle::{check, os_error};
use crate::sys::windows::host::libuv_function;
use std::io::Result;
use std::os::windows::io::{FromRawHandle, IntoRawHandle, OwnedHandle};
use std::ptr;
use windows_sys::Win32::Foundation::{ERROR_NOT_SUPPORTED, ERROR_TOO_MANY_OPEN_FILES, HANDLE};
use windows_sys::Win32::System::Pipes::CreatePipe;

/// Bytes that a pipe can hold. With the system's default, 4 KiB, reader and writer take turns too often.
const CAPACITY: u32 = 256 << 10;

type UvOpenOsfhandle = unsafe extern "C" fn(handle: HANDLE) -> i32;

/// Creates a pipe: the descriptors of its reading and its writing end, in the C runtime of Node. The caller closes
/// both.
pub fn pipe() -> Result<[i32; 2]> {
    let Some(open) = libuv_function(c"uv_open_osfhandle") else { return Err(os_error(ERROR_NOT_SUPPORTED)) };
    // SAFETY: libuv documents this signature: int uv_open_osfhandle(uv_os_fd_t os_fd).
    let open = unsafe { std::mem::transmute::<unsafe extern "system" fn() -> isize, UvOpenOsfhandle>(open) };
    let (reader, writer) = create()?;
    let descriptor = |end: OwnedHandle| {
        let handle = end.into_raw_handle();
        // SAFETY: the handle is open. The descriptor owns it.
        match unsafe { open(handle) } {
            -1 => {
                // SAFETY: without a descriptor the handle still has no other owner.
                drop(unsafe { OwnedHandle::from_raw_handle(handle) });
                Err(os_error(ERROR_TOO_MANY_OPEN_FILES))
            }
            fd => Ok(fd),
        }
    };
    Ok([descriptor(reader)?, descriptor(writer)?])
}

/// Creates a pipe whose ends no child process inherits: `CreatePipe`.
fn create() -> Result<(OwnedHandle, OwnedHandle)> {
    let (mut reader, mut writer) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the call writes two handles, to `reader` and `writer`. Null means no attributes.
    check(unsafe { CreatePipe(&raw mut reader, &raw mut writer, ptr::null(), CAPACITY) })?;
    // SAFETY: the handles are new, and have no other owner.
    Ok(unsafe { (OwnedHandle::from_raw_handle(reader), OwnedHandle::from_raw_handle(writer)) })
}
