//! Lines of JSON: the codec, and what a line may hold.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::bytes::{Buf, BytesMut};
use tokio_util::codec::Decoder;

use crate::limits::MAX_ID;
use crate::{Event, MAX_FRAME, RpcError, codes};

/// Splits a byte stream into frames: lines of at most [`MAX_FRAME`] bytes, without their line feeds.
/// Bytes after the last line feed count as a frame when the stream ends.
#[derive(Debug, Default)]
pub struct FrameCodec {
    scanned: usize,
}

/// Why no frame could be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The line is longer than [`MAX_FRAME`].
    #[error("the frame is longer than {MAX_FRAME} bytes")]
    TooLong,
    /// The stream failed.
    #[error("reading failed")]
    Io(#[source] io::Error),
}

// The Decoder trait asks for this conversion.
impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Decoder for FrameCodec {
    type Item = BytesMut;
    type Error = FrameError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<BytesMut>, FrameError> {
        let unseen = buffer.get(self.scanned..).unwrap_or_default();
        match unseen.iter().position(|byte| *byte == b'\n') {
            Some(offset) if self.scanned + offset <= MAX_FRAME => {
                let frame = buffer.split_to(self.scanned + offset);
                buffer.advance(1);
                self.scanned = 0;
                Ok(Some(frame))
            }
            None if buffer.len() <= MAX_FRAME => {
                self.scanned = buffer.len();
                Ok(None)
            }
            Some(_) | None => Err(FrameError::TooLong),
        }
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<BytesMut>, FrameError> {
        if let Some(frame) = self.decode(buffer)? {
            return Ok(Some(frame));
        }
        self.scanned = 0;
        Ok((!buffer.is_empty()).then(|| buffer.split()))
    }
}

/// A request's id: at most [`MAX_ID`] bytes of text, or a whole number.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// A whole number.
    Number(i64),
    /// Text.
    Text(String),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// A call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Comes back with the answer.
    pub id: Id,
    /// The method's name.
    pub method: String,
    /// An object.
    pub params: Value,
}

/// A frame that is not a call.
#[derive(Clone, Debug, PartialEq)]
pub struct NotACall {
    /// The id, as far as there was one.
    pub id: Option<Id>,
    /// What to answer.
    pub error: RpcError,
    /// Whether to close the connection after answering.
    pub close: bool,
}

/// Reads a call from a client's frame.
pub fn parse_call(frame: &[u8]) -> Result<Call, NotACall> {
    let value: Value = serde_json::from_slice(frame).map_err(|_| NotACall {
        id: None,
        // What is not JSON may come from a web page that was made to write here: no second try on this connection.
        error: RpcError::new(&codes::REQUEST_PARSE, "The frame is not JSON."),
        close: true,
    })?;
    let mut fields = match value {
        Value::Object(fields) => fields,
        Value::Array(_) => {
            return Err(refuse(None, RpcError::new(&codes::REQUEST_BATCH, "Batches are not supported.")));
        }
        _ => return Err(invalid(None, "The request is not an object.")),
    };
    let id = match fields.remove("id") {
        Some(Value::Number(number)) => number.as_i64().map(Id::Number),
        Some(Value::String(text)) if text.len() <= MAX_ID => Some(Id::Text(text)),
        _ => None,
    };
    if id.is_none() {
        let message = format!("The request needs an id: a whole number, or text of at most {MAX_ID} bytes.");
        return Err(invalid(None, &message));
    }
    if fields.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(invalid(id, "The request needs \"jsonrpc\":\"2.0\"."));
    }
    let Some(Value::String(method)) = fields.remove("method") else {
        return Err(invalid(id, "The request needs a method, as text."));
    };
    match (id, fields.remove("params")) {
        (Some(id), None) => Ok(Call { id, method, params: json!({}) }),
        (Some(id), Some(params @ Value::Object(_))) => Ok(Call { id, method, params }),
        (id, _) => {
            Err(refuse(id, RpcError::new(&codes::REQUEST_PARAMS, "The parameters must be an object.")))
        }
    }
}

/// Writes a call, without a line feed.
pub fn write_call(call: &Call) -> Vec<u8> {
    to_bytes(&json!({"jsonrpc": "2.0", "id": call.id, "method": call.method, "params": call.params}))
}

