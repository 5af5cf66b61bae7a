//! Messages, and the frames they travel in.

use serde_json::{Map, Value as Json};

use super::id::MessageId;
use super::node::GunNode;
use super::value::is_name;
use super::{MAX_BATCH, MAX_DEPTH, MAX_FRAME, MAX_NAME, MAX_PROPERTIES};

/// One message on the wire. Members that this program does not use are dropped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// Its id (`#`).
    pub id: Option<MessageId>,
    /// The message that this one answers (`@`).
    pub answers: Option<MessageId>,
    /// Nodes to merge (`put`); an empty list if there was a `put` without a single valid node.
    pub put: Option<Vec<GunNode>>,
    /// A question (`get`).
    pub get: Option<Get>,
    /// The write was stored (`ok`). Updates carry it too, where it means nothing.
    pub ok: bool,
    /// The write failed (`err`).
    pub error: Option<String>,
    /// Control of the mesh (`dam`), with the peer's name.
    pub hello: Option<Hello>,
    /// Where the answer continues (`%`).
    pub more: Option<More>,
}

/// A question for a node or for one of its properties.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Get {
    /// The node.
    pub soul: String,
    /// The property; all properties if absent.
    pub property: Option<String>,
    /// Whether the relay must read its disk ([`Get::from_disk`]).
    pub is_from_disk: bool,
}

/// A message of the mesh itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hello {
    /// Its kind: `?` asks who the peer is, `hi` announces a peer.
    pub kind: String,
    /// The id of the peer, which lasts as long as its process.
    pub peer: Option<String>,
}

/// How an answer continues.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum More {
    /// With the message of this id, which may have arrived already.
    Named(MessageId),
    /// With some other message.
    Somewhere,
}

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// It is longer than [`MAX_FRAME`].
    #[error("a frame of {0} bytes is too long")]
    TooLong(usize),
    /// It is nested deeper than [`MAX_DEPTH`].
    #[error("a frame is nested too deeply")]
    TooDeep,
    /// It holds more than [`MAX_BATCH`] messages.
    #[error("a frame holds too many messages")]
    TooMany,
    /// It is not JSON.
    #[error("a frame is not JSON")]
    NotJson(#[source] serde_json::Error),
}

impl Message {
    /// A question.
    #[must_use]
    pub fn get(id: MessageId, get: Get) -> Self {
        Self { id: Some(id), get: Some(get), ..Self::default() }
    }

    /// A write.
    #[must_use]
    pub fn put(id: MessageId, nodes: Vec<GunNode>) -> Self {
        Self { id: Some(id), put: Some(nodes), ..Self::default() }
    }

    /// Whether it says that the peer does not have the node: an answer with nothing in it.
    #[must_use]
    pub fn is_empty_answer(&self) -> bool {
        self.answers.is_some()
            && self.put.is_none()
            && !self.ok
            && self.error.is_none()
            && self.hello.is_none()
    }

    fn from_json(json: &Json) -> Option<Self> {
        let members = json.as_object()?;
        let text = |name: &str| members.get(name).and_then(Json::as_str);
        let id = |name| text(name).and_then(MessageId::new);
        let hello = text("dam").filter(|kind| kind.len() <= MAX_NAME).map(|kind| Hello {
            kind: kind.to_owned(),
            peer: text("pid").filter(|peer| is_name(peer)).map(str::to_owned),
        });
        let message = Self {
            id: id("#"),
            answers: id("@"),
            put: members.get("put").and_then(Json::as_object).map(nodes_of),
            get: members.get("get").and_then(Get::from_json),
            ok: members.get("ok").is_some_and(|ok| !matches!(ok, Json::Null | Json::Bool(false))),
            error: text("err").map(|error| error.chars().take(MAX_NAME / 4).collect()),
            hello,
            more: members.get("%").and_then(More::from_json),
        };
        // Something without any member of this protocol is not a message.
        (message != Self::default()).then_some(message)
    }

