//! What scanners for published secrets are told of keys: [`SecretScanning`].

use std::fmt;

use serde_json::json;

use super::KeyId;
use super::base62::CHECKSUM_LEN;
use super::format::{BODY_LEN, KeyFormat, SECRET_LEN};

/// How many bits one letter of a key holds at least, by Shannon's measure over the whole key, for
/// scanners that ask. Generated keys hold more than 4; `sk_live_xxxxxx…` in a document less than 2.
const MIN_ENTROPY: f64 = 3.5;

/// Letters for the id and the secret of the example: nobody takes them for random ones.
const EXAMPLE: &str = "EXAMPLEKEY00NOTASECRETNOTASECRETNOTASECR";

/// The keys of an application as programmes that scan for published secrets need them described, so
/// that a key that was pushed to a public place is found, reported and revoked.
///
/// It tells no secret: everybody may know it. Its `Display` says it all in words.
///
/// ```
/// use apikey_layer::KeyFormat;
///
/// let format = KeyFormat::live("acme")?;
/// let scanning = format.scanning();
/// assert_eq!(scanning.regex(), r"acme_(?:live|test)_[0-9A-Za-z]{46}\b");
/// println!("{scanning}"); // for people
/// println!("{}", scanning.to_json()); // for a partner programme, such as that of GitHub
/// println!("{}", scanning.gitleaks_rule()); // for .gitleaks.toml
/// println!("{}", scanning.trufflehog_detector()); // for the configuration of TruffleHog
///
/// // What was found is a key only if its checksum says so; then it is worth a revocation by its id.
/// assert!(format.parse(scanning.example().as_bytes()).is_ok());
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretScanning {
    /// `acme_`
    prefix: Box<str>,
    regex: Box<str>,
    example: Box<str>,
}

impl SecretScanning {
    pub(super) fn of(format: &KeyFormat) -> Self {
        let prefix = format.prefix();
        Self {
            prefix: prefix.into(),
            // Nothing is asked of what comes before: in `%3Dsk_live_…` and in `\nsk_live_…` of a JSON
            // text it is a letter. The prefix and 46 letters are no accident.
            regex: format!(r"{prefix}(?:live|test)_[0-9A-Za-z]{{{BODY_LEN}}}\b").into(),
            example: format.with_checksum(EXAMPLE).into(),
        }
    }

    /// A regular expression for keys of both environments, in the syntax that RE2, Hyperscan, PCRE and
    /// the crate `regex` share.
    pub fn regex(&self) -> &str {
        &self.regex
    }

    /// A made-up key: right in its form, its checksum included, and the key of nobody. It says
    /// `EXAMPLE` and `NOTASECRET`.
    pub fn example(&self) -> &str {
        &self.example
    }

    /// How keys of either environment begin: `acme_live_` and `acme_test_`.
    pub fn keywords(&self) -> [String; 2] {
        ["live", "test"].map(|environment| format!("{}{environment}_", self.prefix))
    }

    /// Everything as JSON, with the members `type`, `name`, `regex`, `keywords`, `example`, `length`,
    /// `random_bits`, `min_entropy` and `checksum`: what partner programmes ask for.
    pub fn to_json(&self) -> String {
        let value = json!({
            "type": format!("{}api_key", self.prefix),
            "name": self.name(),
            "regex": self.regex,
            "keywords": self.keywords(),
            "example": self.example,
            "example_is_made_up": true,
            "length": self.example.len(),
            "random_bits": 166,
            "min_entropy": MIN_ENTROPY,
            "checksum": {
                "algorithm": "CRC-32/ISO-HDLC",
                "covers": "all characters before it, the prefix included",
                "position": "last",
                "length": CHECKSUM_LEN,
                "encoding": "base 62, most significant digit first, padded with 0",
                "alphabet": "0-9A-Za-z",
            },
        });
        format!("{value:#}")
    }

    /// A rule for gitleaks, in TOML.
    pub fn gitleaks_rule(&self) -> String {
        let Self { regex, .. } = self;
        let (id, name) = (self.rule_id(), self.name());
        let [live, test] = self.keywords();
        format!(
            "[[rules]]\nid = \"{id}\"\ndescription = \"{name}\"\nregex = '''{regex}'''\n\
             keywords = [\"{live}\", \"{test}\"]\nentropy = {MIN_ENTROPY:.1}\n"
        )
    }

    /// A custom detector for TruffleHog, in YAML. It verifies nothing: it finds by form.
    pub fn trufflehog_detector(&self) -> String {
        let Self { regex, .. } = self;
        let id = self.rule_id();
        let [live, test] = self.keywords();
        format!(
            "detectors:\n  - name: {id}\n    keywords:\n      - {live}\n      - {test}\n    \
             regex:\n      key: '{regex}'\n"
        )
    }

    fn name(&self) -> String {
        format!("API key {}...", self.prefix)
    }

    /// `acme-api-key`
    fn rule_id(&self) -> String {
        format!("{}api-key", self.prefix.replace('_', "-"))
    }
}

