//! The state of one JavaScript environment: the main thread's, or a worker's.

use super::arguments::ArgumentBuffer;
use super::helpers::JsHelpers;
use super::permission_model::PermissionModel;
use super::sandbox::Sandbox;
use crate::core::shared_directory::SharedDirectory;
use napi::{Env, Error, Result, Status};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// Everything that the sandboxes of an environment share.
pub(crate) struct EnvState {
    pub(crate) env: Env,
    pub(crate) helpers: JsHelpers,
    pub(crate) arguments: ArgumentBuffer,
    /// `None` if the process has no permission model.
    pub(crate) permissions: Option<PermissionModel>,
    /// Sandboxes by their numbers. The functions of a `wasiImport` pass the number.
    sandboxes: RefCell<Vec<Option<Rc<Sandbox>>>>,
    free: RefCell<Vec<u32>>,
    /// Directories that JavaScript has open, by their numbers. A number is never used again.
    directories: RefCell<BTreeMap<u32, Arc<SharedDirectory>>>,
    last_directory: Cell<u32>,
}

impl EnvState {
    /// Creates the state of an environment. The environment owns it.
    pub(crate) fn install(env: Env, helpers: JsHelpers) -> Result<Rc<Self>> {
        let state = Rc::new(Self {
            env,
            helpers,
            arguments: ArgumentBuffer::new(&env)?,
            permissions: PermissionModel::capture(&env)?,
            sandboxes: RefCell::default(),
            free: RefCell::default(),
            directories: RefCell::default(),
            last_directory: Cell::default(),
        });
        env.set_instance_data(Rc::clone(&state), (), |_| ())?;
        Ok(state)
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

    /// Returns the sandbox with a number.
    #[inline]
    pub(crate) fn sandbox(&self, id: u32) -> Option<Rc<Sandbox>> {
        self.sandboxes.borrow().get(id as usize)?.clone()
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

    /// Adds a directory, and returns its number.
    pub(crate) fn add_directory(&self, directory: Arc<SharedDirectory>) -> u32 {
        let id = self.last_directory.get() + 1;
        self.last_directory.set(id);
        self.directories.borrow_mut().insert(id, directory);
        id
    }

    /// Returns the directory with a number; `None` if it is closed.
    pub(crate) fn directory(&self, id: u32) -> Option<Arc<SharedDirectory>> {
        self.directories.borrow().get(&id).cloned()
    }

    /// Closes a directory. Guests that use it keep it open.
    pub(crate) fn close_directory(&self, id: u32) {
        let closed = self.directories.borrow_mut().remove(&id);
        drop(closed);
    }
}
