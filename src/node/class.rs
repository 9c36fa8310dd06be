//! The class `WASI`. Its constructor creates a sandbox; lib/wasi.js defines the methods.

use super::env_state::EnvState;
use super::options::Options;
use super::reference::WeakRef;
use super::sandbox::Sandbox;
use super::termination;
use super::value::{Value, pending};
use napi::bindgen_prelude::{JsValue, ObjectFinalize, This, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use std::rc::Rc;

/// A sandbox.
#[napi(js_name = "WASI", custom_finalize)]
pub struct WasiClass {
    state: Rc<EnvState>,
    id: u32,
}

impl ObjectFinalize for WasiClass {
    fn finalize(self, _: Env) -> Result<()> {
        self.state.free_id(self.id);
        Ok(())
    }
}

#[napi]
impl WasiClass {
    /// `new WASI(options)`
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, this: This<'_>, options: Unknown<'_>) -> Result<Self> {
        termination::scope(&env, || {
            let state = EnvState::of(&env)?;
            let wasi = Value::from_raw(&env, this.object.raw());
            // Node-API's constructors can be called without `new`.
            if !state.helpers.is_new.get(&env)?.call(&[wasi])?.convert()? {
                env.throw_type_error("Class constructor WASI cannot be invoked without 'new'", None)?;
                return Err(pending());
            }
            let options = Options::read(&env, Value::from_unknown(&env, options))?;
            let callbacks = options.callbacks.map(|callbacks| WeakRef::new(&env, callbacks)).transpose()?;
            let version = options.version;
            let sandbox =
                Sandbox::new(options.guest, callbacks, options.input_option, version.call_formats());
            let id = state.add(Rc::new(sandbox));
            let undefined = Value::undefined(&env)?;
            let initialized = state.helpers.initialize_instance.get(&env)?.call(&[
                wasi,
                Value::of(&env, id)?,
                Value::of(&env, version.namespace())?,
                Value::of(&env, version.is_unversioned())?,
                Value::of(&env, options.return_on_exit)?,
                options.callbacks.unwrap_or(undefined),
                options.trace,
            ]);
            if let Err(error) = initialized {
                state.release(id);
                return Err(error);
            }
            Ok(Self { state, id })
        })
    }
}
