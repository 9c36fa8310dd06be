//! Formats of the arguments and results of calls in traces, by type.

use crate::core::memory::{Iovec, List, Memory, Ptr};
use crate::core::restart::RestartState;
use crate::core::table::{Fd, OpenEntry};

/// Format of a value. Sizes are bytes in guest memory. Names are separated by spaces, and belong to consecutive numbers
/// or bits from the given first number or bit.
#[derive(Clone, Copy, Debug)]
pub enum Format {
    /// Not shown: the guest does not pass the argument.
    Nothing,
    /// An unsigned number of this size.
    Unsigned(u8),
    /// A signed number of 8 bytes.
    Signed,
    /// An address.
    Pointer,
    /// The name of a number: size, first number, names.
    Enumeration(u8, u8, &'static str),
    /// The names of the bits that are set: size, first bit, names.
    Flags(u8, u8, &'static str),
    /// A record.
    Record(&'static [Field]),
    /// Two results, through two pointers.
    Pair(&'static Format, &'static Format),
    /// A string.
    Path,
    /// The address and size of a buffer that the host fills.
    OutBuffer,
    /// The contents of buffers that the host reads.
    InIovecs,
    /// The sizes of buffers that the host fills.
    OutIovecs,
    /// Subscriptions of `poll_oneoff`.
    Subscriptions(Snapshot),
}

/// A version of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// `wasi_unstable`.
    Zero,
    /// `wasi_snapshot_preview1`.
    Preview1,
}

/// A field of a record.
#[derive(Debug)]
pub struct Field {
    /// Name.
    pub(crate) name: &'static str,
    /// Offset in the record, in bytes.
    pub(crate) offset: u32,
    /// Format of the value.
    pub(crate) format: &'static Format,
}

/// A type that traces can show.
pub(crate) trait Describe {
    /// The format of its values.
    const FORMAT: Format;
}

/// The formats of the calls of one function.
#[derive(Debug)]
pub struct CallFormat {
    /// Arguments.
    pub args: &'static [Format],
    /// Result besides the errno.
    pub result: Format,
}

impl Format {
    /// Returns how many core values an argument has.
    #[must_use]
    pub const fn width(&self) -> usize {
        match self {
            Format::Nothing => 0,
            Format::Path | Format::OutBuffer | Format::InIovecs | Format::OutIovecs => 2,
            _ => 1,
        }
    }

    /// Returns how many pointers a result has.
    #[must_use]
    pub const fn pointers(&self) -> usize {
        match self {
            Format::Nothing => 0,
            Format::Pair(..) => 2,
            _ => 1,
        }
    }
}

macro_rules! formats {
    ($($type:ty: $format:expr;)*) => {$(
        impl Describe for $type {
            const FORMAT: Format = $format;
        }
    )*};
}
formats! {
    (): Format::Nothing;
    Memory: Format::Nothing;
    &RestartState: Format::Nothing;
    u8: Format::Unsigned(1);
    u16: Format::Unsigned(2);
    u32: Format::Unsigned(4);
    u64: Format::Unsigned(8);
    i64: Format::Signed;
    Fd: Format::Unsigned(4);
    OpenEntry<'_>: Format::Unsigned(4);
    Ptr<u8>: Format::Pointer;
    Ptr<u32>: Format::Pointer;
    List<u8>: Format::Path;
    List<Iovec>: Format::InIovecs;
}

impl<A: Describe, B: Describe> Describe for (A, B) {
    const FORMAT: Format = Format::Pair(&A::FORMAT, &B::FORMAT);
}
