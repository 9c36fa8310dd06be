//! Descriptors of the host.

use crate::sys::windows::handle::error;
use std::fs::File;
use std::io::Result;
use std::mem::ManuallyDrop;
use std::os::windows::io::FromRawHandle;
use std::ptr;
use windows_sys::Win32::Foundation::{ERROR_INVALID_HANDLE, HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::System::Console::{
    GetStdHandle, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};

/// A descriptor of the host's, lent to the guest. Descriptors are the C runtime's, of which a program has its
/// own: Node's is asked through libuv, which node.exe exports. Without Node there are the standard three.
pub fn host_stream(fd: i32) -> Result<ManuallyDrop<File>> {
    let handle = match uv_get_osfhandle() {
        // SAFETY: libuv knows the descriptors that are open, and answers -1 for others.
        Some(get) if fd >= 0 => unsafe { get(fd) },
        None if (0..3).contains(&fd) => {
            let which = [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE][fd as usize];
            // SAFETY: takes a number only.
            unsafe { GetStdHandle(which) }
        }
        _ => INVALID_HANDLE_VALUE,
    };
    // -2 is what the C runtime has for a standard descriptor of a program without a console.
    if handle.is_null() || matches!(handle.addr().cast_signed(), -1 | -2) {
        return Err(error(ERROR_INVALID_HANDLE));
    }
    // SAFETY: ManuallyDrop never closes it. Whether it is open is seen when it is used.
    Ok(ManuallyDrop::new(unsafe { File::from_raw_handle(handle) }))
}

type UvGetOsfhandle = unsafe extern "C" fn(fd: i32) -> HANDLE;

fn uv_get_osfhandle() -> Option<UvGetOsfhandle> {
    // SAFETY: the program's own module, which is never unloaded, and the name of a function.
    let function =
        unsafe { GetProcAddress(GetModuleHandleW(ptr::null()), c"uv_get_osfhandle".as_ptr().cast()) };
    // SAFETY: libuv's documented signature: uv_os_fd_t uv_get_osfhandle(int fd).
    function.map(|function| unsafe {
        std::mem::transmute::<unsafe extern "system" fn() -> isize, UvGetOsfhandle>(function)
    })
}
