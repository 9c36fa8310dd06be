//! Guest memory: every bounds check and every access to it. There is never a Rust reference to it but to atomics, since
//! another thread of the guest may write at any moment; it is copied, as relaxed atomics, so that a race
//! gives the guest torn values and nothing worse.
#![expect(unsafe_code, reason = "guest memory is reached by address; `Memory::new` carries the promise")]

use crate::preview1::types::{Iovec, Load, Size, Store};
use crate::sys::errno::{Errno, Result};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Offset of a `T` in guest memory: a number until [`Memory`] has checked it.
#[derive(Debug)]
pub struct Ptr<T>(pub u32, PhantomData<T>);

impl<T> Ptr<T> {
    /// The `T` at this offset.
    #[must_use]
    pub fn new(offset: u32) -> Self {
        Self(offset, PhantomData)
    }
}

impl<T> Clone for Ptr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ptr<T> {}

/// `len` times a `T`, one after the other, as the ABI passes lists: two numbers until checked.
#[derive(Debug)]
pub struct List<T> {
    /// Where the first is.
    pub ptr: Ptr<T>,
    /// How many there are.
    pub len: Size,
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<T> {}

/// What the host is to fill: nothing in it means anything yet.
#[derive(Debug)]
pub struct Out<T>(pub T);

/// The memory of a guest during one call.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    base: *mut u8,
    size: usize,
}

/// No memory at all, in which nothing lies.
impl Default for Memory {
    fn default() -> Self {
        Self { base: std::ptr::null_mut(), size: 0 }
    }
}

/// Largest record that [`Memory::load`] and [`Memory::store`] move.
const LARGEST: usize = 64;
const _: () = assert!(<crate::preview1::types::Filestat as Store>::SIZE == LARGEST);

impl Memory {
    /// Of a memory beyond 4 GiB, which only 64-bit addresses reach, only so much is seen.
    ///
    /// # Safety
    ///
    /// The `size` bytes from `base` must stay readable and writable for as long as this value or a copy of
    /// it is used. Others may read and write them meanwhile.
    #[must_use]
    pub unsafe fn new(base: *mut u8, size: usize) -> Self {
        Self { base, size: size.min(1 << 32) }
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(self) -> usize {
        self.size
    }

    /// Checks that `len` bytes from `offset` lie inside. An offset equal to the size is in bounds for 0 bytes, as in
    /// WebAssembly's `memory.fill`.
    #[inline]
    pub fn check(self, offset: u32, len: u64) -> Result {
        let (offset, size) = (u64::from(offset), self.size as u64);
        if offset <= size && len <= size - offset { Ok(()) } else { Err(Errno::Overflow.into()) }
    }

    /// Whether the whole list lies inside.
    pub fn check_list<T>(self, list: List<T>, element_size: usize) -> Result {
        self.check(list.ptr.0, u64::from(list.len) * element_size as u64)
    }

    /// Reads the `T` at `ptr`.
    #[inline]
    pub fn load<T: Load>(self, ptr: Ptr<T>) -> Result<T> {
        const { assert!(T::SIZE <= LARGEST) };
        let mut bytes = [0; LARGEST];
        let guest = self.at(ptr.0, T::SIZE)?;
        match word_size(guest, T::SIZE) {
            8 => {
                for (at, word) in (0..T::SIZE).step_by(8).zip(bytes.as_chunks_mut().0) {
                    *word = word_at(guest, at).load(Relaxed).to_ne_bytes();
                }
            }
            4 => {
                for (at, half) in (0..T::SIZE).step_by(4).zip(bytes.as_chunks_mut().0) {
                    *half = half_at(guest, at).load(Relaxed).to_ne_bytes();
                }
            }
            _ => self.read(ptr.0, &mut bytes[..T::SIZE])?,
        }
        Ok(T::load(&bytes))
    }

    /// Writes `value` at `ptr`.
    #[inline]
    pub fn store<T: Store>(self, ptr: Ptr<T>, value: &T) -> Result {
        const { assert!(T::SIZE <= LARGEST) };
        let mut bytes = [0; LARGEST];
        value.store(&mut bytes);
        let guest = self.at(ptr.0, T::SIZE)?;
        match word_size(guest, T::SIZE) {
            8 => {
                for (at, word) in (0..T::SIZE).step_by(8).zip(bytes.as_chunks().0) {
                    word_at(guest, at).store(u64::from_ne_bytes(*word), Relaxed);
                }
            }
            4 => {
                for (at, half) in (0..T::SIZE).step_by(4).zip(bytes.as_chunks().0) {
                    half_at(guest, at).store(u32::from_ne_bytes(*half), Relaxed);
                }
            }
            _ => self.write(ptr.0, &bytes[..T::SIZE])?,
        }
        Ok(())
    }

    /// Reads the element at `index` of a list.
    #[inline]
    pub fn load_at<T: Load>(self, list: List<T>, index: Size) -> Result<T> {
        self.load(Ptr::new(element(list.ptr.0, index, T::SIZE)?))
    }

    /// Writes the element at `index` of a list.
    pub fn store_at<T: Store>(self, list: List<T>, index: Size, value: &T) -> Result {
        self.store(Ptr::new(element(list.ptr.0, index, T::SIZE)?), value)
    }

    /// Copies guest memory from `offset` into `bytes`.
    pub fn read(self, offset: u32, bytes: &mut [u8]) -> Result {
        let guest = self.at(offset, bytes.len())?;
        // SAFETY: the same bytes, which `copy` leaves initialized.
        copy(guest, unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) });
        Ok(())
    }

    /// Appends a copy of a region to `bytes`, for which room is made once the memory was found to have it.
    pub fn append(self, region: Iovec, bytes: &mut Vec<u8>) -> Result {
        let (guest, len) = (self.address(region)?, region.buf_len as usize);
        bytes.reserve(len);
        copy(guest, &mut bytes.spare_capacity_mut()[..len]);
        // SAFETY: as many more were reserved, and `copy` has written to each of them.
        unsafe { bytes.set_len(bytes.len() + len) };
        Ok(())
    }

    /// Copies `bytes` into guest memory at `offset`.
    pub fn write(self, offset: u32, bytes: &[u8]) -> Result {
        let guest = self.at(offset, bytes.len())?;
        let words = words(guest, bytes.len());
        let (head, rest) = bytes.split_at(words.start);
        let (middle, tail) = rest.split_at(words.len());
        for (at, byte) in head.iter().enumerate() {
            byte_at(guest, at).store(*byte, Relaxed);
        }
        for (at, word) in middle.chunks_exact(8).enumerate() {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(word);
            word_at(guest, words.start + at * 8).store(u64::from_ne_bytes(bytes), Relaxed);
        }
        for (at, byte) in tail.iter().enumerate() {
            byte_at(guest, words.end + at).store(*byte, Relaxed);
        }
        Ok(())
    }

    /// The address of a region, for a system call that reads or writes it; the kernel, unlike Rust, does not
    /// mind who else does.
    #[inline]
    pub fn address(self, region: Iovec) -> Result<*mut u8> {
        self.at(region.buf, region.buf_len as usize)
    }

    /// The address of `len` bytes from `offset`, checked to lie inside.
    #[inline]
    fn at(self, offset: u32, len: usize) -> Result<*mut u8> {
        self.check(offset, len as u64)?;
        // SAFETY: the bytes lie inside, so the offset is at most the size: within or one past what `new` promised.
        Ok(unsafe { self.base.add(offset as usize) })
    }
}

