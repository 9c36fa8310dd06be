//! What one JavaScript environment (the main thread's, or a worker's) has of capwasi: functions and symbols
//! made once, and the sandboxes that live in it.

use super::frame::Frame;
use super::imports;
use super::memory::{MemoryView, WeakRef};
use super::options::Permissions;
use crate::core::guest::Guest;
use crate::preview1::describe::CallFormat;
use napi::bindgen_prelude::{JsObjectValue, JsValue, Object, Unknown};
use napi::{Env, Error, Result, Status, sys};
use once_cell::unsync::OnceCell;
use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

/// A reference that keeps its object for as long as the environment lives.
#[derive(Debug)]
pub struct StrongRef(sys::napi_ref);

impl StrongRef {
    /// Refers to an object.
    pub fn new(env: &Env, object: sys::napi_value) -> Result<Self> {
        let mut reference = ptr::null_mut();
        // SAFETY: an object of this environment.
        napi::check_status!(unsafe { sys::napi_create_reference(env.raw(), object, 1, &raw mut reference) })?;
        Ok(Self(reference))
    }

    /// The object.
    pub fn get(&self, env: &Env) -> Result<sys::napi_value> {
        let mut value = ptr::null_mut();
        // SAFETY: the reference lives as long as its environment.
        napi::check_status!(unsafe { sys::napi_get_reference_value(env.raw(), self.0, &raw mut value) })?;
        Ok(value)
    }
}

/// A sandbox as its environment knows it: what stands behind the functions of one `wasiImport`.
#[derive(Debug)]
pub struct Instance {
    /// The guest's world. Another thread of the same guest may have it too.
    pub wasi: Arc<Guest>,
    /// The memory bound last, `None` before `start`.
    pub memory: RefCell<Option<MemoryView>>,
    /// An array of the embedder's functions, by [`CallbackSlot`](crate::core::pipe::CallbackSlot); prelude.js keeps it alive.
    pub functions: RefCell<Option<WeakRef>>,
    /// The option that standard input comes from, for messages.
    pub input_option: &'static str,
    /// How the calls of its functions are shown.
    pub shown: &'static [CallFormat],
    /// Whether output is captured.
    pub captures: bool,
    /// Bytes of captured output that were reported to V8.
    pub accounted: Cell<usize>,
    /// Calls of `start` and `initialize` that have not returned.
    running: Cell<u32>,
}

impl Instance {
    /// A sandbox whose memory is not bound yet.
    pub fn new(
        wasi: Guest,
        functions: Option<WeakRef>,
        input_option: &'static str,
        shown: &'static [CallFormat],
    ) -> Self {
        Self {
            captures: wasi.captured.iter().any(Option::is_some),
            accounted: Cell::new(0),
            running: Cell::new(0),
            wasi: Arc::new(wasi),
            memory: RefCell::new(None),
            functions: RefCell::new(functions),
            input_option,
            shown,
        }
    }

    /// Counts a run until the result is dropped: also when a timeout of `node:vm` ends it, which skips `finally`.
    pub fn run(&self) -> Run<'_> {
        self.running.set(self.running.get() + 1);
        Run(&self.running)
    }

    /// Whether `start` or `initialize` has not returned.
    pub fn is_running(&self) -> bool {
        self.running.get() > 0
    }

    /// Bytes of captured output that need not be reported to V8 yet.
    const UNACCOUNTED: usize = 64 << 10;

    /// Reports the memory of captured output to V8 once it has grown enough to matter.
    #[inline(always)]
    pub fn account_growth(&self, env: &Env) {
        if self.captures && self.captured() > self.accounted.get() + Self::UNACCOUNTED {
            self.account(env, self.captured());
        }
    }

    /// Reports the memory of captured output to V8, which then collects garbage in time.
    #[cold]
    pub fn account(&self, env: &Env, captured: usize) {
        let change = captured as i64 - self.accounted.get() as i64;
        if change != 0 && env.adjust_external_memory(change).is_ok() {
            self.accounted.set(captured);
        }
    }

    /// Returns how many bytes of captured output are held.
    #[inline]
    pub fn captured(&self) -> usize {
        self.wasi.captured.iter().flatten().map(|kept| kept.held()).sum()
    }
}

/// A call of `start` or `initialize` that has not returned.
#[derive(Debug)]
pub struct Run<'a>(&'a Cell<u32>);

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// One environment's share.
pub struct Context {
    /// The environment.
    pub env: Env,
    /// Indexed by the number that the functions of a `wasiImport` pass.
    instances: RefCell<Vec<Option<Rc<Instance>>>>,
    free: RefCell<Vec<u32>>,
    /// What their functions are called with.
    pub frame: Frame,
    prelude: OnceCell<Prelude>,
    stdio: OnceCell<StrongRef>,
    /// Node's permissions, `None` without its permission model.
    pub permissions: Option<Permissions>,
}

/// The class, and what prelude.js returned, under its names.
#[derive(Debug)]
pub struct Prelude {
    symbols: StrongRef,
    pub class: StrongRef,
    pub populate: StrongRef,
    pub bytes: StrongRef,
    pub allocate: StrongRef,
    pub idle: StrongRef,
    pub text: StrongRef,
    pub texts: StrongRef,
    pub url_path: StrongRef,
    pub describe: StrongRef,
    pub unknown_options: StrongRef,
    pub entries: StrongRef,
}

