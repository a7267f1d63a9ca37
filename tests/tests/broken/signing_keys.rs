//! Stores of signing keys that take two steps, mix up names, or change bytes.

use std::collections::HashMap;
use std::sync::Mutex;

use auth_layer::AuthError;
use auth_test::contract;
use jwt_layer::SigningKeyStore;

use super::{assert_found, between_two_steps, verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    ComparesLengths,
    EmptyIsNone,
    FirstIsTwoSteps,
    FoldsCase,
    IgnoresExpected,
    LoadIsStale,
    None,
    RefusesNothing,
    TextOnly,
    Trims,
    TwoSteps,
}

struct Naive {
    fault: Fault,
    documents: Mutex<HashMap<String, Vec<u8>>>,
    /// What was there before the last change.
    stale: Mutex<HashMap<String, Vec<u8>>>,
}

impl Naive {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            documents: Mutex::default(),
            stale: Mutex::default(),
        }
    }

    fn name(&self, ring: &str) -> String {
        match self.fault {
            Fault::FoldsCase => ring.to_lowercase(),
            Fault::Trims => ring.trim().to_owned(),
            _ => ring.to_owned(),
        }
    }

    fn is_expected(&self, found: Option<&[u8]>, expected: Option<&[u8]>) -> bool {
        match self.fault {
            Fault::IgnoresExpected => found.is_some() == expected.is_some(),
            Fault::ComparesLengths => found.map(<[u8]>::len) == expected.map(<[u8]>::len),
            Fault::EmptyIsNone => found.unwrap_or_default() == expected.unwrap_or_default(),
            _ => found == expected,
        }
    }

    fn found(&self, name: &str) -> Option<Vec<u8>> {
        self.documents.lock().unwrap().get(name).cloned()
    }
}

impl SigningKeyStore for Naive {
    async fn load(&self, ring: &str) -> Result<Option<Vec<u8>>, AuthError> {
        let name = self.name(ring);
        if self.fault == Fault::LoadIsStale
            && let Some(stale) = self.stale.lock().unwrap().remove(&name)
        {
            return Ok(Some(stale));
        }
        Ok(self.found(&name))
    }

    async fn replace(
        &self,
        ring: &str,
        expected: Option<&[u8]>,
        document: &[u8],
    ) -> Result<bool, AuthError> {
        let name = self.name(ring);
        let two_steps = match self.fault {
            Fault::TwoSteps => expected.is_some(),
            Fault::FirstIsTwoSteps => expected.is_none(),
            _ => false,
        };
        let mut found = self.found(&name);
        if two_steps {
            between_two_steps().await;
        }
        let mut documents = self.documents.lock().unwrap();
        if !two_steps {
            found = documents.get(&name).cloned();
        }
        let is_expected = self.is_expected(found.as_deref(), expected);
        if !is_expected && self.fault != Fault::RefusesNothing {
            return Ok(false);
        }
        if let Some(found) = found {
            self.stale.lock().unwrap().insert(name.clone(), found);
        }
        let document = match self.fault {
            Fault::TextOnly => String::from_utf8_lossy(document).into_owned().into_bytes(),
            _ => document.to_vec(),
        };
        documents.insert(name, document);
        Ok(is_expected)
    }
}

#[test]
fn faults_of_signing_key_stores_are_found() {
    const BYTES: &str = "the same bytes";
    const CHANGED_NOTHING: &str = "has changed nothing";
    const NAMES: &str = "Names are told apart";
    const ONE_STEP: &str = "`replace` is one step";
    const SEEN: &str = "is seen by every later `load`";

    let suite = |fault| verdict(contract::signing_key_store(async move || Naive::new(fault)));
    assert_eq!(suite(Fault::None), Ok(()));
    for (fault, lines) in [
        (Fault::ComparesLengths, &[CHANGED_NOTHING][..]),
        (Fault::EmptyIsNone, &[CHANGED_NOTHING, BYTES]),
        (Fault::FirstIsTwoSteps, &[ONE_STEP, SEEN]),
        (Fault::FoldsCase, &[NAMES]),
        (Fault::IgnoresExpected, &[CHANGED_NOTHING]),
        (Fault::LoadIsStale, &[SEEN]),
        (Fault::RefusesNothing, &[CHANGED_NOTHING]),
        (Fault::TextOnly, &[BYTES]),
        (Fault::Trims, &[NAMES]),
        (Fault::TwoSteps, &[ONE_STEP]),
    ] {
        assert_found(&fault, suite(fault), lines);
    }
}
