//! A cluster of three masters.

use super::RedisServer;
use crate::process::wait_until;

/// The number of hash slots of a cluster.
const SLOTS: u16 = 16_384;

/// Three Redis masters that share the slots of a cluster.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts the nodes and waits until each says that the cluster is whole.
    ///
    /// # Panics
    ///
    /// Panics if Redis is not there and cannot be installed, or the cluster does not come about.
    #[must_use]
    pub fn start() -> Self {
        let arguments = [
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "2000",
            "--cluster-require-full-coverage",
            "yes",
        ];
        let nodes: Vec<_> = (0..3)
            .map(|_| RedisServer::start_with(&arguments))
            .collect();
        let bounds = [0, SLOTS / 3, SLOTS / 3 * 2, SLOTS];
        for (index, node) in nodes.iter().enumerate() {
            node.command(&format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1));
            let (from, to) = (bounds[index], bounds[index + 1] - 1);
            node.command(&format!("CLUSTER ADDSLOTSRANGE {from} {to}"));
            node.command(&format!("CLUSTER MEET 127.0.0.1 {}", nodes[0].port()));
        }
        wait_until("the cluster", || {
            nodes.iter().all(|node| {
                let info = node.command("CLUSTER INFO");
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            })
        });
        Self { nodes }
    }

    /// The URLs of all nodes.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }

    /// The nodes.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// The nodes, to be killed and started again. A node that is started again has forgotten the
    /// cluster: it runs without persistence, but its `nodes.conf` is still in its folder.
    pub fn nodes_mut(&mut self) -> &mut [RedisServer] {
        &mut self.nodes
    }
}
