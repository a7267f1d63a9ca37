//! Lua scripts, which make several changes one step.

use redis::{Cmd, Script as Hashed, cmd};

/// A script, known to Redis by its hash once it has run there.
#[derive(Debug)]
pub(crate) struct Script {
    source: &'static str,
    hash: Box<str>,
}

impl Script {
    pub(crate) fn new(source: &'static str) -> Self {
        Self {
            source,
            hash: Hashed::new(source).get_hash().into(),
        }
    }

    /// The command that runs it where it is known.
    pub(crate) fn by_hash(&self, keys: &[&[u8]], arguments: &[&[u8]]) -> Cmd {
        command("EVALSHA", &self.hash, keys, arguments)
    }

    /// The command that runs it anywhere, and makes it known there.
    pub(crate) fn by_source(&self, keys: &[&[u8]], arguments: &[&[u8]]) -> Cmd {
        command("EVAL", self.source, keys, arguments)
    }
}

fn command(name: &str, script: &str, keys: &[&[u8]], arguments: &[&[u8]]) -> Cmd {
    let mut command = cmd(name);
    command.arg(script).arg(keys.len());
    for part in keys.iter().chain(arguments) {
        command.arg(*part);
    }
    command
}
