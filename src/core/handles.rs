//! Handles by which the threads of the process share objects. A handle cannot be guessed.

use crate::core::lock;
use crate::core::random::Random;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Shared objects by their handles. An object removes its handle when it is dropped.
#[derive(Debug)]
pub(crate) struct Handles<T>(Mutex<HashMap<String, Weak<T>>>);

impl<T> Default for Handles<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Handles<T> {
    /// Adds an object, and returns its handle.
    pub(crate) fn add(&self, object: &Arc<T>) -> String {
        lock::share_objects();
        let mut bytes = [0; 16];
        Random::System.fill(&mut bytes);
        let handle = bytes.iter().fold(String::new(), |mut handle, byte| {
            let _ = write!(handle, "{byte:02x}");
            handle
        });
        self.lock().insert(handle.clone(), Arc::downgrade(object));
        handle
    }

    /// Returns the object with a handle; `None` if there is none.
    pub(crate) fn get(&self, handle: &str) -> Option<Arc<T>> {
        self.lock().get(handle)?.upgrade()
    }

    /// Removes a handle.
    pub(crate) fn remove(&self, handle: &str) {
        self.lock().remove(handle);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Weak<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
