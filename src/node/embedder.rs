//! Calling the functions that an embedder gave for the other ends of a guest's pipes, and for its clocks.

use super::context::{Context, Instance, call};
use super::error::{self, Class};
use super::options::nanoseconds;
use crate::core::entry::Descriptor;
use crate::core::outcome::HostCall;
use crate::core::pipe::{CallbackSlot, Pipe};
use crate::core::restart::RestartState;
use crate::sys::errno::Errno;
use crate::sys::types::{Clockid, Timestamp};
use napi::bindgen_prelude::Unknown;
use napi::{Env, Result, sys};
use std::ptr;

/// Calls the callback that a call needs. Returns the state for the restart, or the errno that ends the call. An exception of
/// the callback stays pending.
#[cold]
pub fn run_host_call(
    context: &Context,
    instance: &Instance,
    call: HostCall,
) -> Result<std::result::Result<RestartState, Errno>> {
    let env = &context.env;
    match call {
        HostCall::ReadStdin { fd, size } => {
            let size = env.create_uint32(size)?;
            let returned = call_end(context, instance, CallbackSlot::Stdin, &[napi::JsValue::raw(&size)])?;
            let given = bytes_of(env, returned)?;
            if given.is_none() && !is_null(env, returned)? {
                return Err(not_bytes(env, instance.input_option, returned));
            }
            if let Descriptor::Pipe(Pipe::Input(input)) = &fd.descriptor {
                input.push(given);
            }
            Ok(Ok(RestartState::of(&fd)))
        }
        HostCall::WriteOutput(write) => {
            let mut buffer = ptr::null_mut();
            // SAFETY: as many bytes as the length says, and a place for the Buffer that they are copied into.
            napi::check_status!(unsafe {
                let (bytes, len) = (write.bytes.as_ptr().cast(), write.bytes.len());
                sys::napi_create_buffer_copy(env.raw(), len, bytes, ptr::null_mut(), &raw mut buffer)
            })?;
            let limits = &instance.wasi.limits;
            let limit = env.create_int64(limits.output.min(i64::MAX as u64) as i64)?;
            let returned = call_end(context, instance, write.slot, &[buffer, napi::JsValue::raw(&limit)])?;
            let mut accepted = write.bytes.len() as u32;
            // SAFETY: a value of this environment. One that is no number leaves `accepted` as it is.
            unsafe { sys::napi_get_value_uint32(env.raw(), returned, &raw mut accepted) };
            Ok(write.finish(limits, accepted as usize))
        }
    }
}

/// Asks for the time of a clock. What the function throws stays thrown.
#[cold]
pub fn time(context: &Context, instance: &Instance, clock: Clockid) -> Result<Timestamp> {
    let env = &context.env;
    let (end, name) = match clock {
        Clockid::Realtime => (CallbackSlot::Realtime, "realtime"),
        _ => (CallbackSlot::Monotonic, "monotonic"),
    };
    let time = error::unknown(env, call_end(context, instance, end, &[])?)?;
    if let Some(time) = nanoseconds(time)? {
        return Ok(time);
    }
    let received = error::describe(env, time)?;
    let message = format!(
        "Expected a bigint from 0n to 2n ** 64n - 1n to be returned from the \"options.clock.{name}\" function but \
         got {received}."
    );
    Err(error::throw(env, Class::TypeError, "ERR_INVALID_RETURN_VALUE", &message))
}

fn call_end(
    context: &Context,
    instance: &Instance,
    end: CallbackSlot,
    arguments: &[sys::napi_value],
) -> Result<sys::napi_value> {
    let env = &context.env;
    let functions =
        instance.functions.borrow().as_ref().map_or(ptr::null_mut(), |functions| functions.get(env));
    let mut function = ptr::null_mut();
    // SAFETY: an array of this environment, or null, which is refused.
    napi::check_status!(unsafe {
        sys::napi_get_element(env.raw(), functions, end as u32, &raw mut function)
    })?;
    call(env, function, None, arguments)
}

fn is_null(env: &Env, value: sys::napi_value) -> Result<bool> {
    let mut kind = 0;
    // SAFETY: a value of this environment.
    napi::check_status!(unsafe { sys::napi_typeof(env.raw(), value, &raw mut kind) })?;
    Ok(kind == sys::ValueType::napi_null)
}

/// Returns a copy of the bytes of a `Uint8Array`, `None` for any other value.
pub fn bytes_of(env: &Env, value: sys::napi_value) -> Result<Option<Vec<u8>>> {
    let Some((base, len)) = location_of(env, value)? else {
        return Ok(None);
    };
    let mut bytes = vec![0_u8; len];
    if len > 0 {
        // SAFETY: the array has as many bytes, which only JavaScript of this thread changes, and none runs; or, if
        // they are shared, other threads, whose changes may be torn. The vector is new.
        unsafe { ptr::copy(base, bytes.as_mut_ptr(), len) };
    }
    Ok(Some(bytes))
}

/// Returns where the engine has the bytes of a `Uint8Array`, and how many; `None` for any other value.
pub fn location_of(env: &Env, value: sys::napi_value) -> Result<Option<(*mut u8, usize)>> {
    let mut is_array = false;
    // SAFETY: a value of this environment.
    napi::check_status!(unsafe { sys::napi_is_typedarray(env.raw(), value, &raw mut is_array) })?;
    if !is_array {
        return Ok(None);
    }
    let (mut base, mut len, mut kind) = (ptr::null_mut(), 0, 0);
    let (buffer, offset) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: a typed array of this environment.
    napi::check_status!(unsafe {
        let (kind, len, base) = (&raw mut kind, &raw mut len, &raw mut base);
        sys::napi_get_typedarray_info(env.raw(), value, kind, len, base, buffer, offset)
    })?;
    Ok((kind == sys::TypedarrayType::uint8_array).then_some((base.cast(), len)))
}

/// As Node says that a function returned what it should not.
fn not_bytes(env: &Env, option: &str, value: sys::napi_value) -> napi::Error {
    // SAFETY: a value of this environment.
    let value = unsafe { Unknown::from_raw_unchecked(env.raw(), value) };
    let received = match error::describe(env, value) {
        Ok(received) => received,
        Err(error) => return error,
    };
    let message = format!(
        "Expected a string, an ArrayBuffer, a view of one, or null to be returned from \"options.{option}\" but got {received}."
    );
    error::throw(env, Class::TypeError, "ERR_INVALID_RETURN_VALUE", &message)
}
