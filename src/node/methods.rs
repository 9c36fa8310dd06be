//! Native functions for lib/wasi.js, lib/state.js and lib/run.js. The first argument of most is the number of a
//! sandbox.

use super::callback::{Callback, RawArgs, callbacks};
use super::env_state::EnvState;
use super::error;
use super::exit::{end_by_error, is_exit, throw_end, throw_exit};
use super::host_calls::deliver;
use super::memory::MemoryView;
use super::runs::Runs;
use super::sandbox::Sandbox;
use super::termination;
use super::value::Value;
use super::world::{End, World};
use napi::{Error, Result, Status, ValueType};
use std::ptr;
use std::sync::Arc;

callbacks! {
    /// `bind(id, memory, bytes)`: binds a memory. `bytes` is a `Uint8Array` of all its bytes.
    Bind "bind" |state, args| {
        let (sandbox, [id, memory, bytes, ..]) = args.read_with_sandbox()?;
        if let Some(world) = sandbox.bind(&state.env, MemoryView::new(&state.env, memory, bytes)?) {
            state.replace(id.convert()?, sandbox.moved_to(world));
        }
        Ok(None)
    }

    /// `start(id, entry, isCommand)`: calls an export of the guest. Catches the exit of a command. Passes the output of
    /// other threads to the callbacks before it returns. Throws the error by which another thread has ended the guest.
    /// Returns the promise that the export returns; undefined for any other value.
    Start "start" |state, args| {
        let (sandbox, [_, entry, is_command, ..]) = args.read_with_sandbox()?;
        let is_command = is_command.convert()?;
        match sandbox.world.together() {
            Some(together) => start_together(state, &sandbox, &together.runs, entry, is_command),
            None => start(state, &sandbox, entry, is_command),
        }
    }

    /// `isRunning(id)`: returns whether a `start` has not returned.
    IsRunning "isRunning" |state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        Value::of(&state.env, sandbox.is_running()).map(Some)
    }

    /// `exit(id, code)`: ends all threads of a guest. Throws the error that ends this one.
    Exit "exit" |state, args| {
        let (sandbox, [_, code, ..]) = args.read_with_sandbox()?;
        if code.type_of()? == ValueType::Number {
            sandbox.world.exit(code.convert()?);
        }
        Err(throw_exit(&state.env, code)?)
    }

    /// `isExit(thrown)`: returns whether a guest has exited by this error.
    IsExit "isExit" |state, args| {
        let [thrown, ..] = args.read()?;
        Value::of(&state.env, is_exit(&state.env, thrown)).map(Some)
    }

    /// `close(id)`: closes the descriptors of the guest for all its threads, or for this one if it has joined. Returns
    /// whether this sandbox has created a guest whose output is captured.
    Close "close" |state, args| {
        let (sandbox, [id, ..]) = args.read_with_sandbox()?;
        if sandbox.has_joined {
            state.replace(id.convert()?, sandbox.left());
        } else {
            sandbox.world.close();
        }
        Value::of(&state.env, sandbox.captures).map(Some)
    }

    /// `share(id)`: returns the handle of the guest.
    Share "share" |state, args| {
        let (sandbox, [id, ..]) = args.read_with_sandbox()?;
        if !sandbox.has_joined {
            sandbox.world.open_mailbox(state.wake_queue()?, id.convert()?);
        }
        Value::of(&state.env, sandbox.world.share()).map(Some)
    }

    /// `join(handle)`: makes the next `new WASI()` join the guest with a handle. Returns whether there is one.
    Join "join" |state, args| {
        let [handle, ..] = args.read()?;
        let world = World::by_handle(&handle.convert::<String>()?);
        let is_known = world.is_some();
        state.joining.set(world);
        Value::of(&state.env, is_known).map(Some)
    }

    /// `deliver(id)`: passes output of other threads to the callbacks, unless the sandbox was released. Called when the
    /// mailbox has woken this thread.
    Deliver "deliver" |state, args| {
        let [id, ..] = args.read()?;
        let Some(sandbox) = state.sandbox(id.convert()?) else { return Ok(None) };
        let Some(mailbox) = sandbox.world.mailbox() else { return Ok(None) };
        mailbox.note_wake();
        // After an exception, the next turn of the event loop passes the rest.
        deliver(state, &sandbox).inspect_err(|_| mailbox.wake()).map(|()| None)
    }

    /// `captured(id, fd, known)`: returns captured output; in a thread that joined, from the first byte that was not
    /// taken before. `known` is the last result. If nothing was added, returns `known`. V8 allocates the Buffer, so it
    /// outlives the addon and is freed without a finalizer.
    Captured "captured" |state, args| {
        let (sandbox, [_, fd, known, ..]) = args.read_with_sandbox()?;
        let fd = fd.convert::<u32>()? as usize;
        let Some(capture) = sandbox.world.guest.captured.get(fd).and_then(Option::as_ref) else {
            return Ok(None);
        };
        let (read, before) = (&sandbox.read[fd], known.bytes()?.map(|(_, len)| len));
        let unread = capture.total().saturating_sub(read.get()) as usize;
        if unread == 0 && before.is_some() {
            return Ok(Some(known));
        }
        let (env, before) = (&state.env, before.unwrap_or_default());
        // Allocates before taking bytes: if the allocation throws, no output is lost.
        let buffer = state.helpers.allocate.get(env)?.call(&[Value::of(env, (before + unread) as i64)?])?;
        let mut to = match buffer.bytes()? {
            Some((to, room)) if room == before + unread => to,
            _ => return Err(Error::from_status(Status::GenericFailure)),
        };
        let mut copy = |from: *const u8, len: usize| {
            // SAFETY: the new Buffer has `before + unread` bytes, and no more are copied in total. No other code has
            // the Buffer, and no JavaScript runs meanwhile.
            unsafe {
                ptr::copy_nonoverlapping(from, to, len);
                to = to.add(len);
            }
        };
        if let Some((from, len)) = known.bytes()?.filter(|(_, len)| (1..=before).contains(len)) {
            copy(from, len);
        }
        capture.read(read.get(), unread, |chunk| copy(chunk.as_ptr(), chunk.len()));
        read.set(read.get() + unread as u64);
        sandbox.report_captured(env, sandbox.captured_bytes());
        Ok(Some(buffer))
    }

    /// `exceeded(id)`: returns the name of the limit that the guest reached first.
    Exceeded "exceeded" |state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        let exceeded = sandbox.world.guest.limits.exceeded();
        exceeded.map(|limit| Value::of(&state.env, limit.name())).transpose()
    }

    /// `addresses(id)`: returns the addresses of the guest's sockets.
    Addresses "addresses" |state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        let addresses = sandbox.world.guest.addresses.iter().map(ToString::to_string);
        Value::of(&state.env, addresses.collect::<Vec<_>>()).map(Some)
    }
}

