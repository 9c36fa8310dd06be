//! The state of one JavaScript environment: the main thread's, or a worker's.

use super::arguments::ArgumentBuffer;
use super::helpers::JsHelpers;
use super::permission_model::PermissionModel;
use super::sandbox::Sandbox;
use super::wakeups::{WakeQueue, Wakeups};
use super::world::World;
use crate::core::shared_directory::SharedDirectory;
use napi::{Env, Error, Result, Status};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// The state of the only environment that was ever installed. `NONE` before the first installation. Null after a second
/// one, or after the first environment has ended.
static ONLY: AtomicPtr<EnvState> = AtomicPtr::new(NONE);

/// Not null, so that `install` recognizes the first environment. No native function exists yet.
const NONE: *mut EnvState = ptr::dangling_mut();

/// Everything that the sandboxes of an environment share.
pub(crate) struct EnvState {
    pub(crate) env: Env,
    pub(crate) helpers: JsHelpers,
    pub(crate) arguments: ArgumentBuffer,
    /// `None` if the process has no permission model.
    pub(crate) permissions: Option<PermissionModel>,
    pub(crate) wakeups: Rc<Wakeups>,
    /// Sandboxes by their numbers. The functions of a `wasiImport` pass the number.
    sandboxes: RefCell<Vec<Option<Rc<Sandbox>>>>,
    free: RefCell<Vec<u32>>,
    /// Directories that JavaScript has open, by their numbers. A number is never used again.
    directories: RefCell<BTreeMap<u32, JsDirectory>>,
    last_directory: Cell<u32>,
    /// Runs of this thread that the end of another thread stops, the innermost last.
    pub(crate) runs: RefCell<Vec<(Arc<World>, u64)>>,
    /// The guest that the next sandbox joins.
    pub(crate) joining: Cell<Option<Arc<World>>>,
}

/// A directory that JavaScript has open.
struct JsDirectory {
    directory: Arc<SharedDirectory>,
    /// Bytes of its memory that were reported to V8. `None` if this environment has not created the directory.
    reported: Option<u64>,
}

impl JsDirectory {
    /// Growth in bytes that need not be reported to V8 yet.
    const UNREPORTED: u64 = 64 << 10;
    /// Estimated bytes for a file besides its contents.
    const FILE: u64 = 400;

    /// Returns by how many bytes the memory has changed since the last report.
    fn take_change(&mut self) -> i64 {
        let Some(reported) = &mut self.reported else { return 0 };
        let (bytes, files) = self.directory.directory().usage();
        let now = bytes + files * Self::FILE;
        if now.abs_diff(*reported) < Self::UNREPORTED {
            return 0;
        }
        now as i64 - std::mem::replace(reported, now) as i64
    }
}

impl EnvState {
    /// Creates the state of an environment. The environment owns it.
    pub(crate) fn install(env: Env, helpers: JsHelpers) -> Result<Rc<Self>> {
        let state = Rc::new(Self {
            env,
            helpers,
            arguments: ArgumentBuffer::new(&env)?,
            permissions: PermissionModel::capture(&env)?,
            wakeups: Rc::new(Wakeups::new(env)),
            sandboxes: RefCell::default(),
            free: RefCell::default(),
            directories: RefCell::default(),
            last_directory: Cell::default(),
            runs: RefCell::default(),
            joining: Cell::default(),
        });
        env.set_instance_data(Rc::clone(&state), (), |_| ())?;
        if ONLY.compare_exchange(NONE, Rc::as_ptr(&state).cast_mut(), Relaxed, Relaxed).is_err() {
            ONLY.store(ptr::null_mut(), Relaxed);
        }
        Ok(state)
    }

    /// Returns the state of the calling environment if the process never had another one. Avoids a call of Node-API.
    ///
    /// # Safety
    ///
    /// The caller is a native function of an installed environment, and uses the state only during its call.
    #[inline(always)]
    pub(crate) unsafe fn only<'a>() -> Option<&'a Self> {
        // SAFETY: the environment of the caller was installed in this thread, so this thread sees that store or a later
        // one. Any other installation stores null. So a state that is not null is that of the caller's environment,
        // which keeps the state while JavaScript runs.
        unsafe { ONLY.load(Relaxed).as_ref() }
    }

    /// Returns whether an environment has a state.
    pub(crate) fn is_installed(env: &Env) -> Result<bool> {
        Ok(env.get_instance_data::<Rc<Self>>()?.is_some())
    }

