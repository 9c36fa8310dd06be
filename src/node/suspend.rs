//! Native functions that suspend a guest and continue it. lib/suspending.js calls them.
//!
//! Three of them return the state of the guest's call: the errno of a call that is done, the negative token of a wait,
//! or the promise of a callback. `restart` returns undefined if the call still waits for a promise.

use super::callback::{Callback, RawArgs, add_function, callbacks};
use super::env_state::EnvState;
use super::error;
use super::exit::throw_end;
use super::host_calls::finish_host_call;
use super::perform::{Completion, restart};
use super::sandbox::Sandbox;
use super::suspended::{Awaited, HostFunctionCall, Suspended};
use super::timeout::Timeout;
use super::value::Value;
use super::wakeups::Sleeper;
use crate::core::restart::RestartState;
use crate::core::waker::{Registration, Wake};
use crate::sys::errno::Errno;
use napi::{Error, Result, Status};
use std::sync::Arc;
use std::time::Duration;

callbacks! {
    /// `suspending()`: makes the functions for lib/suspending.js, which most programs do not need.
    Functions "suspending" |state, _args| {
        functions(state).map(Some)
    }

    /// `suspend(id)`: suspends a guest for the call that it has just made.
    Suspend "suspend" |state, args| {
        let (sandbox, [id, ..]) = args.read_with_sandbox()?;
        let call = sandbox.take_suspended().filter(|call| !call.is_active());
        let call = call.ok_or_else(|| Error::from_status(Status::GenericFailure))?;
        wait_for(state, &sandbox, id, call).map(Some)
    }

    /// `restart(id, isStdinReady)`: continues the call of a guest whose wait may have ended, or which another thread
    /// has ended or closed.
    Restart "restart" |state, args| {
        let (sandbox, [id, is_stdin_ready, ..]) = args.read_with_sandbox()?;
        let Some(suspended) = sandbox.take_suspended() else { return Ok(None) };
        if let Some(end) = sandbox.world.end() {
            return Err(throw_end(&state.env, &sandbox, end));
        }
        if sandbox.world.ends_wait(suspended.is_for_streams()) {
            return errno_value(state, Some(Errno::Badf)).map(Some);
        }
        match suspended {
            Suspended { call, awaited: Awaited::Wait(mut wait), .. } => {
                if wait.is_for_stdin() && !is_stdin_ready.is_undefined()? {
                    let restart = wait.restart.with_stdin_ready(true);
                    return continue_call(state, &sandbox, id, &call, restart).map(Some);
                }
                // Ignores poll errors: the restarted call reports them.
                if wait.block(Duration::ZERO).unwrap_or(true) {
                    return continue_call(state, &sandbox, id, &call, wait.restart).map(Some);
                }
                wait_for(state, &sandbox, id, Suspended::new(call, Awaited::Wait(wait))).map(Some)
            }
            call => {
                sandbox.suspend(&state.env, call);
                Ok(None)
            }
        }
    }

    /// `finish(id, value)`: continues the call of a guest with the value of a callback's promise.
    Finish "finish" |state, args| {
        let (sandbox, [id, value, ..]) = args.read_with_sandbox()?;
        match sandbox.take_suspended() {
            Some(Suspended { call, awaited: Awaited::Callback(host_call, _), .. }) => {
                match finish_host_call(state, &sandbox, *host_call, value)? {
                    Ok(restart) => continue_call(state, &sandbox, id, &call, restart).map(Some),
                    Err(errno) => errno_value(state, Some(errno)).map(Some),
                }
            }
            _ => Err(Error::from_status(Status::GenericFailure)),
        }
    }

    /// `cancel(id)`: cancels the wait of a guest, which never continues.
    Cancel "cancel" |state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        sandbox.cancel(&state.env);
        Ok(None)
    }

    /// `woken()`: returns the tokens of ended waits, as an array.
    Woken "woken" |state, _args| {
        let tokens = state.wakeups.take().into_iter().map(|token| token as i64);
        Value::of(&state.env, tokens.collect::<Vec<_>>()).map(Some)
    }

    /// `setTimeout(id, milliseconds)`: starts the timeout of a run, and returns the token of its end. Without
    /// milliseconds ends the timeout.
    SetTimeout "setTimeout" |state, args| {
        let (sandbox, [_, milliseconds, ..]) = args.read_with_sandbox()?;
        if milliseconds.is_undefined()? {
            sandbox.set_timeout(None);
            return Ok(None);
        }
        let timeout = Timeout::start(milliseconds.convert()?, Arc::clone(state.wake_queue()?));
        let timeout = timeout.map_err(|error| cannot_wait(state, &error))?;
        let token = timeout.token() as i64;
        sandbox.set_timeout(Some(timeout));
        Value::of(&state.env, token).map(Some)
    }

    /// `timeoutError(milliseconds)`: creates the error of a guest that was stopped.
    TimeoutError "timeoutError" |state, args| {
        let [milliseconds, ..] = args.read()?;
        error::timeout(&state.env, milliseconds.convert()?).map(Some)
    }
}

