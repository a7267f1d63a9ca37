//! The schedule, whatever is done to it, and documents that anybody may have written.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const AHEAD: u64 = 10 * 60 * 1_000;
const OVERLAP: u64 = 65 * 60 * 1_000;
const TIMES: Times = Times {
    publish_ahead: AHEAD,
    overlap: OVERLAP,
    rotate_every: Some(24 * 60 * 60 * 1_000),
};

fn record(number: usize) -> Record {
    Record {
        kid: number.to_string().into(),
        algorithm: "ES256".into(),
        schedule: Schedule::open(0),
        private: String::new().into(),
    }
}

fn signing(document: &Document, now: u64) -> Box<str> {
    let index = Document::signing(&document.schedules(), now).expect("some key signs");
    let record = &document.keys[index];
    assert!(!record.schedule.is_retired(now), "a retired key signs");
    assert!(
        !record.schedule.has_ended(now),
        "a key that has ended signs"
    );
    record.kid.clone()
}

#[derive(Clone, Debug)]
enum Act {
    Wait(u64),
    Rotate,
    Revoke(usize),
    RevokeSigning,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..2 * OVERLAP).prop_map(Act::Wait),
        (0..2 * AHEAD).prop_map(Act::Wait),
        Just(Act::Rotate),
        (0..6_usize).prop_map(Act::Revoke),
        Just(Act::RevokeSigning),
    ]
}

proptest! {
    #[test]
    fn key_11_one_key_signs_and_none_comes_back(acts in prop::collection::vec(act(), 0..60)) {
        let mut now = 1_000_000;
        let mut made = 0;
        let mut document = Document::default();
        let mut first = record(made);
        first.schedule.from = now;
        document.keys.push(first);
        // Those that have stopped, and until when what they signed is to be verified.
        let mut stopped = HashSet::new();
        let mut verified = Vec::new();
        let mut current = signing(&document, now);
        for act in acts {
            let revoked = match &act {
                Act::Revoke(index) => document.keys.get(*index).map(|key| key.kid.clone()),
                Act::RevokeSigning => Some(current.clone()),
                Act::Wait(_) | Act::Rotate => None,
            };
            match act {
                Act::Wait(time) => now += time,
                Act::Rotate if document.is_announced(now) => {}
                Act::Rotate => {
                    made += 1;
                    document.rotate(record(made), now, TIMES).unwrap();
                    prop_assert_eq!(&signing(&document, now), &current, "it was announced only");
                    prop_assert_eq!(&signing(&document, now + AHEAD), &made.to_string().into());
                }
                Act::Revoke(_) | Act::RevokeSigning => {
                    if let Some(kid) = &revoked {
                        made += 1;
                        let next = record(made);
                        prop_assert!(document.revoke(kid, now, || Ok(next)).unwrap());
                        stopped.insert(kid.clone());
                        verified.retain(|(other, _)| other != kid);
                    }
                }
            }
            document.delete_ended(now);
            let signs = signing(&document, now);
            if signs != current {
                if revoked.as_ref() != Some(&current) {
                    // It has signed until now at the latest.
                    let stop = document.keys.iter().find(|key| key.kid == current);
                    if let Some(stop) = stop {
                        let until = stop.schedule.until.unwrap();
                        verified.push((current.clone(), until + OVERLAP));
                    }
                }
                stopped.insert(current);
                current = signs;
            }
            prop_assert!(!stopped.contains(&current), "{current} came back");
            for (kid, end) in &verified {
                let is_there = document.keys.iter().any(|key| key.kid == *kid);
                prop_assert_eq!(is_there, now < *end, "{}", kid);
            }
            // Nor does anybody come back later, without anything being done.
            for later in [AHEAD, OVERLAP, 10 * OVERLAP] {
                prop_assert!(!stopped.contains(&signing(&document, now + later)));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>, kind in 0..3_u8) {
        let keys = SealingKeys::new(&[7; 32]).unwrap();
        let mut document = bytes;
        document.insert(0, [SEALED, PLAIN, 0][usize::from(kind)]);
        prop_assert!(Protection::Plain.read("ring", &document).is_err());
        prop_assert!(Protection::Sealed(keys).read("ring", &document).is_err());
    }
}

#[test]
fn a_ring_does_not_grow_without_end() {
    let mut document = Document::default();
    document.keys.push(record(0));
    for number in 1..MAX_KEYS {
        document.rotate(record(number), 0, TIMES).unwrap();
    }
    let error = document.rotate(record(MAX_KEYS), 0, TIMES).unwrap_err();
    assert_eq!(error.reason(), "too_many_signing_keys");
    let written = Protection::Plain.write("ring", &document).unwrap();
    let read = Protection::Plain.read("ring", &written).unwrap();
    assert_eq!(read.schedules(), document.schedules());
}
