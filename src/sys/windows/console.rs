//! Consoles. Windows reads and writes UTF-16 there, guests use UTF-8. File calls would use the code page of the
//! console, which is rarely UTF-8.

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

/// Maximum number of bytes or UTF-16 units of one system call.
const CHUNK: usize = 2048;

/// Returns whether an open file is a console.
pub fn is_console(handle: Handle<'_>) -> bool {
    let mut mode = 0;
    // SAFETY: the handle is open. The call writes a u32, to `mode`.
    unsafe { GetConsoleMode(handle.as_raw_handle(), &raw mut mode) != 0 }
}

/// Writes UTF-8: `WriteConsoleW`. Replaces invalid bytes by U+FFFD, also a character that is split between two calls.
pub fn write(handle: Handle<'_>, buffers: &[Buffer]) -> Result<usize> {
    let mut done = 0;
    loop {
        let mut bytes = [0; CHUNK];
        let bytes = gather(buffers, done, &mut bytes);
        let bytes = match str::from_utf8(bytes) {
            Ok(_) => bytes,
            Err(error) => match (error.valid_up_to(), error.error_len()) {
                (valid, Some(invalid)) => &bytes[..valid + invalid],
                // The end of the chunk splits a character: the next chunk starts with this character.
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

/// Copies the contents of the buffers after the first `skip` bytes, as far as they fit into `into`.
fn gather<'a>(buffers: &[Buffer], mut skip: usize, into: &'a mut [u8]) -> &'a [u8] {
    let mut len = 0;
    for buffer in buffers {
        let skipped = skip.min(buffer.len);
        skip -= skipped;
        let part = (buffer.len - skipped).min(into.len() - len);
        let into = &mut into[len..len + part];
        // SAFETY: `skipped` and `part` stay inside the buffer, which `Memory::address` checked.
        unsafe { ptr::copy_nonoverlapping(buffer.address.add(skipped), into.as_mut_ptr(), part) };
        len += part;
    }
    &into[..len]
}

fn write_units(handle: Handle<'_>, mut units: &[u16]) -> Result<()> {
    while !units.is_empty() {
        let (handle, mut written) = (handle.as_raw_handle(), 0);
        // SAFETY: the call reads `units.len()` units, and writes a u32, to `written`.
        check(unsafe {
            WriteConsoleW(handle, units.as_ptr(), units.len() as u32, &raw mut written, ptr::null())
        })?;
        units = &units[units.len().min(written as usize)..];
    }
    Ok(())
}

/// Bytes that were read but did not fit into the buffers of the guest. A process has one console.
static UNREAD: Mutex<VecDeque<u8>> = Mutex::new(VecDeque::new());

fn unread() -> MutexGuard<'static, VecDeque<u8>> {
    UNREAD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads UTF-8, at most up to the end of a line: `ReadConsoleW`.
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
            // SAFETY: `at` is inside the buffer, which `Memory::address` checked.
            unsafe { buffer.address.add(at).write(byte) };
        }
        done += part;
    }
    Ok(done)
}

/// Reads a line, or a part of a long line. Returns no bytes at the end of input: Ctrl-Z at the start of a line.
fn read_line(handle: Handle<'_>) -> Result<Vec<u8>> {
    const CTRL_Z: u16 = 0x1a;
    const HIGH_SURROGATES: std::ops::Range<u16> = 0xd800..0xdc00;
    let mut units = Vec::new();
    loop {
        let (mut part, mut read) = ([0_u16; CHUNK], 0);
        let address = part.as_mut_ptr().cast();
        // SAFETY: `part` has room for CHUNK units. The call writes a u32, to `read`.
        check(unsafe {
            ReadConsoleW(handle.as_raw_handle(), address, CHUNK as u32, &raw mut read, ptr::null())
        })?;
        units.extend_from_slice(&part[..read as usize]);
        // A surrogate pair is split: read the second half, too.
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

/// Returns whether a key was pressed: `PeekConsoleInputW`. A guest cannot read events of windows and mice.
pub fn has_input(handle: Handle<'_>) -> bool {
    const EVENTS: usize = 128;
    if !unread().is_empty() {
        return true;
    }
    let (mut events, mut count) = ([INPUT_RECORD::default(); EVENTS], 0);
    let (handle, address) = (handle.as_raw_handle(), events.as_mut_ptr());
    // SAFETY: `events` has room for EVENTS records. The call writes a u32, to `count`.
    if check(unsafe { PeekConsoleInputW(handle, address, EVENTS as u32, &raw mut count) }).is_err() {
        return true;
    }
    let is_key = |event: &INPUT_RECORD| {
        // SAFETY: the type says which field of the union is valid.
        u32::from(event.EventType) == KEY_EVENT && unsafe { event.Event.KeyEvent.bKeyDown } != 0
    };
    // Other events fill the buffer and can hide a key behind them. Waiting could then last forever.
    count as usize == EVENTS || events[..count as usize].iter().any(is_key)
}
