//! Raw calls with a memory of random contents.
#![no_main]

#[path = "../plan/calls.rs"]
mod calls;
#[path = "../../tests/common/mod.rs"]
mod common;

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::{arbitrary, fuzz_target};

fuzz_target!(|data: &[u8]| {
    let _ = calls::run(&mut Unstructured::new(data));
});
