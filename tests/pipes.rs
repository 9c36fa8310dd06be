//! Pipes to the embedder: reads, writes, and calls of its callbacks.

mod common;

use capwasi::core::budget::Budget;
use capwasi::core::entry::Descriptor;
use capwasi::core::guest::Guest;
use capwasi::core::outcome::{HostCall, Outcome, OutputWrite};
use capwasi::core::pipe::{CallbackSlot, CaptureBuffer, Input, Output, Pipe};
use capwasi::core::restart::RestartState;
use capwasi::sys::errno::Errno;
use common::{FD_READ, FD_WRITE, OUT, TestGuest};
use std::sync::Arc;

fn guest_with_pipe(pipe: Pipe) -> TestGuest {
    let mut guest = Guest::default();
    guest.add_pipe(pipe).unwrap();
    TestGuest::new(guest)
}

/// Makes a call that needs a callback.
fn host_call(guest: &mut TestGuest, name: &str, args: &[u64]) -> HostCall {
    match guest.call_once(name, args, RestartState::NEW) {
        Err(Outcome::HostCall(call)) => *call,
        other => panic!("{name} needs no callback: {other:?}"),
    }
}

/// Makes a read that needs the callback for stdin. Returns the wanted size, and the state for the restart after the
/// callback returned `bytes`.
fn push(guest: &mut TestGuest, args: &[u64], bytes: Option<&[u8]>) -> (u32, RestartState) {
    let call = host_call(guest, "fd_read", args);
    let HostCall::ReadStdin { fd, size } = call else { panic!("{call:?}") };
    let Descriptor::Pipe(Pipe::Input(input)) = &fd.descriptor else { panic!("{fd:?}") };
    input.push(bytes.map(<[u8]>::to_vec));
    (size, RestartState::of(&fd))
}

