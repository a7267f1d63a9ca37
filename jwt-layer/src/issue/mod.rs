//! Making access tokens: [`Issuer`].

mod builder;
mod issuer;
mod keys;
mod metadata;
mod published;
mod request;
mod signing_key;
mod token;

pub use self::builder::IssuerBuilder;
pub use self::issuer::Issuer;
pub use self::keys::SigningKeys;
#[cfg(feature = "key-ring")]
pub(crate) use self::keys::header_of;
pub use self::metadata::{IssuerMetadata, IssuerMetadataBuilder};
pub use self::request::AccessTokenRequest;
pub use self::signing_key::SigningKey;
pub use self::token::AccessToken;
