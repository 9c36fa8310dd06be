//! One step of a guest's call: decodes the arguments and runs the host function. A step never waits.

use super::env_state::EnvState;
use super::error;
use super::sandbox::Sandbox;
use super::suspended::HostFunctionCall;
use crate::core::memory::Memory;
use crate::core::outcome::{HostCall, HostResult, Outcome};
use crate::core::wait::Wait;
use crate::preview1::abi::Call;
use crate::sys::errno::Errno;
use crate::sys::types::Clockid;
use napi::Result;

/// The result of a step.
pub(crate) enum Step {
    /// The call succeeded, or failed with an errno.
    Done(Option<Errno>),
    /// The next step comes after a wait.
    Block(Box<Wait>),
    /// The next step comes after a callback.
    HostCall(Box<HostCall>),
    /// The next step needs the time of the embedder's clock.
    ReadClock(Clockid),
    /// The guest exits.
    Exit(u32),
}

impl Step {
    /// Converts the result of a host function.
    pub(crate) fn of(result: HostResult) -> Self {
        match result {
            Ok(()) => Step::Done(None),
            Err(Outcome::Errno(errno)) => Step::Done(Some(errno)),
            Err(Outcome::Block(wait)) => Step::Block(wait),
            Err(Outcome::HostCall(host_call)) => Step::HostCall(host_call),
            Err(Outcome::ReadClock(clock)) => Step::ReadClock(clock),
            Err(Outcome::Exit(status)) => Step::Exit(status),
        }
    }
}

/// Performs one step of a call. Throws if the memory cannot be looked up.
pub(crate) fn step(
    state: &EnvState,
    sandbox: &Sandbox,
    HostFunctionCall { function, core }: &HostFunctionCall,
    call: &mut Call<'_>,
) -> Result<Step> {
    loop {
        let result = function(call, core);
        if let Err(Outcome::Errno(Errno::Overflow)) = result
            && let Some(grown) = refresh_if_grown(state, sandbox, call.memory)?
        {
            call.memory = grown;
            continue;
        }
        return Ok(Step::of(result));
    }
}

/// Looks the memory up again, because it may have grown. `ERR_WASI_NOT_STARTED` if no memory is bound.
#[cold]
pub(crate) fn refresh_memory(state: &EnvState, sandbox: &Sandbox) -> Result<Memory> {
    let memory = sandbox.refresh_memory(&state.env, &state.helpers)?;
    memory.ok_or_else(|| error::not_started(&state.env))
}

/// Returns the memory if it has grown. Another thread can grow a shared memory during a call.
#[cold]
fn refresh_if_grown(state: &EnvState, sandbox: &Sandbox, known: Memory) -> Result<Option<Memory>> {
    let now = refresh_memory(state, sandbox)?;
    Ok((now.size() > known.size()).then_some(now))
}
