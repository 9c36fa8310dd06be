//! The options of `new WASI()`: read and checked one by one, in node:wasi's order.

mod clock;
mod limits;
mod names;
mod permission;
mod preopens;
mod random;
mod sockets;
mod stdio;
mod trace;

pub use self::clock::nanoseconds;
pub use self::names::OPTIONS;
pub use self::permission::Permissions;
use self::preopens::Preopen;
use self::sockets::Socket;
use self::stdio::Stdio;
use super::context::{Context, call};
use super::error::{self, Class, invalid_type, null_byte, quote};
use crate::core::clock::Clocks;
use crate::core::guest::Guest;
use crate::core::limits::Limits;
use crate::preview1::describe::CallFormat;
use crate::preview1::imports::{preview1, unstable};
use crate::sys::errno::Errno;
use napi::bindgen_prelude::{FromNapiValue, JsObjectValue, JsValue, Object, Unknown};
use napi::{Env, KeyCollectionMode, KeyConversion, KeyFilter, Result, ValueType, sys};

/// Which module a WASI object is like, told by `options.version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// None given: the module as it was first documented.
    First,
    /// `'unstable'`: today's module, with the layouts of snapshot 0.
    Unstable,
    /// `'preview1'`
    Preview1,
}

impl Version {
    /// How the calls of its functions are shown.
    pub fn shown(self) -> &'static [CallFormat] {
        match self {
            Version::Unstable => unstable::CALL_FORMATS,
            Version::First | Version::Preview1 => preview1::CALL_FORMATS,
        }
    }

    /// The module that its guests import from.
    pub fn namespace(self) -> &'static str {
        match self {
            Version::Unstable => "wasi_unstable",
            Version::First | Version::Preview1 => "wasi_snapshot_preview1",
        }
    }
}

/// What the options say.
pub struct Options<'env> {
    pub version: Version,
    pub wasi: Guest,
    pub return_on_exit: bool,
    /// The embedder's functions by [`CallbackSlot`](crate::core::pipe::CallbackSlot), if there are any.
    pub functions: Option<Object<'env>>,
    /// The option that standard input comes from.
    pub input_option: &'static str,
    /// `false`, `true`, or a function.
    pub trace: sys::napi_value,
}

impl<'env> Options<'env> {
    /// Reads them, and makes the guest's world.
    pub fn read(env: &'env Env, options: Unknown<'env>) -> Result<Self> {
        let options = match options.get_type()? {
            ValueType::Undefined => Object::new(env)?,
            _ => object(env, options, "The \"options\" argument")?,
        };
        let version = version(env, get(&options, "version")?)?;
        let args = strings(env, get(&options, "args")?)?;
        let variables = entries(env, &options, "env")?
            .into_iter()
            .filter(|(_, value)| !matches!(value.get_type(), Ok(ValueType::Undefined)))
            .map(|(key, value)| Ok((key, value.coerce_to_string()?.into_utf8()?.into_owned()?)))
            .collect::<Result<Vec<_>>>()?;
        let preopens = preopens::read(env, &options)?;
        let (mut stdio, input_option) = stdio::read(env, &options)?;
        let sockets = sockets::read(env, &options)?;
        let ([realtime, monotonic], clocks) = clock::read(env, &options)?;
        let random = random::read(env, &options)?;
        let limits = limits::read(env, &options)?;
        let trace = trace::read(env, &options)?;
        if let Some(permissions) = &Context::of(*env)?.permissions {
            permissions.require(env, &sockets, &preopens)?;
        }
        let mut wasi = build(env, &args, &variables, &preopens, &mut stdio, &sockets, limits)?;
        wasi.clocks = Clocks::new(realtime, monotonic);
        wasi.random = random.unwrap_or_default();
        let return_on_exit = get(&options, "returnOnExit")?;
        let return_on_exit = bool_or(env, return_on_exit, "returnOnExit", version != Version::First)?;
        names::refuse_mistakes(env, &options)?;
        let functions = functions(env, &stdio, clocks)?;
        Ok(Self { version, wasi, return_on_exit, functions, input_option, trace })
    }
}

fn get<'env>(options: &Object<'env>, name: &str) -> Result<Unknown<'env>> {
    options.get_named_property_unchecked(name)
}