/// Calls an export. Catches the exit of a command. Returns the promise that the export returns.
fn start<'a>(
    state: &'a EnvState,
    sandbox: &Sandbox,
    entry: Value<'a>,
    is_command: bool,
) -> Result<Option<Value<'a>>> {
    let env = &state.env;
    let _run = sandbox.run();
    let error = match entry.call(&[]) {
        Ok(returned) if returned.is_promise()? => return Ok(Some(returned)),
        Ok(_) => return deliver(state, sandbox).map(|()| None),
        Err(error) => error,
    };
    if !is_command {
        return Err(error);
    }
    match termination::catch(env) {
        Some(thrown) if is_exit(env, thrown) => deliver(state, sandbox).map(|()| None),
        Some(thrown) => Err(error::throw_value(env, thrown)),
        None => Err(error),
    }
}

/// Calls an export of a thread whose failure is the end of all threads.
fn start_together<'a>(
    state: &'a EnvState,
    sandbox: &Sandbox,
    runs: &Runs,
    entry: Value<'a>,
    is_command: bool,
) -> Result<Option<Value<'a>>> {
    let (env, world) = (&state.env, &sandbox.world);
    let ended = || {
        let Some(end) = world.end() else { return Ok(None) };
        if is_command {
            world.report();
        }
        Err(throw_end(env, sandbox, end))
    };
    let Some(run) = runs.enter() else { return ended() };
    state.runs.borrow_mut().push((Arc::clone(world), run));
    let started = start(state, sandbox, entry, is_command);
    state.runs.borrow_mut().pop();
    if runs.leave(run) {
        let is_stopped = |(world, run): &(Arc<World>, u64)| {
            world.together().is_some_and(|together| together.runs.is_stopped(*run))
        };
        let is_stopped = || state.runs.borrow().iter().any(is_stopped);
        termination::resume(env, is_stopped)?;
        return ended();
    }
    let Err(error) = started else { return started };
    // `start` throws the error for all threads. A thread of `capwasi/threads` runs in `initialize`.
    if is_command || !sandbox.has_joined {
        world.report();
    }
    let Some(thrown) = termination::catch(env) else {
        // This thread is being terminated. Other threads must not wait for it.
        world.end_by(End::unknown());
        return Err(error);
    };
    if !is_exit(env, thrown) {
        end_by_error(env, world, thrown)?;
    }
    Err(error::throw_value(env, thrown))
}
