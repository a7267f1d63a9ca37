//! Reading a token: shape, header and claims, before anything of it is believed.

mod claims;
mod compact;
mod header;
mod json;

pub(crate) use self::claims::Claims;
pub(crate) use self::compact::{Compact, looks_like_jwt};
pub(crate) use self::header::Header;
pub(crate) use self::json::{Members, from_object};

#[cfg(test)]
mod tests;
