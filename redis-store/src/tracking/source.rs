//! Where the connection that brings the news comes from.

#[cfg(feature = "sentinel")]
use std::sync::Arc;

use redis::{Client, ProtocolVersion, RedisResult};

#[derive(Clone)]
pub(crate) enum Source {
    Server(Box<Client>),
    #[cfg(feature = "sentinel")]
    Sentinel(Arc<tokio::sync::Mutex<redis::sentinel::SentinelClient>>),
}

impl Source {
    pub(crate) fn server(client: Client) -> Self {
        Self::Server(Box::new(client))
    }

    #[cfg(feature = "sentinel")]
    pub(crate) fn sentinel(client: redis::sentinel::SentinelClient) -> Self {
        Self::Sentinel(Arc::new(tokio::sync::Mutex::new(client)))
    }

    /// A client that speaks RESP3, in which news comes over the connection itself.
    pub(super) async fn client(&self) -> RedisResult<Client> {
        let info = match self {
            Self::Server(client) => client.get_connection_info().clone(),
            #[cfg(feature = "sentinel")]
            Self::Sentinel(sentinel) => {
                let client = sentinel.lock().await.async_get_client().await?;
                client.get_connection_info().clone()
            }
        };
        let settings = info.redis_settings().clone();
        Client::open(info.set_redis_settings(settings.set_protocol(ProtocolVersion::RESP3)))
    }
}