/// An object that is no array, as Node's validators understand it.
pub fn object<'env>(env: &Env, value: Unknown<'env>, subject: &str) -> Result<Object<'env>> {
    if value.get_type()? != ValueType::Object || value.is_array()? {
        return Err(invalid_type(env, subject, "of type object", value));
    }
    Object::from_unknown(value)
}

fn version(env: &Env, version: Unknown<'_>) -> Result<Version> {
    if version.get_type()? == ValueType::Undefined {
        return Ok(Version::First);
    }
    let Some(version) = error::string(version)? else {
        return Err(invalid_type(env, "The \"options.version\" property", "of type string", version));
    };
    match version.as_str() {
        "preview1" => Ok(Version::Preview1),
        "unstable" => Ok(Version::Unstable),
        _ => {
            let received = error::shorten(&quote(&version));
            let message =
                format!("The property 'options.version' unsupported WASI version. Received {received}");
            Err(error::throw(env, Class::TypeError, "ERR_INVALID_ARG_VALUE", &message))
        }
    }
}

fn strings(env: &Env, args: Unknown<'_>) -> Result<Vec<String>> {
    if args.get_type()? == ValueType::Undefined {
        return Ok(Vec::new());
    }
    let context = Context::of(*env)?;
    let texts = call(env, context.prelude()?.texts.get(env)?, None, &[args.raw()])?;
    // SAFETY: the function returned a value of this environment.
    let texts = unsafe { Unknown::from_raw_unchecked(env.raw(), texts) };
    if texts.get_type()? == ValueType::Undefined {
        return Err(invalid_type(env, "The \"options.args\" property", "an instance of Array", args));
    }
    Vec::from_unknown(texts)
}

/// The own enumerable properties with string keys of an option that is an object.
fn entries<'env>(env: &Env, options: &Object<'env>, name: &str) -> Result<Vec<(String, Unknown<'env>)>> {
    let value = get(options, name)?;
    if value.get_type()? == ValueType::Undefined {
        return Ok(Vec::new());
    }
    let value = object(env, value, &format!("The \"options.{name}\" property"))?;
    let context = Context::of(*env)?;
    let entries = call(env, context.prelude()?.entries.get(env)?, None, &[value.raw()])?;
    let entries = Object::from_raw(env.raw(), entries);
    let entry = |index| {
        let entry: Object<'_> = entries.get_element(index)?;
        Ok((entry.get_element(0)?, entry.get_element(1)?))
    };
    (0..entries.get_array_length()?).map(entry).collect()
}

/// Refuses an own property that has none of these names: ignored, it would leave a guest freer, or a run less
/// repeatable, than meant.
fn refuse_others(env: &Env, object: &Object<'_>, name: &str, known: &[&str]) -> Result<()> {
    let (mode, filter) = (KeyCollectionMode::OwnOnly, KeyFilter::Enumerable);
    let keys = object.get_all_property_names(mode, filter, KeyConversion::NumbersToStrings)?;
    for index in 0..keys.get_array_length()? {
        let Some(key) = error::string(keys.get_element(index)?)? else {
            continue; // A symbol.
        };
        if !known.contains(&key.as_str()) {
            let property = format!("options.{name}[{}]", quote(&key));
            let suggestion =
                names::suggestion(&key, known).map_or_else(String::new, |text| format!(". {text}"));
            let known = known.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
            let message =
                format!("The property '{property}' is unknown, must be one of: {known}{suggestion}");
            return Err(error::throw(env, Class::TypeError, "ERR_INVALID_ARG_VALUE", &message));
        }
    }
    Ok(())
}

/// The largest integer that a number is exact for.
const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// A file descriptor of the host's, `default` unless one is given.
fn descriptor(env: &Env, value: Unknown<'_>, name: &str, default: i32) -> Result<i32> {
    match value.get_type()? {
        ValueType::Undefined => Ok(default),
        _ => Ok(integer(env, value, name, 0, i32::MAX.into())? as i32),
    }
}

/// An integer from `min` to `max`, each of which a number is exact for.
fn integer(env: &Env, value: Unknown<'_>, name: &str, min: i64, max: i64) -> Result<i64> {
    if value.get_type()? != ValueType::Number {
        let subject = format!("The \"options.{name}\" property");
        return Err(invalid_type(env, &subject, "of type number", value));
    }
    let number = f64::from_unknown(value)?;
    if number.fract() != 0.0 || !number.is_finite() {
        return Err(out_of_range(env, value, name, "It must be an integer."));
    }
    // What 64 bits do not hold becomes the nearest that they do, which is out of range, too.
    let integer = number as i64;
    if !(min..=max).contains(&integer) {
        return Err(out_of_range(env, value, name, &format!("It must be >= {min} && <= {max}.")));
    }
    Ok(integer)
}

