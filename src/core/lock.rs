//! Locks and counters that skip their atomic operations while the threads of the process share nothing. The locks of
//! glibc do the same in a process with one thread. Most guests run in one thread, and the two atomic operations of a
//! lock take as long as a whole look-up in a directory.
//!
//! [`confine_objects`] promises that each thread reaches only its own objects. [`share_objects`] ends the promise: code
//! that hands an object to another thread calls it first. Until then, a lock only counts its guards, like a `RefCell`,
//! and a counter is not updated atomically. A conflicting guard panics.

#![expect(unsafe_code, reason = "the guards access the contents of a cell")]

use std::cell::{Cell, UnsafeCell};
use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{self, PoisonError};

/// Whether threads may share objects with locks.
static SHARING: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Threads may share objects, until a call of [`confine_objects`].
const UNKNOWN: u8 = 0;
const CONFINED: u8 = 1;
const SHARED: u8 = 2;

/// Promises that each thread reaches only its own objects. Has no effect after [`share_objects`]. No thread has a guard
/// at the first call.
///
/// # Safety
///
/// Code that hands an object with locks or counters to another thread first calls [`share_objects`], in the thread of
/// the object, while no guard of the object exists. This includes code that runs before the first call of this
/// function.
pub unsafe fn confine_objects() {
    let _ = SHARING.compare_exchange(UNKNOWN, CONFINED, Relaxed, Relaxed);
}

/// Allows threads to share objects from now on.
pub fn share_objects() {
    SHARING.store(SHARED, Relaxed);
}

/// Returns whether each thread reaches only its own objects.
#[inline(always)]
pub(crate) fn are_objects_confined() -> bool {
    SHARING.load(Relaxed) == CONFINED
}

/// A lock for several readers or one writer.
pub struct RwLock<T> {
    lock: sync::RwLock<()>,
    /// While objects are confined: the number of readers, or `WRITER`.
    guards: Cell<i32>,
    value: UnsafeCell<T>,
}

const WRITER: i32 = -1;

// SAFETY: as for the lock of the standard library, once threads can share it. Before, only one thread reaches it.
unsafe impl<T: Send + Sync> Sync for RwLock<T> {}

/// Access of a reader. `H` holds the lock.
pub struct ReadGuard<'a, T, H = Hold<sync::RwLockReadGuard<'a, ()>, CountedReader<'a>>> {
    value: NonNull<T>,
    hold: H,
    _value: PhantomData<&'a T>,
}

/// Access of a reader while objects are confined.
pub(crate) type ConfinedGuard<'a, T> = ReadGuard<'a, T, CountedReader<'a>>;

/// Access of a writer.
pub struct WriteGuard<'a, T> {
    /// Not a reference: the compiler assumes that a reference in an argument stays exclusive until the function
    /// returns.
    value: NonNull<T>,
    #[expect(dead_code, reason = "dropped with the guard")]
    hold: Hold<sync::RwLockWriteGuard<'a, ()>, CountedWriter<'a>>,
    _value: PhantomData<&'a mut T>,
}

/// The hold of a guard on its lock: a guard of the standard library, or a count.
pub enum Hold<G, C> {
    Locked(G),
    Counted(C),
}

/// A counted reader.
pub struct CountedReader<'a>(&'a Cell<i32>);

/// The counted writer.
pub struct CountedWriter<'a>(&'a Cell<i32>);

impl<'a> CountedReader<'a> {
    #[inline(always)]
    fn new(guards: &'a Cell<i32>) -> Self {
        let readers = guards.get().wrapping_add(1);
        // A writer makes it 0, and too many readers make it negative.
        if readers <= 0 {
            locked_twice();
        }
        guards.set(readers);
        Self(guards)
    }
}

impl<'a> CountedWriter<'a> {
    #[inline(always)]
    fn new(guards: &'a Cell<i32>) -> Self {
        if guards.get() != 0 {
            locked_twice();
        }
        guards.set(WRITER);
        Self(guards)
    }
}