/// The own symbols of a WASI object that are used here, numbered as in prelude.js. By their descriptions emnapi finds in them the
/// state that node:wasi keeps there.
#[derive(Clone, Copy, Debug)]
pub enum Symbol {
    /// Binds a Memory.
    SetMemory = 0,
    /// Whether `start`, `initialize` or `finalizeBindings` has been called.
    Started = 1,
    /// The instance that was bound.
    Instance = 2,
    /// What the guest passed to `proc_exit`, 0 until then.
    ExitCode = 3,
}

impl Context {
    /// Makes what an environment needs, and gives the class, which napi-rs has made, its last touch.
    pub fn install(env: Env, exports: &Object<'_>) -> Result<()> {
        let context = Rc::new(Self {
            env,
            instances: RefCell::default(),
            free: RefCell::default(),
            frame: Frame::new(&env)?,
            prelude: OnceCell::new(),
            stdio: OnceCell::new(),
            permissions: Permissions::capture(&env)?,
        });
        let make: Unknown<'_> = env.run_script(include_str!("../../lib/wasi.js"))?;
        let prelude = call(&env, make.raw(), None, &[imports::functions(&context)?.raw()])?;
        let prelude = Object::from_raw(env.raw(), prelude);
        let shape: Unknown<'_> = prelude.get_named_property_unchecked("shape")?;
        let class: Unknown<'_> = exports.get_named_property_unchecked("WASI")?;
        let provide: Unknown<'_> = prelude.get_named_property_unchecked("provide")?;
        Object::from_raw(env.raw(), exports.raw()).set_named_property("provide", provide)?;
        call(&env, shape.raw(), None, &[class.raw()])?;
        let named =
            |name| StrongRef::new(&env, prelude.get_named_property_unchecked::<Unknown<'_>>(name)?.raw());
        let prelude = Prelude {
            symbols: named("symbols")?,
            class: StrongRef::new(&env, class.raw())?,
            populate: named("populate")?,
            bytes: named("bytes")?,
            allocate: named("allocate")?,
            idle: named("idle")?,
            text: named("text")?,
            texts: named("texts")?,
            url_path: named("urlPath")?,
            describe: named("describe")?,
            unknown_options: named("unknownOptions")?,
            entries: named("entries")?,
        };
        // It was empty: this is where it is set.
        let _ = context.prelude.set(prelude);
        env.set_instance_data(context, (), |_| ())
    }

    /// The context of an environment.
    pub fn of(env: Env) -> Result<Rc<Self>> {
        let context = env.get_instance_data::<Rc<Self>>()?;
        Ok(Rc::clone(context.ok_or_else(|| Error::from_status(Status::GenericFailure))?))
    }

    /// What prelude.js made.
    pub fn prelude(&self) -> Result<&Prelude> {
        self.prelude.get().ok_or_else(|| Error::from_status(Status::GenericFailure))
    }

    /// What stdio.js makes, evaluated when it is first needed.
    pub fn stdio(&self) -> Result<Object<'_>> {
        let stdio = self.stdio.get_or_try_init(|| {
            let make: Unknown<'_> = self.env.run_script(include_str!("../../lib/stdio.js"))?;
            StrongRef::new(&self.env, call(&self.env, make.raw(), None, &[])?)
        })?;
        Ok(Object::from_raw(self.env.raw(), stdio.get(&self.env)?))
    }

    /// One of the own symbols of WASI objects.
    pub fn symbol(&self, symbol: Symbol) -> Result<sys::napi_value> {
        let symbols = self.prelude()?.symbols.get(&self.env)?;
        let mut value = ptr::null_mut();
        // SAFETY: an array of this environment.
        napi::check_status!(unsafe {
            sys::napi_get_element(self.env.raw(), symbols, symbol as u32, &raw mut value)
        })?;
        Ok(value)
    }

    /// Gives a sandbox the number that its functions pass.
    pub fn add(&self, instance: Rc<Instance>) -> u32 {
        let mut instances = self.instances.borrow_mut();
        if let Some(id) = self.free.borrow_mut().pop() {
            instances[id as usize] = Some(instance);
            return id;
        }
        instances.push(Some(instance));
        instances.len() as u32 - 1
    }

    /// The sandbox with a number.
    #[inline]
    pub fn instance(&self, id: u32) -> Option<Rc<Instance>> {
        self.instances.borrow().get(id as usize)?.clone()
    }

    /// Lets go of a sandbox, whose functions may go on to pass its number.
    pub fn forget(&self, id: u32) {
        let instance = self.instances.borrow_mut().get_mut(id as usize).and_then(Option::take);
        let Some(instance) = instance else { return };
        if let Some(view) = instance.memory.take() {
            view.delete(&self.env);
        }
        if let Some(functions) = instance.functions.take() {
            functions.delete(&self.env);
        }
        instance.account(&self.env, 0);
    }

    /// Takes back a number, once no function passes it any more.
    pub fn remove(&self, id: u32) {
        self.forget(id);
        self.free.borrow_mut().push(id);
    }
}

/// Calls a function, `this` being undefined unless given. What it throws stays thrown.
pub fn call(
    env: &Env,
    function: sys::napi_value,
    this: Option<sys::napi_value>,
    args: &[sys::napi_value],
) -> Result<sys::napi_value> {
    let this = match this {
        Some(this) => this,
        None => undefined(env)?,
    };
    let mut result = ptr::null_mut();
    // SAFETY: values of this environment, as many as `len` says.
    napi::check_status!(unsafe {
        sys::napi_call_function(env.raw(), this, function, args.len(), args.as_ptr(), &raw mut result)
    })?;
    Ok(result)
}

/// `undefined`
pub fn undefined(env: &Env) -> Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    // SAFETY: a place for the value.
    napi::check_status!(unsafe { sys::napi_get_undefined(env.raw(), &raw mut value) })?;
    Ok(value)
}
