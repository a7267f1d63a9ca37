//! The scripts of sessions.

use crate::script::Script;

/// A script, after the functions that it uses.
macro_rules! script {
    ($($file:literal),+) => {
        Script::new(concat!($(include_str!(concat!("lua/", $file, ".lua")), "\n"),+))
    };
}

#[derive(Debug)]
pub(super) struct Scripts {
    // For one server: a session and the index of its user.
    pub(super) create: Script,
    pub(super) delete: Script,
    pub(super) delete_of_user: Script,
    pub(super) list: Script,
    pub(super) rotate: Script,
    // For any: a session.
    pub(super) touch: Script,
    pub(super) update: Script,
    // For a cluster: a session, or an index.
    #[cfg(feature = "cluster")]
    pub(super) end: Script,
    #[cfg(feature = "cluster")]
    pub(super) index_change: Script,
    #[cfg(feature = "cluster")]
    pub(super) index_mark: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            create: script!("head", "index", "create"),
            delete: script!("head", "delete"),
            delete_of_user: script!("head", "index", "delete_of_user"),
            list: script!("list"),
            rotate: script!("head", "index", "rotate"),
            touch: script!("head", "touch"),
            update: script!("update"),
            #[cfg(feature = "cluster")]
            end: script!("head", "end"),
            #[cfg(feature = "cluster")]
            index_change: script!("index_change"),
            #[cfg(feature = "cluster")]
            index_mark: script!("index_mark"),
        }
    }
}