impl Drop for CountedReader<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Drop for CountedWriter<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.set(0);
    }
}

impl<'a, T, H> ReadGuard<'a, T, H> {
    /// Returns the access to a part of the value; `None` without the part.
    #[inline(always)]
    pub(crate) fn filter_map<U>(self, part: impl FnOnce(&T) -> Option<&U>) -> Option<ReadGuard<'a, U, H>> {
        let value = NonNull::from(part(&self)?);
        Some(ReadGuard { value, hold: self.hold, _value: PhantomData })
    }
}

impl<T> RwLock<T> {
    /// Creates a lock.
    pub const fn new(value: T) -> Self {
        Self { lock: sync::RwLock::new(()), guards: Cell::new(0), value: UnsafeCell::new(value) }
    }

    /// Locks for reading.
    #[inline(always)]
    pub fn read(&self) -> ReadGuard<'_, T> {
        let hold = if are_objects_confined() {
            Hold::Counted(CountedReader::new(&self.guards))
        } else {
            let guard = self.lock.read().unwrap_or_else(PoisonError::into_inner);
            // A guard of this thread from before.
            if self.guards.get() < 0 {
                locked_twice();
            }
            Hold::Locked(guard)
        };
        ReadGuard { value: self.pointer(), hold, _value: PhantomData }
    }

    /// Locks for reading if objects are confined, else returns `None`.
    #[inline(always)]
    pub(crate) fn read_confined(&self) -> Option<ConfinedGuard<'_, T>> {
        are_objects_confined().then(|| {
            let hold = CountedReader::new(&self.guards);
            ReadGuard { value: self.pointer(), hold, _value: PhantomData }
        })
    }

    /// Locks for writing.
    #[inline(always)]
    pub fn write(&self) -> WriteGuard<'_, T> {
        let hold = if are_objects_confined() {
            Hold::Counted(CountedWriter::new(&self.guards))
        } else {
            let guard = self.lock.write().unwrap_or_else(PoisonError::into_inner);
            if self.guards.get() != 0 {
                locked_twice();
            }
            Hold::Locked(guard)
        };
        WriteGuard { value: self.pointer(), hold, _value: PhantomData }
    }

    /// Returns the value, which nothing else can access.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    fn pointer(&self) -> NonNull<T> {
        NonNull::from(&self.value).cast()
    }
}

#[cold]
fn locked_twice() -> ! {
    panic!("a thread locks an object that it has locked")
}

/// A counter that threads can share. Orders no other memory access. While objects are confined, an update is a load and
/// a store.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Creates a counter with this number.
    pub(crate) const fn new(number: u64) -> Self {
        Self(AtomicU64::new(number))
    }

    /// Returns the number.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Replaces the number by the one that `update` returns for it, and returns the number before. `Err` with the
    /// number if `update` returns `None`.
    #[inline(always)]
    pub(crate) fn fetch_update(&self, update: impl Fn(u64) -> Option<u64>) -> Result<u64, u64> {
        if !are_objects_confined() {
            return self.0.fetch_update(Relaxed, Relaxed, update);
        }
        let number = self.get();
        self.0.store(update(number).ok_or(number)?, Relaxed);
        Ok(number)
    }
}

impl<T, H> Deref for ReadGuard<'_, T, H> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the value of a lock, which the guard borrows. Until the guard is dropped, writers are excluded by the
        // lock or, while only this thread reaches the lock, by the count.
        unsafe { self.value.as_ref() }
    }
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: as in `deref_mut`.
        unsafe { self.value.as_ref() }
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the value of a lock, which the guard borrows. Until the guard is dropped, all others are excluded by
        // the lock or, while only this thread reaches the lock, by the count.
        unsafe { self.value.as_mut() }
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Debug for RwLock<T> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RwLock").finish_non_exhaustive()
    }
}
