//! The class `WASI`. What it does with JavaScript values it does in the order of Node's lib/wasi.js, through
//! the same properties, so that programs that patch or subclass it find what they know.

use super::context::{Context, Instance, Symbol, call, undefined};
use super::embedder::location_of;
use super::error::{self, Class, invalid_type, throw_value};
use super::memory::WeakRef;
use super::options::{self, Options, Version};
use super::termination;
use napi::bindgen_prelude::{Either, JsObjectValue, JsValue, Object, ObjectFinalize, This, Unknown};
use napi::{Env, Error, Result, Status, ValueType, sys};
use napi_derive::napi;
use std::ptr;
use std::rc::Rc;

/// A sandbox.
#[napi(js_name = "WASI", custom_finalize)]
pub struct WasiClass {
    context: Rc<Context>,
    instance: Rc<Instance>,
    id: u32,
    version: Version,
}

impl ObjectFinalize for WasiClass {
    fn finalize(self, _: Env) -> Result<()> {
        self.context.remove(self.id);
        Ok(())
    }
}

#[napi]
impl WasiClass {
    /// `new WASI(options)`
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, this: This<'_>, options: Unknown<'_>) -> Result<Self> {
        termination::scope(&env, || {
            let context = Context::of(env)?;
            let object = Value::new(&env, this.object.raw());
            if !is_new(&context, &object)? {
                env.throw_type_error("Class constructor WASI cannot be invoked without 'new'", None)?;
                return Err(error::pending());
            }
            let Options { version, wasi, return_on_exit, functions, input_option, trace } =
                Options::read(&env, options)?;
            let kept = functions.map(|functions| WeakRef::new(&env, functions.raw())).transpose()?;
            let instance = Rc::new(Instance::new(wasi, kept, input_option, version.shown()));
            let id = context.add(Rc::clone(&instance));
            let class = Self { context, instance, id, version };
            if let Err(error) = class.populate(&object, return_on_exit, functions, trace) {
                class.context.forget(id);
                return Err(error);
            }
            Ok(class)
        })
    }

    /// Gives a new object its properties.
    fn populate(
        &self,
        wasi: &Value<'_>,
        return_on_exit: bool,
        functions: Option<Object<'_>>,
        trace: sys::napi_value,
    ) -> Result<()> {
        let env = wasi.env;
        let args = [
            wasi.raw,
            env.create_uint32(self.id)?.raw(),
            env.create_string(self.version.namespace())?.raw(),
            error::unknown(env, return_on_exit)?.raw(),
            functions.map_or_else(|| undefined(env), |functions| Ok(functions.raw()))?,
            trace,
        ];
        call(env, self.context.prelude()?.populate.get(env)?, None, &args)?;
        Ok(())
    }

    /// `wasi.finalizeBindings(instance, { memory })`: binds a memory without running anything.
    #[napi(enumerable = false, catch_unwind)]
    pub fn finalize_bindings(
        &self,
        env: Env,
        this: This<'_>,
        instance: Unknown<'_>,
        options: Unknown<'_>,
    ) -> Result<()> {
        termination::scope(&env, || {
            let wasi = Value::new(&env, this.object.raw());
            let given = match options.get_type()? {
                ValueType::Undefined => None,
                _ => Value::new(&env, options.raw()).get("memory")?.defined()?,
            };
            let memory = match given {
                Some(memory) => memory,
                None => exported_memory(&env, instance)?,
            };
            if wasi.symbol(&self.context, Symbol::Started)?.is_truthy()? {
                let message = "WASI instance has already started";
                return Err(error::throw(&env, Class::Error, "ERR_WASI_ALREADY_STARTED", message));
            }
            options::object(&env, instance, "The \"instance\" argument")?;
            let exports = Value::new(&env, instance.raw()).get("exports")?;
            options::object(&env, exports.unknown(), "The \"instance.exports\" property")?;
            let set_memory = wasi.symbol(&self.context, Symbol::SetMemory)?;
            call(&env, set_memory.raw, Some(wasi.raw), &[memory.raw])?;
            wasi.set_symbol(&self.context, Symbol::Instance, instance.raw())?;
            wasi.set_symbol(&self.context, Symbol::Started, error::unknown(&env, true)?.raw())
        })
    }

    /// `wasi.start(instance)`: runs a command, and returns its exit code.
    #[napi(enumerable = false, catch_unwind)]
    pub fn start<'env>(
        &self,
        env: Env,
        this: This<'env>,
        instance: Unknown<'env>,
    ) -> Result<sys::napi_value> {
        termination::scope(&env, || {
            let _run = self.instance.run();
            let wasi = Value::new(&env, this.object.raw());
            let exports = self.bind(&wasi, instance)?;
            let entry = match self.version {
                Version::First => first_entry(&exports)?,
                Version::Unstable | Version::Preview1 => {
                    let (start, initialize) = (exports.get("_start")?, exports.get("_initialize")?);
                    start.expect_function("The \"instance.exports._start\" property")?;
                    initialize.expect_undefined("The \"instance.exports._initialize\" property")?;
                    Some(start)
                }
            };
            if let Some(entry) = entry {
                run(&env, entry.raw)?;
            }
            Ok(wasi.symbol(&self.context, Symbol::ExitCode)?.raw)
        })
    }

    /// `wasi.initialize(instance)`: initializes a reactor.
    #[napi(enumerable = false, catch_unwind)]
    pub fn initialize(&self, env: Env, this: This<'_>, instance: Unknown<'_>) -> Result<()> {
        termination::scope(&env, || {
            let _run = self.instance.run();
            let wasi = Value::new(&env, this.object.raw());
            let exports = self.bind(&wasi, instance)?;
            let (start, initialize) = (exports.get("_start")?, exports.get("_initialize")?);
            start.expect_undefined("The \"instance.exports._start\" property")?;
            if let Some(initialize) = initialize.defined()? {
                initialize.expect_function("The \"instance.exports._initialize\" property")?;
                call(&env, initialize.raw, None, &[])?;
            }
            Ok(())
        })
    }

    /// `wasi.getImportObject()`: what to instantiate a guest with.
    #[napi(enumerable = false, catch_unwind)]
    pub fn get_import_object(&self, env: Env, this: This<'_>) -> Result<sys::napi_value> {
        termination::scope(&env, || {
            let wasi_import = Value::new(&env, this.object.raw()).get("wasiImport")?;
            let mut imports = Object::new(&env)?;
            imports.set_named_property(self.version.namespace(), wasi_import.raw)?;
            Ok(imports.raw())
        })
    }

    /// `wasi.close()`: closes every descriptor of the guest. Returns whether output is captured.
    #[napi(enumerable = false, catch_unwind)]
    pub fn close(&self) -> bool {
        self.instance.wasi.table.clear();
        self.instance.captures
    }

    /// `wasi.stdout` and `wasi.stderr`: captured output. `known` is what this has returned last. The result is memory of
    /// the engine, which outlives the addon and which V8 frees while JavaScript runs.
    #[napi(enumerable = false, catch_unwind)]
    pub fn kept(&self, env: Env, fd: u32, known: Unknown<'_>) -> Result<sys::napi_value> {
        termination::scope(&env, || {
            let Some(kept) = self.instance.wasi.captured.get(fd as usize).and_then(Option::as_ref) else {
                return undefined(&env);
            };
            let held = kept.held();
            let before = location_of(&env, known.raw())?.map(|(_, len)| len);
            if held == 0 && before.is_some() {
                return Ok(known.raw());
            }
            let before = before.unwrap_or_default();
            // Allocated before anything is taken: if that throws, nothing is lost.
            let size = env.create_int64((before + held) as i64)?;
            let buffer = call(&env, self.context.prelude()?.allocate.get(&env)?, None, &[size.raw()])?;
            let mut to = match location_of(&env, buffer)? {
                Some((to, room)) if room == before + held => to,
                _ => return Err(Error::from_status(Status::GenericFailure)),
            };
            let mut copy = |from: *const u8, len: usize| {
                // SAFETY: the new Buffer has `before + held` bytes, and no more are copied in all. No other code has
                // the Buffer, and no JavaScript runs meanwhile.
                unsafe {
                    ptr::copy_nonoverlapping(from, to, len);
                    to = to.add(len);
                }
            };
            if let Some((from, len)) =
                location_of(&env, known.raw())?.filter(|(_, len)| (1..=before).contains(len))
            {
                copy(from, len);
            }
            kept.take(held, |chunk| copy(chunk.as_ptr(), chunk.len()));
            self.instance.account(&env, self.instance.captured());
            Ok(buffer)
        })
    }

    /// `wasi.exceeded`: the limit that the guest met first.
    #[napi(enumerable = false, catch_unwind)]
    pub fn exceeded(&self) -> Either<&'static str, ()> {
        match self.instance.wasi.limits.exceeded() {
            Some(limit) => Either::A(limit.name()),
            None => Either::B(()),
        }
    }

    /// `wasi.addresses`: those of its sockets.
    #[napi(enumerable = false, catch_unwind)]
    pub fn addresses(&self, env: Env) -> Result<sys::napi_value> {
        termination::scope(&env, || {
            let addresses = self.instance.wasi.addresses.iter().map(ToString::to_string);
            Ok(error::unknown(&env, addresses.collect::<Vec<_>>())?.raw())
        })
    }

    /// Binds an instance through the object's own `finalizeBindings`, which a subclass may have made another,
    /// and gives the instance's exports.
    fn bind<'env>(&self, wasi: &Value<'env>, instance: Unknown<'env>) -> Result<Value<'env>> {
        let finalize_bindings = wasi.get("finalizeBindings")?;
        if finalize_bindings.unknown().get_type()? != ValueType::Function {
            wasi.env.throw_type_error("this.finalizeBindings is not a function", None)?;
            return Err(error::pending());
        }
        call(wasi.env, finalize_bindings.raw, Some(wasi.raw), &[instance.raw()])?;
        wasi.symbol(&self.context, Symbol::Instance)?.get("exports")
    }
}

