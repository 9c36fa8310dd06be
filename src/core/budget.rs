//! A budget of bytes that the threads of a guest share. Bytes are taken before a write, and unused bytes are returned
//! after it. Threads that write at the same time therefore never exceed the budget together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes that may still be used. Unlimited by default. Clones share the same bytes.
#[derive(Clone, Debug, Default)]
pub struct Budget(Option<Arc<Bytes>>);

#[derive(Debug)]
struct Bytes {
    total: u64,
    left: AtomicU64,
}

impl Budget {
    /// Creates a budget of `bytes`.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self(Some(Arc::new(Bytes { total: bytes, left: AtomicU64::new(bytes) })))
    }

    /// Returns the bytes at the start; `None` if there is no limit.
    #[must_use]
    pub(crate) fn total(&self) -> Option<u64> {
        self.0.as_ref().map(|bytes| bytes.total)
    }

    /// Returns whether there is no limit.
    #[inline]
    #[must_use]
    pub(crate) fn is_unlimited(&self) -> bool {
        self.0.is_none()
    }

    /// Takes up to `wanted` bytes, possibly none. Unlimited budgets grant all.
    #[must_use]
    pub fn take(&self, wanted: u64) -> Grant {
        let size = self.deduct(|left| left.min(wanted)).unwrap_or(wanted);
        Grant { budget: self.clone(), size, rest: AtomicU64::new(size) }
    }

    /// Takes `wanted` bytes. Returns `None` and takes none if fewer are left.
    #[must_use]
    pub fn take_exactly(&self, wanted: u64) -> Option<Grant> {
        let size = self.deduct(|left| if left < wanted { 0 } else { wanted }).unwrap_or(wanted);
        (size == wanted).then(|| Grant { budget: self.clone(), size, rest: AtomicU64::new(size) })
    }

    /// Subtracts an amount from the bytes that are left, and returns the amount. `None` if there is no limit.
    fn deduct(&self, amount: impl Fn(u64) -> u64) -> Option<u64> {
        let left = &self.0.as_ref()?.left;
        let before = left.fetch_update(Relaxed, Relaxed, |left| Some(left - amount(left)));
        Some(before.map_or(0, amount))
    }
}

/// Bytes taken from a budget. Dropping the grant returns the bytes that were not committed.
#[derive(Debug)]
pub struct Grant {
    budget: Budget,
    size: u64,
    /// Bytes that were not committed.
    rest: AtomicU64,
}

impl Grant {
    /// Returns how many bytes were taken.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Marks `used` bytes as used: dropping the grant does not return them.
    pub fn commit(&self, used: u64) {
        let _ = self.rest.fetch_update(Relaxed, Relaxed, |rest| Some(rest.saturating_sub(used)));
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if let Some(bytes) = &self.budget.0 {
            bytes.left.fetch_add(*self.rest.get_mut(), Relaxed);
        }
    }
}
