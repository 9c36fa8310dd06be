//! The buffer for the arguments of a guest's call and for its errno. JavaScript writes the arguments and calls native
//! code, which reads them before any other JavaScript can run. Reading a value from the buffer is a memory access;
//! reading it with Node-API is a call.

use super::reference::StrongRef;
use super::value::Value;
use crate::preview1::abi::{CoreArgs, CoreType, MAX_PARAMS};
use napi::{Env, Result, sys};
use std::cell::Cell;
use std::ptr;

// JavaScript accesses the lower half of a word as the first of two 32-bit numbers.
const _: () = assert!(cfg!(target_endian = "little"));

/// The bit of a sandbox's number in the functions of an import object with `suspending`.
pub(crate) const SUSPENDING: u32 = 1 << 31;

/// In place of an errno: the guest has to be suspended.
const SUSPENDED: u32 = u32::MAX;

/// Word 0: the number of the sandbox before the call, and the errno after it. The other words: the arguments.
const WORDS: usize = 1 + MAX_PARAMS;

/// The buffer of one environment.
pub(crate) struct ArgumentBuffer {
    words: *const [Cell<u64>; WORDS],
    buffer: StrongRef,
}

impl ArgumentBuffer {
    pub(crate) fn new(env: &Env) -> Result<Self> {
        let (mut words, mut buffer) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: out pointers for the address and for the buffer.
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

    /// Returns the number of the sandbox that is called, and whether the guest can be suspended.
    #[inline(always)]
    pub(crate) fn callee(&self) -> (u32, bool) {
        let word = self.words()[0].get() as u32;
        (word & !SUSPENDING, word & SUSPENDING != 0)
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

    /// Reports that the guest has to be suspended.
    pub(crate) fn set_suspended(&self) {
        self.set_errno(SUSPENDED);
    }

    #[inline(always)]
    fn words(&self) -> &[Cell<u64>; WORDS] {
        // SAFETY: engines align the memory of buffers to at least 8 bytes and do not move it. The reference keeps the
        // buffer alive, only lib/imports.js could detach it, and only this thread accesses it.
        unsafe { &*self.words }
    }
}