/// Makes a write that needs a callback.
fn output_write(guest: &mut TestGuest, args: &[u64]) -> OutputWrite {
    match host_call(guest, "fd_write", args) {
        HostCall::WriteOutput(write) => write,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pipe_has_the_rights_of_its_direction_only() {
    let output = || Arc::new(CaptureBuffer::at_most(u64::MAX));
    for (pipe, expected, opposite_call) in [
        (Pipe::Input(Input::from_bytes(Vec::new())), FD_READ, "fd_write"),
        (Pipe::Input(Input::from_callback()), FD_READ, "fd_write"),
        (Pipe::Output(Output::Capture(output())), FD_WRITE, "fd_read"),
        (Pipe::Output(Output::Callback(CallbackSlot::Stdout)), FD_WRITE, "fd_read"),
    ] {
        let mut guest = guest_with_pipe(pipe);
        guest.must("fd_fdstat_get", &[0, OUT]);
        assert_eq!(guest.u64(OUT + 8) & (FD_READ | FD_WRITE), expected);
        let iovs = guest.iovs(&[(2000, 1)]);
        assert_eq!(guest.call(opposite_call, &[0, iovs, 1, OUT]), Err(Errno::Badf), "{opposite_call}");
        let both = expected | FD_READ | FD_WRITE;
        assert_eq!(guest.call("fd_fdstat_set_rights", &[0, both, 0]), Err(Errno::Notcapable));
    }
}

#[test]
fn fd_read_fills_buffers_in_order_and_returns_0_at_the_end() {
    let mut guest = guest_with_pipe(Pipe::Input(Input::from_bytes(b"abcdefg".to_vec())));
    let (one, two) = (guest.alloc(3), guest.alloc(3));
    let iovs = guest.iovs(&[(one, 3), (one, 0), (two, 3)]);
    guest.call("fd_read", &[0, iovs, 3, OUT]).unwrap();
    assert_eq!((guest.u32(OUT), guest.slice(one, 3), guest.slice(two, 3)), (6, &b"abc"[..], &b"def"[..]));
    guest.call("fd_read", &[0, iovs, 3, OUT]).unwrap();
    assert_eq!((guest.u32(OUT), guest.slice(one, 1)), (1, &b"g"[..]));
    guest.call("fd_read", &[0, iovs, 3, OUT]).unwrap();
    assert_eq!(guest.u32(OUT), 0);
}

#[test]
fn a_read_that_needs_the_callback_is_restarted_with_its_bytes() {
    let mut guest = guest_with_pipe(Pipe::Input(Input::from_callback()));
    let buf = guest.alloc(8);
    let iovs = guest.iovs(&[(buf, 8)]);
    let args = [0, iovs, 1, OUT];
    assert_eq!(push(&mut guest, &args, Some(b"")).0, 8);
    let (_, restart) = push(&mut guest, &args, Some(b"bytes"));
    guest.call_once("fd_read", &args, restart).unwrap();
    assert_eq!((guest.u32(OUT), guest.slice(buf, 5)), (5, &b"bytes"[..]));
    push(&mut guest, &args, None);
    guest.call("fd_read", &args).unwrap();
    assert_eq!(guest.u32(OUT), 0);
}

#[test]
fn an_output_callback_receives_one_chunk_per_write() {
    let mut guest = guest_with_pipe(Pipe::Output(Output::Callback(CallbackSlot::Stderr)));
    let (one, two) = (guest.put("one "), guest.put("two"));
    let iovs = guest.iovs(&[(one, 4), (two, 3)]);
    let args = [0, iovs, 2, OUT];
    let write = output_write(&mut guest, &args);
    assert_eq!((write.slot, &write.bytes[..]), (CallbackSlot::Stderr, &b"one two"[..]));
    let restart = write.finish(&guest.state.limits, 7).unwrap();
    guest.call_once("fd_write", &args, restart).unwrap();
    assert_eq!(guest.u32(OUT), 7);
}

#[test]
fn bytes_that_a_callback_does_not_accept_return_to_the_write_budget() {
    let mut guest = Guest::default();
    guest.limits.written_bytes = Budget::new(10);
    guest.add_pipe(Pipe::Output(Output::Callback(CallbackSlot::Stdout))).unwrap();
    let mut guest = TestGuest::new(guest);
    let text = guest.put("abcdefgh");
    let iovs = guest.iovs(&[(text, 8)]);
    let args = [0, iovs, 1, OUT];
    let restart = output_write(&mut guest, &args).finish(&guest.state.limits, 3).unwrap();
    guest.call_once("fd_write", &args, restart).unwrap();
    assert_eq!(guest.u32(OUT), 3);
    assert_eq!(output_write(&mut guest, &args).finish(&guest.state.limits, 0).unwrap_err(), Errno::Dquot);
    // A callback that throws drops the write. The 7 bytes that were left stay charged.
    drop(output_write(&mut guest, &args));
    assert_eq!(guest.state.limits.written_bytes.take(1).size(), 0);
}

#[test]
fn a_captured_write_that_fails_returns_its_bytes_to_the_write_budget() {
    let buffer = Arc::new(CaptureBuffer::at_most(u64::MAX));
    let mut guest = Guest::default();
    guest.limits.written_bytes = Budget::new(4);
    guest.add_pipe(Pipe::Output(Output::Capture(Arc::clone(&buffer)))).unwrap();
    let mut guest = TestGuest::new(guest);
    let text = guest.put("text");
    let end = guest.end();
    let iovs = guest.iovs(&[(text, 3), (end - 1, 2)]);
    assert_eq!(guest.call("fd_write", &[0, iovs, 2, OUT]), Err(Errno::Overflow));
    let iovs = guest.iovs(&[(text, 4)]);
    guest.call("fd_write", &[0, iovs, 1, OUT]).unwrap();
    assert_eq!((guest.u32(OUT), taken(&buffer)), (4, b"text".to_vec()));
}

/// Takes all captured output.
fn taken(buffer: &CaptureBuffer) -> Vec<u8> {
    let mut bytes = Vec::new();
    buffer.read(0, buffer.held(), |chunk| bytes.extend_from_slice(chunk));
    assert_eq!(buffer.held(), 0);
    bytes
}

#[test]
fn captured_output_beyond_its_limit_fails_with_edquot() {
    let buffer = Arc::new(CaptureBuffer::at_most(5));
    let mut guest = guest_with_pipe(Pipe::Output(Output::Capture(Arc::clone(&buffer))));
    let text = guest.put("abcdef");
    let iovs = guest.iovs(&[(text, 3)]);
    guest.call("fd_write", &[0, iovs, 1, OUT]).unwrap();
    guest.call("fd_write", &[0, iovs, 1, OUT]).unwrap();
    assert_eq!(guest.u32(OUT), 2);
    assert_eq!(guest.call("fd_write", &[0, iovs, 1, OUT]), Err(Errno::Dquot));
    guest.call("fd_write", &[0, iovs, 0, OUT]).unwrap();
    assert_eq!(taken(&buffer), b"abcab");
    assert_eq!(guest.call("fd_write", &[0, iovs, 1, OUT]), Err(Errno::Dquot));
    assert_eq!(taken(&buffer), b"");
}

#[test]
fn captured_output_is_taken_once_and_capturing_continues() {
    let buffer = Arc::new(CaptureBuffer::at_most(u64::MAX));
    let mut guest = guest_with_pipe(Pipe::Output(Output::Capture(Arc::clone(&buffer))));
    // Every length and alignment, because copies use whole words.
    let text: Vec<u8> = (0..=255).collect();
    let at = guest.put(&text);
    for start in 0..17 {
        for len in 0..33 {
            let iovs = guest.iovs(&[(at + start, len), (at + 100, 1)]);
            guest.call("fd_write", &[0, iovs, 2, OUT]).unwrap();
            let (start, len) = (start as usize, len as usize);
            assert_eq!(taken(&buffer), [&text[start..start + len], &text[100..101]].concat());
        }
    }
}

#[test]
fn a_write_that_fails_captures_nothing() {
    let buffer = Arc::new(CaptureBuffer::at_most(u64::MAX));
    let mut guest = guest_with_pipe(Pipe::Output(Output::Capture(Arc::clone(&buffer))));
    let text = guest.put("text");
    let iovs = guest.iovs(&[(text, 4), (guest.end() - 1, 2)]);
    assert_eq!(guest.call("fd_write", &[0, iovs, 2, OUT]), Err(Errno::Overflow));
    assert_eq!(taken(&buffer), b"");
}

#[test]
fn a_captured_write_beyond_16_mib_is_short() {
    let buffer = Arc::new(CaptureBuffer::at_most(u64::MAX));
    let mut guest = guest_with_pipe(Pipe::Output(Output::Capture(Arc::clone(&buffer))));
    let buf = guest.alloc(32_768);
    let regions = vec![(buf, 32_768); 600];
    let iovs = guest.iovs(&regions);
    guest.call("fd_write", &[0, iovs, 600, OUT]).unwrap();
    assert_eq!(guest.u32(OUT), 16 << 20);
    assert_eq!(taken(&buffer).len(), 16 << 20);
}
