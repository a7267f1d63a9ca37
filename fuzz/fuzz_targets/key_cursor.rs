//! Cursors of lists of keys: what nobody was given is refused, and by name.
#![no_main]

use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use apikey_layer::{KeyCursor, KeyError, KeyFormat, KeyRegistry, MemoryApiKeys, NewKey};
use auth_layer::Identity;
use apikey_layer::SharedApiKeyStore;
use libfuzzer_sys::fuzz_target;

struct World {
    registry: KeyRegistry,
    owner: Identity,
    given: KeyCursor,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let store = SharedApiKeyStore::new(MemoryApiKeys::new());
    let registry = KeyRegistry::new(KeyFormat::live("sk").unwrap(), store);
    let owner = Identity::new("session", "ann");
    for _ in 0..2 {
        at_once(registry.create(&owner, NewKey::new("k"))).unwrap();
    }
    let page = at_once(registry.list(&owner, None, 1)).unwrap();
    World {
        registry,
        owner,
        given: page.next.unwrap(),
    }
});

/// Keys in memory never wait.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

// A whole text, or letters of the cursor that was given changed by index.
fuzz_target!(|input: (&str, Vec<(u8, u8)>)| {
    let (text, changes) = input;
    let World {
        registry,
        owner,
        given,
    } = &*WORLD;
    let mut changed = given.as_str().as_bytes().to_vec();
    for (index, byte) in changes {
        let index = usize::from(index) % changed.len();
        changed[index] = byte & 0x7f;
    }
    let changed = String::from_utf8(changed).unwrap();
    for text in [text, &changed] {
        match at_once(registry.list(owner, Some(text), 10)) {
            Ok(page) => assert!(text == given.as_str() && page.keys.len() == 1),
            Err(KeyError::Invalid(error)) => assert_eq!(error.option(), "cursor"),
            Err(error) => panic!("{error:?}"),
        }
    }
});