/// Whether `new` has just made this object, which Node-API's constructors do not insist on.
fn is_new(context: &Context, wasi: &Value<'_>) -> Result<bool> {
    let class = context.prelude()?.class.get(&context.env)?;
    let mut is_instance = false;
    // SAFETY: values of this environment.
    let status = unsafe { sys::napi_instanceof(context.env.raw(), wasi.raw, class, &raw mut is_instance) };
    Ok(status == sys::Status::napi_ok
        && is_instance
        && wasi.symbol(context, Symbol::SetMemory)?.defined()?.is_none())
}

/// What `start` ran when the module was first documented.
fn first_entry<'env>(exports: &Value<'env>) -> Result<Option<Value<'env>>> {
    for name in ["_start", "__wasi_unstable_reactor_start"] {
        let entry = exports.get(name)?;
        if entry.is_truthy()? {
            entry.expect_function(&format!("The \"instance.exports.{name}\" property"))?;
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// Runs a command to its end, be it an exit; whatever else it throws stays thrown.
fn run(env: &Env, entry: sys::napi_value) -> Result<()> {
    let Err(failure) = call(env, entry, None, &[]) else {
        return Ok(());
    };
    let Some(thrown) = termination::catch(env) else {
        return Err(failure);
    };
    if error::is_exit(env, thrown) { Ok(()) } else { Err(throw_value(env, thrown)) }
}

/// `instance?.exports?.memory`
fn exported_memory<'env>(env: &'env Env, instance: Unknown<'env>) -> Result<Value<'env>> {
    let mut value = Value::new(env, instance.raw());
    for name in ["exports", "memory"] {
        if matches!(value.unknown().get_type()?, ValueType::Undefined | ValueType::Null) {
            return Ok(Value::new(env, undefined(env)?));
        }
        value = value.get(name)?;
    }
    Ok(value)
}

/// A JavaScript value, to be looked into as JavaScript does: whatever it is, and whatever its getters throw.
struct Value<'env> {
    env: &'env Env,
    raw: sys::napi_value,
}

impl<'env> Value<'env> {
    fn new(env: &'env Env, raw: sys::napi_value) -> Self {
        Self { env, raw }
    }

    fn unknown(&self) -> Unknown<'env> {
        // SAFETY: a value of this environment.
        unsafe { Unknown::from_raw_unchecked(self.env.raw(), self.raw) }
    }

    /// `value.name`
    fn get(&self, name: &str) -> Result<Self> {
        if matches!(self.unknown().get_type()?, ValueType::Null | ValueType::Undefined) {
            let value = error::describe(self.env, self.unknown())?;
            let message = format!("Cannot read properties of {value} (reading '{name}')");
            self.env.throw_type_error(&message, None)?;
            return Err(error::pending());
        }
        let name = self.env.create_string(name)?;
        self.get_by(name.raw())
    }

    fn get_by(&self, key: sys::napi_value) -> Result<Self> {
        let mut value = ptr::null_mut();
        // SAFETY: values of this environment.
        napi::check_status!(unsafe {
            sys::napi_get_property(self.env.raw(), self.raw, key, &raw mut value)
        })?;
        Ok(Self::new(self.env, value))
    }

    fn symbol(&self, context: &Context, symbol: Symbol) -> Result<Self> {
        self.get_by(context.symbol(symbol)?)
    }

    fn set_symbol(&self, context: &Context, symbol: Symbol, value: sys::napi_value) -> Result<()> {
        let key = context.symbol(symbol)?;
        // SAFETY: values of this environment.
        napi::check_status!(unsafe { sys::napi_set_property(self.env.raw(), self.raw, key, value) })
    }

    /// The value, unless it is undefined.
    fn defined(self) -> Result<Option<Self>> {
        Ok((self.unknown().get_type()? != ValueType::Undefined).then_some(self))
    }

    fn is_truthy(&self) -> Result<bool> {
        let (mut boolean, mut truthy) = (ptr::null_mut(), false);
        // SAFETY: values of this environment.
        napi::check_status!(unsafe { sys::napi_coerce_to_bool(self.env.raw(), self.raw, &raw mut boolean) })?;
        // SAFETY: as above.
        napi::check_status!(unsafe { sys::napi_get_value_bool(self.env.raw(), boolean, &raw mut truthy) })?;
        Ok(truthy)
    }

    fn expect_function(&self, subject: &str) -> Result<()> {
        match self.unknown().get_type()? {
            ValueType::Function => Ok(()),
            _ => Err(invalid_type(self.env, subject, "of type function", self.unknown())),
        }
    }

    fn expect_undefined(&self, subject: &str) -> Result<()> {
        match self.unknown().get_type()? {
            ValueType::Undefined => Ok(()),
            _ => Err(invalid_type(self.env, subject, "undefined", self.unknown())),
        }
    }
}
