//! The descriptor table of a guest. Each descriptor has a lock of its own, so that threads which use different
//! descriptors do not wait for each other.

use crate::core::entry::Entry;
use crate::core::lock::{ConfinedGuard, RwLock, WriteGuard};
use crate::sys::errno::{Errno, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// A descriptor number of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fd(pub u32);

/// Open descriptors, by number.
#[derive(Debug, Default)]
pub struct Table {
    /// The slots of the first numbers.
    first: [Slot; FIRST_BLOCK],
    /// Blocks of further slots, each four times as large as the one before it. A slot never moves.
    blocks: OnceLock<Box<[Block; MORE_BLOCKS]>>,
    numbers: RwLock<Numbers>,
    /// Whether the table was cleared. Set before the slots are cleared.
    is_closed: AtomicBool,
}

/// Slots, from the first use of their numbers on.
type Block = OnceLock<Box<[Slot]>>;

/// Number of slots in the first block: enough for a guest with few files.
const FIRST_BLOCK: usize = 6;
/// Number of further blocks: enough for the largest limit of open descriptors.
const MORE_BLOCKS: usize = 9;

/// The place of a descriptor. `None` while the number is free or reserved.
type Slot = RwLock<Option<Arc<Entry>>>;

/// Which numbers are in use.
#[derive(Debug, Default)]
struct Numbers {
    /// Numbers that were in use at any time: those below.
    end: u32,
    /// Free numbers below `end`.
    free: BinaryHeap<Reverse<u32>>,
}

/// A reserved descriptor number. Dropping an unused reservation frees the number.
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    table: &'a Table,
    fd: Fd,
    filled: bool,
}

impl Reservation<'_> {
    /// Assigns `entry` to the number, unless the table was cleared since the reservation.
    #[inline(always)]
    pub(crate) fn fill(mut self, entry: Entry) -> Fd {
        let entry = Arc::new(entry);
        if let Some(slot) = self.table.slot(self.fd) {
            let mut slot = slot.write();
            if !self.table.is_closed.load(Relaxed) {
                *slot = Some(entry);
            }
        }
        self.filled = true;
        self.fd
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.filled {
            self.table.free(self.fd);
        }
    }
}

/// An open descriptor that a call uses.
pub(crate) enum OpenEntry<'a> {
    /// The descriptor in the table, which only this thread reaches. No call closes the descriptor that it uses.
    Borrowed(ConfinedGuard<'a, Arc<Entry>>),
    /// A descriptor that other threads can close.
    Owned(Arc<Entry>),
}

impl Deref for OpenEntry<'_> {
    type Target = Arc<Entry>;

    #[inline(always)]
    fn deref(&self) -> &Arc<Entry> {
        match self {
            Self::Borrowed(entry) => entry,
            Self::Owned(entry) => entry,
        }
    }
}

impl Table {
    /// Calls `action` with an open descriptor. The descriptor is locked during the call: `action` must not wait, open
    /// or close. `EBADF` if the number is not open.
    #[inline]
    pub(crate) fn with_entry<T>(&self, fd: Fd, action: impl FnOnce(&Arc<Entry>) -> T) -> Result<T> {
        match &*self.slot(fd).ok_or(Errno::Badf)?.read() {
            Some(entry) => Ok(action(entry)),
            None => Err(Errno::Badf),
        }
    }

