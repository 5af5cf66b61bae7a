//! `bauta conversations`, `bauta inbox` and `bauta history`

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use bauta_ipc::methods::{ConversationListAll, MessageHistory, MessageInbox, MessageRead};
use bauta_ipc::{
    Body, Client, Conversation, Direction, EventBody, Exit, HistoryEntry, HistoryOf, InboxOf, ListOf,
    MessageState, ReadMessages, ReceivedMessage, RpcError, Utc, codes,
};

use clap::Args;

use super::{Acting, duration};
use crate::{
    Context, Output, acting, ago, block, daemon_is_away, daemon_is_back, disappearing_words, interrupted,
    message_words, moment, now, plain_table, printable, span,
};

#[derive(Args, Debug)]
pub(crate) struct InboxArgs {
    /// Keep printing messages as they arrive; with --json, one object per line instead of an array
    #[arg(long, short)]
    follow: bool,
    /// Show only messages that were not shown before
    #[arg(long, short)]
    unread: bool,
    /// Show only messages that arrived since then: a time such as 2026-11-21T14:00:00Z, or how long ago, such as 2h
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Utc>,
    /// Show at most so many messages, the oldest first [default: all]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "follow")]
    limit: Option<u32>,
    /// Leave what is shown unread
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    acting: Acting,
}

/// A time, or how long ago.
fn since(text: &str) -> Result<Utc, String> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let ago = duration(text).map_err(|_| "neither a time nor a duration".to_owned())?;
    let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
    Ok(Utc::from_millis(now().0.saturating_sub(ago)))
}

#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    /// Contact to show
    name: String,
    /// Also show the ids of messages, for bauta forget
    #[arg(long)]
    ids: bool,
    #[command(flatten)]
    acting: Acting,
}

/// Oldest first; with `--follow` also what arrives from now on.
pub(super) async fn inbox(args: InboxArgs, context: &Context) -> Result<Exit, RpcError> {
    let client = context.client().await?;
    let persona = acting(&client, args.acting.persona).await?;
    let (unread, since) = (args.unread, args.since);
    let wanted = Wanted {
        inbox: InboxOf { persona: Some(persona), unread, since, ..InboxOf::default() },
        keep: args.keep,
    };
    if args.follow {
        return follow(client, wanted, context).await;
    }
    let messages = all(&client, &wanted.inbox, args.limit).await?;
    context.out.show(&messages, |messages| messages.iter().map(received).collect::<Vec<_>>().join("\n"))?;
    if messages.is_empty() && !context.out.is_json() {
        context.out.note(if unread { "No unread messages." } else { "No messages yet." });
    }
    wanted.shown(&client, &messages).await?;
    Ok(Exit::Ok)
}

/// Which messages are shown, and whether they are read then.
struct Wanted {
    inbox: InboxOf,
    keep: bool,
}

impl Wanted {
    /// Marks as read what was shown.
    async fn shown(&self, client: &Client, messages: &[ReceivedMessage]) -> Result<(), RpcError> {
        if self.keep {
            return Ok(());
        }
        let last: BTreeMap<&str, &str> =
            messages.iter().map(|message| (message.from.as_str(), message.id.as_str())).collect();
        for (contact, id) in last {
            mark(client, self.inbox.persona.clone(), contact, id).await?;
        }
        Ok(())
    }
}

/// Whatever was deleted since it was shown needs no mark.
async fn mark(client: &Client, persona: Option<String>, contact: &str, id: &str) -> Result<(), RpcError> {
    let params = ReadMessages { persona, contact: contact.to_owned(), id: Some(id.to_owned()) };
    match client.call::<MessageRead>(&params).await {
        Err(error) if !error.is(&codes::MESSAGE_UNKNOWN) && !error.is(&codes::CONTACT_UNKNOWN) => Err(error),
        _ => Ok(()),
    }
}

