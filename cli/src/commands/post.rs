use std::time::Duration;

use bauta_ipc::methods::{PostAppend, PostDecrypt, PostEncrypt, PostSet, PostWait};
use bauta_ipc::{
    AppendPost, Client, DecryptPost, DecryptedPost, EncryptPost, Exit, MAX_FRAME, MAX_POST_TEXT, MAX_WAIT_MS,
    PostSettings, PostState, RpcError, WaitForPost, codes,
};
use tokio::time::Instant;

use crate::args::{self, Post, Publishing};
use crate::{Context, LogTarget, Progress, printable, short_key};

/// `bauta post …`
pub(super) async fn run(command: Post, context: &Context) -> Result<Exit, RpcError> {
    match command {
        Post::Encrypt { text, public, mut to, more, network, author, format, publishing, acting } => {
            to.extend(more);
            let params = EncryptPost {
                persona: acting.persona,
                text: one_line_feed_less(given(text, MAX_POST_TEXT).await?),
                public,
                to,
                network: Some(network.into()),
                author,
                format: Some(format.into()),
                meta: None,
            };
            let client = context.client().await?;
            let mut post = client.call::<PostEncrypt>(&params).await?;
            let mut exit = Exit::Ok;
            if !post.published {
                (post.published, exit) = published(&client, &post.iv, publishing, context).await?;
            }
            context.out.show(&post, |post| post.text.clone())?;
            if !context.out.is_json() {
                context.out.note(&readers(public, &post.recipients));
            }
            Ok(exit)
        }
        Post::Append { text, mut to, more, network, publishing, acting } => {
            to.extend(more);
            let text = given(text, MAX_FRAME).await?;
            let params = AppendPost { persona: acting.persona, text, to, network: network.map(Into::into) };
            let client = context.client().await?;
            let mut post = client.call::<PostAppend>(&params).await?;
            let mut exit = Exit::Ok;
            if !post.published {
                (post.published, exit) = published(&client, &post.iv, publishing, context).await?;
            }
            context.out.show(&post, |post| {
                let names: Vec<String> = post.recipients.iter().map(|name| printable(name)).collect();
                match names.is_empty() {
                    true => "Nobody was added: it is yours.".to_owned(),
                    false => format!("{} can open it now, too.", names.join(", ")),
                }
            })?;
            Ok(exit)
        }
        Post::Decrypt { text, author, network, offline, timeout, acting } => {
            let params = DecryptPost {
                persona: acting.persona,
                text: given(text, MAX_FRAME).await?,
                network: network.map(Into::into),
                author,
                offline,
                timeout_ms: Some(millis(timeout)),
            };
            let client = context.client().await?;
            let progress =
                context.out.may_animate().then(|| Progress::begin(&context.out, LogTarget::default()));
            if let Some(progress) = &progress {
                progress.phase("opening the post");
            }
            let opened = client.call::<PostDecrypt>(&params).await;
            drop(progress);
            let opened = opened?;
            context.out.show(&opened, |opened| printable(&opened.text))?;
            if let Some(warning) = &opened.warning {
                context.out.note(&printable(&warning.message));
                context.out.note(&warning.hint);
            }
            if !context.out.is_json() {
                context.out.note(&written_by(&opened));
            }
            Ok(Exit::Ok)
        }
        Post::Settings { block, spread } => {
            let spread_seconds = spread.map(|spread| u32::try_from(spread.as_secs()).unwrap_or(u32::MAX));
            let params = PostSettings { block, spread_seconds, cost: None };
            let settings = context.client().await?.call::<PostSet>(&params).await?;
            context.out.show(&settings, |settings| {
                format!(
                    "block   {}\nspread  {} s\n{}",
                    settings.block.unwrap_or_default(),
                    settings.spread_seconds.unwrap_or_default(),
                    settings.cost.as_deref().unwrap_or_default()
                )
            })?;
            Ok(Exit::Ok)
        }
    }
}