    fn to_json(&self) -> Json {
        let mut members = Map::new();
        let mut set = |name: &str, value: Json| members.insert(name.to_owned(), value);
        let text = |text: &str| Json::String(text.to_owned());
        if let Some(id) = &self.id {
            set("#", text(id.as_str()));
        }
        if let Some(id) = &self.answers {
            set("@", text(id.as_str()));
        }
        if let Some(nodes) = &self.put {
            let nodes = nodes.iter().map(|node| (node.soul.clone(), node.to_json()));
            set("put", Json::Object(nodes.collect()));
        }
        if let Some(get) = &self.get {
            set("get", get.to_json());
        }
        if self.ok {
            set("ok", Json::Object(Map::from_iter([(String::new(), Json::from(1))])));
        }
        if let Some(error) = &self.error {
            set("err", text(error));
        }
        if let Some(hello) = &self.hello {
            set("dam", text(&hello.kind));
            if let Some(peer) = &hello.peer {
                set("pid", text(peer));
            }
        }
        match &self.more {
            Some(More::Named(id)) => drop(set("%", text(id.as_str()))),
            Some(More::Somewhere) => drop(set("%", Json::from(1))),
            None => {}
        }
        Json::Object(members)
    }
}

impl Get {
    /// A question for a whole node.
    #[must_use]
    pub fn node(soul: impl Into<String>) -> Self {
        Self { soul: soul.into(), property: None, is_from_disk: false }
    }

    /// A question for one property.
    #[must_use]
    pub fn property(soul: impl Into<String>, property: impl Into<String>) -> Self {
        Self { soul: soul.into(), property: Some(property.into()), is_from_disk: false }
    }

    /// The same question to the relay's disk, as a pattern that only this soul matches.
    #[must_use]
    pub fn from_disk(self) -> Self {
        // docs/gun.md, "What relays do". A relay that was restarted, was asked for a node, and then gets a write to that
        // node, answers later questions for it with the new properties only. For a post this means that appending readers
        // hides the keys of the earlier ones. A pattern (`{"=": soul}`) makes the relay read its disk, where the old
        // properties are. Callers ask both ways and merge the answers.
        Self { is_from_disk: true, ..self }
    }

    fn from_json(json: &Json) -> Option<Self> {
        let members = json.as_object()?;
        let name = |json: Option<&Json>| json?.as_str().filter(|text| is_name(text)).map(str::to_owned);
        let pattern = members.get("#").and_then(Json::as_object);
        let soul = name(pattern.map_or(members.get("#"), |pattern| pattern.get("=")))?;
        // A range of properties is an object here. It is read as a question for the whole node, which contains the range.
        Some(Self { soul, property: name(members.get(".")), is_from_disk: pattern.is_some() })
    }

    fn to_json(&self) -> Json {
        let mut members = Map::new();
        let soul = Json::String(self.soul.clone());
        let pattern = |soul| Json::Object(Map::from_iter([("=".to_owned(), soul)]));
        members.insert("#".to_owned(), if self.is_from_disk { pattern(soul) } else { soul });
        if let Some(property) = &self.property {
            members.insert(".".to_owned(), Json::String(property.clone()));
        }
        Json::Object(members)
    }
}

impl More {
    fn from_json(json: &Json) -> Option<Self> {
        match json {
            Json::String(id) => MessageId::new(id).map(Self::Named),
            Json::Null | Json::Bool(false) => None,
            _ => Some(Self::Somewhere),
        }
    }
}

/// Reads a text frame. Malformed parts are left out, so that one bad message does not hide the others;
/// a heartbeat is a frame without messages.
///
/// # Errors
/// Every [`FrameError`].
pub fn decode(frame: &str) -> Result<Vec<Message>, FrameError> {
    if frame.len() > MAX_FRAME {
        return Err(FrameError::TooLong(frame.len()));
    }
    if depth(frame) > MAX_DEPTH {
        return Err(FrameError::TooDeep);
    }
    match serde_json::from_str(frame).map_err(FrameError::NotJson)? {
        Json::Array(items) if items.len() > MAX_BATCH => Err(FrameError::TooMany),
        Json::Array(items) => Ok(items.iter().filter_map(Message::from_json).collect()),
        single => Ok(Message::from_json(&single).into_iter().collect()),
    }
}

/// Writes a text frame: an object for one message, an array for any other number.
#[must_use]
pub fn encode(messages: &[Message]) -> String {
    match messages {
        [single] => single.to_json().to_string(),
        many => Json::Array(many.iter().map(Message::to_json).collect()).to_string(),
    }
}

