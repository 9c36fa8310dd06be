//! Copies from and to guest memory. Relaxed atomics, because other threads of the guest may write at any time.
//! Callers have checked the bounds.
#![expect(unsafe_code, reason = "guest memory is accessed by address")]

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Number of bytes up to which a copy is short.
const SHORT: usize = 64;

/// Writes `bytes` to `guest`, where the bounds check covered as many bytes.
#[inline(never)]
pub(super) fn store(guest: *mut u8, bytes: &[u8]) {
    let words = words(guest, bytes.len());
    let (head, rest) = bytes.split_at(words.start);
    let (middle, tail) = rest.split_at(words.len());
    for (at, byte) in head.iter().enumerate() {
        byte_at(guest, at).store(*byte, Relaxed);
    }
    for (at, word) in middle.chunks_exact(8).enumerate() {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(word);
        u64_at(guest, words.start + at * 8).store(u64::from_ne_bytes(bytes), Relaxed);
    }
    for (at, byte) in tail.iter().enumerate() {
        byte_at(guest, words.end + at).store(*byte, Relaxed);
    }
}

/// Copies guest memory into `to`. The caller has checked the bounds.
#[inline(never)]
pub(super) fn copy(guest: *mut u8, to: &mut [MaybeUninit<u8>]) {
    if to.len() <= SHORT {
        return copy_short(guest, to);
    }
    let words = words(guest, to.len());
    let (head, rest) = to.split_at_mut(words.start);
    let (middle, tail) = rest.split_at_mut(words.len());
    for (at, byte) in head.iter_mut().enumerate() {
        byte.write(byte_at(guest, at).load(Relaxed));
    }
    for (at, word) in middle.chunks_exact_mut(8).enumerate() {
        let bytes = u64_at(guest, words.start + at * 8).load(Relaxed).to_ne_bytes();
        word.copy_from_slice(&bytes.map(MaybeUninit::new));
    }
    for (at, byte) in tail.iter_mut().enumerate() {
        byte.write(byte_at(guest, words.end + at).load(Relaxed));
    }
}

/// Copies a short name or record in whole words. A processor forwards a store to a later load of the same bytes. A load
/// waits if its bytes come from several stores.
fn copy_short(guest: *mut u8, to: &mut [MaybeUninit<u8>]) {
    let (words, rest) = to.as_chunks_mut::<8>();
    let aligned = guest.addr().is_multiple_of(8);
    let mut at = 0;
    for to in words {
        let word = if aligned { u64_at(guest, at).load(Relaxed).to_le() } else { unaligned::<8>(guest, at) };
        *to = word.to_le_bytes().map(MaybeUninit::new);
        at += 8;
    }
    let (halves, rest) = rest.as_chunks_mut::<4>();
    for to in halves {
        *to = (unaligned::<4>(guest, at) as u32).to_le_bytes().map(MaybeUninit::new);
        at += 4;
    }
    let (pairs, rest) = rest.as_chunks_mut::<2>();
    for to in pairs {
        *to = (unaligned::<2>(guest, at) as u16).to_le_bytes().map(MaybeUninit::new);
        at += 2;
    }
    for to in rest {
        to.write(byte_at(guest, at).load(Relaxed));
    }
}

/// Reads `N` bytes at any address, as a little-endian number.
#[inline(always)]
fn unaligned<const N: usize>(guest: *mut u8, at: usize) -> u64 {
    (0..N)
        .fold(0, |number, index| number | u64::from(byte_at(guest, at + index).load(Relaxed)) << (8 * index))
}

/// Returns the range of `len` bytes from `guest` that consists of aligned words.
fn words(guest: *mut u8, len: usize) -> std::ops::Range<usize> {
    let start = guest.align_offset(8).min(len);
    start..start + (len - start) / 8 * 8
}

/// Returns the widest access, of 8, 4 or 1 bytes, that divides `size` and the address.
#[inline]
pub(super) fn access_width(guest: *mut u8, size: usize) -> usize {
    match guest.addr() | size {
        bits if bits.is_multiple_of(8) => 8,
        bits if bits.is_multiple_of(4) => 4,
        _ => 1,
    }
}

/// Returns the byte at an offset from `guest`, inside the range of a bounds check.
fn byte_at<'a>(guest: *mut u8, at: usize) -> &'a AtomicU8 {
    // SAFETY: callers stay inside the range they checked. An AtomicU8 needs no alignment, and other threads may write
    // it.
    unsafe { AtomicU8::from_ptr(guest.add(at)) }
}

/// Returns the aligned 64-bit word at an offset from `guest`, inside the range of a bounds check.
pub(super) fn u64_at<'a>(guest: *mut u8, at: usize) -> &'a AtomicU64 {
    // SAFETY: as in `byte_at`. `words`, `access_width` and `copy_short` check the alignment.
    unsafe { AtomicU64::from_ptr(guest.add(at).cast()) }
}

/// Returns the aligned 32-bit word at an offset from `guest`, inside the range of a bounds check.
pub(super) fn u32_at<'a>(guest: *mut u8, at: usize) -> &'a AtomicU32 {
    // SAFETY: as in `u64_at`.
    unsafe { AtomicU32::from_ptr(guest.add(at).cast()) }
}
