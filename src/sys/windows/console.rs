//! Consoles, which take and give UTF-16, while guests write and read UTF-8. As files they would have the code
//! page of the console, which is the host's and seldom UTF-8.

use crate::sys::windows::buffer::Buffer;
use crate::sys::windows::handle::{Handle, check};
use std::collections::VecDeque;
use std::io::Result;
use std::os::windows::io::AsRawHandle;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use windows_sys::Win32::System::Console::{
    GetConsoleMode, INPUT_RECORD, KEY_EVENT, PeekConsoleInputW, ReadConsoleW, WriteConsoleW,
};

/// Characters, or bytes of them, moved with one call.
const CHUNK: usize = 2048;

/// Whether something open is a console.
pub fn is_console(handle: Handle<'_>) -> bool {
    let mut mode = 0;
    // SAFETY: an open handle, and a place for the mode.
    unsafe { GetConsoleMode(handle.as_raw_handle(), &raw mut mode) != 0 }
}

/// Writes UTF-8. What is not gets U+FFFD in its place, also a character whose bytes come in two calls.
pub fn write(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    let mut done = 0;
    loop {
        let mut bytes = [0; CHUNK];
        let bytes = gather(buffers, done, &mut bytes);
        let bytes = match str::from_utf8(bytes) {
            Ok(_) => bytes,
            Err(error) => match (error.valid_up_to(), error.error_len()) {
                (valid, Some(invalid)) => &bytes[..valid + invalid],
                // Cut off by the end of the chunk; the next one begins with it.
                (valid, None) if valid > 0 => &bytes[..valid],
                (_, None) => bytes,
            },
        };
        if bytes.is_empty() {
            return Ok(done);
        }
        let units: Vec<u16> = String::from_utf8_lossy(bytes).encode_utf16().collect();
        match write_units(handle, &units) {
            Err(_) if done > 0 => return Ok(done),
            result => result?,
        }
        done += bytes.len();
    }
}

/// Copies from the buffers what fits after the first `skip` bytes.
fn gather<'a>(buffers: &[Buffer], mut skip: usize, into: &'a mut [u8]) -> &'a [u8] {
    let mut len = 0;
    for buffer in buffers {
        let skipped = skip.min(buffer.len);
        skip -= skipped;
        let part = (buffer.len - skipped).min(into.len() - len);
        let into = &mut into[len..len + part];
        // SAFETY: a part of the buffer, which is memory of the guest, checked by `Memory::address`.
        unsafe { ptr::copy_nonoverlapping(buffer.address.add(skipped), into.as_mut_ptr(), part) };
        len += part;
    }
    &into[..len]
}

fn write_units(handle: Handle<'_>, mut units: &[u16]) -> Result<()> {
    while !units.is_empty() {
        let (handle, mut written) = (handle.as_raw_handle(), 0);
        // SAFETY: as many characters as said, and a place for how many were written.
        check(unsafe {
            WriteConsoleW(handle, units.as_ptr(), units.len() as u32, &raw mut written, ptr::null())
        })?;
        units = &units[units.len().min(written as usize)..];
    }
    Ok(())
}

/// Bytes that were read and for which the guest had no room. A process has one console.
static UNREAD: Mutex<VecDeque<u8>> = Mutex::new(VecDeque::new());

fn unread() -> MutexGuard<'static, VecDeque<u8>> {
    UNREAD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads UTF-8, a line or what is left of one.
pub fn read(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    if buffers.iter().all(|buffer| buffer.len == 0) {
        return Ok(0);
    }
    if unread().is_empty() {
        let line = read_line(handle)?;
        unread().extend(line);
    }
    let (mut unread, mut done) = (unread(), 0);
    for buffer in buffers {
        let part = unread.len().min(buffer.len);
        for (at, byte) in unread.drain(..part).enumerate() {
            // SAFETY: a byte of the buffer, which is memory of the guest, checked by `Memory::address`.
            unsafe { buffer.address.add(at).write(byte) };
        }
        done += part;
    }
    Ok(done)
}

/// A line, or a part of a long one; nothing at the end, which is a Ctrl-Z at the start of a line.
fn read_line(handle: Handle<'_>) -> Result<Vec<u8>> {
    const CTRL_Z: u16 = 0x1a;
    const HIGH_SURROGATES: std::ops::Range<u16> = 0xd800..0xdc00;
    let mut units = Vec::new();
    loop {
        let (mut part, mut read) = ([0_u16; CHUNK], 0);
        let address = part.as_mut_ptr().cast();
        // SAFETY: room for as many characters as said, and a place for how many were read.
        check(unsafe {
            ReadConsoleW(handle.as_raw_handle(), address, CHUNK as u32, &raw mut read, ptr::null())
        })?;
        units.extend_from_slice(&part[..read as usize]);
        // The second half of a character is read too.
        match units.last() {
            Some(last) if HIGH_SURROGATES.contains(last) && read > 0 => {}
            _ => break,
        }
    }
    if units.first() == Some(&CTRL_Z) {
        units.clear();
    }
    Ok(String::from_utf16_lossy(&units).into_bytes())
}

/// Whether a key was pressed: events of windows and mice are none that a guest could read.
pub fn has_input(handle: Handle<'_>) -> bool {
    const EVENTS: usize = 128;
    if !unread().is_empty() {
        return true;
    }
    let (mut events, mut count) = ([INPUT_RECORD::default(); EVENTS], 0);
    let (handle, address) = (handle.as_raw_handle(), events.as_mut_ptr());
    // SAFETY: room for as many events as said, and a place for how many there are.
    if check(unsafe { PeekConsoleInputW(handle, address, EVENTS as u32, &raw mut count) }).is_err() {
        return true;
    }
    let is_key = |event: &INPUT_RECORD| {
        // SAFETY: the event is one of a key, as its type says.
        u32::from(event.EventType) == KEY_EVENT && unsafe { event.Event.KeyEvent.bKeyDown } != 0
    };
    // A queue of nothing but others hides what is behind it: to wait would be for ever.
    count as usize == EVENTS || events[..count as usize].iter().any(is_key)
}
