//! From `message.send` at one daemon to the event at the other, between echoes of the bare SDK.

use std::time::{Duration, Instant};

use bauta_ipc::methods::MessageSend;
use bauta_ipc::{Client, EventBody, SendMessage, Subscription};
use tokio::time::{sleep, timeout};

use super::Times;
use super::raw_sdk::RawSdk;
use crate::world::Person;

/// A message that takes longer counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came out.
#[derive(Debug)]
pub struct Delivery {
    /// From the call to the event.
    pub messages: Times,
    /// From the bare SDK's send to the echo.
    pub echoes: Times,
    /// Either that did not come in time.
    pub lost: usize,
}

/// How many exchanges of a kind ended well, from a daemon's log at level debug.
#[derive(Clone, Copy, Debug, Default)]
pub struct Errands {
    /// Boxes put.
    pub put: usize,
    /// Boxes got.
    pub got: usize,
    /// Boxes deleted.
    pub deleted: usize,
    /// Gets that ended without a box.
    pub empty: usize,
}

impl Errands {
    /// Reads a log.
    pub fn in_log(log: &str) -> Self {
        let count = |request: &str, reply: &str| {
            // Those with the loop lane are a daemon's own.
            let ended =
                log.lines().filter(|line| line.contains("An exchange ended.") && line.contains("own=false"));
            ended.filter(|line| line.contains(request) && line.contains(reply)).count()
        };
        Self {
            put: count("request=\"put\"", "reply=\"done\""),
            got: count("request=\"get\"", "reply=\"found\""),
            deleted: count("request=\"delete\"", "reply=\"done\""),
            empty: count("request=\"get\"", "reply=\"absent\""),
        }
    }

    /// What came since an earlier reading.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            put: self.put - earlier.put,
            got: self.got - earlier.got,
            deleted: self.deleted - earlier.deleted,
            empty: self.empty - earlier.empty,
        }
    }
}

/// Sends `rounds` messages from `sender` to its contact `to`, who is `receiver`, and an echo between each two.
///
/// Before each message passes `gap`, so that the receiver has asked for the next box, as in a conversation of people.
pub async fn measure(
    sender: &Person,
    to: &str,
    receiver: &Person,
    raw: &mut RawSdk,
    rounds: usize,
    gap: Duration,
) -> Delivery {
    let calls = Client::open(sender.home()).await.unwrap();
    let mut events = Client::open(receiver.home()).await.unwrap().subscribe(None).await.unwrap();
    let (mut messages, mut echoes, mut lost) = (Vec::new(), Vec::new(), 0);
    for round in 0..rounds {
        sleep(gap).await;
        let text = format!("message {round} of a bench, as long as people write: {}", "word ".repeat(12));
        let message = SendMessage { persona: None, contact: to.to_owned(), text: text.clone(), id: None };
        let start = Instant::now();
        calls.call::<MessageSend>(&message).await.unwrap();
        match timeout(PATIENCE, arrival(&mut events, &text)).await {
            Ok(()) => messages.push(start.elapsed()),
            Err(_) => lost += 1,
        }
        match raw.round_trip().await {
            Some(time) => echoes.push(time),
            None => lost += 1,
        }
    }
    Delivery { messages: messages.into_iter().collect(), echoes: echoes.into_iter().collect(), lost }
}

async fn arrival(events: &mut Subscription, text: &str) {
    loop {
        let event = events.next().await.unwrap();
        if matches!(&event.body, EventBody::MessageReceived { message } if message.body.text() == Some(text))
        {
            return;
        }
    }
}
