//! Moving bytes between open files and guest memory. The system takes no lists of buffers for a file, so each
//! is a call; its address is handed over as it is.

use crate::sys::types::{Filesize, Interest, Riflags};
use crate::sys::windows::buffer::Buffer;
use crate::sys::windows::handle::{Handle, check, error, file_type, is, is_end, require_disk};
use crate::sys::windows::{console, net, stream};
use std::io::{Error, Result};
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
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

/// Moves bytes between a file and buffers, one after another, until one is not moved in full. At no offset
/// it is the system's own position, and nothing is read that would have to be waited for after the first.
fn transfer(
    handle: Handle<'_>,
    buffers: &[Buffer],
    offset: Option<Filesize>,
    direction: Direction,
) -> Result<usize> {
    let may_wait = offset.is_none() && direction == Direction::Read;
    let mut done = 0;
    // Passed over are empty ones: in a pipe, writing nothing would be a message that reads as an end.
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
        // Whoever made a pipe may have made it for overlapped calls only.
        None if file_type(handle)? == FILE_TYPE_PIPE => {
            event = new_event()?;
            // The lowest bit keeps the completion from a port that the host's event loop may wait at.
            overlapped.hEvent = event.as_raw_handle().map_addr(|address| address | 1);
            &raw mut overlapped
        }
        None => ptr::null_mut(),
    };
    let len = u32::try_from(buffer.len).unwrap_or(u32::MAX);
    let mut moved = 0;
    // SAFETY: the buffer is memory of the guest, checked by `Memory::address`, that outlives the call; the
    // call is over when it has returned, or has been waited for just below.
    let mut result = check(unsafe {
        match direction {
            Direction::Read => ReadFile(raw, buffer.address, len, &raw mut moved, overlapped),
            Direction::Write => WriteFile(raw, buffer.address, len, &raw mut moved, overlapped),
        }
    });
    if result.as_ref().is_err_and(|error| is(error, ERROR_IO_PENDING)) {
        // SAFETY: the structure that the call was made with; it is pending only if there is one.
        result = check(unsafe { GetOverlappedResult(raw, overlapped, &raw mut moved, 1) });
    }
    match result {
        // A message longer than the buffer: the rest comes next.
        Err(error) if direction == Direction::Read && is(&error, ERROR_MORE_DATA) => {}
        Err(error) if direction == Direction::Read && is_end(&error) => moved = 0,
        // It is open, but not for this.
        Err(refused) if is(&refused, ERROR_ACCESS_DENIED) => return Err(error(ERROR_INVALID_HANDLE)),
        other => other?,
    }
    Ok(moved as usize)
}

fn new_event() -> Result<OwnedHandle> {
    // SAFETY: neither attributes nor a name.
    let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
    if event.is_null() {
        return Err(Error::last_os_error());
    }
    // SAFETY: a new handle that nobody else has.
    Ok(unsafe { OwnedHandle::from_raw_handle(event) })
}

/// Reads at the system's own position.
pub fn readv(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    if console::is_console(handle) {
        return console::read(handle, buffers);
    }
    transfer(handle, buffers, None, Direction::Read)
}

/// Writes at the system's own position.
pub fn writev(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    if console::is_console(handle) {
        return console::write(handle, buffers);
    }
    transfer(handle, buffers, None, Direction::Write)
}

/// Writes at the end of a file, wherever it is then: the last offset there is stands for that.
pub fn appendv(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    transfer(handle, buffers, Some(Filesize::MAX), Direction::Write)
}

/// Reads at `offset`. It moves the system's own position, which no file of the guest's depends on.
pub fn preadv(handle: Handle<'_>, buffers: &[Buffer], offset: Filesize) -> Result<usize> {
    require_disk(handle, ERROR_SEEK_ON_DEVICE)?;
    transfer(handle, buffers, Some(offset), Direction::Read)
}

/// Writes at `offset`, moving the system's own position as `preadv` does.
pub fn pwritev(handle: Handle<'_>, buffers: &[Buffer], offset: Filesize) -> Result<usize> {
    require_disk(handle, ERROR_SEEK_ON_DEVICE)?;
    transfer(handle, buffers, Some(offset), Direction::Write)
}

/// Reads what there is now, `AGAIN` if there is nothing. Another reader may be quicker, and then it waits.
pub fn readv_nowait(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    if net::is_socket(handle) {
        return Ok(net::receive(handle, buffers, Riflags::empty())?.0);
    }
    if stream::poll(&[(handle, Interest::Read)], std::time::Duration::ZERO)?[0].ready {
        readv(handle, buffers)
    } else {
        Err(std::io::ErrorKind::WouldBlock.into())
    }
}

/// Writes all, waiting in the kernel for room: only a pipe's own mode, which the host shares, could make that
/// otherwise. The room that a pipe can be asked for does not count what its reader already waits for.
pub fn writev_nowait(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    if net::is_socket(handle) {
        return net::send(handle, buffers);
    }
    writev(handle, buffers)
}
