//! The write budget: bytes are taken before a write, and the unused ones are returned afterwards.

use capwasi::core::budget::{Budget, Grant};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Returns the bytes that are left.
fn left(budget: &Budget) -> u64 {
    budget.take(u64::MAX).size()
}

#[test]
fn take_beyond_the_budget_grants_the_bytes_that_are_left() {
    let budget = Budget::new(10);
    let grants = [7, 7, 7].map(|wanted| budget.take(wanted));
    assert_eq!(grants.each_ref().map(Grant::size), [7, 3, 0]);
}

#[test]
fn dropping_a_grant_returns_the_bytes_that_were_not_committed() {
    let budget = Budget::new(10);
    let grant = budget.take(8);
    grant.commit(3);
    grant.commit(1);
    assert_eq!(left(&budget), 2);
    drop(grant);
    assert_eq!(left(&budget), 6);
    drop(budget.take(6));
    assert_eq!(left(&budget), 6);
}

#[test]
fn commit_beyond_the_grant_uses_the_grant_only() {
    let budget = Budget::new(10);
    let grant = budget.take(8);
    grant.commit(9);
    drop(grant);
    assert_eq!(left(&budget), 2);
}

#[test]
fn take_exactly_grants_all_bytes_or_none() {
    let budget = Budget::new(10);
    assert!(budget.take_exactly(11).is_none());
    let grant = budget.take_exactly(10).unwrap();
    assert_eq!(grant.size(), 10);
    assert!(budget.take_exactly(1).is_none());
    assert_eq!(budget.take_exactly(0).unwrap().size(), 0);
    drop(grant);
    assert_eq!(left(&budget), 10);
}

#[test]
fn an_unlimited_budget_grants_any_number_of_bytes() {
    let budget = Budget::default();
    let grants = [budget.take(u64::MAX), budget.take_exactly(u64::MAX).unwrap(), budget.take(1)];
    assert_eq!(grants.each_ref().map(Grant::size), [u64::MAX, u64::MAX, 1]);
}

#[test]
fn threads_never_hold_more_than_the_budget_together() {
    const BYTES: u64 = 1000;
    let budget = Budget::new(BYTES);
    // Bytes that were committed, or that a grant holds at this moment.
    let held = AtomicU64::new(0);
    let committed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 1..=4 {
            let (budget, held, committed) = (&budget, &held, &committed);
            scope.spawn(move || {
                for round in 0..2000 {
                    let wanted = 1 + round * thread % 400;
                    let exact = if round % 2 == 0 { budget.take_exactly(wanted) } else { None };
                    let grant = exact.unwrap_or_else(|| budget.take(wanted));
                    assert!(held.fetch_add(grant.size(), SeqCst) + grant.size() <= BYTES);
                    let used = if round % 10 == 0 { grant.size().min(1) } else { 0 };
                    grant.commit(used);
                    committed.fetch_add(used, SeqCst);
                    held.fetch_sub(grant.size() - used, SeqCst);
                }
            });
        }
    });
    assert_eq!(held.load(SeqCst), committed.load(SeqCst));
    assert_eq!(left(&budget), BYTES - committed.load(SeqCst));
}
