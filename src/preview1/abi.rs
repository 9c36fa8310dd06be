//! From core WebAssembly values to a host function's own arguments and back. A host function is a method of
//! [`Wasi`]; its signature is read off its type, so it is written nowhere else.

use crate::core::clock::Told;
use crate::core::guest::Wasi;
use crate::core::memory::{List, Memory, Out, Ptr};
use crate::core::table::Entry;
use crate::preview1::trace::{Show, Shown};
use crate::preview1::types::{
    Advice, Clockid, Dircookie, Fd, Fdflags, Fdstat, Filesize, Filestat, Fstflags, Iovec, Load, Lookupflags,
    Oflags, Prestat, Riflags, Rights, Roflags, Sdflags, Size, Store, Timestamp, Whence,
};
use crate::sys::errno::{Errno, Result};
use std::sync::Arc;

/// Type of a core value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

/// Parameters of the widest function, `path_open`.
pub const MAX_PARAMS: usize = 9;

/// Core arguments of a call; an `i32` is zero-extended.
pub type CoreArgs = [u64; MAX_PARAMS];

/// Core parameters of a function.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    types: [CoreType; MAX_PARAMS],
    len: usize,
    /// Whether it returns an errno; `proc_exit` alone does not return.
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

    /// The types of the parameters.
    #[must_use]
    pub const fn params(&self) -> &[CoreType] {
        self.types.split_at(self.len).0
    }
}

/// Everything a host function may ask for besides its core arguments.
pub struct Call<'a> {
    /// The guest's world.
    pub wasi: &'a Wasi,
    /// Its memory, for the time of the call.
    pub memory: Memory,
    /// What earlier attempts at this same call left.
    pub attempt: Attempt,
}

/// What a call that had to wait must remember when it is tried again.
#[derive(Clone, Debug, Default)]
pub struct Attempt {
    /// The descriptor it is about, whatever has become of its number.
    pub fd: Option<Arc<Entry>>,
    /// When the call was made, on the monotonic clock.
    pub started: Option<Timestamp>,
    /// Bytes already moved, or the number of restarts.
    pub transferred: u64,
    /// The directory entry that is next.
    pub cookie: Option<Dircookie>,
    /// Whether it is to open a FIFO for writing, and waits for its reader.
    pub awaits_reader: bool,
    /// What it was told of clocks.
    pub told: Told,
    /// How long it has slept against clocks that are fixed.
    pub slept: Timestamp,
}

impl Attempt {
    /// That of a call that has not been tried yet. A constant is stored where it is to be, and not copied there.
    pub const FIRST: Self = Self {
        fd: None,
        started: None,
        transferred: 0,
        cookie: None,
        awaits_reader: false,
        told: Told::NOTHING,
        slept: 0,
    };
}

/// An argument of a host function, made of some core values, or of none.
pub trait Arg: Show + Sized {
    /// The core values it is made of.
    const CORE: &'static [CoreType];

    /// Checks what it points at, before any other argument is looked at more closely: as in node:wasi a bad
    /// pointer comes before a bad descriptor.
    fn check(_memory: Memory, _core: &[u64]) -> Result {
        Ok(())
    }

    /// Makes it.
    fn lift(call: &Call<'_>, core: &[u64]) -> Result<Self>;
}

/// What a host function returns besides its errno: written where the last core arguments point.
pub trait Ret: Show {
    /// The pointers.
    const CORE: &'static [CoreType];
    /// Whether the function returns at all.
    const RETURNS: bool = true;

    /// Checks the pointers, before the function does anything.
    fn check(memory: Memory, core: &[u64]) -> Result;

    /// Writes the result.
    fn lower(&self, memory: Memory, core: &[u64]) -> Result;
}

/// A host function: a method of [`Wasi`] whose arguments are [`Arg`]s and whose result is a [`Ret`].
pub trait HostFn<Args> {
    /// Its core parameters.
    const SIGNATURE: Signature;
    /// How its calls are shown.
    const SHOWN: Shown;

