//! Guest memory: every bounds check and every access. Rust never holds a reference to guest memory except to atomics,
//! since other threads of the guest may write at any time. Copies use relaxed atomics: the only effect of a race is
//! that the guest sees torn values.
#![expect(unsafe_code, reason = "guest memory is accessed by address; `Memory::new` states the requirement")]

mod copy;

use crate::core::layout::{Load, Store};
use crate::sys::buffers::Buffer;
use crate::sys::errno::{Errno, Result};
use copy::{access_width, copy, store, u32_at, u64_at};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering::Relaxed;

/// Number of bytes of guest memory, or of elements of a list there.
pub type Size = u32;

/// Offset of a `T` in guest memory. [`Memory`] checks it at each access.
#[derive(Debug)]
pub(crate) struct Ptr<T>(pub u32, PhantomData<T>);

impl<T> Ptr<T> {
    /// Refers to the `T` at an offset.
    #[must_use]
    pub(crate) fn new(offset: u32) -> Self {
        Self(offset, PhantomData)
    }
}

impl<T> Clone for Ptr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ptr<T> {}

/// A list of `T` in guest memory. [`Memory`] checks it at each access.
#[derive(Debug)]
pub(crate) struct List<T> {
    /// The first element.
    pub(crate) ptr: Ptr<T>,
    /// Number of elements.
    pub(crate) len: Size,
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<T> {}

/// A region of guest memory: the `iovec` and `ciovec` of vectored calls.
#[derive(Clone, Copy, Debug)]
pub struct Iovec {
    /// Offset.
    pub(crate) buf: u32,
    /// Length in bytes.
    pub(crate) buf_len: Size,
}

impl Iovec {
    /// Name and offset of each field.
    pub const FIELDS: &'static [(&'static str, usize)] = &[("buf", 0), ("buf_len", 4)];
}

impl Load for Iovec {
    const SIZE: usize = 8;
    fn load(bytes: &[u8]) -> Self {
        Self { buf: u32::load(bytes), buf_len: u32::load(&bytes[4..]) }
    }
}

/// The memory of a guest during one call.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    base: *mut u8,
    size: usize,
}

impl Default for Memory {
    /// Returns an empty memory.
    fn default() -> Self {
        Self { base: std::ptr::null_mut(), size: 0 }
    }
}

/// Size of the largest record, a `filestat`.
const LARGEST: usize = 64;

impl Memory {
    /// Describes the memory at `base`. Clamps `size` to 4 GiB: preview1 pointers have 32 bits.
    ///
    /// # Safety
    ///
    /// The `size` bytes from `base` must stay readable and writable while this value or a copy is used. Other threads
    /// may read and write the bytes meanwhile.
    #[must_use]
    pub unsafe fn new(base: *mut u8, size: usize) -> Self {
        Self { base, size: size.min(1 << 32) }
    }

    /// Returns the address of the first byte, which identifies the memory in this process.
    #[cfg(feature = "node")]
    #[must_use]
    pub(crate) fn start(self) -> usize {
        self.base.addr()
    }

    /// Returns the size in bytes.
    #[must_use]
    pub fn size(self) -> usize {
        self.size
    }

    /// Checks that `len` bytes from `offset` are in bounds, else returns `EOVERFLOW`. An offset equal to the size is
    /// in bounds for 0 bytes, as in WebAssembly's `memory.fill`.
    #[inline]
    pub(crate) fn check(self, offset: u32, len: u64) -> Result {
        let (offset, size) = (u64::from(offset), self.size as u64);
        if offset <= size && len <= size - offset { Ok(()) } else { Err(Errno::Overflow) }
    }

    /// Checks that the whole list is in bounds, else returns `EOVERFLOW`.
    pub(crate) fn check_list<T>(self, list: List<T>, element_size: usize) -> Result {
        self.check(list.ptr.0, u64::from(list.len) * element_size as u64)
    }