/// The nodes of a `put`, each under its soul.
fn nodes_of(members: &Map<String, Json>) -> Vec<GunNode> {
    let mut left = MAX_PROPERTIES;
    let named = |(soul, json): (&String, &Json)| {
        let node = GunNode::from_json(json, &mut left)?;
        (node.soul == *soul).then_some(node)
    };
    members.iter().filter_map(named).collect()
}

/// How deep brackets are nested outside of strings. Checked before the frame is parsed.
fn depth(frame: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in frame.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gun::Value;
    use crate::gun::tests::{any_message, node_of};
    use proptest::prelude::*;

    #[test]
    fn frames_of_other_peers_are_read() {
        let one = |frame: &str| decode(frame).unwrap().pop().unwrap();
        let hello = one(r##"{"#":"MviusTIeX","dam":"?","pid":"GxjVecUv1"}"##).hello.unwrap();
        assert_eq!(hello, Hello { kind: "?".into(), peer: Some("GxjVecUv1".into()) });
        assert!(one(r##"{"#":"KCRtRenIK","@":"dBT2bxR2d","ok":true}"##).ok);
        assert!(one(r##"{"#":"KCRtRenIK","@":"dBT2bxR2d","ok":{"":1}}"##).ok);
        assert!(one(r##"{"#":"SsHnPyIzN","@":"jakxom8ex"}"##).is_empty_answer());
        let chunk = one(r###"{"#":"a","##":-1,"%":"b","@":"c","FOO":1,"put":{}}"###);
        assert_eq!(chunk.more, Some(More::Named(MessageId::new("b").unwrap())));
        assert_eq!(one(r##"{"#":"a","%":1,"@":"c","put":{}}"##).more, Some(More::Somewhere));
        let range = one(r##"{"#":"a","get":{"#":"s",".":{"*":"p"}}}"##).get;
        assert_eq!(range, Some(Get::node("s")));
        let pattern = one(r##"{"#":"a","get":{"#":{"=":"s"},".":"p"}}"##).get;
        assert_eq!(pattern, Some(Get::property("s", "p").from_disk()));
        assert!(
            decode(r##"{"#":"a","get":{"#":{"*":"s"}}}"##)
                .unwrap()
                .iter()
                .all(|message| message.get.is_none())
        );
        assert_eq!(decode("[]").unwrap(), []);
    }

    #[test]
    fn bad_parts_do_not_hide_good_ones() {
        let frame = r##"[5,null,{"put":{
            "s":{"_":{"#":"s",">":{"good":1,"list":1,"object":1,"late":"x"}},
                 "good":"yes","list":[1],"object":{"a":1},"late":1,"stateless":1},
            "t":{"_":{"#":"other",">":{"a":1}},"a":1},"u":{"a":1},"v":7}},{"#":"x","get":{"#":"y"}}]"##;
        let messages = decode(frame).unwrap();
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0].put, Some(vec![node_of("s", "good", Value::Text("yes".into()), 1.0)]));
        assert_eq!(messages[1].get, Some(Get::node("y")));
    }

    #[test]
    fn frames_are_bounded() {
        assert!(matches!(decode(&"[".repeat(MAX_FRAME + 1)), Err(FrameError::TooLong(_))));
        assert!(matches!(decode(&"[".repeat(MAX_FRAME)), Err(FrameError::TooDeep)));
        assert!(matches!(decode("[1"), Err(FrameError::NotJson(_))));
        assert!(matches!(decode(&format!("[{}1]", "1,".repeat(MAX_BATCH))), Err(FrameError::TooMany)));
        // Brackets inside of texts do not count.
        let text = format!(r##"{{"#":"{}\"[["}}"##, "[{".repeat(100));
        assert_eq!(decode(&text).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(messages in proptest::collection::vec(any_message(), 0..4)) {
            prop_assert_eq!(decode(&encode(&messages)).unwrap(), messages);
        }

        #[test]
        fn any_text_is_read_or_refused(text in r##"[\[\]{}:,"#@%a0.\\ -]{0,60}"##) {
            if let Ok(messages) = decode(&text) {
                prop_assert_eq!(decode(&encode(&messages)).unwrap(), messages);
            }
        }
    }
}
