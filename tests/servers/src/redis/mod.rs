//! Redis: one server, a cluster, and a master watched by a sentinel.

mod cluster;
mod protocol;
mod sentinel;
mod server;

pub use self::cluster::RedisCluster;
pub use self::sentinel::RedisSentinel;
pub use self::server::RedisServer;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_killed_and_started_again_on_its_port() {
        let mut server = RedisServer::start();
        server.command("SET key value");
        let port = server.port();
        server.kill();
        assert_eq!(protocol::ask(port, "PING"), None);
        server.restart();
        assert_eq!(server.port(), port);
        assert_eq!(server.command("GET key"), "$-1\r\n");
        drop(server);
        assert_eq!(protocol::ask(port, "PING"), None);
    }

    #[test]
    fn a_cluster_spreads_its_keys_over_three_nodes() {
        let cluster = RedisCluster::start();
        let moved: Vec<_> = ["a", "b", "c", "d", "e", "f"]
            .iter()
            .map(|key| protocol::ask(cluster.nodes()[0].port(), &format!("GET {key}")).unwrap())
            .collect();
        assert!(
            moved.iter().any(|answer| answer.starts_with("-MOVED")),
            "{moved:?}"
        );
        assert!(moved.iter().any(|answer| answer == "$-1\r\n"), "{moved:?}");
    }

    #[test]
    fn a_replica_takes_over() {
        let mut sentinel = RedisSentinel::start();
        sentinel.first_master().command("SET key value");
        sentinel.fail_over();
        sentinel.replica.command("SET key other");
    }
}
