//! Conversion between core WebAssembly values and the arguments and results of host functions. A host function is a
//! method of [`Guest`] or [`Strings`]. Its signature is derived from its type.

use crate::core::guest::Guest;
use crate::core::layout::{Load, Store};
use crate::core::memory::{Iovec, List, Memory, Ptr, Size};
use crate::core::outcome::HostResult;
use crate::core::restart::RestartState;
use crate::core::rights::Rights;
use crate::core::strings::Strings;
use crate::core::table::{Fd, OpenEntry};
use crate::preview1::describe::{CallFormat, Describe, Format};
use crate::preview1::types::{Fdstat, Fstflags, Lookupflags, Prestat, Roflags};
use crate::sys::errno::{Errno, Result};
use crate::sys::types::{Advice, Clockid, Fdflags, Filestat, Oflags, Riflags, Sdflags, Whence};
use std::sync::Arc;

/// Type of a core value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

/// Number of parameters of the widest function, `path_open`.
pub const MAX_PARAMS: usize = 9;

/// Core arguments of a call. An `i32` is zero-extended.
pub type CoreArgs = [u64; MAX_PARAMS];

/// Core signature of a function.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    types: [CoreType; MAX_PARAMS],
    len: usize,
    /// Whether the function returns an errno. Only `proc_exit` does not return.
    pub returns: bool,
}

impl Signature {
    const EMPTY: Self = Self { types: [CoreType::I32; MAX_PARAMS], len: 0, returns: true };

    const fn with(mut self, more: &[CoreType]) -> Self {
        let mut at = 0;
        while at < more.len() {
            self.types[self.len] = more[at];
            self.len += 1;
            at += 1;
        }
        self
    }

    /// Returns the types of the parameters.
    #[must_use]
    pub const fn params(&self) -> &[CoreType] {
        self.types.split_at(self.len).0
    }
}

/// A call of a host function, besides its core arguments.
pub struct Call<'a> {
    /// The guest.
    pub guest: &'a Guest,
    /// Arguments and environment of the calling thread.
    pub strings: &'a Strings,
    /// The memory of the guest, during the call.
    pub memory: Memory,
    /// State of earlier calls that would have blocked.
    pub restart: RestartState,
}

/// An argument of a host function, converted from any number of core values.
pub(crate) trait Arg<'a>: Describe + Sized {
    /// Types of the core values.
    const CORE: &'static [CoreType];

    /// Checks the memory that the argument points at: `EOVERFLOW` if it is out of bounds. As in node:wasi, a bad
    /// pointer is reported before a bad descriptor.
    fn check(_memory: Memory, _core: &[u64]) -> Result {
        Ok(())
    }

    /// Converts the core values.
    fn lift(call: &'a Call<'a>, core: &[u64]) -> Result<Self>;
}

/// The result of a host function besides its errno. The last core arguments are the addresses for the result.
pub(crate) trait Ret: Describe {
    /// Types of the pointers.
    const CORE: &'static [CoreType];
    /// Whether the function returns.
    const RETURNS: bool = true;

    /// Checks the pointers, before the function has any effect: `EOVERFLOW` if one is out of bounds.
    fn check(memory: Memory, core: &[u64]) -> Result;

    /// Writes the result.
    fn lower(&self, memory: Memory, core: &[u64]) -> Result;
}

/// A host function: a method of a [`Receiver`] whose arguments are [`Arg`]s and whose result is a [`Ret`].
pub(crate) trait HostFn<'a, Args> {
    /// Core signature.
    const SIGNATURE: Signature;
    /// Format of its calls in traces.
    const FORMAT: CallFormat;

    /// Calls the function.
    fn call(self, call: &'a Call<'a>, core: &CoreArgs) -> HostResult;
}

/// A part of a guest that has host functions.
pub(crate) trait Receiver {
    /// Returns the part that belongs to a call.
    fn of<'a>(call: &Call<'a>) -> &'a Self;
}

impl Receiver for Guest {
    #[inline(always)]
    fn of<'a>(call: &Call<'a>) -> &'a Self {
        call.guest
    }
}

impl Receiver for Strings {
    #[inline(always)]
    fn of<'a>(call: &Call<'a>) -> &'a Self {
        call.strings
    }
}

