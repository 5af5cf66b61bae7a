//! Records as nodes of Gun, in the form in which they wait in the store.

use std::collections::BTreeMap;

use bauta_protocol::mask::partition::{Tag, v37_set, v38_path};
use bauta_protocol::mask::{Network, Record, Version, record_soul};
use bauta_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::random;

/// A node to put: its soul, values, and links to other souls.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct QueuedNode {
    pub(crate) soul: String,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) values: Map<String, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) links: BTreeMap<String, String>,
}

/// What the partitions of a post depend on, besides the reader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partitioned {
    pub(crate) network: Network,
    pub(crate) version: Version,
    pub(crate) tag: Tag,
}

/// The nodes of one recipient's record. `None` for a network without partitions, and for formats that are only read.
pub(crate) fn nodes_of(
    post: Partitioned,
    key: Tag,
    record: &Record,
    now: Timestamp,
) -> Option<Vec<QueuedNode>> {
    let soul = record_soul(now, &mut random::rng());
    let link = |from: String, name: &str, to: &str| QueuedNode {
        soul: from,
        values: Map::new(),
        links: BTreeMap::from([(name.to_owned(), to.to_owned())]),
    };
    let record =
        QueuedNode { soul: soul.clone(), values: record.to_properties(post.version), links: BTreeMap::new() };
    match post.version {
        Version::V37 => {
            let set = v37_set(post.network, post.tag, key)?;
            Some(vec![record, link(set, &soul, &soul)])
        }
        Version::V38 => {
            let [parent, name] = v38_path(post.network, post.tag, key)?;
            let set = format!("{parent}/{name}");
            Some(vec![record, link(set.clone(), &soul, &soul), link(parent, &name, &set)])
        }
        Version::V39 | Version::V40 => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(index: u16) -> Tag {
        Tag::from_index(index).unwrap()
    }

    #[test]
    fn records_are_where_the_extension_looks() {
        let record = Record { encrypted_key: vec![1; 48], salt: Some([2; 16]), ephemeral: None };
        let post = Partitioned { network: Network::Twitter, version: Version::V37, tag: tag(0) };
        let nodes = nodes_of(post, tag(1), &record, Timestamp(1_790_000_000_000)).unwrap();
        assert_eq!(nodes[1].soul, "37-tw-AA-AB");
        assert_eq!(nodes[1].links.get(&nodes[0].soul), Some(&nodes[0].soul));
        assert_eq!(nodes[0].values.keys().collect::<Vec<_>>(), ["e"]);
        let post = Partitioned { version: Version::V38, ..post };
        let nodes = nodes_of(post, tag(1), &record, Timestamp(1_790_000_000_000)).unwrap();
        assert_eq!(nodes[2].soul, "twitter-AA");
        assert_eq!(nodes[2].links.get("AB"), Some(&"twitter-AA/AB".to_owned()));
        assert_eq!(nodes[1].soul, "twitter-AA/AB");
        assert_eq!(nodes[1].links.get(&nodes[0].soul), Some(&nodes[0].soul));
        let kept = serde_json::to_string(&nodes).unwrap();
        assert_eq!(serde_json::from_str::<Vec<QueuedNode>>(&kept).unwrap(), nodes);
        let nowhere = Partitioned { network: Network::Unknown, ..post };
        assert_eq!(nodes_of(nowhere, tag(1), &record, Timestamp(1)), None);
        let old = Partitioned { version: Version::V39, ..post };
        assert_eq!(nodes_of(old, tag(1), &record, Timestamp(1)), None);
    }
}
