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

/// Calls a callback for stdin, stdout or stderr. Returns the state for the restart of the guest's call, or the errno of
/// that call. Throws the exception of the callback. In other threads of the guest, output is queued and input is
/// `ENOTSUP`.
pub(crate) fn run_host_call(
    state: &EnvState,
    sandbox: &Sandbox,
    host_call: HostCall,
) -> Result<std::result::Result<RestartState, Errno>> {
    let env = &state.env;
    match host_call {
        HostCall::ReadStdin { .. } if sandbox.has_joined => Ok(Err(Errno::Notsup)),
        HostCall::ReadStdin { fd, size } => {
            let returned = sandbox.call_back(env, CallbackSlot::Stdin, &[Value::of(env, size)?])?;
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
        HostCall::WriteOutput(write) if sandbox.has_joined => {
            Ok(sandbox.world.mailbox.post(&sandbox.world.guest.limits, write))
        }
        HostCall::WriteOutput(write) => {
            // Output of other threads was written first.
            deliver(state, sandbox)?;
            let accepted = sandbox.pass_output(env, write.slot, &write.bytes)?;
            Ok(write.finish(&sandbox.world.guest.limits, accepted))
        }
    }
}

/// Passes the output of other threads of the guest to the callbacks. Throws the exceptions of callbacks.
pub(crate) fn deliver(state: &EnvState, sandbox: &Sandbox) -> Result<()> {
    while let Some((slot, bytes)) = sandbox.world.mailbox.take() {
        state.env.run_in_scope(|| sandbox.pass_output(&state.env, slot, &bytes).map(drop))?;
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
