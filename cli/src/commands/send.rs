use std::time::Duration;

use bauta_ipc::methods::{MessageSend, MessageWait};
use bauta_ipc::{
    Client, Exit, MAX_TEXT, MAX_WAIT_MS, MessageState, RpcError, SendMessage, SentMessage, WaitFor, codes,
};
use tokio::time::Instant;

use crate::args::{Send, Wait};
use crate::{Context, LogTarget, Progress, message_words};

/// `bauta send`: 0 when the message has come as far as asked, 3 when it has not in time; then it stays queued.
pub(super) async fn run(args: Send, context: &Context) -> Result<Exit, RpcError> {
    let text = if args.text == "-" { from_stdin().await? } else { args.text };
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
    // On the way to "delivered", being stored is worth telling.
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
    let (goes_on, after) = match reached.state {
        MessageState::Stored => ("It is stored at the relay and", "arrives when their daemon runs"),
        _ => ("It stays queued and", "goes out by itself"),
    };
    let waited = humantime::format_duration(timeout);
    let message = format!("Message {} did not get that far in {waited}. {goes_on} {after}.", reached.id);
    RpcError::new(&codes::MESSAGE_TIMEOUT, message).hint("See bauta status and bauta history NAME.")
}

/// The text from standard input.
async fn from_stdin() -> Result<String, RpcError> {
    text_of(super::stdin(MAX_TEXT).await?)
}

fn text_of(bytes: Vec<u8>) -> Result<String, RpcError> {
    let mut text = String::from_utf8(bytes)
        .map_err(|_| RpcError::new(&codes::MESSAGE_TEXT, "Standard input is not UTF-8 text, or too long."))?;
    if text.ends_with('\n') {
        text.pop();
    }
    if text.is_empty() || text.len() > MAX_TEXT {
        return Err(RpcError::new(&codes::MESSAGE_TEXT, "The text is empty or longer than 15,000 bytes."));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_feed_is_no_part_of_the_text() {
        assert_eq!(text_of(b"two\nlines\n\n".to_vec()).unwrap(), "two\nlines\n");
        assert_eq!(text_of(vec![b'x'; MAX_TEXT]).unwrap().len(), MAX_TEXT);
        for refused in [Vec::new(), b"\n".to_vec(), vec![b'x'; MAX_TEXT + 1], vec![0xff]] {
            assert!(text_of(refused).unwrap_err().is(&codes::MESSAGE_TEXT));
        }
    }
}
