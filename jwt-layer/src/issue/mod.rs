//! Making access tokens: [`Issuer`].

mod builder;
mod issuer;
mod request;
mod signing_key;
mod token;

pub use self::builder::IssuerBuilder;
pub use self::issuer::Issuer;
pub use self::request::AccessTokenRequest;
pub use self::signing_key::SigningKey;
pub use self::token::AccessToken;
