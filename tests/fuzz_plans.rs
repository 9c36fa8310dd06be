//! The plans of the fuzz targets: a thousand of each, the same in each run. `fuzz/` runs new plans without an end.
#![cfg(unix)]

#[path = "../fuzz/plan/calls.rs"]
mod calls;
mod common;
#[path = "../fuzz/plan/sandbox.rs"]
mod sandbox;

use arbtest::arbitrary::{self, Unstructured};
use arbtest::arbtest;
use capwasi::core::guest::Guest;
use common::{DIRECTORY, OUT, TestGuest, Tree};

/// Runs `count` plans of growing size. arbtest prints the seed of a plan that fails.
fn run_plans(plan: impl Fn(&mut Unstructured<'_>) -> arbitrary::Result<()>, count: u64, largest: u64) {
    for seed in 1..=count {
        let size = 16 + largest * seed / count;
        let property = |u: &mut Unstructured<'_>| plan(u);
        arbtest(property).seed(seed.wrapping_mul(0x9e37_79b9) << 32 | size).run();
    }
}

#[test]
fn random_calls_neither_panic_nor_write_outside_memory() {
    run_plans(calls::run, 1000, 1024);
}

#[test]
fn random_file_operations_stay_inside_the_preopens() {
    run_plans(sandbox::run, 1000, 768);
}

#[test]
fn fd_readdir_of_a_directory_moved_out_hides_its_parent() {
    use std::os::unix::fs::MetadataExt;
    let tree = Tree::new(&[("box/a/", ""), ("limbo/", "")]);
    let mut guest = Guest::default();
    guest.add_preopen(b"/", &tree.path().join("box")).unwrap();
    let mut guest = TestGuest::new(guest);
    let dir = guest.open("a", DIRECTORY, 0);
    std::fs::rename(tree.path().join("box/a"), tree.path().join("limbo/a")).unwrap();
    let buf = guest.alloc(256);
    guest.must("fd_readdir", &[dir, buf, 256, 1, OUT]);
    assert_ne!(guest.u64(buf + 8), tree.path().join("limbo").metadata().unwrap().ino());
}
