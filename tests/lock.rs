//! Locks while the threads of the process share nothing, and afterwards.

use capwasi::core::lock::{RwLock, confine_objects, share_objects};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;

const THREADS: usize = 4;

/// Returns whether an action panics.
fn panics<T>(action: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(action)).is_err()
}

#[test]
fn a_lock_excludes_writers_before_and_after_threads_share_it() {
    // SAFETY: the test shares the locks with other threads after `share_objects`.
    unsafe { confine_objects() };
    let lock = RwLock::new(1);
    let (one, other) = (lock.read(), lock.read());
    assert_eq!((*one, *other), (1, 1));
    assert!(panics(|| drop(lock.write())));
    drop(one);
    assert!(panics(|| drop(lock.write())));
    drop(other);
    let mut writer = lock.write();
    *writer += 1;
    assert!(panics(|| drop(lock.read())));
    assert!(panics(|| drop(lock.write())));
    drop(writer);
    // A panic of the owner releases the lock.
    assert!(panics(|| {
        let _writer = lock.write();
        panic!("of the owner");
    }));
    // A guard from before is released afterwards.
    let guard = lock.read();
    assert_eq!(*guard, 2);
    share_objects();
    assert_eq!(*lock.read(), 2);
    assert!(panics(|| drop(lock.write())));
    drop(guard);
    // SAFETY: has no effect any more.
    unsafe { confine_objects() };
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..1000 {
                    let before = *lock.read();
                    *lock.write() += 1;
                    assert!(*lock.read() > before);
                }
            });
        }
    });
    assert_eq!(*lock.read(), 2 + THREADS * 1000);
}
