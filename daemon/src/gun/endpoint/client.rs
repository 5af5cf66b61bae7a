//! One program that is connected.

use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::gun::{Hello, Message, MessageId, Seen, decode, encode};
use futures::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::hub::Hub;
use crate::random::rng;

/// How often a heartbeat is sent, as by a relay.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// A program that does not read for this long is cut off.
const SEND: Duration = Duration::from_secs(30);
/// The most messages that wait to be sent to it.
const OUTGOING: usize = 1024;
/// The most messages in one frame.
const BATCH: usize = 64;
/// How many ids of its messages are remembered.
const REMEMBERED: usize = 4096;

/// Serves a program until it disconnects.
pub(super) async fn run(socket: WebSocketStream<TcpStream>, hub: Arc<Hub>) {
    let (mut sink, mut stream) = socket.split();
    let (sender, mut queue) = mpsc::channel::<Message>(OUTGOING);
    let client = hub.enter(sender.clone());
    let name = MessageId::random(&mut rng()).as_str().to_owned();
    let hello = |answers| Message {
        id: Some(MessageId::random(&mut rng())),
        answers,
        hello: Some(Hello { kind: "?".to_owned(), peer: Some(name.clone()) }),
        ..Message::default()
    };
    let _ = sender.try_send(hello(None));

    let reading = async {
        let start = Instant::now();
        let mut seen = Seen::new(REMEMBERED);
        while let Some(Ok(frame)) = stream.next().await {
            let Frame::Text(text) = frame else { continue };
            let Ok(messages) = decode(&text) else { continue };
            for message in messages {
                let Some(id) = message.id.clone() else { continue };
                if !seen.is_new(&id, start.elapsed().as_secs_f64() * 1000.0) {
                    continue;
                }
                if message.hello.as_ref().is_some_and(|hello| hello.kind == "?") && message.answers.is_none()
                {
                    let _ = sender.try_send(hello(Some(id.clone())));
                }
                // Answers from the program are dropped: it is asked nothing.
                if message.answers.is_none() {
                    hub.take(&client, id, message);
                }
            }
        }
    };
    let writing = async {
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.tick().await;
        let mut batch = Vec::new();
        loop {
            batch.clear();
            tokio::select! {
                count = queue.recv_many(&mut batch, BATCH) => if count == 0 { break },
                _ = beat.tick() => {}
            }
            // A heartbeat is a frame without messages.
            if !matches!(timeout(SEND, sink.send(Frame::Text(encode(&batch)))).await, Ok(Ok(()))) {
                break;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
        () = client.cut_off() => {}
    }
    hub.leave(&client);
}