/// `ERR_OUT_OF_RANGE`
fn out_of_range(env: &Env, value: Unknown<'_>, name: &str, expected: &str) -> napi::Error {
    let received = match (error::to_text(env, value), value.get_type()) {
        (Ok(text), Ok(ValueType::BigInt)) => format!("{}n", grouped(&text)),
        (Ok(text), _) => grouped(&text),
        (Err(error), _) => return error,
    };
    let message = format!("The value of \"options.{name}\" is out of range. {expected} Received {received}");
    error::throw(env, Class::RangeError, "ERR_OUT_OF_RANGE", &message)
}

/// A boolean.
fn bool_or(env: &Env, value: Unknown<'_>, name: &str, default: bool) -> Result<bool> {
    match value.get_type()? {
        ValueType::Undefined => Ok(default),
        ValueType::Boolean => bool::from_unknown(value),
        _ => {
            let subject = format!("The \"options.{name}\" property");
            Err(invalid_type(env, &subject, "of type boolean", value))
        }
    }
}

/// An integer beyond 2^32 as Node writes it: `4_294_967_297`. Other numbers stay as they are.
fn grouped(number: &str) -> String {
    const LIMIT: &str = "4294967296";
    let digits = number.trim_start_matches('-');
    let is_integer = digits.bytes().all(|digit| digit.is_ascii_digit());
    // JavaScript puts no zeros before a number: the longer one is the larger.
    if !is_integer || (digits.len(), digits) <= (LIMIT.len(), LIMIT) {
        return number.to_owned();
    }
    let mut grouped = number[..number.len() - digits.len()].to_owned();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    grouped
}

/// The embedder's functions, in an array by [`CallbackSlot`](crate::core::pipe::CallbackSlot), if there are any.
fn functions<'env>(
    env: &'env Env,
    stdio: &[Stdio<'env>; 3],
    clocks: [Unknown<'env>; 2],
) -> Result<Option<Object<'env>>> {
    let mut functions = None;
    let values = stdio.iter().map(Stdio::function).chain(clocks.map(Some));
    for (end, value) in (0..).zip(values) {
        let Some(function) = value.filter(|value| matches!(value.get_type(), Ok(ValueType::Function))) else {
            continue;
        };
        if functions.is_none() {
            functions = Some(env.create_array(5)?.coerce_to_object()?);
        }
        if let Some(functions) = &mut functions {
            functions.set_element(end, function)?;
        }
    }
    Ok(functions)
}

/// What a guest cannot be given: a string with a NUL in it, or more than it can address.
fn bad_string(env: &Env, errno: Errno, property: &str, text: &str) -> napi::Error {
    match errno {
        Errno::Inval => null_byte(env, property, text),
        _ => error::init(env, errno, &format!("{property} does not fit in 32 bits with the others"), None),
    }
}

/// Makes the guest's world of what the options say.
fn build(
    env: &Env,
    args: &[String],
    variables: &[(String, String)],
    preopens: &[Preopen],
    stdio: &mut [Stdio<'_>; 3],
    sockets: &[Socket],
    limits: Limits,
) -> Result<Guest> {
    let mut wasi = Guest::default().with_limits(limits);
    for (index, arg) in args.iter().enumerate() {
        let property = || format!("options.args[{index}]");
        wasi.args.push(arg.as_bytes()).map_err(|errno| bad_string(env, errno, &property(), arg))?;
    }
    for (key, value) in variables {
        let variable = format!("{key}={value}");
        let property = || format!("options.env[{}]", quote(key));
        wasi.env.push(variable.as_bytes()).map_err(|errno| bad_string(env, errno, &property(), &variable))?;
    }
    for (end, stdio) in stdio.iter_mut().enumerate() {
        stdio::add(&mut wasi, stdio, end)
            .map_err(|errno| error::init(env, errno, &stdio.subject(end), None))?;
    }
    sockets::add(env, &mut wasi, sockets, variables)?;
    for preopen in preopens {
        preopen.add(env, &mut wasi)?;
    }
    Ok(wasi)
}
