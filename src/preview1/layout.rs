//! Macros that define how guest memory stores the types of the witx, and how traces show them.

/// Stores enumerations as numbers.
macro_rules! stored_enumerations {
    ($($name:ident: $repr:ty)*) => {$(
        impl Store for $name {
            const SIZE: usize = size_of::<$repr>();
            #[inline(always)]
            fn store(&self, words: &mut [u64], at: usize) {
                (*self as $repr).store(words, at);
            }
        }

        impl Describe for $name {
            const FORMAT: Format = Format::Enumeration(size_of::<$repr>() as u8, $name::FIRST, $name::NAMES);
        }
    )*};
}

/// Stores sets of flags as numbers.
macro_rules! stored_flags {
    ($($name:ident: $repr:ty)*) => {$(
        impl Store for $name {
            const SIZE: usize = size_of::<$repr>();
            #[inline(always)]
            fn store(&self, words: &mut [u64], at: usize) {
                self.bits().store(words, at);
            }
        }

        impl Describe for $name {
            const FORMAT: Format = Format::Flags(size_of::<$repr>() as u8, $name::FIRST, $name::NAMES);
        }
    )*};
}

/// Declares a record with its size and the offset of each field in bytes. The host writes `out` records and reads `in`
/// records; `layout` is for a struct that is declared elsewhere and that the host writes.
macro_rules! record {
    (out $(#[$doc:meta])* $name:ident: $size:literal {
        $($(#[$field_doc:meta])* $offset:literal $field:ident: $type:ty,)*
    }) => {
        record!(@struct $(#[$doc])* $name { $($(#[$field_doc])* $field: $type,)* });
        record!(layout $name: $size { $($offset $field: $type,)* });
    };
    (in $(#[$doc:meta])* $name:ident: $size:literal {
        $($(#[$field_doc:meta])* $offset:literal $field:ident: $type:ty,)*
    }) => {
        record!(@struct $(#[$doc])* $name { $($(#[$field_doc])* $field: $type,)* });
        record!(@fields $name { $($offset $field)* });
        impl Load for $name {
            const SIZE: usize = $size;
            fn load(bytes: &[u8]) -> Self {
                Self { $($field: <$type>::load(&bytes[$offset..]),)* }
            }
        }
    };
    (layout $name:ident: $size:literal { $($offset:literal $field:ident: $type:ty,)* }) => {
        record!(@fields $name { $($offset $field)* });
        impl Store for $name {
            const SIZE: usize = $size;
            #[inline(always)]
            fn store(&self, words: &mut [u64], at: usize) {
                $(self.$field.store(words, at + $offset);)*
            }
        }

        impl Describe for $name {
            const FORMAT: Format = Format::Record(&[
                $(Field { name: stringify!($field), offset: $offset, format: &<$type as Describe>::FORMAT },)*
            ]);
        }
    };
    (@struct $(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }
    };
    (@fields $name:ident { $($offset:literal $field:ident)* }) => {
        impl $name {
            /// Name and offset of each field.
            pub const FIELDS: &'static [(&'static str, usize)] = &[$((stringify!($field), $offset),)*];
        }
    };
}
