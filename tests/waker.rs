//! The waker: waits that block no thread of the caller.

use capwasi::core::waker::{Registration, Token, Wake};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends the tokens of ended waits.
#[derive(Debug)]
struct Woken(Mutex<Sender<Token>>);

impl Wake for Woken {
    fn wake(&self, token: Token) {
        let _ = self.0.lock().unwrap().send(token);
    }
}

fn waker() -> (Arc<Woken>, Receiver<Token>) {
    let (sender, receiver) = channel();
    (Arc::new(Woken(Mutex::new(sender))), receiver)
}

fn after(milliseconds: u64, woken: &Arc<Woken>) -> Registration {
    Registration::after(Duration::from_millis(milliseconds), Arc::clone(woken) as Arc<dyn Wake>).unwrap()
}

#[test]
fn waits_end_in_the_order_of_their_deadlines() {
    let (woken, tokens) = waker();
    let waits = [after(40, &woken), after(10, &woken), after(25, &woken)];
    let ended = [1, 2, 0].map(|index: usize| waits[index].token());
    assert_eq!(ended.map(|_| tokens.recv_timeout(TIMEOUT).unwrap()), ended);
}

#[test]
fn a_dropped_registration_is_not_woken() {
    let (woken, tokens) = waker();
    drop(after(5, &woken));
    let last = after(30, &woken);
    assert_eq!(tokens.recv_timeout(TIMEOUT).unwrap(), last.token());
    assert!(tokens.try_recv().is_err());
}

#[test]
fn a_wait_that_has_ended_can_be_dropped() {
    let (woken, tokens) = waker();
    let wait = after(0, &woken);
    assert_eq!(tokens.recv_timeout(TIMEOUT).unwrap(), wait.token());
    drop(wait);
}

#[test]
fn many_threads_wait_at_the_same_time() {
    let threads = (0..8).map(|_| {
        std::thread::spawn(|| {
            let (woken, tokens) = waker();
            let mut expected: Vec<_> = (0..200).map(|index| after(index % 7, &woken)).collect();
            let mut ended: Vec<_> = expected.iter().map(|_| tokens.recv_timeout(TIMEOUT).unwrap()).collect();
            ended.sort_unstable();
            assert_eq!(ended, expected.drain(..).map(|wait| wait.token()).collect::<Vec<_>>());
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
}