macro_rules! host_fn {
    ($($arg:ident)*) => {
        impl<'a, Function, Object: Receiver + 'a, Returned: Ret, $($arg: Arg<'a>,)*> HostFn<'a, (Object, $($arg,)*)>
            for Function
        where
            Function: Fn(&'a Object, $($arg,)*) -> HostResult<Returned>,
        {
            const SIGNATURE: Signature = Signature {
                returns: Returned::RETURNS,
                ..Signature::EMPTY$(.with($arg::CORE))*.with(Returned::CORE)
            };
            const FORMAT: CallFormat = CallFormat { args: &[$($arg::FORMAT,)*], result: Returned::FORMAT };

            #[inline(always)]
            #[allow(non_snake_case, unused_mut, unused_variables, reason = "the same for any number of arguments")]
            fn call(self, call: &'a Call<'a>, core: &CoreArgs) -> HostResult {
                let mut rest = &core[..];
                $(
                    let $arg = rest;
                    $arg::check(call.memory, $arg)?;
                    rest = &rest[$arg::CORE.len()..];
                )*
                Returned::check(call.memory, rest)?;
                $(let $arg = $arg::lift(call, $arg)?;)*
                Ok(self(Object::of(call), $($arg,)*)?.lower(call.memory, rest)?)
            }
        }
    };
}
host_fn!();
host_fn!(A);
host_fn!(A B);
host_fn!(A B C);
host_fn!(A B C D);
host_fn!(A B C D E);
host_fn!(A B C D E F);
host_fn!(A B C D E F G);
host_fn!(A B C D E F G H);
host_fn!(A B C D E F G H I);

/// Returns the signature of a host function. The compiler infers the type of the function, which has no name.
pub(crate) const fn signature<'a, Args, F: HostFn<'a, Args>>(_: &F) -> Signature {
    F::SIGNATURE
}

/// Returns the format of the calls of a host function. The compiler infers the type of the function, which has no name.
pub(crate) const fn call_format<'a, Args, F: HostFn<'a, Args>>(_: &F) -> CallFormat {
    F::FORMAT
}

impl Arg<'_> for Memory {
    const CORE: &'static [CoreType] = &[];
    fn lift(call: &Call<'_>, _: &[u64]) -> Result<Self> {
        Ok(call.memory)
    }
}

impl<'a> Arg<'a> for &'a RestartState {
    const CORE: &'static [CoreType] = &[];
    fn lift(call: &'a Call<'a>, _: &[u64]) -> Result<Self> {
        Ok(&call.restart)
    }
}

impl Arg<'_> for u32 {
    const CORE: &'static [CoreType] = &[CoreType::I32];
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        Ok(core[0] as u32)
    }
}

impl Arg<'_> for u64 {
    const CORE: &'static [CoreType] = &[CoreType::I64];
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        Ok(core[0])
    }
}

impl Arg<'_> for i64 {
    const CORE: &'static [CoreType] = &[CoreType::I64];
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        Ok(core[0].cast_signed())
    }
}

impl Arg<'_> for Fd {
    const CORE: &'static [CoreType] = &[CoreType::I32];
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        Ok(Fd(core[0] as u32))
    }
}

/// Converts a number to the open descriptor. A restarted call uses the descriptor that it started with. `EBADF` if
/// the number is not open.
impl<'a> Arg<'a> for OpenEntry<'a> {
    const CORE: &'static [CoreType] = &[CoreType::I32];
    #[inline(always)]
    fn lift(call: &'a Call<'a>, core: &[u64]) -> Result<Self> {
        match &call.restart.fd {
            Some(fd) => Ok(OpenEntry::Owned(Arc::clone(fd))),
            None => call.guest.table.get(Fd(core[0] as u32)),
        }
    }
}

/// Converts enumerations. Numbers that the witx does not define are `EINVAL`.
macro_rules! enumeration_args {
    ($($name:ident)*) => {$(
        impl Arg<'_> for $name {
            const CORE: &'static [CoreType] = &[CoreType::I32];
            fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
                $name::from_number(core[0]).ok_or(Errno::Inval)
            }
        }
    )*};
}
enumeration_args!(Advice Clockid Whence);

/// Converts flags. Bits that the witx does not define are `EINVAL`.
macro_rules! flags_args {
    ($($name:ident: $repr:ty)*) => {$(
        impl Arg<'_> for $name {
            const CORE: &'static [CoreType] = &[CoreType::I32];
            fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
                <$repr>::try_from(core[0]).ok().and_then($name::from_bits).ok_or(Errno::Inval)
            }
        }
    )*};
}
flags_args!(Fdflags: u16 Fstflags: u16 Lookupflags: u32 Oflags: u16 Riflags: u16 Sdflags: u8);

/// Converts rights. Unknown bits are retained, so that requesting one is `ENOTCAPABLE`.
impl Arg<'_> for Rights {
    const CORE: &'static [CoreType] = &[CoreType::I64];
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        Ok(Rights::from_bits_retain(core[0]))
    }
}

