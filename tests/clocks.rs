//! Clocks that are not the system's: fixed clocks, and clocks that a callback returns.

mod common;

use capwasi::core::clock::{Clocks, Source};
use capwasi::core::guest::Guest;
use capwasi::core::outcome::Outcome;
use capwasi::core::restart::RestartState;
use capwasi::sys::types::Clockid;
use common::{OUT, TestGuest, Tree};
use std::time::Duration;

const REALTIME: u64 = 0;
const MONOTONIC: u64 = 1;
const CLOCK: u8 = 0;
const ABSTIME: u16 = 1;

fn guest_with_clocks(realtime: Source, monotonic: Source) -> TestGuest {
    TestGuest::new(state_with_clocks(realtime, monotonic))
}

fn state_with_clocks(realtime: Source, monotonic: Source) -> Guest {
    let mut guest = Guest::default();
    guest.clocks = Clocks::new(realtime, monotonic);
    guest
}

fn time_of(guest: &mut TestGuest, clock: u64) -> u64 {
    guest.must("clock_time_get", &[clock, 0, OUT]);
    guest.u64(OUT)
}

/// Makes a call that needs the callback of a clock, and returns the clock.
fn expect_clock_read(guest: &mut TestGuest, name: &str, args: &[u64], restart: &RestartState) -> Clockid {
    match guest.call_once(name, args, restart.clone()) {
        Err(Outcome::ReadClock(clock)) => clock,
        other => panic!("{name} reads no clock: {other:?}"),
    }
}

#[test]
fn poll_oneoff_on_a_fixed_clock_is_due_at_its_restart() {
    let mut guest = guest_with_clocks(Source::Fixed(10), Source::Fixed(20));
    let at = guest.subscription(7, CLOCK, MONOTONIC as u32, 1 << 40, 0);
    let args = [at, 4096, 1, OUT];
    let mut wait = guest.expect_wait("poll_oneoff", &args, RestartState::default());
    assert!(wait.block(Duration::ZERO).unwrap());
    guest.call_once("poll_oneoff", &args, wait.restart).unwrap();
    assert_eq!((guest.u32(OUT), guest.u64(4096)), (1, 7));
    assert_eq!(time_of(&mut guest, REALTIME), 10 + (1 << 40));
    assert_eq!(time_of(&mut guest, MONOTONIC), 20 + (1 << 40));
}

#[test]
fn poll_oneoff_with_a_bad_argument_does_not_advance_fixed_clocks() {
    let mut guest = guest_with_clocks(Source::Fixed(10), Source::Fixed(20));
    let at = guest.subscription(7, CLOCK, MONOTONIC as u32, 1 << 40, 0);
    let end = guest.end();
    assert!(guest.call("poll_oneoff", &[at, end - 31, 1, OUT]).is_err());
    assert!(guest.call("poll_oneoff", &[at, 4096, 1, end - 3]).is_err());
    guest.set(at + 8, &[3]);
    assert!(guest.call("poll_oneoff", &[at, 4096, 1, OUT]).is_err());
    assert_eq!(time_of(&mut guest, MONOTONIC), 20);
}

#[test]
fn a_callback_clock_is_read_once_per_call() {
    let mut guest = guest_with_clocks(Source::Callback, Source::System);
    for reading in [5, 3, u64::MAX] {
        let restart = RestartState::NEW;
        let args = [REALTIME, 0, OUT];
        assert_eq!(expect_clock_read(&mut guest, "clock_time_get", &args, &restart), Clockid::Realtime);
        guest.call_once("clock_time_get", &args, restart.with_reading(Clockid::Realtime, reading)).unwrap();
        assert_eq!(guest.u64(OUT), reading);
    }
    assert!(time_of(&mut guest, MONOTONIC) > 0);
}

#[test]
fn clock_time_get_with_a_bad_pointer_does_not_read_the_callback() {
    let mut guest = guest_with_clocks(Source::Callback, Source::Callback);
    let end = guest.end();
    assert!(guest.call("clock_time_get", &[REALTIME, 0, end - 7]).is_err());
}

#[test]
fn a_deadline_on_a_callback_clock_reads_the_clock_once() {
    let mut guest = guest_with_clocks(Source::System, Source::Callback);
    let at = guest.subscription(7, CLOCK, MONOTONIC as u32, 1_000, ABSTIME);
    let args = [at, 4096, 1, OUT];
    let restart = RestartState::NEW;
    assert_eq!(expect_clock_read(&mut guest, "poll_oneoff", &args, &restart), Clockid::Monotonic);
    // The timeout is 600 ns later. It may have passed already.
    let mut result = guest.call_once("poll_oneoff", &args, restart.with_reading(Clockid::Monotonic, 400));
    while let Err(Outcome::Block(mut wait)) = result {
        wait.block(Duration::from_millis(1)).unwrap();
        result = guest.call_once("poll_oneoff", &args, wait.restart);
    }
    result.unwrap();
    assert_eq!((guest.u32(OUT), guest.u64(4096)), (1, 7));
}

#[test]
fn file_times_follow_a_fixed_realtime_clock_but_no_callback() {
    const NOW: u64 = 1 << 1 | 1 << 3;
    let tree = Tree::new(&[("file", "")]);
    for (realtime, expected) in [(Source::Fixed(5_000_000_000), true), (Source::Callback, false)] {
        let mut guest = state_with_clocks(realtime, Source::System);
        guest.add_preopen(b"/", tree.path()).unwrap();
        let mut guest = TestGuest::new(guest);
        let at = guest.put("file");
        guest.must("path_filestat_set_times", &[0, 0, at, 4, 0, 0, NOW]);
        let modified = std::fs::metadata(tree.path().join("file")).unwrap().modified().unwrap();
        let follows_clock = modified == std::time::UNIX_EPOCH + Duration::from_secs(5);
        assert_eq!(follows_clock, expected, "{realtime:?}");
    }
}
