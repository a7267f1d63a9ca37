//! The text of the limits: `10/m/ip,5/5m/account`.

use std::fmt;
use std::str::FromStr;

use auth_layer::{ClientAddress, ConfigError, Rate, RateKey};

/// How often attempts are allowed, and by what they are counted.
///
/// As text the rules stand between commas; each is a [`Rate`] and what it counts by:
///
/// | counts by | one budget for |
/// |---|---|
/// | `ip` | an IPv4 address, or an IPv6 /64; all unknown addresses together have one |
/// | `ip+account` | a user name as tried from such an address |
/// | `account` | a user name, from wherever, whether or not there is such a user |
///
/// Every rule has to allow an attempt. They are asked in the order of the table, so that attempts
/// from an address that is turned away cost no account anything.
///
/// ```
/// use login::attempts::AttemptRules;
///
/// let rules: AttemptRules = "5/5m/account, 10/m/ip".parse()?;
/// assert_eq!(rules.to_string(), "10/m/ip,5/5m/account");
///
/// let error = "10/m/ip,5/5m/acount".parse::<AttemptRules>().unwrap_err();
/// assert!(error.to_string().contains("rule 2 (`5/5m/acount`)"), "{error}");
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRules {
    // Sorted by what they count by; at least one, none twice.
    rules: Vec<AttemptRule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttemptRule {
    pub(super) rate: Rate,
    pub(super) by: CountBy,
}

/// In the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CountBy {
    Address,
    AddressAndAccount,
    Account,
}

const OPTION: &str = "attempt_limits";

/// More rules than anybody can mean.
const MAX_RULES: usize = 8;

/// How much of a text that is wrong is repeated in the error, in characters.
const MAX_QUOTED: usize = 40;

/// No bucket of another purpose has the same key.
const PURPOSE: &str = "login/password";

impl AttemptRules {
    pub(super) fn iter(&self) -> impl Iterator<Item = &AttemptRule> {
        self.rules.iter()
    }
}

impl FromStr for AttemptRules {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let wrong = |problem: String| ConfigError::new(OPTION, problem);
        let mut rules: Vec<AttemptRule> = Vec::new();
        for (index, rule_text) in text.split(',').enumerate() {
            let rule_text = rule_text.trim();
            let place = |problem: &dyn fmt::Display| {
                let quoted: String = rule_text.chars().take(MAX_QUOTED).collect();
                wrong(format!(
                    "rule {} (`{}`): {problem}",
                    index + 1,
                    quoted.escape_debug()
                ))
            };
            if index >= MAX_RULES {
                return Err(place(&format_args!("at most {MAX_RULES} rules")));
            }
            let rule = rule_text
                .parse()
                .map_err(|problem: String| place(&problem))?;
            if rules.contains(&rule) {
                return Err(place(&"is there twice"));
            }
            rules.push(rule);
        }
        rules.sort_by_key(|rule| rule.by);
        Ok(Self { rules })
    }
}

impl FromStr for AttemptRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "must be like 10/m/ip, 5/5m/account or 5/m/ip+account";
        let (rate, by) = text.rsplit_once('/').ok_or(form)?;
        let by = match by {
            "ip" => CountBy::Address,
            "ip+account" => CountBy::AddressAndAccount,
            "account" => CountBy::Account,
            _ => return Err(form.to_owned()),
        };
        let rate = rate
            .parse()
            .map_err(|error: ConfigError| error.to_string())?;
        Ok(Self { rate, by })
    }
}

impl fmt::Display for AttemptRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rule) in self.rules.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{rule}")?;
        }
        Ok(())
    }
}

impl fmt::Display for AttemptRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            CountBy::Address => "ip",
            CountBy::AddressAndAccount => "ip+account",
            CountBy::Account => "account",
        };
        write!(f, "{}/{by}", self.rate)
    }
}

impl AttemptRule {
    /// The bucket that an attempt is counted in. The rule is a part of its key, so that two rules
    /// never share one, nor do an old configuration and a new one.
    pub(super) fn key(&self, client: ClientAddress, account: &str) -> RateKey {
        let rule = self.to_string();
        let network = client.limit_key().to_string();
        match self.by {
            CountBy::Address => RateKey::new(PURPOSE, [&*rule, &*network]),
            CountBy::AddressAndAccount => RateKey::new(PURPOSE, [&*rule, &*network, account]),
            CountBy::Account => RateKey::new(PURPOSE, [&*rule, account]),
        }
    }