    /// Returns an open descriptor for a call. The call can use the entry even after another thread has closed or reused
    /// the number. `EBADF` if the number is not open.
    #[inline(always)]
    pub(crate) fn get(&self, fd: Fd) -> Result<OpenEntry<'_>> {
        let slot = self.slot(fd).ok_or(Errno::Badf)?;
        let Some(entry) = slot.read_confined() else {
            return shared_entry(slot).map(OpenEntry::Owned);
        };
        entry.filter_map(Option::as_ref).map(OpenEntry::Borrowed).ok_or(Errno::Badf)
    }

    /// Reserves the lowest free number. `EMFILE` if `limit` numbers are open or reserved, `EBADF` if the table was
    /// cleared. Callers reserve a number before they open a file.
    pub(crate) fn reserve(&self, limit: usize) -> Result<Reservation<'_>> {
        let mut numbers = self.numbers();
        if self.is_closed.load(Relaxed) {
            return Err(Errno::Badf);
        }
        let number = match numbers.free.pop() {
            Some(Reverse(number)) => number,
            None if numbers.end as usize >= limit => return Err(Errno::Mfile),
            None => {
                numbers.end += 1;
                numbers.end - 1
            }
        };
        if let Some((block, _)) = place(Fd(number)) {
            let slots = self.blocks.get_or_init(Box::default).get(block).ok_or(Errno::Mfile)?;
            slots.get_or_init(|| (0..size_of_block(block + 1)).map(|_| Slot::default()).collect());
        }
        Ok(Reservation { table: self, fd: Fd(number), filled: false })
    }

    /// Frees a number and returns its entry. The file closes when the last call that uses the entry ends. `EBADF` if
    /// the number is not open.
    pub(crate) fn remove(&self, fd: Fd) -> Result<Arc<Entry>> {
        let entry = self.slot(fd).ok_or(Errno::Badf)?.write().take().ok_or(Errno::Badf)?;
        self.free(fd);
        Ok(entry)
    }

    /// Moves `from` to the number `to`, and returns the previous entry of `to`. `EBADF` unless both numbers are open.
    pub(crate) fn renumber(&self, from: Fd, to: Fd) -> Result<Option<Arc<Entry>>> {
        let (source, target) = (self.slot(from).ok_or(Errno::Badf)?, self.slot(to).ok_or(Errno::Badf)?);
        if from == to {
            return if source.read().is_some() { Ok(None) } else { Err(Errno::Badf) };
        }
        // Every thread locks the lower number first.
        let (mut source, mut target) = if from < to {
            let source = source.write();
            (source, target.write())
        } else {
            let target = target.write();
            (source.write(), target)
        };
        if source.is_none() || target.is_none() {
            return Err(Errno::Badf);
        }
        let previous = std::mem::replace(&mut *target, source.take());
        drop((source, target));
        self.free(from);
        Ok(previous)
    }

    /// Closes all descriptors. No more can be opened.
    pub fn clear(&self) {
        let numbers = self.numbers();
        self.is_closed.store(true, Relaxed);
        let end = numbers.end;
        drop(numbers);
        for slot in (0..end).filter_map(|number| self.slot(Fd(number))) {
            // Without the lock, because this may close a file.
            let entry = slot.write().take();
            drop(entry);
        }
    }

    /// Returns the slot of a number, if the number was in use at any time.
    #[inline(always)]
    fn slot(&self, fd: Fd) -> Option<&Slot> {
        self.first.get(fd.0 as usize).or_else(|| self.slot_of_block(fd))
    }

    #[inline(never)]
    fn slot_of_block(&self, fd: Fd) -> Option<&Slot> {
        let (block, index) = place(fd)?;
        self.blocks.get()?.get(block)?.get()?.get(index)
    }

    fn free(&self, fd: Fd) {
        self.numbers().free.push(Reverse(fd.0));
    }

    fn numbers(&self) -> WriteGuard<'_, Numbers> {
        self.numbers.write()
    }
}

#[inline(never)]
fn shared_entry(slot: &Slot) -> Result<Arc<Entry>> {
    slot.read().clone().ok_or(Errno::Badf)
}

fn size_of_block(block: usize) -> usize {
    FIRST_BLOCK << (2 * block)
}

/// Returns the block of a number and its index there; `None` for the first block.
fn place(Fd(number): Fd) -> Option<(usize, usize)> {
    let block = (u64::from(number) * 3 / FIRST_BLOCK as u64 + 1).ilog2() as usize / 2;
    Some((block.checked_sub(1)?, number as usize - (size_of_block(block) - FIRST_BLOCK) / 3))
}
