//! `stdin`, `stdout` and `stderr`: a descriptor of the host's, or what the embedder gives and takes itself.

use super::descriptor;
use crate::node::context::{Context, call};
use crate::node::embedder::bytes_of;
use crate::node::error::{self, Class};
use crate::wasi::Wasi;
use crate::wasi::errno::Errno;
use crate::wasi::pipe::{End, Input, Kept, Output, Pipe};
use napi::bindgen_prelude::{JsObjectValue, JsValue, Object, Unknown};
use napi::{Env, Result, ValueType};
use std::sync::Arc;

/// The options, in the order of the descriptors.
pub const NAMES: [&str; 3] = ["stdin", "stdout", "stderr"];
const ENDS: [End; 3] = [End::Stdin, End::Stdout, End::Stderr];

/// What one of the three is.
pub enum Stdio<'env> {
    /// A descriptor of the host's.
    Descriptor(i32),
    /// Nothing.
    Ignored,
    /// All there is to read.
    Data(Vec<u8>),
    /// What is written is kept.
    Kept,
    /// A function that gives or takes bytes.
    Function(Unknown<'env>),
}

/// Reads one of the three options.
pub fn read<'env>(env: &'env Env, options: &Object<'env>, end: usize) -> Result<Stdio<'env>> {
    let (name, own) = (NAMES[end], end as i32);
    let value: Unknown<'env> = options.get_named_property_unchecked(name)?;
    match value.get_type()? {
        ValueType::Undefined => return Ok(Stdio::Descriptor(own)),
        ValueType::Number => return Ok(Stdio::Descriptor(descriptor(env, value, name, own)?)),
        _ => {}
    }
    let context = Context::of(*env)?;
    let known = if end == 0 { "input" } else { "output" };
    let known: Unknown<'_> = context.stdio()?.get_named_property_unchecked(known)?;
    let meant = call(env, known.raw(), None, &[value.raw()])?;
    // SAFETY: the function returned a value of this environment.
    let meant = unsafe { Unknown::from_raw_unchecked(env.raw(), meant) };
    match (meant.get_type()?, error::string(meant)?.as_deref()) {
        (_, Some("inherit")) => Ok(Stdio::Descriptor(own)),
        (_, Some("ignore")) => Ok(Stdio::Ignored),
        (_, Some(_)) => Ok(Stdio::Kept),
        (ValueType::Function, _) => Ok(Stdio::Function(meant)),
        (ValueType::Object, _) => Ok(Stdio::Data(bytes_of(env, meant.raw())?.unwrap_or_default())),
        _ => Err(refuse(env, value, end)),
    }
}

/// What node:wasi says of what is no number, and then what else may be given here.
fn refuse(env: &Env, value: Unknown<'_>, end: usize) -> napi::Error {
    let received = match error::describe(env, value) {
        Ok(received) => received,
        Err(error) => return error,
    };
    let others = if end == 0 {
        "'inherit', 'ignore', a string, an ArrayBuffer, a view of one, an iterable of those, or a function"
    } else {
        "'inherit', 'ignore', 'pipe', a stream.Writable, or a function"
    };
    let message = format!(
        "The \"options.{}\" property must be of type number. Received {received}. It may also be {others}",
        NAMES[end],
    );
    error::throw(env, Class::TypeError, "ERR_INVALID_ARG_TYPE", &message)
}

impl<'env> Stdio<'env> {
    /// The function it is, if it is one.
    pub fn function(&self) -> Option<Unknown<'env>> {
        match self {
            Stdio::Function(function) => Some(*function),
            _ => None,
        }
    }

    /// What messages say of it.
    pub fn subject(&self, end: usize) -> String {
        match self {
            Stdio::Descriptor(fd) => format!("options.{} is the descriptor {fd}", NAMES[end]),
            _ => format!("options.{} cannot be had", NAMES[end]),
        }
    }
}

/// Gives a guest its stdin, stdout or stderr.
pub fn add(wasi: &mut Wasi, stdio: &mut Stdio<'_>, end: usize) -> std::result::Result<(), Errno> {
    match stdio {
        Stdio::Descriptor(fd) => wasi.add_stdio(*fd),
        Stdio::Ignored => wasi.add_null(),
        Stdio::Data(bytes) => wasi.add_pipe(Pipe::Input(Input::of(std::mem::take(bytes)))),
        Stdio::Kept => {
            let kept = Arc::new(Kept::at_most(wasi.limits.output));
            wasi.kept[end] = Some(Arc::clone(&kept));
            wasi.add_pipe(Pipe::Output(Output::Kept(kept)))
        }
        Stdio::Function(_) if end == 0 => wasi.add_pipe(Pipe::Input(Input::asked())),
        Stdio::Function(_) => wasi.add_pipe(Pipe::Output(Output::Handed(ENDS[end]))),
    }
}
