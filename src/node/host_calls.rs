//! Calls of the embedder's callbacks for stdio and clocks.

use super::env_state::EnvState;
use super::error;
use super::sandbox::Sandbox;
use super::value::Value;
use crate::core::entry::Descriptor;
use crate::core::outcome::HostCall;
use crate::core::pipe::{CallbackSlot, Pipe};
use crate::core::restart::RestartState;
use crate::sys::errno::Errno;
use crate::sys::types::{Clockid, Timestamp};
use napi::{Result, ValueType};

/// Replaces the call of a callback in a thread that has joined: output is queued, and input is `ENOTSUP`.
pub(crate) fn queue_host_call(
    sandbox: &Sandbox,
    host_call: HostCall,
) -> std::result::Result<RestartState, Errno> {
    match host_call {
        HostCall::ReadStdin { .. } => Err(Errno::Notsup),
        HostCall::PollStdin(restart) => Ok(restart.with_stdin_ready(true)),
        HostCall::WriteOutput(write) => {
            let mailbox = sandbox.world.mailbox().ok_or(Errno::Pipe)?;
            mailbox.post(&sandbox.world.guest.limits, write)
        }
    }
}

/// Calls a callback for stdin, stdout or stderr, and returns its result. With `can_wait` it may be a promise. Throws
/// the exception of the callback.
pub(crate) fn start_host_call<'env>(
    state: &'env EnvState,
    sandbox: &Sandbox,
    host_call: &HostCall,
    can_wait: bool,
) -> Result<Value<'env>> {
    let env = &state.env;
    match host_call {
        HostCall::ReadStdin { size, .. } => {
            sandbox.call_back(env, CallbackSlot::Stdin, &[Value::of(env, *size)?, Value::of(env, can_wait)?])
        }
        HostCall::PollStdin(_) => {
            if !can_wait {
                return Value::of(env, true);
            }
            sandbox.call_back(env, CallbackSlot::Stdin, &[Value::of(env, 0)?, Value::of(env, can_wait)?])
        }
        HostCall::WriteOutput(write) => {
            // Output of other threads was written first.
            deliver(state, sandbox)?;
            sandbox.pass_output(env, write.slot, &write.bytes, can_wait)
        }
    }
}

/// Uses the result of a callback. Returns the state for the restart of the guest's call, or the errno of that call.
pub(crate) fn finish_host_call(
    state: &EnvState,
    sandbox: &Sandbox,
    host_call: HostCall,
    returned: Value<'_>,
) -> Result<std::result::Result<RestartState, Errno>> {
    let env = &state.env;
    match host_call {
        HostCall::ReadStdin { fd, .. } => {
            let bytes = returned.copy_bytes()?;
            if bytes.is_none() && returned.type_of()? != ValueType::Null {
                let expected = "a string, an ArrayBuffer, a view of one, null or undefined";
                let option = format!("\"options.{}\"", sandbox.input_option);
                return Err(error::invalid_return(env, expected, &option, returned));
            }
            if let Descriptor::Pipe(Pipe::Input(input)) = &fd.descriptor {
                input.push(bytes);
            }
            Ok(Ok(RestartState::of(&fd)))
        }
        HostCall::PollStdin(restart) => Ok(Ok(restart.with_stdin_ready(returned.convert()?))),
        HostCall::WriteOutput(write) => {
            // A callback that returns no number accepts all bytes.
            let accepted = match returned.type_of()? {
                ValueType::Number => returned.convert::<u32>()? as usize,
                _ => write.bytes.len(),
            };
            Ok(write.finish(&sandbox.world.guest.limits, accepted))
        }
    }
}

/// Passes the output of other threads of the guest to the callbacks, in the thread that has them. Throws the exceptions
/// of callbacks.
pub(crate) fn deliver(state: &EnvState, sandbox: &Sandbox) -> Result<()> {
    let Some(mailbox) = sandbox.world.mailbox().filter(|_| !sandbox.has_joined) else {
        return Ok(());
    };
    while let Some((slot, bytes)) = mailbox.take() {
        state.env.run_in_scope(|| sandbox.pass_output(&state.env, slot, &bytes, false).map(drop))?;
    }
    Ok(())
}

/// Calls the callback of a clock. Throws the exception of the callback. `ENOTSUP` in other threads of the guest.
pub(crate) fn read_clock(
    state: &EnvState,
    sandbox: &Sandbox,
    clock: Clockid,
) -> Result<std::result::Result<Timestamp, Errno>> {
    if sandbox.has_joined {
        return Ok(Err(Errno::Notsup));
    }
    let env = &state.env;
    let (slot, name) = match clock {
        Clockid::Realtime => (CallbackSlot::Realtime, "realtime"),
        _ => (CallbackSlot::Monotonic, "monotonic"),
    };
    let returned = sandbox.call_back(env, slot, &[])?;
    if let Some(time) = returned.u64()? {
        return Ok(Ok(time));
    }
    let expected = "a bigint from 0n to 2n ** 64n - 1n";
    let option = format!("the \"options.clock.{name}\" function");
    Err(error::invalid_return(env, expected, &option, returned))
}