fn functions(state: &EnvState) -> Result<Value<'_>> {
    let functions = Value::object(&state.env)?;
    add_function::<Suspend>(functions, state)?;
    add_function::<Restart>(functions, state)?;
    add_function::<Finish>(functions, state)?;
    add_function::<Cancel>(functions, state)?;
    add_function::<Woken>(functions, state)?;
    add_function::<SetTimeout>(functions, state)?;
    add_function::<TimeoutError>(functions, state)?;
    Ok(functions)
}

/// Throws an error of the system, which has no descriptor or thread left for the waits.
fn cannot_wait(state: &EnvState, error: &std::io::Error) -> Error {
    error::throw_plain(&state.env, "ERR_OPERATION_FAILED", &format!("The guest cannot be suspended: {error}"))
}

/// Makes the next steps of a call.
fn continue_call<'a>(
    state: &'a EnvState,
    sandbox: &Sandbox,
    id: Value<'_>,
    call: &HostFunctionCall,
    from: RestartState,
) -> Result<Value<'a>> {
    match restart(state, sandbox, call, from)? {
        Completion::Done(errno) => errno_value(state, errno),
        Completion::Suspend => {
            let call = sandbox.take_suspended().ok_or_else(|| Error::from_status(Status::GenericFailure))?;
            wait_for(state, sandbox, id, call)
        }
    }
}

/// Waits for the event of a call. Returns the negative token of the wait, or the promise of the callback.
fn wait_for<'a>(
    state: &'a EnvState,
    sandbox: &Sandbox,
    id: Value<'_>,
    mut call: Suspended,
) -> Result<Value<'a>> {
    let queue = state.wake_queue()?;
    let sleeper = Arc::new(Sleeper::new(Arc::clone(queue), id.convert()?));
    let (awaited, registration) = match &mut call.awaited {
        Awaited::Wait(wait) => {
            let wake = Arc::clone(queue) as Arc<dyn Wake>;
            let registration = Registration::of(wait, wake).map_err(|error| cannot_wait(state, &error))?;
            (Value::of(&state.env, -(registration.token() as i64))?, Some(registration))
        }
        Awaited::Callback(_, promise) => {
            // A reference would keep a guest alive whose promise is unreachable.
            let promise = promise.take().ok_or_else(|| Error::from_status(Status::GenericFailure))?;
            let value = promise.get(&state.env);
            promise.delete(&state.env);
            (value?, None)
        }
    };
    sandbox.world.add_sleeper(&sleeper);
    if sandbox.world.ends_wait(call.is_for_streams()) {
        sleeper.wake();
    }
    call.activate(registration, state.wakeups.keep_alive(), sleeper);
    sandbox.suspend(&state.env, call);
    Ok(awaited)
}

fn errno_value(state: &EnvState, errno: Option<Errno>) -> Result<Value<'_>> {
    Value::of(&state.env, errno.map_or(0, |errno| errno as u32))
}
