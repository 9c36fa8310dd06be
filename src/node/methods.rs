//! Native functions for the methods of lib/wasi.js. The first argument of most is the number of a sandbox.

use super::callback::{Callback, RawArgs, callbacks};
use super::env_state::EnvState;
use super::error;
use super::exit::{is_exit, throw_exit};
use super::memory::MemoryView;
use super::termination;
use super::value::Value;
use napi::{Error, Result, Status};
use std::ptr;

callbacks! {
    /// `bind(id, memory, bytes)`: binds a memory. `bytes` is a `Uint8Array` of all its bytes.
    Bind "bind" |state, args| {
        let (sandbox, [_, memory, bytes, ..]) = args.read_with_sandbox()?;
        sandbox.bind(&state.env, MemoryView::new(&state.env, memory, bytes)?);
        Ok(None)
    }

    /// `start(id, entry, isCommand)`: calls an export of the guest. Catches the exit of a command. Returns the promise
    /// that the export returns; undefined for any other value.
    Start "start" |state, args| {
        let (sandbox, [_, entry, is_command, ..]) = args.read_with_sandbox()?;
        let env = &state.env;
        let _run = sandbox.run();
        let error = match entry.call(&[]) {
            Ok(returned) => return Ok(returned.is_promise()?.then_some(returned)),
            Err(error) => error,
        };
        if !is_command.convert()? {
            return Err(error);
        }
        match termination::catch(env) {
            Some(thrown) if is_exit(env, thrown) => Ok(None),
            Some(thrown) => Err(error::throw_value(env, thrown)),
            None => Err(error),
        }
    }

    /// `isRunning(id)`: returns whether a `start` has not returned.
    IsRunning "isRunning" |state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        Value::of(&state.env, sandbox.is_running()).map(Some)
    }

    /// `exit(code)`: throws the error that ends a guest.
    Exit "exit" |state, args| {
        let [code, ..] = args.read()?;
        Err(throw_exit(&state.env, code)?)
    }

    /// `close(id)`: closes the descriptors of the guest. Returns whether output is captured.
    Close "close" |state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        sandbox.guest.table.clear();
        Value::of(&state.env, sandbox.captures).map(Some)
    }

    /// `captured(id, fd, known)`: returns captured output. `known` is the last result. If nothing was added, returns
    /// `known`. V8 allocates the Buffer, so it outlives the addon and is freed without a finalizer.
    Captured "captured" |state, args| {
        let (sandbox, [_, fd, known, ..]) = args.read_with_sandbox()?;
        let fd = fd.convert::<u32>()? as usize;
        let Some(capture) = sandbox.guest.captured.get(fd).and_then(Option::as_ref) else {
            return Ok(None);
        };
        let env = &state.env;
        let (held, before) = (capture.held(), known.bytes()?.map(|(_, len)| len));
        if held == 0 && before.is_some() {
            return Ok(Some(known));
        }
        let before = before.unwrap_or_default();
        // Allocates before taking bytes: if the allocation throws, no output is lost.
        let buffer = state.helpers.allocate.get(env)?.call(&[Value::of(env, (before + held) as i64)?])?;
        let mut to = match buffer.bytes()? {
            Some((to, room)) if room == before + held => to,
            _ => return Err(Error::from_status(Status::GenericFailure)),
        };
        let mut copy = |from: *const u8, len: usize| {
            // SAFETY: the new Buffer has `before + held` bytes, and no more are copied in total. No other code has
            // the Buffer, and no JavaScript runs meanwhile.
            unsafe {
                ptr::copy_nonoverlapping(from, to, len);
                to = to.add(len);
            }
        };
        if let Some((from, len)) = known.bytes()?.filter(|(_, len)| (1..=before).contains(len)) {
            copy(from, len);
        }
        capture.take(held, |chunk| copy(chunk.as_ptr(), chunk.len()));
        sandbox.report_captured(env, sandbox.captured_bytes());
        Ok(Some(buffer))
    }

    /// `exceeded(id)`: returns the name of the limit that the guest reached first.
    Exceeded "exceeded" |state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        let exceeded = sandbox.guest.limits.exceeded();
        exceeded.map(|limit| Value::of(&state.env, limit.name())).transpose()
    }

    /// `addresses(id)`: returns the addresses of the guest's sockets.
    Addresses "addresses" |state, args| {
        let (sandbox, _) = args.read_with_sandbox()?;
        let addresses = sandbox.guest.addresses.iter().map(ToString::to_string);
        Value::of(&state.env, addresses.collect::<Vec<_>>()).map(Some)
    }
}