    /// Reads the `T` at `ptr`. `EOVERFLOW` if it is out of bounds.
    #[inline]
    pub(crate) fn load<T: Load>(self, ptr: Ptr<T>) -> Result<T> {
        const { assert!(T::SIZE <= LARGEST) };
        if T::SIZE <= 8 { self.load_in::<T, 8>(ptr) } else { self.load_in::<T, LARGEST>(ptr) }
    }

    /// Reads a `T` of at most `N` bytes.
    #[inline]
    fn load_in<T: Load, const N: usize>(self, ptr: Ptr<T>) -> Result<T> {
        let mut bytes = [0; N];
        let guest = self.at(ptr.0, T::SIZE)?;
        match access_width(guest, T::SIZE) {
            8 => {
                for (at, word) in (0..T::SIZE).step_by(8).zip(bytes.as_chunks_mut().0) {
                    *word = u64_at(guest, at).load(Relaxed).to_ne_bytes();
                }
            }
            4 => {
                for (at, half) in (0..T::SIZE).step_by(4).zip(bytes.as_chunks_mut().0) {
                    *half = u32_at(guest, at).load(Relaxed).to_ne_bytes();
                }
            }
            _ => self.read(ptr.0, &mut bytes[..T::SIZE])?,
        }
        Ok(T::load(&bytes))
    }

    /// Writes `value` at `ptr`. `EOVERFLOW` if it is out of bounds.
    #[inline]
    pub(crate) fn store<T: Store>(self, ptr: Ptr<T>, value: &T) -> Result {
        const { assert!(T::SIZE <= LARGEST) };
        let mut words = [0; LARGEST / 8];
        value.store(&mut words, 0);
        let guest = self.at(ptr.0, T::SIZE)?;
        match access_width(guest, T::SIZE) {
            8 => {
                for (at, word) in (0..T::SIZE).step_by(8).zip(words) {
                    u64_at(guest, at).store(word.to_le(), Relaxed);
                }
            }
            4 => {
                for at in (0..T::SIZE).step_by(4) {
                    u32_at(guest, at).store(((words[at / 8] >> (at % 8 * 8)) as u32).to_le(), Relaxed);
                }
            }
            _ => self.store_bytes(ptr.0, words, T::SIZE)?,
        }
        Ok(())
    }

    /// Writes the first `len` bytes of a value.
    #[inline(never)]
    fn store_bytes(self, offset: u32, words: [u64; LARGEST / 8], len: usize) -> Result {
        let bytes = words.map(u64::to_le_bytes);
        self.write(offset, &bytes.as_flattened()[..len])
    }

    /// Reads the element at `index` of a list.
    #[inline]
    pub(crate) fn load_at<T: Load>(self, list: List<T>, index: Size) -> Result<T> {
        self.load(Ptr::new(element(list.ptr.0, index, T::SIZE)?))
    }

    /// Writes the element at `index` of a list.
    pub(crate) fn store_at<T: Store>(self, list: List<T>, index: Size, value: &T) -> Result {
        self.store(Ptr::new(element(list.ptr.0, index, T::SIZE)?), value)
    }

    /// Copies guest memory from `offset` into `bytes`.
    pub(crate) fn read(self, offset: u32, bytes: &mut [u8]) -> Result {
        copy_over(self.at(offset, bytes.len())?, bytes);
        Ok(())
    }

