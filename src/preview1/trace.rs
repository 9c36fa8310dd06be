//! Formats calls like strace: `fd_write(1, ["hello\n"]) = 6 <0.000041>`. One formatter interprets the [`Format`]s of
//! all functions. Formatting has no effect on the guest. The length of a line is bounded.

use crate::core::layout::Load;
use crate::core::memory::{Iovec, List, Memory, Ptr};
use crate::preview1::abi::CoreArgs;
use crate::preview1::describe::{CallFormat, Describe, Field, Format, Snapshot};
use crate::preview1::snapshot0;
use crate::preview1::types::{Eventtype, Subclockflags, Subscription};
use crate::sys::errno::{Errno, Result};
use crate::sys::types::Clockid;
use std::fmt::Write;
use std::time::Duration;

/// Maximum bytes of a string in a line.
const MAX_STRING: usize = 32;
/// Maximum bytes of a path in a line: those of the longest path.
const MAX_PATH: usize = 4096;
/// Maximum elements of a list in a line.
const MAX_ELEMENTS: u32 = 8;

impl CallFormat {
    /// Formats the arguments: `(1, ["hello\n"])`. `core` is `None` if an argument is not a number: `(?)`.
    #[must_use]
    pub fn call(&self, memory: Memory, core: Option<&CoreArgs>) -> String {
        let mut line = Line { text: "(".to_owned(), memory };
        match core {
            Some(core) => line.arguments(self.args, core),
            None => line.text.push('?'),
        }
        line.text.push(')');
        line.text
    }

    /// Formats the result and the elapsed time: ` = 6 <0.000041>`. If the call did not return, `errno` is `None` and
    /// the result `?`.
    #[must_use]
    pub fn result(
        &self,
        memory: Memory,
        core: Option<&CoreArgs>,
        errno: Option<u32>,
        elapsed: Duration,
    ) -> String {
        let mut line = Line { text: " = ".to_owned(), memory };
        match (errno, core) {
            (Some(0), Some(core)) => {
                let taken: usize = self.args.iter().map(Format::width).sum();
                line.result(&self.result, &core[taken..]);
            }
            (Some(errno), _) => match Errno::from_number(errno.into()) {
                Some(errno) => line.text.push_str(&errno.name()),
                None => line.number(errno.into()),
            },
            (None, _) => line.text.push('?'),
        }
        line.print(format_args!(" <{}.{:06}>", elapsed.as_secs(), elapsed.subsec_micros()));
        line.text
    }
}

/// A part of a line, with the memory that its pointers refer to.
struct Line {
    text: String,
    memory: Memory,
}

impl Line {
    fn print(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string never fails.
        let _ = self.text.write_fmt(text);
    }

    fn number(&mut self, number: u64) {
        self.print(format_args!("{number}"));
    }

    fn address(&mut self, address: u64) {
        self.print(format_args!("{address:#x}"));
    }

    fn arguments(&mut self, args: &[Format], core: &CoreArgs) {
        let (mut rest, mut separator) = (&core[..], "");
        for format in args {
            let (own, next) = rest.split_at(format.width());
            if !own.is_empty() {
                self.text.push_str(separator);
                self.argument(format, own, next);
                separator = ", ";
            }
            rest = next;
        }
    }

    /// Formats an argument. `next` are the core values after those of the argument.
    fn argument(&mut self, format: &Format, core: &[u64], next: &[u64]) {
        let ptr = core[0] as u32;
        match *format {
            Format::Path => self.string(ptr, core[1] as u32, MAX_PATH),
            Format::OutBuffer => self.print(format_args!("{ptr:#x}, {}", core[1])),
            Format::InIovecs => self.iovs(core, |line, iov| line.string(iov.buf, iov.buf_len, MAX_STRING)),
            Format::OutIovecs => self.iovs(core, |line, iov| line.number(iov.buf_len.into())),
            // The arguments are: subscriptions, events, number of subscriptions.
            Format::Subscriptions(snapshot) => {
                let load = |line: &Self, index| match snapshot {
                    Snapshot::Zero => subscription_at::<snapshot0::Subscription>(line.memory, ptr, index),
                    Snapshot::Preview1 => subscription_at::<Subscription>(line.memory, ptr, index),
                };
                self.list(ptr, next[1] as u32, load, |line, subscription| line.subscription(&subscription));
            }
            _ => self.value(format, core[0]),
        }
    }

    /// Formats the values that the pointers of a result point at.
    fn result(&mut self, format: &Format, core: &[u64]) {
        match *format {
            Format::Nothing => self.number(0),
            Format::Pair(first, second) => {
                self.text.push('(');
                self.stored(first, core[0] as u32);
                self.text.push_str(", ");
                self.stored(second, core[1] as u32);
                self.text.push(')');
            }
            _ => self.stored(format, core[0] as u32),
        }
    }

    /// Formats a value in guest memory; its address if it is out of bounds.
    fn stored(&mut self, format: &Format, ptr: u32) {
        let size = match *format {
            Format::Record(fields) => return self.record(fields, ptr),
            Format::Unsigned(size) | Format::Enumeration(size, ..) | Format::Flags(size, ..) => size,
            _ => 8,
        };
        let mut bytes = [0; 8];
        match self.memory.read(ptr, &mut bytes[..size.into()]) {
            Ok(()) => self.value(format, u64::from_le_bytes(bytes)),
            Err(_) => self.address(ptr.into()),
        }
    }

