//! A whole call of a guest: steps, with waits and callbacks of the embedder between them.

use super::dispatch::{refresh_memory, repeat_if_grown, step};
use super::env_state::EnvState;
use super::error;
use super::exit::{exit_process, throw_end};
use super::host_calls::{finish_host_call, queue_host_call, read_clock, start_host_call};
use super::sandbox::Sandbox;
use super::suspended::{Awaited, HostFunctionCall, Suspended};
use super::wait::wait_in_slices;
use crate::core::outcome::{HostCall, HostResult, Outcome};
use crate::core::restart::RestartState;
use crate::core::wait::Wait;
use crate::preview1::abi::Call;
use crate::preview1::imports::Import;
use crate::sys::errno::Errno;
use napi::Result;

/// The result of a call, or of a part of a call.
pub(crate) enum Completion {
    /// The call succeeded, or failed with an errno.
    Done(Option<Errno>),
    /// The call waits, and the guest has to be suspended.
    Suspend,
}

/// Performs the call in the argument buffer. Throws the exceptions of callbacks.
#[inline(always)]
pub(crate) fn perform<I: Import>(state: &EnvState) -> Result<Completion> {
    let core = state.arguments.arguments(I::SIGNATURE.params());
    let (id, can_suspend) = state.arguments.callee();
    let mut first = None;
    let done = state.with_sandbox(id, |sandbox| {
        let memory = sandbox.memory().filter(|_| !sandbox.is_over())?;
        match I::call(&sandbox.call(memory, RestartState::NEW), &core) {
            Ok(()) if !sandbox.has_unreported_output() => Some(Completion::Done(None)),
            Err(Outcome::Errno(errno)) if errno != Errno::Overflow => Some(Completion::Done(Some(errno))),
            result => {
                first = Some(result);
                None
            }
        }
    });
    match done {
        Some(completion) => Ok(completion),
        None => perform_rest(state, id, &HostFunctionCall { function: I::call, core }, first, can_suspend),
    }
}

/// Completes a call. `first` is the result of its first step; `None` if the guest may not make it.
#[cold]
fn perform_rest(
    state: &EnvState,
    id: u32,
    function: &HostFunctionCall,
    first: Option<HostResult>,
    can_suspend: bool,
) -> Result<Completion> {
    let sandbox = state.sandbox(id);
    let Some((sandbox, memory)) =
        sandbox.and_then(|sandbox| sandbox.memory().map(|memory| (sandbox, memory)))
    else {
        return Err(error::not_started(&state.env));
    };
    let mut call = sandbox.call(memory, RestartState::NEW);
    let pending = if let Some(result) = first {
        repeat_if_grown(state, &sandbox, function, &mut call, result)?
    } else {
        throw_if_over(state, &sandbox)?;
        step(state, &sandbox, function, &mut call)?
    };
    complete(state, &sandbox, function, call, pending, can_suspend)
}

/// Throws the error of a guest that has ended.
fn throw_if_ended(state: &EnvState, sandbox: &Sandbox) -> Result<()> {
    sandbox.world.end().map_or(Ok(()), |end| Err(throw_end(&state.env, sandbox, end)))
}

/// Throws the error of a guest that has ended, or whose timeout is over.
fn throw_if_over(state: &EnvState, sandbox: &Sandbox) -> Result<()> {
    throw_if_ended(state, sandbox)?;
    match sandbox.passed_timeout() {
        Some(milliseconds) => Err(error::timed_out(&state.env, milliseconds)),
        None => Ok(()),
    }
}

/// Continues the call of a suspended guest. The memory may have changed.
pub(crate) fn restart(
    state: &EnvState,
    sandbox: &Sandbox,
    function: &HostFunctionCall,
    restart: RestartState,
) -> Result<Completion> {
    throw_if_ended(state, sandbox)?;
    let mut call = sandbox.call(refresh_memory(state, sandbox)?, restart);
    let pending = step(state, sandbox, function, &mut call)?;
    complete(state, sandbox, function, call, pending, true)
}

/// Waits, calls back or exits, as a step requests, and makes the next step, until the call is done.
#[cold]
fn complete(
    state: &EnvState,
    sandbox: &Sandbox,
    function: &HostFunctionCall,
    mut call: Call<'_>,
    mut pending: HostResult,
    can_suspend: bool,
) -> Result<Completion> {
    loop {
        let next = match pending {
            Ok(()) => {
                sandbox.report_growth(&state.env);
                return Ok(Completion::Done(None));
            }
            Err(Outcome::Errno(errno)) => return Ok(Completion::Done(Some(errno))),
            Err(Outcome::Block(wait)) if can_suspend && !wait.is_pause() => {
                Next::Suspend(Awaited::Wait(wait))
            }
            Err(Outcome::Block(wait)) => block(state, sandbox, *wait)?,
            Err(Outcome::HostCall(host_call)) => {
                state.env.run_in_scope(|| call_back(state, sandbox, host_call, can_suspend))?
            }
            Err(Outcome::ReadClock(clock)) => match read_clock(state, sandbox, clock)? {
                Ok(time) => Next::Restart(std::mem::take(&mut call.restart).with_reading(clock, time)),
                Err(errno) => Next::Fail(errno),
            },
            Err(Outcome::Exit(status)) => {
                sandbox.world.exit(status);
                return Err(exit_process(&state.env, status));
            }
        };
        call.restart = match next {
            Next::Restart(restart) => restart,
            Next::Fail(errno) => return Ok(Completion::Done(Some(errno))),
            Next::Suspend(awaited) => {
                sandbox.suspend(&state.env, Suspended::new(*function, awaited));
                return Ok(Completion::Suspend);
            }
        };
        call.memory = refresh_memory(state, sandbox)?;
        pending = step(state, sandbox, function, &mut call)?;
    }
}

/// The action after a step.
enum Next {
    /// The next step, with this state.
    Restart(RestartState),
    /// The call has failed.
    Fail(Errno),
    /// The next step, after this event.
    Suspend(Awaited),
}

/// Blocks the thread until a call can be restarted.
fn block(state: &EnvState, sandbox: &Sandbox, mut wait: Wait) -> Result<Next> {
    let (world, is_for_streams) = (&sandbox.world, wait.is_for_streams());
    // Another thread may close the descriptors or end the guest.
    let is_over = || world.ends_wait(is_for_streams) || sandbox.passed_timeout().is_some();
    wait_in_slices(state, |slice| if is_over() { Ok(true) } else { wait.block(slice) })?;
    throw_if_over(state, sandbox)?;
    let is_closed = world.ends_wait(is_for_streams);
    Ok(if is_closed { Next::Fail(Errno::Badf) } else { Next::Restart(wait.restart) })
}

/// Calls a callback for stdio. If it returns a promise, the guest has to be suspended.
fn call_back(
    state: &EnvState,
    sandbox: &Sandbox,
    host_call: Box<HostCall>,
    can_suspend: bool,
) -> Result<Next> {
    if sandbox.has_joined {
        return Ok(queue_host_call(sandbox, *host_call).map_or_else(Next::Fail, Next::Restart));
    }
    let returned = start_host_call(state, sandbox, &host_call, can_suspend)?;
    if can_suspend && returned.is_promise()? {
        return Ok(Next::Suspend(Awaited::promise(&state.env, host_call, returned)?));
    }
    Ok(match finish_host_call(state, sandbox, *host_call, returned)? {
        Ok(restart) => Next::Restart(restart),
        Err(errno) => Next::Fail(errno),
    })
}
