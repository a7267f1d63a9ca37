//! How often keys may be used, and tried: what can be chosen.

use std::sync::Arc;

use auth_layer::{ConfigError, Rate, RateCounters, SharedRateCounters};
use http::request::Parts;

use super::failures::FailureLimit;
use super::{ApiKeys, superseded};

impl ApiKeys {
    /// Where the [limits of keys](crate::KeyRecord::limits) are counted. Default:
    /// [`MemoryRateCounters`](auth_layer::MemoryRateCounters), so each process, and each scheme that is not a clone, counts by itself and begins anew when it starts: give
    /// all of them counters that they share, and that last, such as those of redis-store.
    ///
    /// The limits of a key are charged from the shortest period on: what a burst refuses costs nothing
    /// of a budget, and what a budget refuses is given back to the burst. A use counts when the key is
    /// found to be good, and is not given back whatever the guards and the handler answer, nor if
    /// another credential of the request contradicts it. A budget belongs to the key: rotating the
    /// key does not renew it.
    #[must_use]
    pub fn quota(self, counters: impl RateCounters) -> Self {
        let counters = SharedRateCounters::new(counters);
        self.change(|inner| inner.counters = counters)
    }

    /// How much of the limits of its key a request takes. Default: 1, whatever it asks for.
    ///
    /// 0 is not counted. More than one of the limits ever holds is answered 429 without `Retry-After`.
    /// It is asked for every request with a key, before the key is verified, so it should be a look at
    /// the method and the path.
    ///
    /// ```
    /// # use apikey_layer::{ApiKeys, KeyFormat, MemoryApiKeys};
    /// # let keys = ApiKeys::danger_without_owners(KeyFormat::live("sk")?, std::sync::Arc::new(MemoryApiKeys::new()));
    /// let keys = keys.cost(|parts| if parts.uri.path().starts_with("/export") { 25 } else { 1 });
    /// # let _ = keys;
    /// # Ok::<(), auth_layer::ConfigError>(())
    /// ```
    #[must_use]
    pub fn cost(self, cost: impl Fn(&Parts) -> u32 + Send + Sync + 'static) -> Self {
        self.change(|inner| inner.cost = Some(Arc::new(cost)))
    }

    /// How many bad keys each client's address may try, counted by `counters`; IPv6 counts by /64, and
    /// all unknown addresses as one. Over it: 429 with `Retry-After`, and the store is not asked.
    /// Default: no limit, because clients behind one address, such as a company's, share it: one with
    /// an old key in its settings would lock those others out whose keys have not been used within the
    /// last hour.
    ///
    /// A key that the store has to be asked for is paid for beforehand, and costs nothing if it is good or
    /// the store does not answer; of several requests at once with a key that is not known yet one pays,
    /// and the others once it turns out to be bad. A key that this scheme has looked up and found good
    /// within the last hour is not paid for beforehand, nor is one that is in the cache: whatever else
    /// comes from its address, it is not refused by this. That is remembered of 10,000 keys, in this
    /// process. A bad one costs, in the cache or not, and so does the key of an owner who is gone. What
    /// is no key by its checksum is refused without hash and look-up and is not counted.
    ///
    /// Put the [`ClientAddressLayer`](auth_layer::ClientAddressLayer) outside of the layer that has
    /// this scheme; without it all clients are one.
    #[must_use]
    pub fn failure_limit(self, rate: Rate, counters: impl RateCounters) -> Self {
        let limit = FailureLimit::new(rate, SharedRateCounters::new(counters));
        self.change(|inner| inner.failures = Some(limit))
    }

    /// Lets keys be used that cannot be counted. Default: they are answered 503.
    ///
    /// Whoever can make the counters fail is then without a limit, of good keys and of bad ones. Each
    /// such use is an event of kind [`Unavailable`](auth_layer::EventKind::Unavailable),
    /// `key_not_counted` or `bad_keys_not_counted`.
    #[must_use]
    pub fn danger_allow_uncounted(self) -> Self {
        self.change(|inner| inner.allows_uncounted = true)
    }

    /// Where people read what to do about a secret that was replaced: a path of this service or an
    /// `https` URL. Answers to such a secret then have `Link: <…>; rel="deprecation"` (RFC 9745),
    /// beside the `Deprecation` and `Sunset` that they always have. Default: none.
    ///
    /// # Errors
    ///
    /// Refuses, naming `deprecation_link`, everything else.
    pub fn deprecation_link(self, target: &str) -> Result<Self, ConfigError> {
        let link = superseded::link(target)?;
        Ok(self.change(|inner| inner.deprecation_link = Some(link)))
    }
}
