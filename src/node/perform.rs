//! A whole call of a guest: steps, with waits and callbacks of the embedder between them.

use super::dispatch::{Step, refresh_memory, step};
use super::env_state::EnvState;
use super::error;
use super::exit::{exit_process, throw_end};
use super::host_calls::{read_clock, run_host_call};
use super::sandbox::Sandbox;
use super::wait::wait_in_slices;
use crate::core::restart::RestartState;
use crate::preview1::abi::Call;
use crate::preview1::imports::Import;
use crate::sys::errno::Errno;
use napi::Result;

/// Performs the call in the argument buffer. Returns the errno if the call fails. Throws the exceptions of callbacks.
#[inline(always)]
pub(crate) fn perform<I: Import>(state: &EnvState) -> Result<Option<Errno>> {
    let core = state.arguments.arguments(I::SIGNATURE.params());
    let sandbox = state.sandbox(state.arguments.id());
    let Some((sandbox, memory)) =
        sandbox.and_then(|sandbox| sandbox.memory().map(|memory| (sandbox, memory)))
    else {
        return Err(error::not_started(&state.env));
    };
    if let Some(end) = sandbox.world.end() {
        return Err(throw_end(&state.env, &sandbox, end));
    }
    let (guest, strings) = (&sandbox.world.guest, &sandbox.strings);
    let mut call = Call { guest, strings, memory, restart: RestartState::NEW };
    loop {
        match step::<I>(state, &sandbox, &mut call, &core)? {
            Step::Done(None) => {
                sandbox.report_growth(&state.env);
                return Ok(None);
            }
            Step::Done(errno) => return Ok(errno),
            pending => {
                if let Some(errno) = complete(state, &sandbox, &mut call, pending)? {
                    return Ok(Some(errno));
                }
            }
        }
    }
}

/// Waits, calls back or exits, as a step requests. Returns the errno if the call has failed; otherwise the call is
/// ready for its next step.
#[cold]
fn complete(
    state: &EnvState,
    sandbox: &Sandbox,
    call: &mut Call<'_>,
    pending: Step,
) -> Result<Option<Errno>> {
    let restart = match pending {
        Step::Done(errno) => return Ok(errno),
        Step::Block(mut wait) => {
            let (world, waits_for_streams) = (&sandbox.world, wait.is_for_streams());
            // Another thread may close the descriptors or exit.
            let is_closed = || waits_for_streams && world.is_closed();
            let is_over = || world.end().is_some() || is_closed();
            wait_in_slices(state, |slice| Ok(is_over() || wait.block(slice)?))?;
            if let Some(end) = world.end() {
                return Err(throw_end(&state.env, sandbox, end));
            }
            if is_closed() {
                return Ok(Some(Errno::Badf));
            }
            wait.restart
        }
        Step::HostCall(host_call) => {
            match state.env.run_in_scope(|| run_host_call(state, sandbox, *host_call))? {
                Ok(restart) => restart,
                Err(errno) => return Ok(Some(errno)),
            }
        }
        Step::ReadClock(clock) => match read_clock(state, sandbox, clock)? {
            Ok(time) => std::mem::take(&mut call.restart).with_reading(clock, time),
            Err(errno) => return Ok(Some(errno)),
        },
        Step::Exit(status) => {
            sandbox.world.exit(status);
            return Err(exit_process(&state.env, status));
        }
    };
    prepare_restart(state, sandbox, call, restart)?;
    Ok(None)
}

/// Prepares a call for its next step. The memory may have changed.
fn prepare_restart(
    state: &EnvState,
    sandbox: &Sandbox,
    call: &mut Call<'_>,
    restart: RestartState,
) -> Result<()> {
    call.restart = restart;
    call.memory = refresh_memory(state, sandbox)?;
    Ok(())
}
