//! `bauta send`

use std::time::Duration;

use bauta_ipc::methods::{MessageSend, MessageWait};
use bauta_ipc::{
    Client, Exit, MAX_TEXT, MAX_WAIT_MS, MessageState, RpcError, SendMessage, SentMessage, WaitFor, codes,
};
use clap::{Args, ValueEnum};
use tokio::time::Instant;

use super::{Acting, duration};
use crate::{Context, LogTarget, Progress, message_words};

#[derive(Args, Debug)]
pub(crate) struct SendArgs {
    /// Contact to write to
    name: String,
    /// Text of the message [default: your editor ($VISUAL, $EDITOR) on a terminal, or standard input ("-"), which
    /// nobody else can read; arguments are visible for a moment]
    text: Option<String>,
    /// Return when the message has reached this state
    #[arg(long, value_name = "STATE", default_value = "stored")]
    wait: Wait,
    /// How long to wait; after that the message stays queued
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    timeout: Duration,
    #[command(flatten)]
    acting: Acting,
}

/// The state of the message to wait for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Wait {
    /// Stored on this machine's disk
    Queued,
    /// Confirmed by the contact's relay
    Stored,
    /// Confirmed by the contact's daemon
    Delivered,
}

impl From<Wait> for MessageState {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::Queued => Self::Queued,
            Wait::Stored => Self::Stored,
            Wait::Delivered => Self::Delivered,
        }
    }
}

impl SendArgs {
    pub(super) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }
}

const WRITE: &str = "Write the message";

/// The exit status is 0 when the message has reached the state, 3 when it has not in time; then it stays queued.
pub(super) async fn run(args: SendArgs, context: &Context) -> Result<Exit, RpcError> {
    let text = match args.text {
        Some(text) if text != "-" => text,
        Some(_) => text_of(super::stdin(WRITE, MAX_TEXT, context).await?)?,
        None => text_of(super::written(WRITE, MAX_TEXT, context).await?)?,
    };
    let client = context.client().await?;
    let params = SendMessage { persona: args.acting.persona, contact: args.name, text, id: None };
    let mut sent = client.call::<MessageSend>(&params).await?;
    if args.wait != Wait::Queued {
        let progress = context.out.may_animate().then(|| Progress::begin(&context.out, LogTarget::default()));
        sent = wait(&client, sent, args.wait.into(), args.timeout, progress.as_ref()).await?;
    }
    context.out.show(&sent, |sent| message_words(sent.state).to_owned())?;
    Ok(Exit::Ok)
}

async fn wait(
    client: &Client,
    sent: SentMessage,
    state: MessageState,
    timeout: Duration,
    progress: Option<&Progress>,
) -> Result<SentMessage, RpcError> {
    let deadline = Instant::now() + timeout;
    // One wait per state, so that progress shows "stored" on the way to "delivered".
    let steps = [MessageState::Stored, MessageState::Delivered];
    let mut reached = sent;
    for step in steps.into_iter().filter(|step| *step <= state) {
        if let Some(progress) = progress {
            progress.phase(message_words(reached.state));
        }
        while reached.state < step {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout_ms = u64::try_from(left.as_millis()).unwrap_or(MAX_WAIT_MS).min(MAX_WAIT_MS);
            let params = WaitFor { id: reached.id.clone(), state: step, timeout_ms };
            match client.call::<MessageWait>(&params).await {
                Ok(further) => reached = further,
                Err(error)
                    if error.is(&codes::MESSAGE_TIMEOUT) && left > Duration::from_millis(MAX_WAIT_MS) => {}
                Err(error) if error.is(&codes::MESSAGE_TIMEOUT) => return Err(too_late(&reached, timeout)),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(reached)
}

fn too_late(reached: &SentMessage, timeout: Duration) -> RpcError {
    let next = match reached.state {
        MessageState::Stored => "It is stored at the relay and arrives when their daemon runs.",
        _ => "It stays queued and is sent when possible.",
    };
    let waited = humantime::format_duration(timeout);
    let message = format!("Message {} did not get that far in {waited}. {next}", reached.id);
    RpcError::new(&codes::MESSAGE_TIMEOUT, message).hint("See bauta status and bauta history NAME.")
}

fn text_of(bytes: Vec<u8>) -> Result<String, RpcError> {
    let mut text = String::from_utf8(bytes)
        .map_err(|_| RpcError::new(&codes::MESSAGE_TEXT, "Standard input is not UTF-8 text, or too long."))?;
    if text.ends_with('\n') {
        text.pop();
    }
    if text.is_empty() || text.len() > MAX_TEXT {
        return Err(RpcError::new(
            &codes::MESSAGE_TEXT,
            format!("The text is empty or longer than {MAX_TEXT} bytes."),
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::tests::parse;
    use super::*;

    #[test]
    fn send_waits_a_minute_for_the_relay() {
        let send = |line: &str| match parse(line).unwrap().command {
            Command::Send(send) => send,
            other => panic!("{other:?}"),
        };
        let plain = send("send bob hi");
        assert_eq!((plain.wait, plain.timeout), (Wait::Stored, Duration::from_secs(60)));
        let full = send("send bob - --wait delivered --timeout 1m30s --as alice");
        assert_eq!((full.wait, full.timeout), (Wait::Delivered, Duration::from_secs(90)));
        assert_eq!((full.text(), full.acting.persona.as_deref()), (Some("-"), Some("alice")));
        assert_eq!(send("send bob hi --timeout 5").timeout, Duration::from_secs(5));
        assert!(parse("send bob hi --wait read").is_err());
        assert_eq!(send("send bob").text(), None);
        assert!(parse("send").is_err());
    }

    #[test]
    fn one_line_feed_is_not_part_of_the_text() {
        assert_eq!(text_of(b"two\nlines\n\n".to_vec()).unwrap(), "two\nlines\n");
        assert_eq!(text_of(vec![b'x'; MAX_TEXT]).unwrap().len(), MAX_TEXT);
        for refused in [Vec::new(), b"\n".to_vec(), vec![b'x'; MAX_TEXT + 1], vec![0xff]] {
            assert!(text_of(refused).unwrap_err().is(&codes::MESSAGE_TEXT));
        }
    }
}
