//! The cookie: its name, its attributes, reading it and writing it.

mod scan;
mod write;

pub(crate) use self::scan::find_cookie;
pub(crate) use self::write::CookieConfig;

/// When browsers send the cookie along with requests that another site caused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SameSite {
    /// With links and other top-level navigations by GET. The default.
    #[default]
    Lax,
    /// Always. Refused without `Secure`.
    None,
    /// Never; whoever follows a link to the site seems to be logged out at first.
    Strict,
}

impl SameSite {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::None => "None",
            Self::Strict => "Strict",
        }
    }
}

/// How the name of the cookie begins, which browsers enforce rules by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CookiePrefix {
    /// `__Host-`: set over https for this very host, so that no other host of the domain can plant
    /// one. The default.
    #[default]
    Host,
    /// `__Host-Http-`: the same, and never set by a script. Browsers that do not know it yet treat
    /// it as `__Host-`.
    HostHttp,
}

impl CookiePrefix {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "__Host-",
            Self::HostHttp => "__Host-Http-",
        }
    }
}