/// Prints what is there and what arrives, also after a restart of the daemon.
async fn follow(client: Client, wanted: Wanted, context: &Context) -> Result<Exit, RpcError> {
    let stop = interrupted()?;
    let (mut client, mut cursor) = (Some(client), None);
    let mut known = HashSet::new();
    loop {
        let following = following(client.take(), &wanted, &mut cursor, &mut known, context);
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
    wanted: &Wanted,
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
    let messages = all(&client, &wanted.inbox, None).await?;
    for message in messages.clone() {
        show(message)?;
    }
    // Before anything that may find the daemon gone: what was printed is not listened for again.
    *cursor = Some(events.cursor());
    wanted.shown(&client, &messages).await?;
    while !context.out.is_closed() {
        let event = events.next().await?;
        *cursor = Some(event.cursor);
        if let EventBody::MessageReceived { message } = event.body
            && Some(&message.persona) == wanted.inbox.persona.as_ref()
        {
            show(message.clone())?;
            wanted.shown(&client, &[message]).await?;
        }
    }
    Ok(())
}

async fn all(client: &Client, inbox: &InboxOf, most: Option<u32>) -> Result<Vec<ReceivedMessage>, RpcError> {
    let (mut messages, mut after) = (Vec::new(), None);
    loop {
        let left = most.map(|most| most.saturating_sub(u32::try_from(messages.len()).unwrap_or(u32::MAX)));
        if left == Some(0) {
            return Ok(messages);
        }
        let page = client.call::<MessageInbox>(&InboxOf { after, limit: left, ..inbox.clone() }).await?;
        messages.extend(page.messages);
        match page.next {
            Some(next) if after.is_none_or(|after| next > after) => after = Some(next),
            _ => return Ok(messages),
        }
    }
}

/// By last activity, newest first.
pub(super) async fn conversations(acting: Acting, context: &Context) -> Result<Exit, RpcError> {
    let client = context.client().await?;
    let params = ListOf { persona: acting.persona, after: None };
    let list = client.all::<ConversationListAll>(params).await?;
    context.out.show(&list, |list| {
        let row = |conversation: &Conversation| {
            let unread =
                if conversation.unread == 0 { String::new() } else { conversation.unread.to_string() };
            let last =
                conversation.last.as_ref().map(|last| first_words(&words(&last.body))).unwrap_or_default();
            let at = conversation.last_message_at.map(ago).unwrap_or_default();
            let after = conversation.disappearing.and_then(|shown| shown.after).map(span).unwrap_or_default();
            [printable(&conversation.contact), unread, after, at, last]
        };
        plain_table(["NAME", "UNREAD", "GONE AFTER", "LAST MESSAGE", ""], list.iter().map(row))
    })?;
    if list.is_empty() && !context.out.is_json() {
        context.out.note("No contacts yet. Invite someone: bauta contact invite");
    }
    Ok(Exit::Ok)
}

/// The beginning of a text, on one line.
fn first_words(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(40).collect();
    let end = if short.len() < line.len() { "…" } else { "" };
    format!("{}{end}", printable(&short))
}

/// The whole conversation, oldest first.
pub(super) async fn history(args: HistoryArgs, context: &Context) -> Result<Exit, RpcError> {
    let client = context.client().await?;
    let (mut pages, mut before) = (Vec::new(), None);
    let disappearing = loop {
        let params = HistoryOf {
            persona: args.acting.persona.clone(),
            contact: args.name.clone(),
            before,
            from: None,
            limit: None,
        };
        let page = client.call::<MessageHistory>(&params).await?;
        pages.push(page.messages);
        match page.previous {
            Some(previous) if before.is_none_or(|before| previous < before) => before = Some(previous),
            _ => break page.disappearing,
        }
    };
    let messages: Vec<HistoryEntry> = pages.into_iter().rev().flatten().collect();
    context.out.show(&messages, |messages| {
        let line = |message: &HistoryEntry| {
            let text = entry(message, &args.name);
            if args.ids { format!("{}  {text}", message.id) } else { text }
        };
        messages.iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    if messages.is_empty() && !context.out.is_json() {
        context.out.note("No messages yet. Write one: bauta send NAME TEXT");
    }
    if let (Some(shown), false) = (&disappearing, context.out.is_json()) {
        context.out.note(&format!("Messages: {}.", disappearing_words(shown)));
    }
    if let Some(last) = messages.iter().rfind(|message| message.direction == Direction::In) {
        mark(&client, args.acting.persona, &args.name, &last.id).await?;
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
        Body::Disappear(0) => Cow::Borrowed("[Messages should stay]"),
        Body::Disappear(seconds) => {
            Cow::Owned(format!("[Messages should disappear after {}]", span(*seconds)))
        }
        Body::Unsupported(kind) => {
            Cow::Owned(format!("[A message that this version cannot show: kind {kind}]"))
        }
    }
}

/// A message of a conversation, for a terminal.
pub(super) fn entry(entry: &HistoryEntry, contact: &str) -> String {
    let who = match entry.direction {
        Direction::In => printable(contact),
        Direction::Out => "you".to_owned(),
    };
    let text = block(&format!("{}  {who}  ", moment(entry.at)), &words(&entry.body));
    let state = match (entry.state, &entry.error) {
        (None, _) => None,
        (Some(MessageState::Failed), Some(error)) => Some(format!("Failed: {}", printable(&error.message))),
        (Some(state), _) => Some(message_words(state).to_owned()),
    };
    let end = entry.disappears_at.map(|at| format!("until {}", moment(at)));
    match (state, end) {
        (None, None) => text,
        (Some(words), None) | (None, Some(words)) => format!("{text}  [{words}]"),
        (Some(state), Some(end)) => format!("{text}  [{state}; {end}]"),
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
            disappears_after: None,
            disappears_at: None,
        };
        assert_eq!(entry(&own, "bob"), r"1970-01-01 00:00:00Z  you  at\u{7} nine  [Stored at the relay]");
        own.disappears_at = Some(Utc::from_millis(60_000));
        assert!(entry(&own, "bob").ends_with("[Stored at the relay; until 1970-01-01 00:01:00Z]"));
        own.disappears_at = None;
        own.state = Some(MessageState::Failed);
        own.error = Some(RpcError::new(&codes::INVITATION_USED, "Someone else has used the invitation."));
        assert!(entry(&own, "bob").ends_with("[Failed: Someone else has used the invitation.]"));
        own.direction = Direction::In;
        own.state = None;
        assert!(entry(&own, "bob").contains("  bob  at"));
        own.body = Body::Disappear(86_400);
        assert!(entry(&own, "bob").ends_with("  bob  [Messages should disappear after 1day]"));
        own.body = Body::Unsupported(9);
        assert!(entry(&own, "bob").ends_with("  bob  [A message that this version cannot show: kind 9]"));
    }
}
