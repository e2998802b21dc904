//! What a route's variables stand for, as any type that serde can make of them.

use super::FromRequest;
use crate::messaging::{MessageError, Request, Result};
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use std::fmt;
use std::str::FromStr;

/// The values of the route's variables: one as itself, several as a tuple in their order, or a struct by their names.
/// A value that does not fit is refused, and the sender is told which.
///
/// ```
/// # use byway::messaging::{Messages, Path};
/// #[derive(serde::Deserialize)]
/// struct Seat { row: u16, seat: u16 }
///
/// async fn room(Path(room): Path<String>) {}
/// async fn board(Path((game, move_number)): Path<(String, u32)>) {}
/// async fn take(Path(Seat { row, seat }): Path<Seat>) {}
///
/// Messages::new()
///     .on_send("/chat/{room}", room)
///     .on_send("/games/{game}/{move_number}", board)
///     .on_send("/seats/{row}/{seat}", take);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Path<T> {
    async fn from_request(request: &Request) -> Result<Self> {
        let params: Vec<_> = request.params().map(|(name, text)| Param { name, text }).collect();
        match T::deserialize(Params(&params)) {
            Ok(value) => Ok(Self(value)),
            Err(Wrong::Value(text)) => Err(MessageError::bad_request(text)),
            Err(Wrong::Type(text)) => Err(MessageError::internal(format!("Path does not fit its route: {text}"))),
        }
    }
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wrong {
    /// The client's value.
    Value(String),
    /// The handler's type.
    Type(String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Value(text) | Self::Type(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for Wrong {}

/// A value is wrong for what a type of the application says of it; all else is a type that no value could fit.
impl de::Error for Wrong {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Value(text.to_string())
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::Type(format!("{unexpected} where {expected} is expected"))
    }

    fn invalid_length(len: usize, expected: &dyn de::Expected) -> Self {
        Self::Type(format!("{len} variables where {expected} is expected"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Type(format!("no variable {field}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::Type(format!("the variable {field} is none of {}", expected.join(", ")))
    }
}

/// One variable with its value.
#[derive(Clone, Copy)]
struct Param<'a> {
    name: &'a str,
    text: &'a str,
}

impl Param<'_> {
    fn parse<T: FromStr<Err: fmt::Display>>(&self) -> Result<T, Wrong> {
        self.text.parse().map_err(|error| self.wrong(error))
    }

    fn wrong(&self, problem: impl fmt::Display) -> Wrong {
        Wrong::Value(format!("{} in the destination is {:?}: {problem}", self.name, self.text))
    }

    /// Says which variable it was that a type of the application refused.
    fn named<T>(&self, result: Result<T, Wrong>) -> Result<T, Wrong> {
        result.map_err(|error| match error {
            Wrong::Value(problem) => self.wrong(problem),
            Wrong::Type(problem) => Wrong::Type(problem),
        })
    }
}

/// All variables of a route.
struct Params<'a>(&'a [Param<'a>]);

impl<'a> Params<'a> {
    /// The only one.
    fn one(&self) -> Result<Param<'a>, Wrong> {
        match self.0 {
            [one] => Ok(*one),
            several => Err(Wrong::Type(format!("one value asked for, {} in the route", several.len()))),
        }
    }
}

/// What all variables together answer by the only one.
macro_rules! one {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            self.one()?.$method(visitor)
        }
    )*};
}

/// What a value answers with what its text says.
macro_rules! parsed {
    ($($method:ident $visit:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            let value = self.parse()?;
            self.named(visitor.$visit(value))
        }
    )*};
}

impl<'de> Deserializer<'de> for Params<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.one()?.deserialize_any(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let mut values = SeqDeserializer::new(self.0.iter().copied());
        let value = visitor.visit_seq(&mut values)?;
        values.end()?;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_map(MapDeserializer::new(self.0.iter().map(|param| (param.name, *param))))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_map(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    one! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_option
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.one()?.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! { bytes byte_buf unit_struct identifier ignored_any }
}

impl<'de> IntoDeserializer<'de, Wrong> for Param<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Param<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.named(visitor.visit_str(self.text))
    }

    parsed! {
        deserialize_bool visit_bool, deserialize_i8 visit_i8, deserialize_i16 visit_i16, deserialize_i32 visit_i32,
        deserialize_i64 visit_i64, deserialize_i128 visit_i128, deserialize_u8 visit_u8, deserialize_u16 visit_u16,
        deserialize_u32 visit_u32, deserialize_u64 visit_u64, deserialize_u128 visit_u128, deserialize_f32 visit_f32,
        deserialize_f64 visit_f64, deserialize_char visit_char
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.named(visitor.visit_enum(self.text.into_deserializer()))
    }

    forward_to_deserialize_any! {
        str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
