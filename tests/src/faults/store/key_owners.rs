//! The owners of API keys.

use apikey_layer::{KeyOwners, Lookup, Owner, OwnerAuthority};
use auth_layer::AuthError;

use crate::Faulty;

impl<S: KeyOwners> KeyOwners for Faulty<S> {
    fn authority_now(&self, owner: &Owner) -> Lookup<OwnerAuthority> {
        let answer = (self.faults).call_now(|| match self.store().authority_now(owner) {
            Lookup::Wait => None,
            answer => Some(answer),
        });
        answer.unwrap_or(Lookup::Wait)
    }

    async fn authority(&self, owner: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        self.faults.call().await?;
        self.store().authority(owner).await
    }
}
