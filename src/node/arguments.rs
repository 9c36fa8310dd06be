//! The buffer through which JavaScript passes the arguments of a guest's call, and gets the errno back. Access costs
//! nothing, while each value of Node-API costs a call. lib/imports.js writes to the buffer right before it calls native
//! code, which reads the arguments before any JavaScript can run again. If a program replaced `ArrayBuffer` before
//! loading capwasi, arguments pass through its replacement.

use super::reference::StrongRef;
use super::value::Value;
use crate::preview1::abi::{CoreArgs, CoreType, MAX_PARAMS};
use napi::{Env, Result, sys};
use std::cell::Cell;
use std::ptr;

// JavaScript sees the lower half of a word as the first of two numbers.
const _: () = assert!(cfg!(target_endian = "little"));

/// The first word is the number of the sandbox, and then the errno; the others are the arguments.
const WORDS: usize = 1 + MAX_PARAMS;

/// The buffer of one environment.
#[derive(Debug)]
pub(crate) struct ArgumentBuffer {
    words: *const [Cell<u64>; WORDS],
    buffer: StrongRef,
}

impl ArgumentBuffer {
    pub(crate) fn new(env: &Env) -> Result<Self> {
        let (mut words, mut buffer) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: places for the address and for the buffer.
        napi::check_status!(unsafe {
            sys::napi_create_arraybuffer(env.raw(), WORDS * 8, &raw mut words, &raw mut buffer)
        })?;
        let buffer = StrongRef::new(env, Value::from_raw(env, buffer))?;
        Ok(Self { words: words.cast_const().cast(), buffer })
    }

    /// Returns the `ArrayBuffer`, for lib/imports.js only.
    pub(crate) fn buffer<'env>(&self, env: &'env Env) -> Result<Value<'env>> {
        self.buffer.get(env)
    }

    /// Returns the number of the sandbox that is called.
    #[inline(always)]
    pub(crate) fn id(&self) -> u32 {
        self.words()[0].get() as u32
    }

    /// Returns the arguments. JavaScript does not change the upper half of an i32.
    #[inline(always)]
    pub(crate) fn arguments(&self, params: &[CoreType]) -> CoreArgs {
        let mut core = [0; MAX_PARAMS];
        for ((core, word), param) in core.iter_mut().zip(&self.words()[1..]).zip(params) {
            *core = match param {
                CoreType::I32 => u64::from(word.get() as u32),
                CoreType::I64 => word.get(),
            };
        }
        core
    }

    /// Sets the errno of the call, or 0.
    #[inline(always)]
    pub(crate) fn set_errno(&self, errno: u32) {
        self.words()[0].set(u64::from(errno));
    }

    #[inline(always)]
    fn words(&self) -> &[Cell<u64>; WORDS] {
        // SAFETY: engines align the memory of buffers to at least 8 bytes and do not move it. The reference keeps the
        // buffer alive, only lib/imports.js could detach it, and only this thread accesses it.
        unsafe { &*self.words }
    }
}
