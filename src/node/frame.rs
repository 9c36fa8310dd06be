//! Where a guest's call is handed over: a buffer that JavaScript and native code both see. To read an argument from it,
//! or to leave an errno in it, costs nothing, while each value of Node-API's costs a call. The functions that imports.rs
//! makes write to it right before they call native code, which reads it before any JavaScript can run again. Those who
//! have put other things in the place of `ArrayBuffer` and its like before this was loaded have what goes through it.

use super::context::StrongRef;
use crate::preview1::abi::{CoreArgs, CoreType, MAX_PARAMS};
use napi::{Env, Result, sys};
use std::cell::Cell;
use std::ptr;

// JavaScript sees the lower half of a word as the first of two numbers.
const _: () = assert!(cfg!(target_endian = "little"));

/// Words of the buffer: the first is the number of the sandbox, and then the errno; the others are the arguments.
const WORDS: usize = 1 + MAX_PARAMS;

/// The buffer of one environment.
#[derive(Debug)]
pub struct Frame {
    words: *const [Cell<u64>; WORDS],
    buffer: StrongRef,
}

impl Frame {
    /// Makes it.
    pub fn new(env: &Env) -> Result<Self> {
        let (mut words, mut buffer) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: places for the address and for the buffer.
        napi::check_status!(unsafe {
            sys::napi_create_arraybuffer(env.raw(), WORDS * 8, &raw mut words, &raw mut buffer)
        })?;
        Ok(Self { words: words.cast_const().cast(), buffer: StrongRef::new(env, buffer)? })
    }

    /// The buffer, for those functions and nobody else.
    pub fn buffer(&self, env: &Env) -> Result<sys::napi_value> {
        self.buffer.get(env)
    }

    /// The number of the sandbox that is called.
    #[inline(always)]
    pub fn id(&self) -> u32 {
        self.words()[0].get() as u32
    }

    /// What it is called with. JavaScript leaves the upper half of an i32 as it was.
    #[inline(always)]
    pub fn arguments(&self, params: &[CoreType]) -> CoreArgs {
        let mut core = [0; MAX_PARAMS];
        for ((core, word), param) in core.iter_mut().zip(&self.words()[1..]).zip(params) {
            *core = match param {
                CoreType::I32 => u64::from(word.get() as u32),
                CoreType::I64 => word.get(),
            };
        }
        core
    }

    /// Leaves the errno of the call, or 0.
    #[inline(always)]
    pub fn answer(&self, errno: u32) {
        self.words()[0].set(u64::from(errno));
    }

    #[inline(always)]
    fn words(&self) -> &[Cell<u64>; WORDS] {
        // SAFETY: engines align the memory of buffers to 8 bytes at least and do not move it; the reference keeps it,
        // nobody can detach what nobody else has, and only this thread touches it.
        unsafe { &*self.words }
    }
}