    /// Calls it.
    fn call(self, call: &Call<'_>, core: &CoreArgs) -> Result;
}

macro_rules! host_fn {
    ($($arg:ident)*) => {
        impl<Function, Returned: Ret, $($arg: Arg,)*> HostFn<($($arg,)*)> for Function
        where
            Function: Fn(&Wasi, $($arg,)*) -> Result<Returned>,
        {
            const SIGNATURE: Signature = Signature {
                returns: Returned::RETURNS,
                ..Signature::EMPTY$(.with($arg::CORE))*.with(Returned::CORE)
            };
            const SHOWN: Shown = Shown { args: &[$($arg::SHAPE,)*], result: Returned::SHAPE };

            #[inline(always)]
            #[allow(non_snake_case, unused_mut, unused_variables, reason = "the same for any number of arguments")]
            fn call(self, call: &Call<'_>, core: &CoreArgs) -> Result {
                let mut rest = &core[..];
                $(
                    let $arg = rest;
                    $arg::check(call.memory, $arg)?;
                    rest = &rest[$arg::CORE.len()..];
                )*
                Returned::check(call.memory, rest)?;
                $(let $arg = $arg::lift(call, $arg)?;)*
                self(call.wasi, $($arg,)*)?.lower(call.memory, rest)
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

/// Signature of a host function that is at hand as a value, whose type has no name.
pub(crate) const fn signature<Args, F: HostFn<Args>>(_: &F) -> Signature {
    F::SIGNATURE
}

/// How the calls of such a function are shown.
pub(crate) const fn shown<Args, F: HostFn<Args>>(_: &F) -> Shown {
    F::SHOWN
}

impl Arg for Memory {
    const CORE: &'static [CoreType] = &[];
    fn lift(call: &Call<'_>, _: &[u64]) -> Result<Self> {
        Ok(call.memory)
    }
}

impl Arg for Attempt {
    const CORE: &'static [CoreType] = &[];
    fn lift(call: &Call<'_>, _: &[u64]) -> Result<Self> {
        Ok(call.attempt.clone())
    }
}

/// Bytes that earlier attempts at the same call have moved.
#[derive(Clone, Copy, Debug)]
pub struct Transferred(pub Size);

impl Transferred {
    /// Returns the offset behind these bytes, for a call that started at `offset`.
    pub(crate) fn behind(self, offset: Filesize) -> Filesize {
        offset.saturating_add(self.0.into())
    }

    /// What an attempt leaves that has moved so many bytes.
    pub(crate) fn attempt(bytes: Size) -> Attempt {
        Attempt { transferred: bytes.into(), ..Attempt::default() }
    }
}

impl Arg for Transferred {
    const CORE: &'static [CoreType] = &[];
    fn lift(call: &Call<'_>, _: &[u64]) -> Result<Self> {
        Ok(Transferred(call.attempt.transferred as Size))
    }
}

impl Arg for Told {
    const CORE: &'static [CoreType] = &[];
    fn lift(call: &Call<'_>, _: &[u64]) -> Result<Self> {
        Ok(call.attempt.told)
    }
}

impl Arg for u32 {
    const CORE: &'static [CoreType] = &[CoreType::I32];
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        Ok(core[0] as u32)
    }
}

impl Arg for u64 {
    const CORE: &'static [CoreType] = &[CoreType::I64];
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        Ok(core[0])
    }
}

impl Arg for i64 {
    const CORE: &'static [CoreType] = &[CoreType::I64];
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        Ok(core[0].cast_signed())
    }
}

impl Arg for Fd {
    const CORE: &'static [CoreType] = &[CoreType::I32];
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        Ok(Fd(core[0] as u32))
    }
}

/// A descriptor that must be open.
impl Arg for Arc<Entry> {
    const CORE: &'static [CoreType] = &[CoreType::I32];
    fn lift(call: &Call<'_>, core: &[u64]) -> Result<Self> {
        match &call.attempt.fd {
            Some(fd) => Ok(Arc::clone(fd)),
            None => call.wasi.table.get(Fd(core[0] as u32)),
        }
    }
}

macro_rules! enumeration_args {
    ($($name:ident)*) => {$(
        impl Arg for $name {
            const CORE: &'static [CoreType] = &[CoreType::I32];
            fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
                Ok($name::from_number(core[0]).ok_or(Errno::Inval)?)
            }
        }
    )*};
}
enumeration_args!(Advice Clockid Whence);

/// A bit that the witx does not define is `EINVAL`, in the flags of every call.
macro_rules! flags_args {
    ($($name:ident: $repr:ty)*) => {$(
        impl Arg for $name {
            const CORE: &'static [CoreType] = &[CoreType::I32];
            fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
                Ok(<$repr>::try_from(core[0]).ok().and_then($name::from_bits).ok_or(Errno::Inval)?)
            }
        }
    )*};
}
flags_args!(Fdflags: u16 Fstflags: u16 Lookupflags: u32 Oflags: u16 Riflags: u16 Sdflags: u8);

