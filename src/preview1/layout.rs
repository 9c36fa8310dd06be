//! How values lie in guest memory: reading and writing them there, and the macros that declare each type of the
//! witx once.

/// Something the host writes into guest memory, little-endian.
pub trait Store {
    /// Bytes it takes.
    const SIZE: usize;
    /// Writes it to the first `SIZE` bytes, which are zero.
    fn store(&self, bytes: &mut [u8]);
}

/// Something the host reads from guest memory, little-endian. Any bytes will do: what they mean is checked
/// where it matters.
pub trait Load {
    /// Bytes it takes.
    const SIZE: usize;
    /// Reads it from the first `SIZE` bytes.
    fn load(bytes: &[u8]) -> Self;
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Store for $type {
            const SIZE: usize = size_of::<$type>();
            fn store(&self, bytes: &mut [u8]) {
                bytes[..size_of::<$type>()].copy_from_slice(&self.to_le_bytes());
            }
        }

        impl Load for $type {
            const SIZE: usize = size_of::<$type>();
            fn load(bytes: &[u8]) -> Self {
                let mut value = [0; size_of::<$type>()];
                value.copy_from_slice(&bytes[..size_of::<$type>()]);
                <$type>::from_le_bytes(value)
            }
        }
    )*};
}
integers!(u8 u16 u32 u64);

/// An enumeration: its numbers, and the way back from a number a guest gave.
macro_rules! enumeration {
    ($(#[$doc:meta])* $name:ident: $repr:ty { $($(#[$case_doc:meta])* $case:ident = $value:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr($repr)]
        pub enum $name { $($(#[$case_doc])* $case = $value,)* }

        impl $name {
            /// The value with this number, if there is one.
            #[must_use]
            pub fn from_number(number: u64) -> Option<Self> {
                match number {
                    $($value => Some(Self::$case),)*
                    _ => None,
                }
            }
        }

        impl Store for $name {
            const SIZE: usize = size_of::<$repr>();
            fn store(&self, bytes: &mut [u8]) {
                (*self as $repr).store(bytes);
            }
        }

        impl trace::Show for $name {
            const SHAPE: trace::Shape = trace::Shape::Enumeration(
                size_of::<$repr>() as u8,
                trace::first_of(&[$($value),*]),
                concat!($(stringify!($case), " "),*),
            );
        }
    };
}

/// A set of flags.
macro_rules! flags {
    ($(#[$($doc:tt)*])* $name:ident: $repr:ty { $($(#[$($flag_doc:tt)*])* $flag:ident = $value:expr,)* }) => {
        bitflags! {
            $(#[$($doc)*])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $name: $repr { $($(#[$($flag_doc)*])* const $flag = $value;)* }
        }

        impl Store for $name {
            const SIZE: usize = size_of::<$repr>();
            fn store(&self, bytes: &mut [u8]) {
                self.bits().store(bytes);
            }
        }

        impl trace::Show for $name {
            const SHAPE: trace::Shape = trace::Shape::Flags(
                size_of::<$repr>() as u8,
                trace::first_of(&[$($name::$flag.bits().trailing_zeros()),*]),
                concat!($(stringify!($flag), " "),*),
            );
        }
    };
}

/// A record: each field with its offset in bytes, and the size of the whole. `out` is written to the guest,
/// `in` is read from it.
macro_rules! record {
    (out $(#[$doc:meta])* $name:ident: $size:literal { $($(#[$field_doc:meta])* $offset:literal $field:ident: $type:ty,)* }) => {
        record!(@struct $(#[$doc])* $name: $size { $($(#[$field_doc])* $offset $field: $type,)* });
        impl Store for $name {
            const SIZE: usize = $size;
            fn store(&self, bytes: &mut [u8]) {
                $(self.$field.store(&mut bytes[$offset..]);)*
            }
        }

        impl trace::Show for $name {
            const SHAPE: trace::Shape = trace::Shape::Record(&[
                $(trace::Field {
                    name: stringify!($field),
                    offset: $offset,
                    shape: &<$type as trace::Show>::SHAPE,
                },)*
            ]);
        }
    };
    (in $(#[$doc:meta])* $name:ident: $size:literal { $($(#[$field_doc:meta])* $offset:literal $field:ident: $type:ty,)* }) => {
        record!(@struct $(#[$doc])* $name: $size { $($(#[$field_doc])* $offset $field: $type,)* });
        impl Load for $name {
            const SIZE: usize = $size;
            fn load(bytes: &[u8]) -> Self {
                Self { $($field: <$type>::load(&bytes[$offset..]),)* }
            }
        }
    };
    (@struct $(#[$doc:meta])* $name:ident: $size:literal { $($(#[$field_doc:meta])* $offset:literal $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl $name {
            /// Name and offset of each field, for the test that holds them against the witx.
            pub const FIELDS: &'static [(&'static str, usize)] = &[$((stringify!($field), $offset),)*];
        }
    };
}