impl fmt::Display for SecretScanning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [live, test] = self.keywords();
        let Self { regex, example, .. } = self;
        let (id, covered) = (KeyId::LEN, example.len() - CHECKSUM_LEN);
        write!(
            f,
            "An API key begins with {live} or {test}, and {BODY_LEN} letters and digits follow: \
             {id} are its public id, {SECRET_LEN} its secret (166 random bits), {CHECKSUM_LEN} its \
             checksum.\n\
             Regular expression: {regex}\n\
             Example, which is nobody's key: {example}\n\
             Checksum: CRC-32 (ISO-HDLC, as in zip and gzip) over the first {covered} characters, \
             written in base 62 with the digits 0-9A-Za-z, most significant first, padded with 0 to \
             {CHECKSUM_LEN}. What has another checksum is no key.\n\
             Entropy: more than {MIN_ENTROPY} bits a character over the whole key.\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn format() -> KeyFormat {
        KeyFormat::live("acme_api").unwrap()
    }

    fn regex() -> Regex {
        Regex::new(format().scanning().regex()).unwrap()
    }

    fn entropy(text: &str) -> f64 {
        let len = f64::from(u32::try_from(text.len()).unwrap());
        let mut counts = [0_u32; 256];
        for byte in text.bytes() {
            counts[usize::from(byte)] += 1;
        }
        let shares = counts.into_iter().filter(|count| *count > 0);
        shares
            .map(|count| f64::from(count) / len)
            .map(|share| -share * share.log2())
            .sum()
    }

    #[test]
    fn generated_keys_of_both_environments_are_found() {
        let regex = regex();
        for format in [format(), KeyFormat::test("acme_api").unwrap()] {
            for _ in 0..100 {
                let key = format.generate().unwrap();
                let key = key.expose();
                for (before, after) in [
                    ("", ""),
                    ("\"", "\""),
                    ("X-API-Key: ", "\r\n"),
                    ("Bearer ", " "),
                    ("?key=", "&x=1"),
                    ("key%3D", "%26"),
                    ("\\n", "\\n"),
                    ("KEY_", "."),
                    ("=", ";"),
                    ("(", ")"),
                    ("„", "“"),
                    ("a", "-"),
                ] {
                    let text = format!("{before}{key}{after}");
                    let found = regex.find(&text).map(|found| found.as_str());
                    assert_eq!(found, Some(key), "{text}");
                }
                assert!(entropy(key) > MIN_ENTROPY, "{key}");
            }
        }
    }

    #[test]
    fn other_text_is_not_found() {
        let (example, body) = (
            format().scanning().example().to_owned(),
            "a".repeat(BODY_LEN),
        );
        for text in [
            example[..example.len() - 1].to_owned(),
            format!("{example}0"),
            format!("{example}_"),
            example.replace("acme_api", "acme"),
            example.replace("live", "prod"),
            example.replace("_live_", "-live-"),
            example.to_uppercase(),
            format!("acme_api_live_{}-{}", &body[..20], &body[..25]),
            format!("acme_api_live_{}\n{}", &body[..23], &body[..23]),
            "acme_api_live_".to_owned(),
            "acme_api_live_key = os.environ['ACME_API_LIVE_KEY']".to_owned(),
        ] {
            assert!(!regex().is_match(&text), "{text}");
        }
        // A placeholder may look like a key, and has neither its checksum nor its entropy.
        let placeholder = format!("acme_api_live_{}", "x".repeat(BODY_LEN));
        assert!(format().parse(placeholder.as_bytes()).is_err());
        assert!(entropy(&placeholder) < MIN_ENTROPY);
    }

    #[test]
    fn the_example_is_right_in_form_and_says_what_it_is() {
        let formats = [
            KeyFormat::live("sk"),
            KeyFormat::test("abcdefghijklmnopqrst"),
        ];
        for format in formats {
            let format = format.unwrap();
            let scanning = format.scanning();
            let example = scanning.example();
            let id = format.parse(example.as_bytes()).unwrap();
            assert_eq!(id.as_str(), "EXAMPLEKEY00");
            assert!(example.contains("NOTASECRET"), "{example}");
            let regex = Regex::new(scanning.regex()).unwrap();
            let found = regex.find(example).map(|found| found.len());
            assert_eq!(found, Some(example.len()));
        }
    }

    #[test]
    fn every_form_holds_the_same_expression() {
        let scanning = format().scanning();
        let json: serde_json::Value = serde_json::from_str(&scanning.to_json()).unwrap();
        assert_eq!(json["regex"], scanning.regex());
        assert_eq!(json["example"], scanning.example());
        assert_eq!(json["type"], "acme_api_api_key");
        assert_eq!(json["keywords"][1], "acme_api_test_");
        assert_eq!(json["length"], 14 + 46);
        assert_eq!(json["checksum"]["algorithm"], "CRC-32/ISO-HDLC");

        let gitleaks = r#"[[rules]]
id = "acme-api-api-key"
description = "API key acme_api_..."
regex = '''acme_api_(?:live|test)_[0-9A-Za-z]{46}\b'''
keywords = ["acme_api_live_", "acme_api_test_"]
entropy = 3.5
"#;
        assert_eq!(scanning.gitleaks_rule(), gitleaks);
        let trufflehog = r"detectors:
  - name: acme-api-api-key
    keywords:
      - acme_api_live_
      - acme_api_test_
    regex:
      key: 'acme_api_(?:live|test)_[0-9A-Za-z]{46}\b'
";
        assert_eq!(scanning.trufflehog_detector(), trufflehog);
        let words = scanning.to_string();
        for part in [
            scanning.regex(),
            scanning.example(),
            "CRC-32",
            "first 54 characters",
        ] {
            assert!(words.contains(part), "{part}: {words}");
        }
    }
}
