//! What was proved, and when.

use std::time::SystemTime;

/// A kind of proof, named after the `amr` values of RFC 8176 where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FactorKind {
    /// A link or code that was sent by e-mail.
    Email,
    /// Another provider vouched for the user, without saying how.
    Federated,
    /// A one-time code from an authenticator app or token (`otp`).
    Otp,
    /// A passkey or security key (`hwk`).
    Passkey,
    /// A password (`pwd`).
    Password,
    /// A recovery code.
    RecoveryCode,
    /// A code that was sent by text message (`sms`).
    Sms,
}

impl FactorKind {
    /// The `amr` value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Federated => "fed",
            Self::Otp => "otp",
            Self::Passkey => "hwk",
            Self::Password => "pwd",
            Self::RecoveryCode => "recovery",
            Self::Sms => "sms",
        }
    }

    /// The kind that an `amr` value names, if it is one of ours.
    pub fn from_amr(name: &str) -> Option<Self> {
        Some(match name {
            "email" => Self::Email,
            "fed" => Self::Federated,
            "otp" => Self::Otp,
            "hwk" | "swk" => Self::Passkey,
            "pwd" => Self::Password,
            "recovery" => Self::RecoveryCode,
            "sms" => Self::Sms,
            _ => return None,
        })
    }
}

/// A factor and the time at which it was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Factor {
    kind: FactorKind,
    proved_at: SystemTime,
}

impl Factor {
    /// `kind` was proved at `proved_at`.
    #[must_use]
    pub const fn new(kind: FactorKind, proved_at: SystemTime) -> Self {
        Self { kind, proved_at }
    }

    /// What was proved.
    pub const fn kind(&self) -> FactorKind {
        self.kind
    }

    /// When.
    pub const fn proved_at(&self) -> SystemTime {
        self.proved_at
    }
}