/// Rights are no flags: an undefined bit is kept, and requesting it is `ENOTCAPABLE`, since no descriptor has it.
impl Arg for Rights {
    const CORE: &'static [CoreType] = &[CoreType::I64];
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        Ok(Rights::from_bits_retain(core[0]))
    }
}

fn list<T>(core: &[u64]) -> List<T> {
    List { ptr: Ptr::new(core[0] as u32), len: core[1] as u32 }
}

/// Bytes: a path, or, as [`Out`], a buffer that the host fills.
impl Arg for List<u8> {
    const CORE: &'static [CoreType] = &[CoreType::I32, CoreType::I32];
    fn check(memory: Memory, core: &[u64]) -> Result {
        memory.check_list(list::<u8>(core), 1)
    }
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        Ok(list(core))
    }
}

/// Buffers of a vectored transfer at most: a call with more would take long, and its caller cannot end it meanwhile.
pub const MAX_IOVECS: Size = 1 << 20;

/// Buffers of a vectored transfer, each checked; more than [`MAX_IOVECS`] are `INVAL`.
impl Arg for List<Iovec> {
    const CORE: &'static [CoreType] = &[CoreType::I32, CoreType::I32];
    fn check(memory: Memory, core: &[u64]) -> Result {
        let iovs = list::<Iovec>(core);
        memory.check_list(iovs, <Iovec as Load>::SIZE)?;
        let mut checked = 0..iovs.len.min(MAX_IOVECS);
        checked.try_for_each(|index| memory.address(memory.load_at(iovs, index)?).map(drop))
    }
    fn lift(_: &Call<'_>, core: &[u64]) -> Result<Self> {
        let iovs = list::<Iovec>(core);
        if iovs.len > MAX_IOVECS { Err(Errno::Inval.into()) } else { Ok(iovs) }
    }
}

impl<T: Arg> Arg for Out<T>
where
    Self: Show,
{
    const CORE: &'static [CoreType] = T::CORE;
    fn check(memory: Memory, core: &[u64]) -> Result {
        T::check(memory, core)
    }
    fn lift(call: &Call<'_>, core: &[u64]) -> Result<Self> {
        T::lift(call, core).map(Out)
    }
}

/// A pointer that the function itself checks, since how much it points at is another argument.
impl<T> Arg for Ptr<T>
where
    Self: Show,
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

/// What `proc_exit` returns: nothing ever.
pub enum Never {}

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

macro_rules! stored_rets {
    ($($name:ty)*) => {$(
        impl Ret for $name {
            const CORE: &'static [CoreType] = &[CoreType::I32];
            fn check(memory: Memory, core: &[u64]) -> Result {
                memory.check(core[0] as u32, <$name as Store>::SIZE as u64)
            }
            fn lower(&self, memory: Memory, core: &[u64]) -> Result {
                memory.store(Ptr::new(core[0] as u32), self)
            }
        }
    )*};
}
stored_rets!(u32 u64 Fd Fdstat Filestat Prestat Roflags crate::preview1::snapshot0::Filestat);

/// Two results, through two pointers.
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