/// Writes the answer to a call, without a line feed. An answer longer than [`MAX_FRAME`] becomes an error.
pub fn write_answer(id: Option<&Id>, answer: &Result<Value, RpcError>) -> Vec<u8> {
    match answer {
        Ok(result) => {
            let frame = to_bytes(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
            if frame.len() <= MAX_FRAME {
                return frame;
            }
            let message = format!("The answer is longer than {MAX_FRAME} bytes, so it cannot be sent.");
            write_error(id, &RpcError::new(&codes::ANSWER_TOO_LARGE, message))
        }
        Err(error) => write_error(id, error),
    }
}

/// Writes an event as a notification, without a line feed; none when it is longer than [`MAX_FRAME`].
pub fn write_event(event: &Event) -> Option<Vec<u8>> {
    let params = serde_json::to_value(event).ok()?;
    let frame = to_bytes(&json!({"jsonrpc": "2.0", "method": "event", "params": params}));
    (frame.len() <= MAX_FRAME).then_some(frame)
}

/// Writes a notification, without a line feed.
pub(crate) fn write_notification(method: &str, params: &Value) -> Vec<u8> {
    to_bytes(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
}

/// The origin that a bridge's first frame names; none when it is another frame.
pub fn parse_origin(frame: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Frame {
        jsonrpc: String,
        method: String,
        id: Option<Value>,
        params: Params,
    }
    #[derive(Deserialize)]
    struct Params {
        origin: String,
    }
    let frame: Frame = serde_json::from_slice(frame).ok()?;
    let is_it = frame.jsonrpc == "2.0" && frame.method == "bridge.origin" && frame.id.is_none();
    Some(frame.params.origin).filter(|origin| is_it && crate::pairing::is_origin(origin))
}

/// What a daemon sends.
#[derive(Clone, Debug, PartialEq)]
pub enum FromDaemon {
    /// The answer to a call; without an id, the daemon could not read which.
    Answer(Option<Id>, Result<Value, RpcError>),
    /// A notification.
    Notification {
        /// Its name.
        method: String,
        /// Its content.
        params: Value,
    },
}

/// Reads a daemon's frame; none when it is neither an answer nor a notification.
pub fn parse_from_daemon(frame: &[u8]) -> Option<FromDaemon> {
    #[derive(Deserialize)]
    struct Frame {
        id: Option<Id>,
        method: Option<String>,
        #[serde(default)]
        params: Value,
        // An answer may be null: "absent" and "null" must stay apart.
        #[serde(default, deserialize_with = "present")]
        result: Option<Value>,
        error: Option<ErrorFrame>,
    }
    #[derive(Deserialize)]
    struct ErrorFrame {
        code: i64,
        message: String,
        data: Option<Value>,
    }
    fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
        Value::deserialize(deserializer).map(Some)
    }

    let frame: Frame = serde_json::from_slice(frame).ok()?;
    match frame {
        Frame { method: Some(method), params, .. } => Some(FromDaemon::Notification { method, params }),
        Frame { id, error: Some(error), .. } => {
            let full = error.data.and_then(|data| serde_json::from_value(data).ok());
            let error = full.unwrap_or_else(|| {
                RpcError::new(&codes::INTERNAL, format!("{} (JSON-RPC error {})", error.message, error.code))
            });
            Some(FromDaemon::Answer(id, Err(error)))
        }
        Frame { id, result: Some(result), .. } => Some(FromDaemon::Answer(id, Ok(result))),
        _ => None,
    }
}

fn write_error(id: Option<&Id>, error: &RpcError) -> Vec<u8> {
    to_bytes(&json!({
        "jsonrpc": "2.0",
        "id": id,
        "error": {"code": error.number(), "message": error.message, "data": error},
    }))
}

fn to_bytes(value: &Value) -> Vec<u8> {
    // A Value has text keys only, so it can always be written; and JSON text never holds a raw line feed.
    value.to_string().into_bytes()
}

fn invalid(id: Option<Id>, message: &str) -> NotACall {
    refuse(id, RpcError::new(&codes::REQUEST_INVALID, message))
}

fn refuse(id: Option<Id>, error: RpcError) -> NotACall {
    NotACall { id, error, close: false }
}

#[cfg(test)]
mod tests;
