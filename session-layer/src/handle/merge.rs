//! Changes of session data, key by key, so that concurrent requests lose none of each other's.

use std::collections::HashMap;

use serde_json::Value;

/// What somebody did to the data between two points in time.
#[derive(Debug, PartialEq)]
pub(super) struct Changes {
    /// The key and its new value, or none if it was removed.
    keys: Vec<(String, Option<Value>)>,
}

impl Changes {
    pub(super) fn between(before: &HashMap<String, Value>, after: &HashMap<String, Value>) -> Self {
        let set = after
            .iter()
            .filter(|(key, value)| before.get(*key) != Some(value))
            .map(|(key, value)| (key.clone(), Some(value.clone())));
        let removed = before
            .keys()
            .filter(|key| !after.contains_key(*key))
            .map(|key| (key.clone(), None));
        Self {
            keys: set.chain(removed).collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn apply(&self, data: &mut HashMap<String, Value>) {
        for (key, value) in &self.keys {
            match value {
                Some(value) => data.insert(key.clone(), value.clone()),
                None => data.remove(key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::hash_map;
    use proptest::prelude::*;

    use super::*;

    fn data() -> impl Strategy<Value = HashMap<String, Value>> {
        hash_map("[a-e]", (0..4_u8).prop_map(Value::from), 0..5)
    }

    proptest! {
        #[test]
        fn applying_the_changes_gives_what_they_led_to(before in data(), after in data()) {
            let mut applied = before.clone();
            Changes::between(&before, &after).apply(&mut applied);
            prop_assert_eq!(applied, after);
        }

        #[test]
        fn changes_of_different_keys_do_not_touch_each_other(
            before in data(),
            mine in data(),
            theirs in hash_map("[x-z]", (0..4_u8).prop_map(Value::from), 0..4),
        ) {
            let mut stored = before.clone();
            stored.extend(theirs.clone());
            Changes::between(&before, &mine).apply(&mut stored);
            let mut expected = mine;
            expected.extend(theirs);
            prop_assert_eq!(stored, expected);
        }
    }
}