    /// Initializes `bytes` with guest memory from `offset`.
    pub(crate) fn fill(self, offset: u32, bytes: &mut [MaybeUninit<u8>]) -> Result<&mut [u8]> {
        copy(self.at(offset, bytes.len())?, bytes);
        // SAFETY: `copy` has initialized each byte.
        Ok(unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) })
    }

    /// Returns the total size of the buffers of a vectored call, in bytes.
    pub(crate) fn total_size(self, iovs: List<Iovec>) -> Result<u64> {
        let mut total = 0;
        for index in 0..iovs.len {
            let iov: Iovec = self.load_at(iovs, index)?;
            total += u64::from(iov.buf_len);
        }
        Ok(total)
    }

    /// Appends a copy of a region to `bytes`. Allocates only after the bounds check.
    pub(crate) fn append(self, region: Iovec, bytes: &mut Vec<u8>) -> Result {
        let (guest, len) = (self.address(region)?, region.buf_len as usize);
        bytes.reserve(len);
        copy(guest, &mut bytes.spare_capacity_mut()[..len]);
        // SAFETY: `reserve` made room for `len` more bytes, and `copy` initialized each of them.
        unsafe { bytes.set_len(bytes.len() + len) };
        Ok(())
    }

    /// Copies `bytes` into guest memory at `offset`.
    pub fn write(self, offset: u32, bytes: &[u8]) -> Result {
        store(self.at(offset, bytes.len())?, bytes);
        Ok(())
    }

    /// Returns the part of a region from its byte `skip` on, at most `len` bytes, as a buffer for a transfer.
    #[inline]
    pub(crate) fn buffer(self, region: Iovec, skip: usize, len: usize) -> Result<Buffer> {
        let address = self.address(region)?;
        let size = region.buf_len as usize;
        let skip = skip.min(size);
        // SAFETY: the part is inside the region, which was just checked. `new` promises the rest.
        Ok(unsafe { Buffer::new(address.wrapping_add(skip), len.min(size - skip)) })
    }

    /// Returns the address of a region for a system call. The kernel may access the region while other threads do.
    #[inline]
    pub(crate) fn address(self, region: Iovec) -> Result<*mut u8> {
        self.at(region.buf, region.buf_len as usize)
    }

    /// Returns the address of `len` bytes from `offset` after the bounds check.
    #[inline]
    fn at(self, offset: u32, len: usize) -> Result<*mut u8> {
        self.check(offset, len as u64)?;
        // SAFETY: after the bounds check the offset is at most the size, so the result is inside the memory or one
        // past it.
        Ok(unsafe { self.base.add(offset as usize) })
    }
}

/// Copies `bytes` into a guest buffer at an offset.
pub(crate) fn copy_to_guest(buffer: &Buffer, at: usize, bytes: &[u8]) {
    store(at_offset(buffer, at, bytes.len()), bytes);
}

/// Copies bytes of a guest buffer at an offset into `bytes`.
pub(crate) fn copy_from_guest(buffer: &Buffer, at: usize, bytes: &mut [u8]) {
    copy_over(at_offset(buffer, at, bytes.len()), bytes);
}

/// Copies guest memory over `bytes`. The caller has checked the bounds.
fn copy_over(guest: *mut u8, bytes: &mut [u8]) {
    // SAFETY: the slice covers the same bytes, and `copy` writes only initialized bytes.
    copy(guest, unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) });
}

/// Writes `len` zeros into a guest buffer at an offset.
pub(crate) fn fill_guest(buffer: &Buffer, at: usize, len: usize) {
    const ZEROS: [u8; 512] = [0; 512];
    for start in (0..len).step_by(ZEROS.len()) {
        copy_to_guest(buffer, at + start, &ZEROS[..ZEROS.len().min(len - start)]);
    }
}

/// Passes bytes of the host to a call that takes guest buffers.
pub(crate) fn with_buffer<T>(bytes: &mut [u8], call: impl FnOnce(&[Buffer]) -> T) -> T {
    // SAFETY: the bytes are borrowed for the whole call, and no call keeps its buffers.
    call(&[unsafe { Buffer::new(bytes.as_mut_ptr(), bytes.len()) }])
}

/// Returns the address of `len` bytes at an offset of a buffer.
fn at_offset(buffer: &Buffer, at: usize, len: usize) -> *mut u8 {
    assert!(at <= buffer.size() && len <= buffer.size() - at, "the range is inside the buffer");
    buffer.address().wrapping_add(at)
}

/// Returns the offset of the element at `index`; `EOVERFLOW` if it exceeds 32 bits.
fn element(offset: u32, index: Size, size: usize) -> Result<u32> {
    let offset = u64::from(offset) + u64::from(index) * size as u64;
    u32::try_from(offset).map_err(|_| Errno::Overflow)
}