/// Waits until the keys of a post are published. What is not in time stays queued: the post is good all the same.
async fn published(
    client: &Client,
    iv: &str,
    publishing: Publishing,
    context: &Context,
) -> Result<(bool, Exit), RpcError> {
    if publishing.wait == args::WaitForPost::Queued {
        return Ok((false, Exit::Ok));
    }
    let progress = context.out.may_animate().then(|| Progress::begin(&context.out, LogTarget::default()));
    if let Some(progress) = &progress {
        progress.phase("publishing the keys");
    }
    let deadline = Instant::now() + publishing.timeout;
    let outcome = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let params = WaitForPost { iv: iv.to_owned(), timeout_ms: millis(left) };
        match client.call::<PostWait>(&params).await {
            Err(error) if error.is(&codes::POST_TIMEOUT) && left > Duration::from_millis(MAX_WAIT_MS) => {}
            outcome => break outcome,
        }
    };
    drop(progress);
    match outcome {
        Ok(post) if post.state == PostState::Published => Ok((true, Exit::Ok)),
        Ok(post) => {
            let told = post.error.map_or_else(|| "The keys were given up.".to_owned(), |error| error.message);
            context.out.note(&told);
            Ok((false, Exit::Network))
        }
        Err(error) if error.is(&codes::POST_TIMEOUT) => {
            context.out.note(&error.message);
            context.out.note("  They go out by themselves; paste the post now or later.");
            Ok((false, Exit::Network))
        }
        Err(error) => Err(error),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(MAX_WAIT_MS).min(MAX_WAIT_MS)
}

fn readers(public: bool, recipients: &[String]) -> String {
    match (public, recipients.is_empty()) {
        (true, _) => "Everybody who has Mask can read it.".to_owned(),
        (false, true) => "Only you can read it.".to_owned(),
        (false, false) => {
            let names: Vec<String> = recipients.iter().map(|name| printable(name)).collect();
            format!("You and {} can read it.", names.join(", "))
        }
    }
}

fn written_by(post: &DecryptedPost) -> String {
    let who = match (&post.author_name, &post.author) {
        (Some(name), Some(profile)) => format!("{} ({})", printable(name), printable(profile)),
        (Some(name), None) => printable(name),
        (None, Some(profile)) => printable(profile),
        (None, None) => "somebody who does not say".to_owned(),
    };
    let key = match &post.author_key {
        Some(key) if post.author_known => format!("key {}, known", short_key(key)),
        Some(key) => format!("key {}, not known here", short_key(key)),
        None => "no key".to_owned(),
    };
    format!("By {who}; {key}. A post proves neither.")
}

/// The text, or all of standard input for "-".
async fn given(text: String, most: usize) -> Result<String, RpcError> {
    if text != "-" {
        return Ok(text);
    }
    let bytes = super::stdin(most).await?;
    if bytes.len() > most.saturating_add(1) {
        let message = format!("Standard input is longer than {most} bytes.");
        return Err(RpcError::new(&codes::POST_TEXT, message));
    }
    String::from_utf8(bytes)
        .map_err(|_| RpcError::new(&codes::POST_TEXT, "Standard input is not UTF-8 text."))
}

fn one_line_feed_less(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use bauta_ipc::SocialNetwork;

    use super::*;

    #[test]
    fn words_say_who_reads_and_who_wrote() {
        assert_eq!(readers(false, &["bob".into(), "c\x1b".into()]), "You and bob, c\u{FFFD} can read it.");
        assert_eq!(readers(false, &[]), "Only you can read it.");
        let mut post = DecryptedPost {
            text: "hi".into(),
            author: Some("person:twitter.com/alice".into()),
            network: Some(SocialNetwork::Twitter),
            author_key: Some("02aabbccdd".into()),
            author_known: false,
            author_name: None,
            public: false,
            meta: None,
            warning: None,
        };
        assert!(written_by(&post).starts_with("By person:twitter.com/alice; key 02aabbcc, not known"));
        post.author_known = true;
        post.author_name = Some("Alice".into());
        assert!(written_by(&post).starts_with("By Alice (person:twitter.com/alice); key 02aabbcc, known."));
        assert_eq!(one_line_feed_less("a\n\n".into()), "a\n");
    }
}
