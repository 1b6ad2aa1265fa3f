//! Structures of the table of contents whose encoding is just their fields in order.

use crate::codec::{Reader, Writer};
use crate::error::Result;

/// Most elements of any list in the tail.
const MAX_LIST: u64 = 1_000_000;

/// A value with one fixed encoding.
pub(super) trait Wire: Sized {
    /// Fewest bytes a value can have.
    const SMALLEST: usize;
    fn read(reader: &mut Reader<'_>) -> Result<Self>;
    fn write(&self, writer: &mut Writer);
}

macro_rules! wire_number {
    ($($type:ty => $method:ident),+) => {$(
        impl Wire for $type {
            const SMALLEST: usize = size_of::<$type>();
            fn read(reader: &mut Reader<'_>) -> Result<Self> {
                reader.$method()
            }
            fn write(&self, writer: &mut Writer) {
                writer.$method(*self);
            }
        }
    )+};
}
wire_number!(u16 => u16, u32 => u32, u64 => u64, i64 => i64, bool => boolean);

impl Wire for String {
    const SMALLEST: usize = 8;
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.string()
    }
    fn write(&self, writer: &mut Writer) {
        writer.string(self);
    }
}

impl Wire for [u8; 32] {
    const SMALLEST: usize = 32;
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.array()
    }
    fn write(&self, writer: &mut Writer) {
        writer.raw(self);
    }
}

impl<T: Wire> Wire for Option<T> {
    const SMALLEST: usize = 1;
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.option(T::read)
    }
    fn write(&self, writer: &mut Writer) {
        writer.option(self.as_ref(), |writer, value| value.write(writer));
    }
}

impl<T: Wire> Wire for Vec<T> {
    const SMALLEST: usize = 8;
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.list("entries", MAX_LIST, T::SMALLEST, T::read)
    }
    fn write(&self, writer: &mut Writer) {
        writer.list(self, |writer, value| value.write(writer));
    }
}

/// Declares a structure together with its encoding: the fields in the order they are written here.
macro_rules! wire_struct {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type),+ }

        impl $crate::toc::wire::Wire for $name {
            const SMALLEST: usize = 0 $(+ <$type as $crate::toc::wire::Wire>::SMALLEST)+;
            fn read(reader: &mut $crate::codec::Reader<'_>) -> $crate::error::Result<Self> {
                Ok(Self { $($field: <$type as $crate::toc::wire::Wire>::read(reader)?),+ })
            }
            fn write(&self, writer: &mut $crate::codec::Writer) {
                $($crate::toc::wire::Wire::write(&self.$field, writer);)+
            }
        }

        impl $name {
            /// Fewest bytes an encoded value can have.
            pub const ENCODED_SIZE: usize = <Self as $crate::toc::wire::Wire>::SMALLEST;

            /// Reads the fields in file order.
            pub fn decode(reader: &mut $crate::codec::Reader<'_>) -> $crate::error::Result<Self> {
                <Self as $crate::toc::wire::Wire>::read(reader)
            }

            /// Writes the fields in file order.
            pub fn encode(&self, writer: &mut $crate::codec::Writer) {
                $crate::toc::wire::Wire::write(self, writer);
            }
        }
    };
}
pub(super) use wire_struct;

/// Makes an enumeration usable as a field.
macro_rules! wire_enum {
    ($($name:ident),+) => {$(
        impl $crate::toc::wire::Wire for $name {
            const SMALLEST: usize = 4;
            fn read(reader: &mut $crate::codec::Reader<'_>) -> $crate::error::Result<Self> {
                Self::decode(reader)
            }
            fn write(&self, writer: &mut $crate::codec::Writer) {
                self.encode(writer);
            }
        }
    )+};
}
pub(super) use wire_enum;
