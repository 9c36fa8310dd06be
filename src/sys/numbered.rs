//! Macros for enumerations and flag sets with fixed numbers and names.

/// Returns the first of some numbers. The build fails unless they are consecutive.
pub(crate) const fn first_of(numbers: &[u32]) -> u8 {
    let mut at = 0;
    while at < numbers.len() {
        assert!(numbers[at] == numbers[0] + at as u32);
        at += 1;
    }
    numbers[0] as u8
}

/// Declares an enumeration, and its conversion from a number.
macro_rules! enumeration {
    ($(#[$doc:meta])* $name:ident: $repr:ty { $($(#[$case_doc:meta])* $case:ident = $value:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr($repr)]
        pub enum $name { $($(#[$case_doc])* $case = $value,)* }

        impl $name {
            /// The lowest number; the others follow without a gap.
            pub(crate) const FIRST: u8 = $crate::sys::numbered::first_of(&[$($value),*]);
            /// Names in the order of the numbers, separated by spaces.
            pub(crate) const NAMES: &'static str = concat!($(stringify!($case), " "),*);

            /// Returns the value with this number.
            #[must_use]
            pub fn from_number(number: u64) -> Option<Self> {
                match number {
                    $($value => Some(Self::$case),)*
                    _ => None,
                }
            }
        }
    };
}

/// Declares a set of flags.
macro_rules! flags {
    ($(#[$($doc:tt)*])* $name:ident: $repr:ty { $($(#[$($flag_doc:tt)*])* $flag:ident = $value:expr,)* }) => {
        bitflags::bitflags! {
            $(#[$($doc)*])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $name: $repr { $($(#[$($flag_doc)*])* const $flag = $value;)* }
        }

        impl $name {
            /// The lowest bit; the others follow without a gap.
            pub(crate) const FIRST: u8 =
                $crate::sys::numbered::first_of(&[$($name::$flag.bits().trailing_zeros()),*]);
            /// Names in the order of the bits, separated by spaces.
            pub(crate) const NAMES: &'static str = concat!($(stringify!($flag), " "),*);
        }
    };
}
