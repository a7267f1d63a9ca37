//! JSON objects read once, strictly: no member twice, bounded depth and size, exact types.
//!
//! serde_json alone takes the last of two members of one name where another reader may take the
//! first, which is how two parties come to see two different tokens (RFC 8725 section 2.6).

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use memchr::{memchr, memchr2};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The most members that one object may have.
const MAX_MEMBERS: usize = 128;

/// The end of the year 9999.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Why an object, or a member of it, is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not one JSON object, too deep or too large.
    NotAnObject,
    /// A member occurs twice.
    Repeated,
    /// A member has the wrong type or an impossible value.
    WrongType,
}

/// Reads one JSON object as `T`.
///
/// serde's derived readers take an array of the members, without their names, for the same.
pub(crate) fn from_object<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, serde_json::Error> {
    let white_space = [' ', '\t', '\n', '\r'];
    if !json.trim_start_matches(white_space).starts_with('{') {
        return Err(serde_json::Error::custom("not a JSON object"));
    }
    serde_json::from_str(json)
}

/// The members of an object in their order, values unread.
pub(crate) struct Members<'a> {
    members: Vec<(Text<'a>, &'a RawValue)>,
}

impl<'a> Members<'a> {
    /// Reads an object in which nothing is nested deeper than `max_depth`, the object itself being
    /// the first level.
    pub(crate) fn parse(json: &'a [u8], max_depth: usize) -> Result<Self, Fault> {
        let text = std::str::from_utf8(json).map_err(|_| Fault::NotAnObject)?;
        let members: Self = serde_json::from_str(text).map_err(|_| Fault::NotAnObject)?;
        for (index, (name, value)) in members.members.iter().enumerate() {
            let earlier = &members.members[..index];
            if earlier.iter().any(|(other, _)| other.0 == name.0) {
                return Err(Fault::Repeated);
            }
            if !is_plain(value.get()) {
                let mut nested = serde_json::Deserializer::from_str(value.get());
                Depth(max_depth.saturating_sub(1))
                    .deserialize(&mut nested)
                    .map_err(|_| Fault::NotAnObject)?;
            }
        }
        Ok(members)
    }

    /// The JSON of a member.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.members
            .iter()
            .find(|(own, _)| own.0 == name)
            .map(|(_, value)| value.get())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(name, _)| &*name.0)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A member of some type, if it is there. `null` is a value, and of no type that is asked for.
    pub(crate) fn read<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, Fault> {
        self.get(name)
            .map(|json| serde_json::from_str(json).map_err(|_| Fault::WrongType))
            .transpose()
    }

    pub(crate) fn string(&self, name: &str) -> Result<Option<Cow<'a, str>>, Fault> {
        Ok(self.read::<Text<'a>>(name)?.map(|text| text.0))
    }

    /// A member that is a string or an array of strings.
    pub(crate) fn strings(&self, name: &str) -> Result<Option<Vec<Cow<'a, str>>>, Fault> {
        let Some(json) = self.get(name) else {
            return Ok(None);
        };
        if json.starts_with('[') {
            let texts: Vec<Text<'a>> = self.read(name)?.unwrap_or_default();
            Ok(Some(texts.into_iter().map(|text| text.0).collect()))
        } else {
            Ok(self.string(name)?.map(|text| vec![text]))
        }
    }

    /// A `NumericDate` (RFC 7519 section 2): a number of seconds, not negative, before the year
    /// 10000. Never a string.
    pub(crate) fn time(&self, name: &str) -> Result<Option<SystemTime>, Fault> {
        let Some(json) = self.get(name) else {
            return Ok(None);
        };
        let seconds: f64 = serde_json::from_str(json).map_err(|_| Fault::WrongType)?;
        if !(0.0..=LAST_SECOND).contains(&seconds) {
            return Err(Fault::WrongType);
        }
        let since = Duration::try_from_secs_f64(seconds).map_err(|_| Fault::WrongType)?;
        UNIX_EPOCH
            .checked_add(since)
            .map(Some)
            .ok_or(Fault::WrongType)
    }
}

/// Whether a value of which only the outline was read can be nothing but what it seems: no object or
/// array, no escapes that could stand for half a character, no number beyond those there are.
fn is_plain(json: &str) -> bool {
    match json.as_bytes() {
        [b'{' | b'[', ..] => false,
        [b'"', text @ ..] => memchr(b'\\', text).is_none(),
        [b'-' | b'0'..=b'9', ..] => {
            json.len() < 300 && memchr2(b'e', b'E', json.as_bytes()).is_none()
        }
        _ => true,
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(16);
                while let Some(member) = map.next_entry()? {
                    if members.len() == MAX_MEMBERS {
                        return Err(A::Error::custom("too many members"));
                    }
                    members.push(member);
                }
                Ok(Members { members })
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A string that is borrowed if it holds no escapes; serde copies into a plain `Cow`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;

        impl<'de> Visitor<'de> for Borrow {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Borrow)
    }
}

/// Walks a nested value and keeps nothing: no member twice, no more levels than this, no number
/// out of range.
#[derive(Clone, Copy)]
struct Depth(usize);

impl Depth {
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        self.0
            .checked_sub(1)
            .map(Self)
            .ok_or_else(|| E::custom("nested too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Depth {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let below = self.below()?;
        while seq.next_element_seed(below)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let below = self.below()?;
        let mut names: Vec<Text<'de>> = Vec::new();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            if names.len() == MAX_MEMBERS || names.contains(&name) {
                return Err(A::Error::custom("a member twice, or too many"));
            }
            names.push(name);
            map.next_value_seed(below)?;
        }
        Ok(())
    }
}
