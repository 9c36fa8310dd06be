//! The descriptor table of a guest.

use crate::core::entry::Entry;
use crate::sys::errno::{Errno, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A descriptor number of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fd(pub u32);

/// Open descriptors, by number.
#[derive(Debug, Default)]
pub struct Table(RwLock<Slots>);

/// A reserved descriptor number. Dropping an unused reservation frees the number.
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    table: &'a Table,
    fd: Fd,
    filled: bool,
}

impl Reservation<'_> {
    /// Assigns `entry` to the number, unless the table was cleared meanwhile.
    #[inline(always)]
    pub(crate) fn fill(mut self, entry: Entry) -> Fd {
        let entry = Arc::new(entry);
        if let Some(slot) = self.table.write().entries.get_mut(self.fd.0 as usize) {
            *slot = Some(entry);
        }
        self.filled = true;
        self.fd
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.filled {
            return;
        }
        let mut slots = self.table.write();
        if (self.fd.0 as usize) < slots.entries.len() {
            slots.free.push(Reverse(self.fd.0));
        }
    }
}

#[derive(Debug, Default)]
struct Slots {
    entries: Vec<Option<Arc<Entry>>>,
    /// Free numbers below `entries.len()`.
    free: BinaryHeap<Reverse<u32>>,
}

impl Slots {
    fn get_mut(&mut self, fd: Fd) -> Result<&mut Option<Arc<Entry>>> {
        let slot = self.entries.get_mut(fd.0 as usize).filter(|slot| slot.is_some());
        slot.ok_or(Errno::Badf)
    }
}

impl Table {
    /// Calls `action` with an open descriptor. The table is locked meanwhile: `action` must not wait, open or close.
    /// `EBADF` if the number is not open.
    #[inline]
    pub(crate) fn with_entry<T>(&self, fd: Fd, action: impl FnOnce(&Arc<Entry>) -> T) -> Result<T> {
        let slots = self.read();
        let entry = slots.entries.get(fd.0 as usize).and_then(Option::as_ref);
        Ok(action(entry.ok_or(Errno::Badf)?))
    }

    /// Returns an open descriptor. A call can use the entry even if the number is closed or reused meanwhile. `EBADF`
    /// if the number is not open.
    pub(crate) fn get(&self, fd: Fd) -> Result<Arc<Entry>> {
        self.with_entry(fd, Arc::clone)
    }

    /// Reserves the lowest free number. `EMFILE` if `limit` numbers are open or reserved. Callers reserve a number
    /// before they open a file.
    pub(crate) fn reserve(&self, limit: usize) -> std::result::Result<Reservation<'_>, Errno> {
        let mut slots = self.write();
        if let Some(Reverse(number)) = slots.free.pop() {
            return Ok(Reservation { table: self, fd: Fd(number), filled: false });
        }
        if slots.entries.len() >= limit {
            return Err(Errno::Mfile);
        }
        slots.entries.push(None);
        Ok(Reservation { table: self, fd: Fd(slots.entries.len() as u32 - 1), filled: false })
    }

    /// Frees a number and returns its entry. The file closes when the last call that uses the entry ends. `EBADF` if
    /// the number is not open.
    pub(crate) fn remove(&self, fd: Fd) -> Result<Arc<Entry>> {
        let mut slots = self.write();
        let entry = slots.get_mut(fd)?.take().ok_or(Errno::Badf)?;
        slots.free.push(Reverse(fd.0));
        Ok(entry)
    }

    /// Moves `from` to the number `to`, and returns the previous entry of `to`. `EBADF` unless both numbers are open.
    pub(crate) fn renumber(&self, from: Fd, to: Fd) -> Result<Option<Arc<Entry>>> {
        let mut slots = self.write();
        slots.get_mut(from)?;
        slots.get_mut(to)?;
        if from == to {
            return Ok(None);
        }
        let entry = slots.get_mut(from)?.take();
        slots.free.push(Reverse(from.0));
        Ok(std::mem::replace(slots.get_mut(to)?, entry))
    }

    /// Closes all descriptors.
    pub fn clear(&self) {
        let slots = std::mem::take(&mut *self.write());
        drop(slots);
    }

    fn read(&self) -> RwLockReadGuard<'_, Slots> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Slots> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
