use std::collections::BTreeSet;

use bauta_ipc::MessageState;
use bauta_sphinx_client::Traffic;
use comfy_table::{ContentArrangement, Table};
use serde::{Serialize, Serializer};

use super::gun_peer::Seen;
use super::people::Sent;
use super::recorder::{Notes, Sizes};

/// The width of the table where there is no terminal.
const WITHOUT_TERMINAL: u16 = 100;

/// What `bauta demo` measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) message: Sent,
    pub(super) reply: Sent,
    pub(super) post: Opened,
    /// The traffic profile of both daemons.
    #[serde(serialize_with = "as_text")]
    pub(super) traffic: Traffic,
    pub(super) observers: Observers,
}

/// What each observer saw.
#[derive(Debug, Serialize)]
pub(super) struct Observers {
    pub(super) relay: RelayView,
    pub(super) gateways: Vec<NodeView>,
    pub(super) mixes: Vec<NodeView>,
    pub(super) gun: GunView,
    pub(super) disks: DiskView,
}

/// What the relay saw, and what a search of its files and of the whole log found.
#[derive(Debug, Serialize)]
pub(super) struct RelayView {
    /// Requests received.
    exchanges: u64,
    distinct_sender_tags: u64,
    request_sizes: Sizes,
    reply_sizes: Sizes,
    /// Boxes received, including deleted ones.
    boxes: u64,
    secrets_found: BTreeSet<String>,
}

/// What a node of the mixnet saw.
#[derive(Debug, Serialize)]
pub(super) struct NodeView {
    pub(super) id: u32,
    /// Packets from clients at a gateway, packets forwarded at a mix.
    pub(super) packets: u64,
}

/// The state and the times of the post.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Opened {
    pub(super) text: String,
    /// `decrypted`: by the other daemon, with a key from the Gun relay.
    pub(super) state: &'static str,
    /// Until the Gun relay had the key.
    pub(super) published_ms: u64,
    /// Until the other daemon had opened it.
    pub(super) decrypted_ms: u64,
}

/// What the Gun relay saw, and what a search of its contents found.
#[derive(Debug, Serialize)]
pub(super) struct GunView {
    connections: u64,
    questions: u64,
    writes: u64,
    secrets_found: BTreeSet<String>,
}

impl GunView {
    pub(super) fn new(seen: &Seen) -> Self {
        let Seen { connections, questions, writes } = *seen;
        Self { connections, questions, writes, secrets_found: BTreeSet::new() }
    }

    pub(super) fn found(&mut self, secrets: BTreeSet<String>) {
        self.secrets_found.extend(secrets);
    }
}

/// What a search of both homes found.
#[derive(Debug, Default, Serialize)]
pub(super) struct DiskView {
    secrets_found: BTreeSet<String>,
}

impl RelayView {
    pub(super) fn new(notes: Notes, boxes: u64) -> Self {
        Self {
            exchanges: notes.exchanges,
            distinct_sender_tags: notes.tags,
            request_sizes: notes.request_sizes,
            reply_sizes: notes.reply_sizes,
            boxes,
            secrets_found: BTreeSet::new(),
        }
    }

    pub(super) fn found(&mut self, secrets: BTreeSet<String>) {
        self.secrets_found.extend(secrets);
    }
}

impl DiskView {
    pub(super) fn found(&mut self, secrets: BTreeSet<String>) {
        self.secrets_found.extend(secrets);
    }
}

impl Report {
    pub(super) fn is_delivered(&self) -> bool {
        [&self.message, &self.reply].into_iter().all(|sent| sent.state == MessageState::Delivered)
    }

