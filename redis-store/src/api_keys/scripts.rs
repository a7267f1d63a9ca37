//! The scripts of API keys.

use crate::script::Script;

/// A script, after the functions that it uses.
macro_rules! script {
    ($($file:literal),+) => {
        Script::new(concat!($(include_str!(concat!("lua/", $file, ".lua")), "\n"),+))
    };
}

#[derive(Debug)]
pub(super) struct Scripts {
    // For one server: a key and the index of its owner.
    pub(super) insert: Script,
    pub(super) list: Script,
    pub(super) revoke_owned: Script,
    // For any: a key, or several on one server.
    pub(super) revoke: Script,
    pub(super) rotate: Script,
    pub(super) set_disabled: Script,
    pub(super) touch: Script,
    // For a cluster: the index of an owner.
    pub(super) confirm: Script,
    pub(super) end: Script,
    pub(super) leave: Script,
    pub(super) page_ids: Script,
    pub(super) reserve: Script,
    pub(super) unrevoked_ids: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            insert: script!("index", "insert"),
            list: script!("index", "list"),
            revoke_owned: script!("key", "index", "unrevoked", "revoke_owned"),
            revoke: script!("key", "index", "revoke"),
            rotate: script!("key", "rotate"),
            set_disabled: script!("set_disabled"),
            touch: script!("key", "touch"),
            confirm: script!("index", "cluster/confirm"),
            end: script!("index", "cluster/end"),
            leave: script!("index", "cluster/leave"),
            page_ids: script!("index", "cluster/page_ids"),
            reserve: script!("index", "cluster/reserve"),
            unrevoked_ids: script!("unrevoked", "cluster/unrevoked_ids"),
        }
    }
}
