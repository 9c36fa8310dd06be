//! Native functions for `capwasi/process` (lib/process.js).

use super::callback::{Callback, RawArgs, add_function, callbacks};
use super::env_state::EnvState;
use super::error::uvwasi_init_error;
use super::termination;
use super::value::Value;
use super::world::End;
use crate::sys;
use napi::Result;
use std::sync::Arc;
use std::time::Duration;

fn functions(state: &EnvState) -> Result<Value<'_>> {
    let functions = Value::object(&state.env)?;
    add_function::<CpuTime>(functions, state)?;
    add_function::<CountCpuTime>(functions, state)?;
    add_function::<PeakMemory>(functions, state)?;
    add_function::<GuardHeap>(functions, state)?;
    add_function::<HasFullHeap>(functions, state)?;
    add_function::<Pipe>(functions, state)?;
    #[cfg(unix)]
    add_function::<ClosePipe>(functions, state)?;
    add_function::<EndGuest>(functions, state)?;
    Ok(functions)
}

callbacks! {
    /// `processes()`: makes the functions for lib/process.js, which most programs do not need.
    Functions "processes" |state, _args| {
        functions(state).map(Some)
    }

    /// `cpuTime(id)`: returns the processor time of all threads of the guest, in milliseconds.
    CpuTime "cpuTime" |state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        let time = Duration::from_nanos(sandbox.world.cpu_time.total());
        Value::of(&state.env, time.as_secs_f64() * 1e3).map(Some)
    }

    /// `countCpuTime(id, callback)`: calls a function that runs code of the guest outside `start`, and returns its
    /// result.
    CountCpuTime "countCpuTime" |_state, args| {
        let (sandbox, [_, callback, ..]) = args.read_with_sandbox()?;
        let _run = sandbox.run();
        callback.call(&[]).map(Some)
    }

    /// `peakMemory(id)`: returns the bytes of the largest memory that the guest has bound.
    PeakMemory "peakMemory" |state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        Value::of(&state.env, sandbox.world.peak_memory() as i64).map(Some)
    }

    /// `guardHeap(id)`: terminates JavaScript in this thread when its heap is full, and notes that for the guest. Node
    /// alone would terminate it too, but leaves V8 so little room that a large object ends the process.
    GuardHeap "guardHeap" |_state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        let world = Arc::downgrade(&sandbox.world);
        termination::guard_heap(move || {
            if let Some(world) = world.upgrade() {
                world.note_full_heap();
            }
        });
        Ok(None)
    }

    /// `hasFullHeap(id)`: returns whether the heap of a thread of the guest is full.
    HasFullHeap "hasFullHeap" |state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        Value::of(&state.env, sandbox.world.has_full_heap()).map(Some)
    }

    /// `pipe()`: creates a pipe, and returns the descriptors of its reading and its writing end as an array.
    Pipe "pipe" |state, _args| {
        let env = &state.env;
        let pipe = sys::pipe();
        let pipe = pipe.map_err(|error| uvwasi_init_error(env, error.into(), "no pipe for stdio", None))?;
        Value::of(env, pipe.to_vec()).map(Some)
    }

    /// `end(id)`: ends a guest at its next WASI call, for a thread that the runtime cannot interrupt.
    EndGuest "end" |_state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        sandbox.world.end_by(End::unknown());
        Ok(None)
    }
}

#[cfg(unix)]
callbacks! {
    /// `closePipe(fd)`: closes an end of a pipe. Deno closes only descriptors that it has opened itself. On Windows
    /// descriptors belong to Node.
    ClosePipe "closePipe" |_state, args| {
        let [fd, ..] = args.read()?;
        sys::close_pipe(fd.convert()?);
        Ok(None)
    }
}