    /// The table at the end.
    pub(super) fn describe(&self) -> String {
        let observers = &self.observers;
        let packets = |nodes: &[NodeView]| {
            let each: Vec<String> = nodes.iter().map(|node| node.packets.to_string()).collect();
            each.join(", ")
        };
        let relay = &observers.relay;
        let mut table = Table::new();
        table.load_preset(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        if table.width().is_none() {
            table.set_width(WITHOUT_TERMINAL);
        }
        table.set_header(["Observer", "saw", "did not find"]);
        table.add_row([
            "Entry gateways".to_owned(),
            format!(
                "an IP address, and packets from throw-away identities: {}",
                packets(&observers.gateways)
            ),
            "persona, relay, contact: they are inside the packets".to_owned(),
        ]);
        table.add_row([
            "Mix nodes".to_owned(),
            format!("packets from the hop before to the hop after: {}", packets(&observers.mixes)),
            "the sender and the recipient of a packet".to_owned(),
        ]);
        table.add_row([
            "Relay".to_owned(),
            format!(
                "{} exchanges under {} different sender tags; requests of {} bytes, replies of {} bytes; {} boxes",
                relay.exchanges,
                relay.distinct_sender_tags,
                sizes(&relay.request_sizes),
                sizes(&relay.reply_sizes),
                relay.boxes
            ),
            searched("its files and the log", &relay.secrets_found),
        ]);
        table.add_row([
            "Gun relay".to_owned(),
            format!(
                "{} connections, all from the exit, with {} questions and {} writes",
                observers.gun.connections, observers.gun.questions, observers.gun.writes
            ),
            searched("all that it stores", &observers.gun.secrets_found),
        ]);
        table.add_row([
            "Someone who copies both disks, without the key files".to_owned(),
            "two encrypted stores".to_owned(),
            searched("both homes", &observers.disks.secrets_found),
        ]);
        format!("With the traffic profile \"{}\": {}.\n{table}", self.traffic, self.traffic.bandwidth_note())
    }
}

fn as_text<S: Serializer>(traffic: &Traffic, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(traffic)
}

fn searched(place: &str, found: &BTreeSet<String>) -> String {
    if found.is_empty() {
        return format!("persona keys, addresses, texts: {place} were searched for them");
    }
    let list: Vec<&str> = found.iter().map(String::as_str).collect();
    format!("FOUND, and should not have: {}", list.join("; "))
}

fn sizes(sizes: &Sizes) -> String {
    let each: Vec<String> = sizes.small.iter().chain(&sizes.large).map(usize::to_string).collect();
    each.join(" or ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(state: MessageState) -> Report {
        let sent = Sent { text: "hi".into(), state: MessageState::Delivered, stored_ms: 1, delivered_ms: 2 };
        let sizes = Sizes { small: [1120].into(), large: [4128].into() };
        let notes = Notes { exchanges: 5, tags: 5, request_sizes: sizes.clone(), reply_sizes: sizes };
        Report {
            message: sent.clone(),
            reply: Sent { state, ..sent },
            post: Opened { text: "hey".into(), state: "decrypted", published_ms: 3, decrypted_ms: 4 },
            traffic: Traffic::Full,
            observers: Observers {
                relay: RelayView::new(notes, 3),
                gateways: vec![NodeView { id: 4, packets: 10 }],
                mixes: Vec::new(),
                gun: GunView::new(&Seen { connections: 2, questions: 3, writes: 1 }),
                disks: DiskView::default(),
            },
        }
    }

    #[test]
    fn the_report_has_its_documented_shape() {
        let report = serde_json::to_value(report(MessageState::Delivered)).unwrap();
        assert_eq!(
            report["message"],
            json!({"text": "hi", "state": "delivered", "stored_ms": 1, "delivered_ms": 2})
        );
        assert_eq!(report["traffic"], "full");
        assert_eq!((&report["post"]["text"], &report["post"]["state"]), (&json!("hey"), &json!("decrypted")));
        assert_eq!(
            report["observers"]["gun"],
            json!({"connections": 2, "questions": 3, "writes": 1, "secrets_found": []})
        );
        assert_eq!(
            report["observers"]["relay"],
            json!({"exchanges": 5, "distinct_sender_tags": 5,
                "request_sizes": {"small": [1120], "large": [4128]}, "reply_sizes": {"small": [1120], "large": [4128]},
                "boxes": 3, "secrets_found": []})
        );
    }

    #[test]
    fn both_must_be_delivered_and_finds_are_reported() {
        assert!(report(MessageState::Delivered).is_delivered());
        let mut report = report(MessageState::Stored);
        assert!(!report.is_delivered());
        assert!(!report.describe().contains("FOUND"));
        report.observers.relay.found(["text in relay.db".to_owned()].into());
        assert!(report.describe().contains("FOUND"));
    }
}
