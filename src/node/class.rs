//! The class `WASI`. Its constructor creates a sandbox; lib/wasi.js defines the methods.

use super::env_state::EnvState;
use super::options::Options;
use super::reference::WeakRef;
use super::sandbox::Sandbox;
use super::termination;
use super::value::{Value, pending};
use super::world::World;
use napi::bindgen_prelude::{JsValue, ObjectFinalize, This, Unknown};
use napi::{Env, Result, ValueType};
use napi_derive::napi;
use std::rc::Rc;
use std::sync::Arc;

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

/// Creates the first sandbox of a guest. Also returns the callbacks, which JavaScript keeps alive, and the option
/// `trace`.
fn create<'env>(env: &'env Env, options: Options<'env>) -> Result<(Sandbox, Value<'env>, Value<'env>)> {
    let Options { version, guest, strings, return_on_exit, callbacks, input_option, trace } = options;
    let trace_fd = if trace.type_of()? == ValueType::Number { Some(trace.convert()?) } else { None };
    let world = World::new(guest, Arc::new(strings), version, return_on_exit, trace_fd);
    let weak = callbacks.map(|callbacks| WeakRef::new(env, callbacks)).transpose()?;
    let callbacks = callbacks.map_or_else(|| Value::undefined(env), Ok)?;
    Ok((Sandbox::new(world, weak, input_option), callbacks, trace))
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
            let undefined = Value::undefined(&env)?;
            // `WASI.join` passes null. A sandbox with options never joins, even if `join` has failed before.
            let is_joining = Value::from_unknown(&env, options).type_of()? == ValueType::Null;
            let joined = state.joining.take().filter(|_| is_joining);
            let (sandbox, callbacks, trace) = match joined {
                Some(world) => {
                    let trace = Value::of(&env, world.trace_fd)?;
                    (Sandbox::joining(world), undefined, trace)
                }
                None => create(&env, Options::read(&env, Value::from_unknown(&env, options))?)?,
            };
            let (version, return_on_exit) = (sandbox.world.version, sandbox.return_on_exit);
            let id = state.add(Rc::new(sandbox));
            let initialized = state.helpers.initialize_instance.get(&env)?.call(&[
                wasi,
                Value::of(&env, id)?,
                Value::of(&env, version.namespace())?,
                Value::of(&env, version.is_unversioned())?,
                Value::of(&env, return_on_exit)?,
                callbacks,
                trace,
            ]);
            if let Err(error) = initialized {
                state.release(id);
                return Err(error);
            }
            Ok(Self { state, id })
        })
    }
}
