//! One step of a guest's call: decodes the arguments and runs the host function. A step never waits.

use super::env_state::EnvState;
use super::error;
use super::sandbox::Sandbox;
use crate::core::memory::Memory;
use crate::core::outcome::{HostCall, HostResult, Outcome};
use crate::core::wait::Wait;
use crate::preview1::abi::{Call, CoreArgs};
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

/// Performs one step of a call. Throws if the memory cannot be looked up.
#[inline(always)]
pub(crate) fn step(
    state: &EnvState,
    sandbox: &Sandbox,
    function: impl Fn(&Call<'_>, &CoreArgs) -> HostResult,
    call: &mut Call<'_>,
    core: &CoreArgs,
) -> Result<Step> {
    loop {
        let Err(outcome) = function(call, core) else {
            return Ok(Step::Done(None));
        };
        return Ok(match outcome {
            Outcome::Errno(Errno::Overflow) => {
                if let Some(grown) = refresh_if_grown(state, sandbox, call.memory)? {
                    call.memory = grown;
                    continue;
                }
                Step::Done(Some(Errno::Overflow))
            }
            Outcome::Errno(errno) => Step::Done(Some(errno)),
            Outcome::Block(wait) => Step::Block(wait),
            Outcome::HostCall(host_call) => Step::HostCall(host_call),
            Outcome::ReadClock(clock) => Step::ReadClock(clock),
            Outcome::Exit(status) => Step::Exit(status),
        });
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