    fn record(&mut self, fields: &[Field], ptr: u32) {
        for (at, field) in fields.iter().enumerate() {
            self.print(format_args!("{}{}=", if at == 0 { "{" } else { ", " }, field.name));
            self.stored(field.format, ptr.saturating_add(field.offset));
        }
        self.text.push('}');
    }

    fn value(&mut self, format: &Format, value: u64) {
        match *format {
            Format::Signed => self.print(format_args!("{}", value.cast_signed())),
            Format::Pointer => self.address(value),
            Format::Enumeration(_, first, names) => {
                let at = value.checked_sub(first.into()).and_then(|at| usize::try_from(at).ok());
                match at.and_then(|at| names.split_whitespace().nth(at)) {
                    Some(name) => self.name(name),
                    None => self.number(value),
                }
            }
            Format::Flags(_, first, names) => self.flags(first, names, value),
            _ => self.number(value),
        }
    }

    /// Converts a name of Rust: `RegularFile` to `REGULAR_FILE`.
    fn name(&mut self, name: &str) {
        for (at, char) in name.char_indices() {
            if at > 0 && char.is_ascii_uppercase() {
                self.text.push('_');
            }
            self.text.push(char.to_ascii_uppercase());
        }
    }

    /// Formats flags: `CREAT|TRUNC`. If a large set is nearly full, lists the missing flags: `~(FD_WRITE|FD_ALLOCATE)`.
    fn flags(&mut self, first: u8, names: &str, bits: u64) {
        let count = names.split_whitespace().count() as u32;
        let known = ((1 << count) - 1) << first;
        let missing = known & !bits;
        if count > 8 && bits & !known == 0 && missing.count_ones() < count / 2 {
            self.text.push_str(if missing == 0 { "~" } else { "~(" });
            self.bits(first, names, missing);
            self.text.push_str(if missing == 0 { "" } else { ")" });
        } else {
            self.bits(first, names, bits);
        }
    }

    fn bits(&mut self, first: u8, names: &str, mut bits: u64) {
        let mut separator = "";
        for (at, name) in (first..).zip(names.split_whitespace()) {
            if bits & 1 << at != 0 {
                bits ^= 1 << at;
                self.text.push_str(separator);
                self.text.push_str(name);
                separator = "|";
            }
        }
        match bits {
            0 if separator.is_empty() => self.text.push('0'),
            0 => {}
            _ => self.print(format_args!("{separator}{bits:#x}")),
        }
    }

    /// Formats the first `max` bytes of a string in quotes; its address if it is out of bounds.
    fn string(&mut self, ptr: u32, len: u32, max: usize) {
        let mut bytes = vec![0; max.min(len as usize)];
        let readable = self.memory.check(ptr, len.into()).and_then(|()| self.memory.read(ptr, &mut bytes));
        if len > 0 && readable.is_err() {
            return self.address(ptr.into());
        }
        self.text.push('"');
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => self.text.push_str("\\n"),
                b'\t' => self.text.push_str("\\t"),
                b'\r' => self.text.push_str("\\r"),
                0x0b => self.text.push_str("\\v"),
                0x0c => self.text.push_str("\\f"),
                b'"' | b'\\' => self.text.extend(['\\', byte.into()]),
                b' '..=b'~' => self.text.push(byte.into()),
                // Before a digit, an octal escape needs three digits.
                _ if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                    self.print(format_args!("\\{byte:03o}"));
                }
                _ => self.print(format_args!("\\{byte:o}")),
            }
        }
        self.text.push_str(if len as usize > max { "\"..." } else { "\"" });
    }

    fn iovs(&mut self, core: &[u64], format: fn(&mut Self, Iovec)) {
        let iovs = List { ptr: Ptr::new(core[0] as u32), len: core[1] as u32 };
        self.list(iovs.ptr.0, iovs.len, |line, index| line.memory.load_at(iovs, index), format);
    }

    /// Formats the first elements of a list; its address if it is out of bounds.
    fn list<T>(
        &mut self,
        ptr: u32,
        len: u32,
        load: impl Fn(&Self, u32) -> Result<T>,
        format: fn(&mut Self, T),
    ) {
        let start = self.text.len();
        self.text.push('[');
        for index in 0..len.min(MAX_ELEMENTS) {
            self.text.push_str(if index == 0 { "" } else { ", " });
            let Ok(element) = load(self, index) else {
                self.text.truncate(start);
                return self.address(ptr.into());
            };
            format(self, element);
        }
        self.text.push_str(if len > MAX_ELEMENTS { ", ...]" } else { "]" });
    }

    /// Formats a subscription: `{userdata=7, CLOCK, MONOTONIC, 1000000, ABSTIME}` or `{userdata=8, FD_READ, 0}`.
    fn subscription(&mut self, subscription: &Subscription) {
        self.print(format_args!("{{userdata={}, ", subscription.userdata));
        self.value(&Eventtype::FORMAT, subscription.tag.into());
        self.text.push_str(", ");
        if subscription.tag == Eventtype::Clock as u8 {
            self.value(&Clockid::FORMAT, subscription.clock_id.into());
            self.print(format_args!(", {}, ", subscription.timeout));
            self.value(&Subclockflags::FORMAT, subscription.flags.into());
        } else {
            self.number(subscription.fd.into());
        }
        self.text.push('}');
    }
}

/// Reads the subscription at `index`.
fn subscription_at<T: Load + Into<Subscription>>(
    memory: Memory,
    ptr: u32,
    index: u32,
) -> Result<Subscription> {
    let len = index.saturating_add(1);
    memory.load_at(List { ptr: Ptr::<T>::new(ptr), len }, index).map(Into::into)
}
