//! One connection, shared by all who ask.

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, Value};
#[cfg(feature = "cluster")]
use redis::{
    cluster_async::ClusterConnection,
    cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, Slot, SlotAddr},
};

/// A connection on which the commands of many tasks are under way at once.
#[derive(Clone)]
pub(crate) enum Connection {
    Server(MultiplexedConnection),
    #[cfg(feature = "cluster")]
    Cluster(ClusterConnection),
}

impl Connection {
    /// Sends one command to the server that has `key`.
    pub(crate) async fn send(&mut self, command: Cmd, key: &[u8]) -> RedisResult<Value> {
        let answer = match self {
            Self::Server(connection) => {
                let _ = key;
                connection.send_packed_command(&command).await?
            }
            #[cfg(feature = "cluster")]
            Self::Cluster(connection) => {
                // The master, whatever the pool says: a replica may still have what was revoked.
                let route = Route::with_slot(Slot::for_key(key), SlotAddr::Master);
                let route = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route));
                connection.route_command(command, route).await?
            }
        };
        answer.extract_error()
    }
}
