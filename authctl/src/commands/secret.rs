//! `authctl secret`.

use auth_layer::random_bytes;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clap::{Args, ValueEnum};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::display::hex;
use crate::report::{Failure, Report};

/// As many as can be asked for.
const MAX_BYTES: usize = 256;

const EXAMPLES: &str = "\
Examples:
  authctl secret                              32 random bytes, for SIGNING_KEY_SECRET and the like
  authctl secret --bytes 64 --encoding hex > pepper.key";

/// Makes a secret from the randomness of the operating system.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SecretArgs {
    /// How many random bytes: 16 to 256
    #[arg(long, default_value_t = 32, value_parser = bytes)]
    bytes: usize,

    /// How they are written
    #[arg(long, value_enum, default_value_t = Encoding::Base64url)]
    encoding: Encoding,
}

#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    /// Letters, digits, + and /, padded with =
    Base64,
    /// Letters, digits, - and _: fit for URLs and for one double click
    Base64url,
    /// Hexadecimal digits
    Hex,
}

/// `{"secret", "bytes", "encoding"}`
#[derive(Serialize)]
struct Made<'a> {
    secret: &'a str,
    bytes: usize,
    encoding: Encoding,
}

pub(crate) fn run(args: &SecretArgs) -> Result<Report, Failure> {
    let random = Zeroizing::new(random_bytes::<MAX_BYTES>()?);
    let random = &random[..args.bytes];
    let secret = Zeroizing::new(match args.encoding {
        Encoding::Base64 => STANDARD.encode(random),
        Encoding::Base64url => URL_SAFE_NO_PAD.encode(random),
        Encoding::Hex => hex(random),
    });
    let made = Made {
        secret: &secret,
        bytes: args.bytes,
        encoding: args.encoding,
    };
    Report::new(&made, secret.as_str())
}

fn bytes(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| (16..=MAX_BYTES).contains(number))
        .ok_or_else(|| format!("must be a number from 16 to {MAX_BYTES}"))
}
