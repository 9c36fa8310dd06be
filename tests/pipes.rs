//! Pipes to the embedder: what is read from them and written to them, and when the embedder is asked.

mod common;

use capwasi::core::guest::Wasi;
use capwasi::core::pipe::{Ask, End, Input, Kept, Output, Pipe, Request};
use capwasi::core::table::Descriptor;
use capwasi::preview1::abi::Attempt;
use capwasi::sys::errno::{Errno, Failure};
use common::{Guest, OUT};
use std::sync::Arc;

fn guest(pipe: Pipe) -> Guest {
    let mut wasi = Wasi::default();
    wasi.add_pipe(pipe).unwrap();
    Guest::new(wasi)
}

fn asks(guest: &mut Guest, name: &str, args: &[u64]) -> Ask {
    match guest.attempt(name, args, Attempt::default()) {
        Err(Failure::Ask(ask)) => *ask,
        other => panic!("{name} does not ask: {other:?}"),
    }
}

fn supply(ask: &Ask, bytes: Option<&[u8]>) {
    let Request::Read(fd, _) = &ask.request else { panic!("{ask:?}") };
    let Descriptor::Pipe(Pipe::Input(input)) = &fd.descriptor else { panic!("{fd:?}") };
    input.supply(bytes.map(<[u8]>::to_vec));
}

#[test]
fn bytes_are_read_into_all_buffers_in_order_and_then_there_is_an_end() {
    let mut guest = guest(Pipe::Input(Input::of(b"abcdefg".to_vec())));
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
fn a_read_that_needs_the_embedder_is_made_again_with_what_it_gave() {
    let mut guest = guest(Pipe::Input(Input::asked()));
    let buf = guest.alloc(8);
    let iovs = guest.iovs(&[(buf, 8)]);
    let ask = asks(&mut guest, "fd_read", &[0, iovs, 1, OUT]);
    assert!(matches!(&ask.request, Request::Read(_, 8)), "{ask:?}");
    supply(&ask, Some(b""));
    let ask = asks(&mut guest, "fd_read", &[0, iovs, 1, OUT]);
    supply(&ask, Some(b"given"));
    guest.attempt("fd_read", &[0, iovs, 1, OUT], ask.attempt).unwrap();
    assert_eq!((guest.u32(OUT), guest.slice(buf, 5)), (5, &b"given"[..]));
    let ask = asks(&mut guest, "fd_read", &[0, iovs, 1, OUT]);
    supply(&ask, None);
    guest.call("fd_read", &[0, iovs, 1, OUT]).unwrap();
    assert_eq!(guest.u32(OUT), 0);
}

#[test]
fn what_is_handed_over_is_one_chunk_and_told_once() {
    let mut guest = guest(Pipe::Output(Output::Handed(End::Stderr)));
    let (one, two) = (guest.put("one "), guest.put("two"));
    let iovs = guest.iovs(&[(one, 4), (two, 3)]);
    let ask = asks(&mut guest, "fd_write", &[0, iovs, 2, OUT]);
    assert!(matches!(&ask.request, Request::Write(End::Stderr, bytes) if bytes == b"one two"), "{ask:?}");
    guest.attempt("fd_write", &[0, iovs, 2, OUT], ask.attempt).unwrap();
    assert_eq!(guest.u32(OUT), 7);
}

/// Takes all captured output.
fn taken(kept: &Kept) -> Vec<u8> {
    let mut bytes = Vec::new();
    kept.take(kept.held(), |chunk| bytes.extend_from_slice(chunk));
    assert_eq!(kept.held(), 0);
    bytes
}

#[test]
fn what_is_kept_ends_at_its_limit_with_dquot() {
    let kept = Arc::new(Kept::at_most(5));
    let mut guest = guest(Pipe::Output(Output::Kept(Arc::clone(&kept))));
    let text = guest.put("abcdef");
    let iovs = guest.iovs(&[(text, 3)]);
    guest.call("fd_write", &[0, iovs, 1, OUT]).unwrap();
    guest.call("fd_write", &[0, iovs, 1, OUT]).unwrap();
    assert_eq!(guest.u32(OUT), 2);
    assert_eq!(guest.call("fd_write", &[0, iovs, 1, OUT]), Err(Errno::Dquot));
    guest.call("fd_write", &[0, iovs, 0, OUT]).unwrap();
    assert_eq!(taken(&kept), b"abcab");
    assert_eq!(guest.call("fd_write", &[0, iovs, 1, OUT]), Err(Errno::Dquot));
    assert_eq!(taken(&kept), b"");
}

#[test]
fn what_is_kept_is_taken_once_and_goes_on() {
    let kept = Arc::new(Kept::at_most(u64::MAX));
    let mut guest = guest(Pipe::Output(Output::Kept(Arc::clone(&kept))));
    // Regions of any length from any address, as whole words and parts of them.
    let text: Vec<u8> = (0..=255).collect();
    let at = guest.put(&text);
    for start in 0..17 {
        for len in 0..33 {
            let iovs = guest.iovs(&[(at + start, len), (at + 100, 1)]);
            guest.call("fd_write", &[0, iovs, 2, OUT]).unwrap();
            let (start, len) = (start as usize, len as usize);
            assert_eq!(taken(&kept), [&text[start..start + len], &text[100..101]].concat());
        }
    }
}

#[test]
fn of_a_write_that_fails_nothing_is_kept() {
    let kept = Arc::new(Kept::at_most(u64::MAX));
    let mut guest = guest(Pipe::Output(Output::Kept(Arc::clone(&kept))));
    let text = guest.put("text");
    let iovs = guest.iovs(&[(text, 4), (guest.end() - 1, 2)]);
    assert_eq!(guest.call("fd_write", &[0, iovs, 2, OUT]), Err(Errno::Overflow));
    assert_eq!(taken(&kept), b"");
}

#[test]
fn a_write_of_more_than_16_mib_by_overlapping_buffers_is_cut() {
    let kept = Arc::new(Kept::at_most(u64::MAX));
    let mut guest = guest(Pipe::Output(Output::Kept(Arc::clone(&kept))));
    let buf = guest.alloc(32_768);
    let regions = vec![(buf, 32_768); 600];
    let iovs = guest.iovs(&regions);
    guest.call("fd_write", &[0, iovs, 600, OUT]).unwrap();
    assert_eq!(guest.u32(OUT), 16 << 20);
    assert_eq!(taken(&kept).len(), 16 << 20);
}
