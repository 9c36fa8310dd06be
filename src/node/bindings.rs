//! Shared memories that sandboxes have bound. A sandbox of another thread that binds the same memory with equal
//! options joins the guest: both threads then have one table of descriptors.
//!
//! The base address of a shared memory is the same in each thread of the process, and does not change when the memory
//! grows.

use super::world::World;
use crate::core::lock;
use once_cell::sync::Lazy;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, ThreadId};

/// A shared memory that a sandbox has bound. The owner keeps the memory alive, so that its address is not reused.
pub(crate) struct Binding {
    address: usize,
    id: u64,
}

struct Bound {
    id: u64,
    thread: ThreadId,
    world: Weak<World>,
}

/// Bindings by the address of the memory.
static BOUND: Lazy<Mutex<HashMap<usize, Vec<Bound>>>> = Lazy::new(Mutex::default);

fn bound() -> MutexGuard<'static, HashMap<usize, Vec<Bound>>> {
    BOUND.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Binding {
    /// Binds the memory at an address. With `joins`, returns the world of another thread that has bound the same
    /// memory with equal options, if there is one.
    pub(crate) fn new(address: usize, world: &Arc<World>, joins: bool) -> (Self, Arc<World>) {
        static LAST: AtomicU64 = AtomicU64::new(0);
        lock::share_objects();
        let (id, thread) = (LAST.fetch_add(1, Relaxed), thread::current().id());
        // Outlives the lock: the last reference to a world closes its files.
        let others: Vec<_>;
        let mut bound = bound();
        let bindings = bound.entry(address).or_default();
        let may_join = |other: &&Bound| joins && other.thread != thread;
        others = bindings.iter().filter(may_join).filter_map(|other| other.world.upgrade()).collect();
        let accepting = others.iter().find(|other| other.accepts(world));
        let world = Arc::clone(accepting.unwrap_or(world));
        bindings.push(Bound { id, thread, world: Arc::downgrade(&world) });
        (Self { address, id }, world)
    }

    /// Returns whether the memory is at this address.
    pub(crate) fn is_at(&self, address: usize) -> bool {
        self.address == address
    }
}

impl Drop for Binding {
    fn drop(&mut self) {
        let mut bound = bound();
        let Some(bindings) = bound.get_mut(&self.address) else { return };
        bindings.retain(|binding| binding.id != self.id);
        if bindings.is_empty() {
            bound.remove(&self.address);
        }
    }
}
