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

/// Calls the callback that a guest's call needs. Returns the state for the restart, or the errno that ends the call. An
/// exception of the callback stays pending.
pub(crate) fn run_host_call(
    state: &EnvState,
    sandbox: &Sandbox,
    host_call: HostCall,
) -> Result<std::result::Result<RestartState, Errno>> {
    let env = &state.env;
    match host_call {
        HostCall::ReadStdin { fd, size } => {
            let returned = sandbox.call_back(env, CallbackSlot::Stdin, &[Value::of(env, size)?])?;
            let bytes = returned.copy_bytes()?;
            if bytes.is_none() && returned.type_of()? != ValueType::Null {
                let expected = "a string, an ArrayBuffer, a view of one, or null";
                let option = format!("\"options.{}\"", sandbox.input_option);
                return Err(error::invalid_return(env, expected, &option, returned));
            }
            if let Descriptor::Pipe(Pipe::Input(input)) = &fd.descriptor {
                input.push(bytes);
            }
            Ok(Ok(RestartState::of(&fd)))
        }
        HostCall::WriteOutput(write) => {
            let limits = &sandbox.guest.limits;
            let limit = Value::of(env, limits.output.min(i64::MAX as u64) as i64)?;
            let chunk = Value::buffer(env, &write.bytes)?;
            let returned = sandbox.call_back(env, write.slot, &[chunk, limit])?;
            // A callback that returns no number accepts all bytes.
            let accepted = match returned.type_of()? {
                ValueType::Number => returned.convert::<u32>()? as usize,
                _ => write.bytes.len(),
            };
            Ok(write.finish(limits, accepted))
        }
    }
}

/// Reads a clock of the embedder. An exception of the callback stays pending.
pub(crate) fn read_clock(state: &EnvState, sandbox: &Sandbox, clock: Clockid) -> Result<Timestamp> {
    let env = &state.env;
    let (slot, name) = match clock {
        Clockid::Realtime => (CallbackSlot::Realtime, "realtime"),
        _ => (CallbackSlot::Monotonic, "monotonic"),
    };
    let returned = sandbox.call_back(env, slot, &[])?;
    if let Some(time) = returned.u64()? {
        return Ok(time);
    }
    let expected = "a bigint from 0n to 2n ** 64n - 1n";
    let option = format!("the \"options.clock.{name}\" function");
    Err(error::invalid_return(env, expected, &option, returned))
}
