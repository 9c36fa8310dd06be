//! Locks that skip their atomic operations while the threads of the process share nothing, like the locks of glibc in a
//! process with one thread. Most guests run in one thread, and the two operations of a lock take as long as a whole
//! look-up in a directory.
//!
//! [`confine`] promises that a thread reaches only objects that it has created. The promise ends with [`share`], which
//! everything calls that hands an object to another thread: [`Handles`](crate::core::handles::Handles) and the bindings
//! of shared memories. Until then a lock only counts its guards, as a `RefCell` does: taking it twice is a bug, and
//! panics.

#![expect(unsafe_code, reason = "the guards access the contents of a cell")]

use std::cell::{Cell, UnsafeCell};
use std::fmt::{self, Debug, Formatter};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{self, PoisonError};

/// Whether threads may share objects.
static IS_SHARED: AtomicBool = AtomicBool::new(true);

/// Promises that each thread reaches only the objects that it has created, until a call of [`share`]. The first call of
/// the process comes before every other use of this module; later calls do nothing.
///
/// # Safety
///
/// Whatever hands an object with locks to another thread calls [`share`] before, in the thread of the object, while no
/// guard exists there.
pub(crate) unsafe fn confine() {
    static ONCE: sync::Once = sync::Once::new();
    ONCE.call_once(|| IS_SHARED.store(false, Relaxed));
}

/// Notes that threads may share objects from now on.
pub(crate) fn share() {
    IS_SHARED.store(true, Relaxed);
}

/// Returns whether each thread reaches only the objects that it has created.
#[inline(always)]
pub(crate) fn is_confined() -> bool {
    !IS_SHARED.load(Relaxed)
}

/// A lock for several readers or one writer.
pub(crate) struct RwLock<T> {
    lock: sync::RwLock<()>,
    /// While objects are confined: the number of readers, or `WRITER`.
    guards: Cell<i32>,
    value: UnsafeCell<T>,
}

const WRITER: i32 = -1;

// SAFETY: the value moves with the lock.
unsafe impl<T: Send> Send for RwLock<T> {}
// SAFETY: as for the lock of the standard library, once threads can share it. Before, only one thread reaches it.
unsafe impl<T: Send + Sync> Sync for RwLock<T> {}

/// Access of a reader.
pub(crate) struct ReadGuard<'a, T> {
    value: NonNull<T>,
    hold: Hold<'a, sync::RwLockReadGuard<'a, ()>>,
}

impl<'a, T> ReadGuard<'a, T> {
    /// Returns the access to a part of the value; `None` without the part.
    #[inline(always)]
    pub(crate) fn filter_map<U>(self, part: impl FnOnce(&T) -> Option<&U>) -> Option<ReadGuard<'a, U>> {
        let value = NonNull::from(part(&self)?);
        Some(ReadGuard { value, hold: self.hold })
    }
}

/// Access of a writer.
pub(crate) struct WriteGuard<'a, T> {
    // No reference, because that would exclude others for longer than the guard lives.
    value: NonNull<T>,
    #[expect(dead_code, reason = "ends with the guard")]
    hold: Hold<'a, sync::RwLockWriteGuard<'a, ()>>,
}

/// What ends with a guard: a guard of the lock, or one that is counted.
enum Hold<'a, G> {
    Locked { _guard: G },
    Counted(&'a Cell<i32>),
}

impl<T> RwLock<T> {
    /// Creates a lock.
    pub(crate) const fn new(value: T) -> Self {
        Self { lock: sync::RwLock::new(()), guards: Cell::new(0), value: UnsafeCell::new(value) }
    }

    /// Locks for reading.
    #[inline(always)]
    pub(crate) fn read(&self) -> ReadGuard<'_, T> {
        let hold = if is_confined() {
            let guards = self.guards.get();
            if guards < 0 || guards == i32::MAX {
                taken_twice();
            }
            self.guards.set(guards + 1);
            Hold::Counted(&self.guards)
        } else {
            Hold::Locked { _guard: self.lock.read().unwrap_or_else(PoisonError::into_inner) }
        };
        ReadGuard { value: self.pointer(), hold }
    }

    /// Locks for writing.
    #[inline(always)]
    pub(crate) fn write(&self) -> WriteGuard<'_, T> {
        let hold = if is_confined() {
            if self.guards.get() != 0 {
                taken_twice();
            }
            self.guards.set(WRITER);
            Hold::Counted(&self.guards)
        } else {
            Hold::Locked { _guard: self.lock.write().unwrap_or_else(PoisonError::into_inner) }
        };
        WriteGuard { value: self.pointer(), hold }
    }

    /// Returns the value, which nothing else can access.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    fn pointer(&self) -> NonNull<T> {
        // SAFETY: the address of a field is not null.
        unsafe { NonNull::new_unchecked(self.value.get()) }
    }
}

#[cold]
fn taken_twice() -> ! {
    panic!("a thread has taken a lock twice")
}

impl<G> Drop for Hold<'_, G> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Self::Counted(guards) = self {
            guards.set(if guards.get() == WRITER { 0 } else { guards.get() - 1 });
        }
    }
}

impl<T> Deref for ReadGuard<'_, T> {
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
