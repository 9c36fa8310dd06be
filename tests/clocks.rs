//! Clocks that are not the system's: they stand still, or their time is told by whoever calls.

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

fn with(realtime: Source, monotonic: Source) -> TestGuest {
    TestGuest::new(world(realtime, monotonic))
}

fn world(realtime: Source, monotonic: Source) -> Guest {
    let mut wasi = Guest::default();
    wasi.clocks = Clocks::new(realtime, monotonic);
    wasi
}

fn time(guest: &mut TestGuest, clock: u64) -> u64 {
    guest.must("clock_time_get", &[clock, 0, OUT]);
    guest.u64(OUT)
}

/// Which clock a call asks for.
fn asks(guest: &mut TestGuest, name: &str, args: &[u64], restart: &RestartState) -> Clockid {
    match guest.call_once(name, args, restart.clone()) {
        Err(Outcome::ReadClock(clock)) => clock,
        other => panic!("{name} does not ask: {other:?}"),
    }
}

#[test]
fn a_sleep_by_a_fixed_clock_is_over_when_it_is_tried_again() {
    let mut guest = with(Source::Fixed(10), Source::Fixed(20));
    let at = guest.subscription(7, CLOCK, MONOTONIC as u32, 1 << 40, 0);
    let args = [at, 4096, 1, OUT];
    let mut wait = guest.waits("poll_oneoff", &args, RestartState::default());
    assert!(wait.block(Duration::ZERO).unwrap());
    guest.call_once("poll_oneoff", &args, wait.restart).unwrap();
    assert_eq!((guest.u32(OUT), guest.u64(4096)), (1, 7));
    assert_eq!(time(&mut guest, REALTIME), 10 + (1 << 40));
    assert_eq!(time(&mut guest, MONOTONIC), 20 + (1 << 40));
}

#[test]
fn a_bad_pointer_or_subscription_sleeps_nothing() {
    let mut guest = with(Source::Fixed(10), Source::Fixed(20));
    let at = guest.subscription(7, CLOCK, MONOTONIC as u32, 1 << 40, 0);
    let end = guest.end();
    assert!(guest.call("poll_oneoff", &[at, end - 31, 1, OUT]).is_err());
    assert!(guest.call("poll_oneoff", &[at, 4096, 1, end - 3]).is_err());
    guest.set(at + 8, &[3]);
    assert!(guest.call("poll_oneoff", &[at, 4096, 1, OUT]).is_err());
    assert_eq!(time(&mut guest, MONOTONIC), 20);
}

#[test]
fn a_clock_that_is_asked_is_asked_again_by_each_call() {
    let mut guest = with(Source::Callback, Source::System);
    for told in [5, 3, u64::MAX] {
        let restart = RestartState::NEW;
        let args = [REALTIME, 0, OUT];
        assert_eq!(asks(&mut guest, "clock_time_get", &args, &restart), Clockid::Realtime);
        guest.call_once("clock_time_get", &args, restart.with_reading(Clockid::Realtime, told)).unwrap();
        assert_eq!(guest.u64(OUT), told);
    }
    assert!(time(&mut guest, MONOTONIC) > 0);
}

#[test]
fn a_bad_pointer_asks_nothing() {
    let mut guest = with(Source::Callback, Source::Callback);
    let end = guest.end();
    assert!(guest.call("clock_time_get", &[REALTIME, 0, end - 7]).is_err());
}

#[test]
fn a_deadline_by_a_clock_that_is_asked_is_measured_once() {
    let mut guest = with(Source::System, Source::Callback);
    let at = guest.subscription(7, CLOCK, MONOTONIC as u32, 1_000, ABSTIME);
    let args = [at, 4096, 1, OUT];
    let restart = RestartState::NEW;
    assert_eq!(asks(&mut guest, "poll_oneoff", &args, &restart), Clockid::Monotonic);
    // 600 ns from then on, whether or not they are over by now.
    let mut result = guest.call_once("poll_oneoff", &args, restart.with_reading(Clockid::Monotonic, 400));
    while let Err(Outcome::Block(mut wait)) = result {
        wait.block(Duration::from_millis(1)).unwrap();
        result = guest.call_once("poll_oneoff", &args, wait.restart);
    }
    result.unwrap();
    assert_eq!((guest.u32(OUT), guest.u64(4096)), (1, 7));
}

#[test]
fn files_are_touched_by_a_fixed_clock_only() {
    const NOW: u64 = 1 << 1 | 1 << 3;
    let tree = Tree::new(&[("file", "")]);
    for (realtime, set) in [(Source::Fixed(5_000_000_000), true), (Source::Callback, false)] {
        let mut wasi = world(realtime, Source::System);
        wasi.add_preopen(b"/", tree.path()).unwrap();
        let mut guest = TestGuest::new(wasi);
        let at = guest.put("file");
        guest.must("path_filestat_set_times", &[0, 0, at, 4, 0, 0, NOW]);
        let modified = std::fs::metadata(tree.path().join("file")).unwrap().modified().unwrap();
        let at_five = modified == std::time::UNIX_EPOCH + Duration::from_secs(5);
        assert_eq!(at_five, set, "{realtime:?}");
    }
}
