//! `bauta inbox` and `bauta history`

use std::borrow::Cow;
use std::collections::HashSet;

use bauta_ipc::methods::{MessageHistory, MessageInbox};
use bauta_ipc::{
    Body, Client, Direction, EventBody, Exit, HistoryEntry, HistoryOf, InboxOf, MessageState,
    ReceivedMessage, RpcError, codes,
};

use clap::Args;

use super::Acting;
use crate::{
    Context, Output, acting, block, daemon_is_away, daemon_is_back, interrupted, message_words, moment,
    printable,
};

#[derive(Args, Debug)]
pub(crate) struct InboxArgs {
    /// Keep printing messages as they arrive; with --json, one object per line instead of an array
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    /// Contact to show
    name: String,
    #[command(flatten)]
    acting: Acting,
}

/// Oldest first; with `--follow` also what arrives from now on.
pub(super) async fn inbox(args: InboxArgs, context: &Context) -> Result<Exit, RpcError> {
    let client = context.client().await?;
    let persona = acting(&client, args.acting.persona).await?;
    if args.follow {
        return follow(client, persona, context).await;
    }
    let messages = all(&client, &persona).await?;
    context.out.show(&messages, |messages| messages.iter().map(received).collect::<Vec<_>>().join("\n"))?;
    if messages.is_empty() && !context.out.is_json() {
        context.out.note("No messages yet.");
    }
    Ok(Exit::Ok)
}

/// Prints what is there and what arrives, also after a restart of the daemon.
async fn follow(client: Client, persona: String, context: &Context) -> Result<Exit, RpcError> {
    let stop = interrupted()?;
    let (mut client, mut cursor) = (Some(client), None);
    let mut known = HashSet::new();
    loop {
        let following = following(client.take(), &persona, &mut cursor, &mut known, context);
        let ended = tokio::select! {
            () = stop.cancelled() => return Ok(Exit::Ok),
            ended = following => ended,
        };
        match ended {
            Err(error) if daemon_is_away(&error) => {
                context.out.note("The daemon does not answer. Waiting for it.")
            }
            Ok(()) => return Ok(Exit::Ok),
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(Exit::Ok),
            back = daemon_is_back(context) => back?,
        }
    }
}

/// Follows until the reader has gone, or the connection ends.
async fn following(
    client: Option<Client>,
    persona: &str,
    cursor: &mut Option<u64>,
    known: &mut HashSet<(String, String)>,
    context: &Context,
) -> Result<(), RpcError> {
    // Subscribe before reading the list, so that nothing is missed. What comes twice is recognized by its id, which is
    // its sender's, so that another's may be the same.
    let client = match client {
        Some(client) => client,
        None => context.client().await?,
    };
    let mut events = match context.client().await?.subscribe(*cursor).await {
        Err(error) if error.is(&codes::EVENT_CURSOR) => context.client().await?.subscribe(None).await?,
        subscribed => subscribed?,
    };
    let mut show = |message: ReceivedMessage| match known.insert((message.from.clone(), message.id.clone())) {
        true => print(&context.out, &message),
        false => Ok(()),
    };
    for message in all(&client, persona).await? {
        show(message)?;
    }
    *cursor = Some(events.cursor());
    while !context.out.is_closed() {
        let event = events.next().await?;
        *cursor = Some(event.cursor);
        if let EventBody::MessageReceived { message } = event.body
            && message.persona == persona
        {
            show(message)?;
        }
    }
    Ok(())
}

async fn all(client: &Client, persona: &str) -> Result<Vec<ReceivedMessage>, RpcError> {
    let (mut messages, mut after) = (Vec::new(), None);
    loop {
        let page = client
            .call::<MessageInbox>(&InboxOf { persona: Some(persona.to_owned()), after, limit: None })
            .await?;
        messages.extend(page.messages);
        match page.next {
            Some(next) if after.is_none_or(|after| next > after) => after = Some(next),
            _ => return Ok(messages),
        }
    }
}

/// The whole conversation, oldest first.
pub(super) async fn history(args: HistoryArgs, context: &Context) -> Result<Exit, RpcError> {
    let client = context.client().await?;
    let (mut pages, mut before) = (Vec::new(), None);
    loop {
        let params = HistoryOf {
            persona: args.acting.persona.clone(),
            contact: args.name.clone(),
            before,
            limit: None,
        };
        let page = client.call::<MessageHistory>(&params).await?;
        pages.push(page.messages);
        match page.previous {
            Some(previous) if before.is_none_or(|before| previous < before) => before = Some(previous),
            _ => break,
        }
    }
    let messages: Vec<HistoryEntry> = pages.into_iter().rev().flatten().collect();
    context.out.show(&messages, |messages| {
        messages.iter().map(|message| entry(message, &args.name)).collect::<Vec<_>>().join("\n")
    })?;
    if messages.is_empty() && !context.out.is_json() {
        context.out.note("No messages yet. Write one: bauta send NAME TEXT");
    }
    Ok(Exit::Ok)
}

fn print(out: &Output, message: &ReceivedMessage) -> Result<(), RpcError> {
    if out.is_json() { out.line(message) } else { out.text(&received(message)) }
}

fn received(message: &ReceivedMessage) -> String {
    block(&format!("{}  {}  ", moment(message.received_at), printable(&message.from)), &words(&message.body))
}

/// What a message says, for a terminal.
fn words(body: &Body) -> Cow<'_, str> {
    match body {
        Body::Text(text) => Cow::Borrowed(text),
        Body::Unsupported(kind) => {
            Cow::Owned(format!("[A message that this version cannot show: kind {kind}]"))
        }
    }
}

fn entry(entry: &HistoryEntry, contact: &str) -> String {
    let who = match entry.direction {
        Direction::In => printable(contact),
        Direction::Out => "you".to_owned(),
    };
    let text = block(&format!("{}  {who}  ", moment(entry.at)), &words(&entry.body));
    match (entry.state, &entry.error) {
        (None, _) => text,
        (Some(MessageState::Failed), Some(error)) => {
            format!("{text}  [Failed: {}]", printable(&error.message))
        }
        (Some(state), _) => format!("{text}  [{}]", message_words(state)),
    }
}

#[cfg(test)]
mod tests {
    use bauta_ipc::Utc;

    use super::*;

    #[test]
    fn an_own_message_shows_its_state() {
        let mut own = HistoryEntry {
            id: "0".repeat(32),
            direction: Direction::Out,
            body: Body::Text("at\x07 nine".into()),
            at: Utc::from_millis(0),
            state: Some(MessageState::Stored),
            stored_at: None,
            delivered_at: None,
            error: None,
        };
        assert_eq!(entry(&own, "bob"), r"1970-01-01 00:00:00Z  you  at\u{7} nine  [Stored at the relay]");
        own.state = Some(MessageState::Failed);
        own.error = Some(RpcError::new(&codes::INVITATION_USED, "Someone else has used the invitation."));
        assert!(entry(&own, "bob").ends_with("[Failed: Someone else has used the invitation.]"));
        own.direction = Direction::In;
        own.state = None;
        assert!(entry(&own, "bob").contains("  bob  at"));
        own.body = Body::Unsupported(9);
        assert!(entry(&own, "bob").ends_with("  bob  [A message that this version cannot show: kind 9]"));
    }
}
