//! The options of `new WASI()`, read and checked in node:wasi's order.

mod clock;
mod limits;
mod names;
mod permission;
mod preopens;
mod random;
mod sockets;
mod source;
mod stdio;
mod trace;
mod validate;
mod version;

pub(crate) use self::permission::{require_directory, require_opened};
use self::preopens::Preopen;
use self::sockets::Socket;
pub(crate) use self::source::DirectorySource;
use self::stdio::Stdio;
use self::validate::{boolean, entries, keys, optional_object, subject, text};
use super::env_state::EnvState;
use super::error::{invalid_type, null_byte, quote, uvwasi_init_error};
use super::value::Value;
use super::version::Version;
use crate::core::clock::Clocks;
use crate::core::guest::Guest;
use crate::core::limits::Limits;
use crate::core::strings::Strings;
use crate::sys::errno::Errno;
use napi::{Env, Error, Result, ValueType};

/// The options, and the guest created from the options.
pub(crate) struct Options<'env> {
    pub(crate) version: Version,
    pub(crate) guest: Guest,
    pub(crate) strings: Strings,
    pub(crate) return_on_exit: bool,
    /// The embedder's callbacks by [`CallbackSlot`](crate::core::pipe::CallbackSlot), if there are any.
    pub(crate) callbacks: Option<Value<'env>>,
    /// The option that standard input comes from.
    pub(crate) input_option: &'static str,
    /// `false`, `true`, or a function.
    pub(crate) trace: Value<'env>,
}

impl<'env> Options<'env> {
    /// Reads the options and creates the guest.
    pub(crate) fn read(env: &'env Env, options: Value<'env>) -> Result<Self> {
        let options = if options.is_undefined()? { Value::object(env)? } else { options };
        if !options.is_plain_object()? {
            return Err(invalid_type(env, "The \"options\" argument", "of type object", options));
        }
        let version = version::read(env, options)?;
        let args = read_args(env, options)?;
        let variables = read_variables(env, options)?;
        let preopens = preopens::read(env, options)?;
        let (mut stdio, input_option) = stdio::read(env, options)?;
        let sockets = sockets::read(env, options)?;
        let ([realtime, monotonic], clocks) = clock::read(env, options)?;
        let random = random::read(env, options)?;
        let limits = limits::read(env, options)?;
        let trace = trace::read(env, options)?;
        if let Some(model) = &EnvState::of(env)?.permissions {
            permission::require(env, model, &sockets)?;
            for preopen in &preopens {
                preopen.require(env, model)?;
            }
        }
        let (mut guest, strings) = build(env, &args, &variables, &preopens, &mut stdio, &sockets, limits)?;
        guest.clocks = Clocks::new(realtime, monotonic);
        guest.random = random.unwrap_or_default();
        let return_on_exit = options.get("returnOnExit")?;
        let return_on_exit = boolean(env, return_on_exit, "returnOnExit", !version.is_unversioned())?;
        names::reject_probable_mistakes(env, &keys(env, options)?)?;
        let callbacks = collect_callbacks(env, &stdio, clocks)?;
        Ok(Self { version, guest, strings, return_on_exit, callbacks, input_option, trace })
    }
}

fn read_args(env: &Env, options: Value<'_>) -> Result<Vec<String>> {
    let args = options.get("args")?;
    if args.is_undefined()? {
        return Ok(Vec::new());
    }
    if !args.is_array()? {
        return Err(invalid_type(env, "The \"options.args\" property", "an instance of Array", args));
    }
    // The conversion of an element may change the array.
    let mut texts = Vec::new();
    while (texts.len() as u32) < args.length()? {
        let arg = args.element(texts.len() as u32)?;
        texts.push(match arg.string()? {
            Some(text) => text,
            None => text(env, arg)?,
        });
    }
    Ok(texts)
}

fn read_variables(env: &Env, options: Value<'_>) -> Result<Vec<(String, String)>> {
    let Some(object) = optional_object(env, options, "env")? else {
        return Ok(Vec::new());
    };
    let mut variables = Vec::new();
    for (key, value) in entries(env, object)? {
        match value.type_of()? {
            ValueType::Undefined => {}
            // Node-API's exception would not name the variable.
            ValueType::Symbol => {
                let subject = subject(&format!("env[{}]", quote(&key)));
                return Err(invalid_type(env, &subject, "of type string", value));
            }
            _ => variables.push((key, value.coerce_to_string()?)),
        }
    }
    Ok(variables)
}

/// Collects the embedder's callbacks in an array, if there are any.
fn collect_callbacks<'env>(
    env: &'env Env,
    stdio: &[Stdio<'env>; 3],
    clocks: [Value<'env>; 2],
) -> Result<Option<Value<'env>>> {
    let mut callbacks = None;
    let values = stdio.iter().map(Stdio::callback).chain(clocks.map(Some));
    for (slot, value) in (0..).zip(values) {
        let Some(value) = value else { continue };
        if !value.is_function()? {
            continue;
        }
        let array = match callbacks {
            Some(array) => array,
            None => Value::array(env, 5)?,
        };
        array.set_element(slot, value)?;
        callbacks = Some(array);
    }
    Ok(callbacks)
}

/// Rejects a string with a NUL byte, or strings that a guest cannot address.
fn bad_string(env: &Env, errno: Errno, property: &str, text: &str) -> Error {
    match errno {
        Errno::Inval => null_byte(env, property, text),
        _ => uvwasi_init_error(
            env,
            errno,
            &format!("{property} does not fit in 32 bits with the others"),
            None,
        ),
    }
}

/// Creates the guest and its strings. Opens the descriptors in the order of their numbers.
fn build(
    env: &Env,
    args: &[String],
    variables: &[(String, String)],
    preopens: &[Preopen],
    stdio: &mut [Stdio<'_>; 3],
    sockets: &[Socket],
    limits: Limits,
) -> Result<(Guest, Strings)> {
    limits::require_room(env, &limits, sockets.len(), preopens.len())?;
    let mut guest = Guest::default().with_limits(limits);
    let mut strings = Strings::default();
    for (index, arg) in args.iter().enumerate() {
        let property = || format!("options.args[{index}]");
        strings.args.push(arg.as_bytes()).map_err(|errno| bad_string(env, errno, &property(), arg))?;
    }
    for (key, value) in variables {
        let variable = format!("{key}={value}");
        let property = || format!("options.env[{}]", quote(key));
        strings
            .env
            .push(variable.as_bytes())
            .map_err(|errno| bad_string(env, errno, &property(), &variable))?;
    }
    for (fd, stdio) in stdio.iter_mut().enumerate() {
        stdio.add_to(&mut guest, fd).map_err(|errno| stdio.failure(env, errno, fd))?;
    }
    sockets::add(env, &mut guest, sockets)?;
    sockets::announce(env, &mut strings, sockets, variables)?;
    let permissions = &EnvState::of(env)?.permissions;
    for preopen in preopens {
        preopen.add_to(env, permissions.as_ref(), &mut guest)?;
    }
    Ok((guest, strings))
}