/// Copies as many bytes as there is room for from `guest`, where so many were checked.
fn copy(guest: *mut u8, to: &mut [MaybeUninit<u8>]) {
    let words = words(guest, to.len());
    let (head, rest) = to.split_at_mut(words.start);
    let (middle, tail) = rest.split_at_mut(words.len());
    for (at, byte) in head.iter_mut().enumerate() {
        byte.write(byte_at(guest, at).load(Relaxed));
    }
    for (at, word) in middle.chunks_exact_mut(8).enumerate() {
        let bytes = word_at(guest, words.start + at * 8).load(Relaxed).to_ne_bytes();
        word.copy_from_slice(&bytes.map(MaybeUninit::new));
    }
    for (at, byte) in tail.iter_mut().enumerate() {
        byte.write(byte_at(guest, words.end + at).load(Relaxed));
    }
}

/// Offset of the element at `index`; past 32 bits there is no memory.
fn element(offset: u32, index: Size, size: usize) -> Result<u32> {
    let offset = u64::from(offset) + u64::from(index) * size as u64;
    Ok(u32::try_from(offset).map_err(|_| Errno::Overflow)?)
}

/// The part of `len` bytes from `guest` that is whole aligned words.
fn words(guest: *mut u8, len: usize) -> std::ops::Range<usize> {
    let start = guest.align_offset(8).min(len);
    start..start + (len - start) / 8 * 8
}

/// The largest words that `size` bytes at `guest` are made of and aligned to; 1 if neither 8 nor 4 bytes are.
#[inline]
fn word_size(guest: *mut u8, size: usize) -> usize {
    match guest.addr() | size {
        bits if bits.is_multiple_of(8) => 8,
        bits if bits.is_multiple_of(4) => 4,
        _ => 1,
    }
}

/// The byte `at` from `guest`, within what was checked.
fn byte_at<'a>(guest: *mut u8, at: usize) -> &'a AtomicU8 {
    // SAFETY: all who use this stay within the bytes they checked; an AtomicU8 is a byte, needs no
    // alignment, and may be shared with whoever else writes.
    unsafe { AtomicU8::from_ptr(guest.add(at)) }
}

/// The aligned word `at` from `guest`, within what was checked.
fn word_at<'a>(guest: *mut u8, at: usize) -> &'a AtomicU64 {
    // SAFETY: as for `byte_at`; `words` and `word_size` see to it that it is aligned.
    unsafe { AtomicU64::from_ptr(guest.add(at).cast()) }
}

/// The aligned half of a word `at` from `guest`, within what was checked.
fn half_at<'a>(guest: *mut u8, at: usize) -> &'a AtomicU32 {
    // SAFETY: as for `word_at`.
    unsafe { AtomicU32::from_ptr(guest.add(at).cast()) }
}
