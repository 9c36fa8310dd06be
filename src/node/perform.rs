//! Performs a guest's call to its end: makes steps, and waits or calls the embedder between them.

use super::dispatch::{Step, refresh_memory, step};
use super::env_state::EnvState;
use super::error;
use super::exit::exit_process;
use super::host_calls::{read_clock, run_host_call};
use super::sandbox::Sandbox;
use super::wait::wait_until;
use crate::core::restart::RestartState;
use crate::preview1::abi::Call;
use crate::preview1::imports::Import;
use crate::sys::errno::Errno;
use napi::Result;

/// Performs the call in the argument buffer. Returns an errno if the call fails; an `Err` is an exception.
#[inline(always)]
pub(crate) fn perform<I: Import>(state: &EnvState) -> Result<Option<Errno>> {
    let core = state.arguments.arguments(I::SIGNATURE.params());
    let sandbox = state.sandbox(state.arguments.id());
    let Some((sandbox, memory)) =
        sandbox.and_then(|sandbox| sandbox.memory().map(|memory| (sandbox, memory)))
    else {
        return Err(error::not_started(&state.env));
    };
    let mut call = Call { guest: &sandbox.guest, memory, restart: RestartState::NEW };
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

/// Does what the next step of a call needs. Returns the errno if that ends the call.
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
            wait_until(state, |slice| wait.block(slice))?;
            wait.restart
        }
        Step::HostCall(host_call) => {
            match state.env.run_in_scope(|| run_host_call(state, sandbox, *host_call))? {
                Ok(restart) => restart,
                Err(errno) => return Ok(Some(errno)),
            }
        }
        Step::ReadClock(clock) => {
            let time = read_clock(state, sandbox, clock)?;
            std::mem::take(&mut call.restart).with_reading(clock, time)
        }
        Step::Exit(status) => return Err(exit_process(&state.env, status)),
    };
    prepare_restart(state, sandbox, call, restart)?;
    Ok(None)
}

/// Prepares a call for its next step, in the memory as it is now.
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
