//! Transfers between open files and guest memory. Windows takes one buffer per call for files, by its address in
//! guest memory.

use crate::sys::types::{Filesize, Interest, Riflags};
use crate::sys::windows::buffer::Buffer;
use crate::sys::windows::handle::{Handle, check, file_type, has_code, is_end, os_error, require_disk};
use crate::sys::windows::{console, net, stream};
use std::io::{Error, Result};
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::time::Duration;
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_INVALID_HANDLE, ERROR_IO_PENDING, ERROR_MORE_DATA, ERROR_SEEK_ON_DEVICE,
};
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_PIPE, ReadFile, WriteFile};
use windows_sys::Win32::System::IO::{GetOverlappedResult, OVERLAPPED, OVERLAPPED_0, OVERLAPPED_0_0};
use windows_sys::Win32::System::Threading::CreateEventW;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Read,
    Write,
}

/// Transfers the buffers one after another, until a transfer is short. Without an offset the position of the handle is
/// used. A read without an offset makes no further call if that call would wait.
fn transfer(
    handle: Handle<'_>,
    buffers: &[Buffer],
    offset: Option<Filesize>,
    direction: Direction,
) -> Result<usize> {
    let may_wait = offset.is_none() && direction == Direction::Read;
    let mut done = 0;
    // Empty buffers are skipped: an empty message in a pipe would look like the end.
    for buffer in buffers.iter().filter(|buffer| buffer.len > 0) {
        if may_wait && done > 0 && stream::readable_bytes(handle) == 0 {
            break;
        }
        let offset = offset.map(|offset| offset.saturating_add(done as Filesize));
        match transfer_one(handle, buffer, offset, direction) {
            Ok(moved) => {
                done += moved;
                if moved < buffer.len {
                    break;
                }
            }
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

fn transfer_one(
    handle: Handle<'_>,
    buffer: &Buffer,
    offset: Option<Filesize>,
    direction: Direction,
) -> Result<usize> {
    let mut overlapped = OVERLAPPED::default();
    let event: OwnedHandle;
    let raw = handle.as_raw_handle();
    let overlapped = match offset {
        Some(at) => {
            let at = OVERLAPPED_0_0 { Offset: at as u32, OffsetHigh: (at >> 32) as u32 };
            overlapped.Anonymous = OVERLAPPED_0 { Anonymous: at };
            &raw mut overlapped
        }
        // The pipe may accept only overlapped calls.
        None if file_type(handle)? == FILE_TYPE_PIPE => {
            event = new_event()?;
            // The lowest bit suppresses the completion packet that the event loop of the host could receive.
            overlapped.hEvent = event.as_raw_handle().map_addr(|address| address | 1);
            &raw mut overlapped
        }
        None => ptr::null_mut(),
    };
    let len = u32::try_from(buffer.len).unwrap_or(u32::MAX);
    let mut moved = 0;
    // SAFETY: `Memory::address` checked the buffer. The guest memory outlives the call, which has ended after the
    // wait below.
    let mut result = check(unsafe {
        match direction {
            Direction::Read => ReadFile(raw, buffer.address, len, &raw mut moved, overlapped),
            Direction::Write => WriteFile(raw, buffer.address, len, &raw mut moved, overlapped),
        }
    });
    if result.as_ref().is_err_and(|error| has_code(error, ERROR_IO_PENDING)) {
        // SAFETY: `overlapped` is the structure of the pending call. Without one no call is pending.
        result = check(unsafe { GetOverlappedResult(raw, overlapped, &raw mut moved, 1) });
    }
    match result {
        // The message is longer than the buffer. The next read returns the rest.
        Err(error) if direction == Direction::Read && has_code(&error, ERROR_MORE_DATA) => {}
        Err(error) if direction == Direction::Read && is_end(&error) => moved = 0,
        // The handle is not open for this direction: EBADF.
        Err(error) if has_code(&error, ERROR_ACCESS_DENIED) => return Err(os_error(ERROR_INVALID_HANDLE)),
        other => other?,
    }
    Ok(moved as usize)
}

fn new_event() -> Result<OwnedHandle> {
    // SAFETY: both pointers may be null: no attributes, no name.
    let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
    if event.is_null() {
        return Err(Error::last_os_error());
    }
    // SAFETY: the handle is new, and nothing else owns it.
    Ok(unsafe { OwnedHandle::from_raw_handle(event) })
}

/// Reads at the position: `ReadFile`.
pub fn readv(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    if console::is_console(handle) {
        return console::read(handle, buffers);
    }
    transfer(handle, buffers, None, Direction::Read)
}

/// Writes at the position: `WriteFile`.
pub fn writev(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    if console::is_console(handle) {
        return console::write(handle, buffers);
    }
    transfer(handle, buffers, None, Direction::Write)
}

/// Appends to a file: `WriteFile` at offset `u64::MAX`, which Windows defines as the end.
pub fn appendv(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    transfer(handle, buffers, Some(Filesize::MAX), Direction::Write)
}

/// Reads at `offset`: `ReadFile`. Moves the position of the handle, which no file of a guest uses.
pub fn preadv(handle: Handle<'_>, buffers: &[Buffer], offset: Filesize) -> Result<usize> {
    require_disk(handle, ERROR_SEEK_ON_DEVICE)?;
    transfer(handle, buffers, Some(offset), Direction::Read)
}

/// Writes at `offset`: `WriteFile`. Moves the position of the handle, as `preadv` does.
pub fn pwritev(handle: Handle<'_>, buffers: &[Buffer], offset: Filesize) -> Result<usize> {
    require_disk(handle, ERROR_SEEK_ON_DEVICE)?;
    transfer(handle, buffers, Some(offset), Direction::Write)
}

/// Reads available bytes. `EAGAIN` if there are none. Another reader can take the bytes first, and then this call
/// waits.
pub fn readv_nowait(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    if net::is_socket(handle) {
        return Ok(net::receive(handle, buffers, Riflags::empty())?.0);
    }
    if stream::poll(&[(handle, Interest::Read)], Duration::ZERO)?[0].ready {
        readv(handle, buffers)
    } else {
        Err(std::io::ErrorKind::WouldBlock.into())
    }
}

/// Writes all bytes, and waits while there is no room. Writing without waiting would need another mode of the pipe,
/// which the host shares. The quota of a pipe cannot predict a wait: it does not count bytes that the reader already
/// waits for.
pub fn writev_nowait(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    if net::is_socket(handle) {
        return net::send(handle, buffers);
    }
    writev(handle, buffers)
}