    /// Returns the state of an environment.
    pub(crate) fn of(env: &Env) -> Result<Rc<Self>> {
        let state = env.get_instance_data::<Rc<Self>>()?;
        Ok(Rc::clone(state.ok_or_else(|| Error::from_status(Status::GenericFailure))?))
    }

    /// Returns the queue by which other threads call JavaScript in this one.
    pub(crate) fn wake_queue(&self) -> Result<&Arc<WakeQueue>> {
        self.wakeups.queue(self.helpers.wake.get(&self.env)?)
    }

    /// Adds a sandbox, and returns its number.
    pub(crate) fn add(&self, sandbox: Rc<Sandbox>) -> u32 {
        let mut sandboxes = self.sandboxes.borrow_mut();
        if let Some(id) = self.free.borrow_mut().pop() {
            sandboxes[id as usize] = Some(sandbox);
            return id;
        }
        sandboxes.push(Some(sandbox));
        sandboxes.len() as u32 - 1
    }

    /// Calls `action` with the sandbox with a number, without cloning its `Rc`. `action` must not run JavaScript:
    /// adding or replacing a sandbox would panic.
    #[inline(always)]
    pub(crate) fn with_sandbox<T>(&self, id: u32, action: impl FnOnce(&Sandbox) -> Option<T>) -> Option<T> {
        action(self.sandboxes.borrow().get(id as usize)?.as_deref()?)
    }

    /// Returns the sandbox with a number.
    pub(crate) fn sandbox(&self, id: u32) -> Option<Rc<Sandbox>> {
        self.sandboxes.borrow().get(id as usize)?.clone()
    }

    /// Replaces the sandbox with a number.
    pub(crate) fn replace(&self, id: u32, sandbox: Sandbox) {
        self.sandboxes.borrow_mut()[id as usize] = Some(Rc::new(sandbox));
    }

    /// Releases a sandbox. Its number is not reused, because functions may still pass it.
    pub(crate) fn release(&self, id: u32) {
        let sandbox = self.sandboxes.borrow_mut().get_mut(id as usize).and_then(Option::take);
        if let Some(sandbox) = sandbox {
            sandbox.release(&self.env);
        }
    }

    /// Releases a sandbox and its number. No function may pass the number afterwards.
    pub(crate) fn free_id(&self, id: u32) {
        self.release(id);
        self.free.borrow_mut().push(id);
    }

    /// Adds a directory of the host or of another thread, and returns its number.
    pub(crate) fn add_directory(&self, directory: Arc<SharedDirectory>) -> u32 {
        self.insert_directory(JsDirectory { directory, reported: None })
    }

    /// Adds a directory in memory that this environment has created, and returns its number.
    pub(crate) fn add_own_directory(&self, directory: Arc<SharedDirectory>) -> u32 {
        self.insert_directory(JsDirectory { directory, reported: Some(0) })
    }

    fn insert_directory(&self, directory: JsDirectory) -> u32 {
        let id = self.last_directory.get() + 1;
        self.last_directory.set(id);
        self.directories.borrow_mut().insert(id, directory);
        id
    }

    /// Returns the directory with a number; `None` if it is closed.
    pub(crate) fn directory(&self, id: u32) -> Option<Arc<SharedDirectory>> {
        // Guests may have changed it since the last call.
        self.report_directory(id);
        Some(Arc::clone(&self.directories.borrow().get(&id)?.directory))
    }

    /// Reports how the memory of a directory has changed to V8, which schedules garbage collection by it.
    pub(crate) fn report_directory(&self, id: u32) {
        let change = self.directories.borrow_mut().get_mut(&id).map_or(0, JsDirectory::take_change);
        self.adjust_external_memory(change);
    }

    /// Closes a directory. Guests that use it keep it open.
    pub(crate) fn close_directory(&self, id: u32) {
        let closed = self.directories.borrow_mut().remove(&id);
        if let Some(JsDirectory { directory, reported }) = closed {
            drop(directory);
            self.adjust_external_memory(-(reported.unwrap_or_default() as i64));
        }
    }

    fn adjust_external_memory(&self, change: i64) {
        if change != 0 {
            // V8 does without a report that fails.
            let _ = self.env.adjust_external_memory(change);
        }
    }
}

impl Drop for EnvState {
    fn drop(&mut self) {
        ONLY.store(ptr::null_mut(), Relaxed);
    }
}