fn list<T>(core: &[u64]) -> List<T> {
    List { ptr: Ptr::new(core[0] as u32), len: core[1] as u32 }
}

/// Converts a range of bytes: a path, or the buffer of an [`Out`].
impl Arg<'_> for List<u8> {
    const CORE: &'static [CoreType] = &[CoreType::I32, CoreType::I32];
    fn check(memory: Memory, core: &[u64]) -> Result {
        memory.check_list(list::<u8>(core), 1)
    }
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        Ok(list(core))
    }
}

/// Maximum number of buffers of a vectored call. The call cannot be terminated while it checks them.
pub(crate) const MAX_IOVECS: Size = 1 << 20;

/// Converts the buffers of a vectored call and checks the bounds of each. More than [`MAX_IOVECS`] are `EINVAL`.
impl Arg<'_> for List<Iovec> {
    const CORE: &'static [CoreType] = &[CoreType::I32, CoreType::I32];
    fn check(memory: Memory, core: &[u64]) -> Result {
        let iovs = list::<Iovec>(core);
        memory.check_list(iovs, <Iovec as Load>::SIZE)?;
        let mut checked = 0..iovs.len.min(MAX_IOVECS);
        checked.try_for_each(|index| memory.address(memory.load_at(iovs, index)?).map(drop))
    }
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        let iovs = list::<Iovec>(core);
        if iovs.len > MAX_IOVECS { Err(Errno::Inval) } else { Ok(iovs) }
    }
}

/// A buffer that the host fills, and never reads.
#[derive(Debug)]
pub(crate) struct Out<T>(pub T);

impl Describe for Out<List<u8>> {
    const FORMAT: Format = Format::OutBuffer;
}

impl Describe for Out<List<Iovec>> {
    const FORMAT: Format = Format::OutIovecs;
}

impl<'a, T: Arg<'a>> Arg<'a> for Out<T>
where
    Self: Describe,
{
    const CORE: &'static [CoreType] = T::CORE;
    fn check(memory: Memory, core: &[u64]) -> Result {
        T::check(memory, core)
    }
    fn lift(call: &'a Call<'a>, core: &[u64]) -> Result<Self> {
        T::lift(call, core).map(Out)
    }
}

/// Converts a pointer. The host function checks the bounds, because another argument is the length.
impl<T> Arg<'_> for Ptr<T>
where
    Self: Describe,
{
    const CORE: &'static [CoreType] = &[CoreType::I32];
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        Ok(Ptr::new(core[0] as u32))
    }
}

impl Ret for () {
    const CORE: &'static [CoreType] = &[];
    fn check(_: Memory, _: &[u64]) -> Result {
        Ok(())
    }
    fn lower(&self, _: Memory, _: &[u64]) -> Result {
        Ok(())
    }
}

/// The result of a function that does not return.
pub(crate) enum Never {}

impl Describe for Never {
    const FORMAT: Format = Format::Nothing;
}

impl Ret for Never {
    const CORE: &'static [CoreType] = &[];
    const RETURNS: bool = false;
    fn check(_: Memory, _: &[u64]) -> Result {
        Ok(())
    }
    fn lower(&self, _: Memory, _: &[u64]) -> Result {
        match *self {}
    }
}

/// Lets host functions return a type, written through one pointer.
macro_rules! stored_results {
    ($($name:ty)*) => {$(
        impl $crate::preview1::abi::Ret for $name {
            const CORE: &'static [$crate::preview1::abi::CoreType] = &[$crate::preview1::abi::CoreType::I32];
            fn check(memory: Memory, core: &[u64]) -> Result {
                memory.check(core[0] as u32, <$name as Store>::SIZE as u64)
            }
            fn lower(&self, memory: Memory, core: &[u64]) -> Result {
                memory.store(Ptr::new(core[0] as u32), self)
            }
        }
    )*};
}
pub(crate) use stored_results;
stored_results!(u32 u64 Fd Fdstat Filestat Prestat Roflags);

/// Writes two results through two pointers.
impl<A: Ret, B: Ret> Ret for (A, B) {
    const CORE: &'static [CoreType] = &[CoreType::I32, CoreType::I32];
    fn check(memory: Memory, core: &[u64]) -> Result {
        A::check(memory, core)?;
        B::check(memory, &core[1..])
    }
    fn lower(&self, memory: Memory, core: &[u64]) -> Result {
        self.0.lower(memory, core)?;
        self.1.lower(memory, &core[1..])
    }
}
