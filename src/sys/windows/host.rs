//! Descriptors of the host.

use crate::sys::windows::handle::os_error;
use std::ffi::CStr;
use std::fs::File;
use std::io::Result;
use std::mem::ManuallyDrop;
use std::os::windows::io::FromRawHandle;
use std::ptr;
use windows_sys::Win32::Foundation::{ERROR_INVALID_HANDLE, FARPROC, HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::System::Console::{
    GetStdHandle, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};

/// Returns a descriptor of the host, which is never closed here. Each C runtime has its own descriptors:
/// `uv_get_osfhandle` of node.exe converts Node's. Without Node there are only the three standard descriptors.
pub fn host_stream(fd: i32) -> Result<ManuallyDrop<File>> {
    let handle = match uv_get_osfhandle() {
        // SAFETY: libuv accepts any number that is not negative, and returns -1 for closed descriptors.
        Some(get) if fd >= 0 => unsafe { get(fd) },
        None if (0..3).contains(&fd) => {
            let which = [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE][fd as usize];
            // SAFETY: the call takes no pointers.
            unsafe { GetStdHandle(which) }
        }
        _ => INVALID_HANDLE_VALUE,
    };
    // The C runtime uses -2 for standard descriptors of a program without a console.
    if handle.is_null() || matches!(handle.addr().cast_signed(), -1 | -2) {
        return Err(os_error(ERROR_INVALID_HANDLE));
    }
    // SAFETY: `ManuallyDrop` never closes the handle. A call on a closed handle fails.
    Ok(ManuallyDrop::new(unsafe { File::from_raw_handle(handle) }))
}

type UvGetOsfhandle = unsafe extern "C" fn(fd: i32) -> HANDLE;

fn uv_get_osfhandle() -> Option<UvGetOsfhandle> {
    // SAFETY: libuv documents this signature: uv_os_fd_t uv_get_osfhandle(int fd).
    libuv_function(c"uv_get_osfhandle").map(|function| unsafe {
        std::mem::transmute::<unsafe extern "system" fn() -> isize, UvGetOsfhandle>(function)
    })
}

/// Returns a function of libuv that the program exports, as node.exe does.
pub(crate) fn libuv_function(name: &CStr) -> FARPROC {
    // SAFETY: null names the module of the program, which is never unloaded. The name ends in NUL.
    unsafe { GetProcAddress(GetModuleHandleW(ptr::null()), name.as_ptr().cast()) }
}
