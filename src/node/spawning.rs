//! Native functions for lib/threads.js. The first argument is the number of a sandbox.

use super::callback::{Callback, RawArgs, add_function, callbacks};
use super::env_state::EnvState;
use super::exit::{end_by_error, end_error};
use super::threads::NextThread;
use super::value::Value;
use super::wait::wait_in_slices;
use super::world::End;
use crate::core::limits::Limit;
use napi::Result;

/// Returns the functions.
fn functions(state: &EnvState) -> Result<Value<'_>> {
    let functions = Value::object(&state.env)?;
    add_function::<Allow>(functions, state)?;
    add_function::<Spawn>(functions, state)?;
    add_function::<Next>(functions, state)?;
    add_function::<Finish>(functions, state)?;
    add_function::<Fail>(functions, state)?;
    add_function::<EndThreads>(functions, state)?;
    add_function::<Ending>(functions, state)?;
    Ok(functions)
}

/// The result of `thread-spawn` for a thread that cannot be started.
const FAILED: i32 = -1;

callbacks! {
    /// `threads()`: makes the functions for lib/threads.js, which most programs do not need.
    Functions "threads" |state, _args| {
        functions(state).map(Some)
    }

    /// `allow(id, limit)`: allows the guest to start threads, which end together.
    Allow "allow" |_state, args| {
        let (sandbox, [_, limit, ..]) = args.read_with_sandbox()?;
        sandbox.world.end_together(limit.convert::<u32>()? as usize);
        Ok(None)
    }

    /// `spawn(id, argument, createWorker)`: starts a thread, and returns its number or a negative number. Calls
    /// `createWorker` if no worker is without a thread.
    Spawn "spawn" |state, args| {
        let (sandbox, [_, argument, create_worker, ..]) = args.read_with_sandbox()?;
        let argument = argument.convert::<i32>()?.cast_unsigned();
        let threads = sandbox.world.threads();
        let added = threads.and_then(|threads| Some((threads, threads.add(argument)?)));
        let Some((threads, (thread, needs_worker))) = added else {
            sandbox.world.guest.limits.note_exceeded(Limit::Threads);
            return Value::of(&state.env, FAILED).map(Some);
        };
        if needs_worker {
            create_worker.call(&[]).inspect_err(|_| threads.remove(thread))?;
        }
        Value::of(&state.env, thread.id).map(Some)
    }

    /// `next(id)`: waits for a thread to run, and returns its number and its argument as an array; undefined once the
    /// guest has ended.
    Next "next" |state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        let Some(threads) = sandbox.world.threads() else { return Ok(None) };
        let mut next = NextThread::TimedOut;
        wait_in_slices(state, |slice| {
            next = threads.wait(slice);
            Ok(!matches!(next, NextThread::TimedOut))
        })?;
        let NextThread::Thread(thread) = next else { return Ok(None) };
        Value::of(&state.env, vec![thread.id, thread.argument]).map(Some)
    }

    /// `finish(id)`: ends a thread that `next` has returned.
    Finish "finish" |_state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        if let Some(threads) = sandbox.world.threads() {
            threads.finish();
        }
        Ok(None)
    }

    /// `fail(id, error)`: ends all threads by an error.
    Fail "fail" |state, args| {
        let (sandbox, [_, error, ..]) = args.read_with_sandbox()?;
        end_by_error(&state.env, &sandbox.world, error).map(|()| None)
    }

    /// `end(id)`: ends all threads, because the first has ended.
    EndThreads "end" |_state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        sandbox.world.end_by(End::Exit(0));
        Ok(None)
    }

    /// `ending(id)`: returns the error that has ended the guest, unless it was thrown or returned before.
    Ending "ending" |state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        match sandbox.world.end() {
            Some(end) if !sandbox.world.report() => end_error(&state.env, &sandbox, end).map(Some),
            _ => Ok(None),
        }
    }
}