    /// For the log and for metrics.
    pub(super) const fn reason(&self) -> &'static str {
        match self.by {
            CountBy::Address => "too_many_attempts_from_address",
            CountBy::AddressAndAccount => "too_many_attempts_from_address_on_account",
            CountBy::Account => "too_many_attempts_on_account",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rules_are_read_and_written() {
        for (text, written) in [
            ("10/m/ip", "10/m/ip"),
            ("10/m/ip,5/5m/account", "10/m/ip,5/5m/account"),
            (" 10/60s/ip , 5/5m/account ", "10/m/ip,5/5m/account"),
            (
                "5/5m/account,3/m/ip+account,10/m/ip,100/h/ip",
                "10/m/ip,100/h/ip,3/m/ip+account,5/5m/account",
            ),
        ] {
            let rules: AttemptRules = text.parse().unwrap();
            assert_eq!(rules.to_string(), written);
        }
    }

    #[test]
    fn x_15_rules_that_cannot_be_meant_are_refused_and_their_place_is_named() {
        let many = ["1/m/ip"; 9].join(",");
        let long = format!("{}/m/ip", "9".repeat(10_000));
        for (text, place, problem) in [
            ("", "rule 1 (``)", "must be like"),
            ("off", "rule 1 (`off`)", "must be like"),
            ("10/m/ip,", "rule 2 (``)", "must be like"),
            (",10/m/ip", "rule 1 (``)", "must be like"),
            ("10/m", "rule 1 (`10/m`)", "must be like"),
            ("10/m/IP", "rule 1", "must be like"),
            ("10/m/ip+user", "rule 1", "must be like"),
            ("10/m/ip/", "rule 1", "must be like"),
            ("10/m/ip;5/m/account", "rule 1", "`rate` must be like"),
            (
                "10/m/ip,0/m/account",
                "rule 2 (`0/m/account`)",
                "at least 1",
            ),
            ("10/m/ip,-5/m/account", "rule 2", "must be like"),
            ("10/0m/ip", "rule 1", "longer than zero"),
            ("10/m/ip,10/60s/ip", "rule 2", "is there twice"),
            ("10/m/\nip", "rule 1 (`10/m/\\nip`)", "must be like"),
            (&many, "rule 2", "is there twice"),
            (&long, "rule 1", "at most one million"),
        ] {
            let error = text.parse::<AttemptRules>().unwrap_err();
            assert_eq!(error.option(), "attempt_limits");
            let error = error.to_string();
            assert!(error.contains(place) && error.contains(problem), "{error}");
            assert!(error.len() < 200 && error.lines().count() == 1, "{error}");
        }
        let many: Vec<_> = (1..=9).map(|n| format!("{n}/m/ip")).collect();
        let error = many.join(",").parse::<AttemptRules>().unwrap_err();
        assert!(error.to_string().contains("at most 8"), "{error}");
    }

    #[test]
    fn no_two_budgets_have_one_key() {
        let rules: AttemptRules = "10/m/ip,10/h/ip,10/m/ip+account,10/m/account"
            .parse()
            .unwrap();
        let clients = [
            ClientAddress::unknown(),
            ClientAddress::new([203, 0, 113, 7].into()),
        ];
        let mut keys: Vec<_> = rules
            .iter()
            .flat_map(|rule| clients.map(|client| (rule, client)))
            .flat_map(|(rule, client)| ["", "alice", "unknown"].map(|name| rule.key(client, name)))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        // By address: 2 rules of 2. By both: 6. By account: 3.
        assert_eq!(keys.len(), 4 + 6 + 3);
    }

    fn rule() -> impl Strategy<Value = String> {
        let by = prop_oneof![Just("ip"), Just("ip+account"), Just("account")];
        (1..2000_u32, 1..9999_u32, by)
            .prop_map(|(count, period, by)| format!("{count}/{period}s/{by}"))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(rules in proptest::collection::vec(rule(), 1..8)) {
            if let Ok(rules) = rules.join(", ").parse::<AttemptRules>() {
                prop_assert_eq!(rules.to_string().parse::<AttemptRules>(), Ok(rules));
            }
        }

        #[test]
        fn no_text_panics(text in "[0-9/,a-z +µ]{0,40}") {
            if let Ok(rules) = text.parse::<AttemptRules>() {
                prop_assert_eq!(rules.to_string().parse::<AttemptRules>(), Ok(rules));
            }
        }
    }
}
