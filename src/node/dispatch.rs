//! One step of a guest's call, in a memory that may have grown. A step never waits.

use super::env_state::EnvState;
use super::error;
use super::sandbox::Sandbox;
use super::suspended::HostFunctionCall;
use crate::core::memory::Memory;
use crate::core::outcome::{HostResult, Outcome};
use crate::preview1::abi::Call;
use crate::sys::errno::Errno;
use napi::Result;

/// Performs one step of a call. Throws if the memory cannot be looked up.
pub(crate) fn step(
    state: &EnvState,
    sandbox: &Sandbox,
    function: &HostFunctionCall,
    call: &mut Call<'_>,
) -> Result<HostResult> {
    let result = (function.function)(call, &function.core);
    repeat_if_grown(state, sandbox, function, call, result)
}

/// Repeats a step while it fails with `EOVERFLOW` and the memory has grown since.
pub(crate) fn repeat_if_grown(
    state: &EnvState,
    sandbox: &Sandbox,
    function: &HostFunctionCall,
    call: &mut Call<'_>,
    mut result: HostResult,
) -> Result<HostResult> {
    while let Err(Outcome::Errno(Errno::Overflow)) = result
        && let Some(grown) = refresh_if_grown(state, sandbox, call.memory)?
    {
        call.memory = grown;
        result = (function.function)(call, &function.core);
    }
    Ok(result)
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
