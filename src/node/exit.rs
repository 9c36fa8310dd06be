//! The end of a guest: through `proc_exit`, or through the end of another thread.

use super::env_state::EnvState;
use super::error::{self, Class};
use super::sandbox::Sandbox;
use super::value::Value;
use super::world::{End, World};
use napi::{Env, Error, Result, ValueType, sys};

/// The tag of the errors of [`throw_exit`]. Other code cannot create an error with this tag.
static EXIT: sys::napi_type_tag =
    sys::napi_type_tag { lower: 0x6361_7077_6173_6900, upper: 0x7072_6f63_5f65_7869 };

/// Creates `ERR_WASI_EXIT`.
fn exit_error<'env>(env: &'env Env, code: Value<'_>) -> Result<Value<'env>> {
    let error = error::create(env, Class::Error, "ERR_WASI_EXIT", "The guest has exited")?;
    error.set("exitCode", code)?;
    Ok(error)
}

/// Throws the error that ends a guest whose `start` returns the exit code.
pub(crate) fn throw_exit(env: &Env, code: Value<'_>) -> Result<Error> {
    tagged_exit_error(env, code).map(|error| error::throw_value(env, error))
}

fn tagged_exit_error<'env>(env: &'env Env, code: Value<'_>) -> Result<Value<'env>> {
    let error = exit_error(env, code)?;
    // SAFETY: a new object, which has no tag yet.
    napi::check_status!(unsafe { sys::napi_type_tag_object(env.raw(), error.raw(), &raw const EXIT) })?;
    Ok(error)
}

/// Returns the error for the end of all threads of a guest.
pub(crate) fn end_error<'env>(env: &'env Env, sandbox: &Sandbox, end: &End) -> Result<Value<'env>> {
    if !sandbox.has_joined {
        sandbox.world.report();
    }
    match end {
        End::Exit(code) => tagged_exit_error(env, Value::of(env, code.cast_signed())?),
        End::Failure { name, message, stack } => {
            let args = [name, message, stack].map(|text| Value::of(env, text.as_str()));
            let [name, message, stack] = args;
            EnvState::of(env)?
                .helpers
                .function(env, "values", "threadError")?
                .call(&[name?, message?, stack?])
        }
    }
}

/// Ends this thread, because all threads of the guest end.
#[cold]
pub(crate) fn throw_end(env: &Env, sandbox: &Sandbox, end: &End) -> Error {
    match end {
        End::Exit(code) if !sandbox.return_on_exit => exit_process(env, *code),
        _ => match end_error(env, sandbox, end) {
            Ok(error) => error::throw_value(env, error),
            Err(error) => error,
        },
    }
}

/// Ends all threads of a guest by an error of this thread.
pub(crate) fn end_by_error(env: &Env, world: &World, error: Value<'_>) -> Result<()> {
    let failure = failure(env, error);
    let (end, result) = failure.map_or_else(|error| (End::unknown(), Err(error)), |end| (end, Ok(())));
    world.end_by(end);
    result
}

/// Describes an error for the other threads of a guest.
fn failure(env: &Env, error: Value<'_>) -> Result<End> {
    let text = |name| -> Result<String> { Ok(error.get(name)?.string()?.unwrap_or_default()) };
    if error.type_of()? != ValueType::Object {
        let message = EnvState::of(env)?.helpers.text.get(env)?.call(&[error])?;
        return Ok(End::Failure {
            name: "Error".to_owned(),
            message: message.convert()?,
            stack: String::new(),
        });
    }
    Ok(End::Failure { name: text("name")?, message: text("message")?, stack: text("stack")? })
}

/// Returns whether [`throw_exit`] threw an exception.
pub(crate) fn is_exit(env: &Env, thrown: Value<'_>) -> bool {
    let (mut is_error, mut is_exit) = (false, false);
    // SAFETY: a value of this environment. Only objects can have a tag.
    unsafe {
        sys::napi_is_error(env.raw(), thrown.raw(), &raw mut is_error);
        if is_error {
            sys::napi_check_object_type_tag(env.raw(), thrown.raw(), &raw const EXIT, &raw mut is_exit);
        }
    }
    is_exit
}

/// Calls `process.exit`. Throws `ERR_WASI_EXIT` if `process.exit` returns (tests mock it) or is not a function: the
/// guest must not continue.
#[cold]
pub(crate) fn exit_process(env: &Env, status: u32) -> Error {
    let end = || {
        let process = Value::of(env, env.get_global()?)?.get("process")?;
        let (exit, status) = (process.get("exit")?, Value::of(env, status.cast_signed())?);
        if exit.is_function()? {
            exit.call_on(process, &[status])?;
        }
        Ok(error::throw_value(env, exit_error(env, status)?))
    };
    end().unwrap_or_else(|error| error)
}
