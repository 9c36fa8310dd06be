//! Exit of a guest through `proc_exit`.

use super::error::{self, Class};
use super::value::Value;
use napi::{Env, Error, Result, sys};

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
    let error = exit_error(env, code)?;
    // SAFETY: a new object, which has no tag yet.
    napi::check_status!(unsafe { sys::napi_type_tag_object(env.raw(), error.raw(), &raw const EXIT) })?;
    Ok(error::throw_value(env, error))
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
