//! `bauta post`

mod publishing;

use std::time::Duration;

use bauta_ipc::methods::{PostAppend, PostDecrypt, PostEncrypt, PostSet};
use bauta_ipc::{
    AppendPost, DecryptPost, DecryptedPost, EncryptPost, Exit, MAX_FRAME, MAX_POST_TEXT, PostFormat,
    PostSettings, RpcError, SocialNetwork, codes,
};
use clap::{Subcommand, ValueEnum};

use self::publishing::{Delivering, Publishing, millis, published};
use super::{Acting, duration};
use crate::{Context, LogTarget, Progress, printable, short_key};

#[derive(Debug, Subcommand)]
pub(crate) enum PostCommand {
    /// Encrypt a post and print the text to paste
    ///
    /// Without --public and --to, only you can read it.
    Encrypt {
        /// Text of the post [default: your editor ($VISUAL, $EDITOR) on a terminal, or standard input ("-"), which nobody
        /// else can read]
        text: Option<String>,
        /// Let everyone read it who has Mask or a compatible program
        #[arg(long, conflicts_with = "to")]
        public: bool,
        /// Let these read it: contacts, known profiles (person:twitter.com/bob), or persona keys
        #[arg(long, value_name = "NAME")]
        to: Vec<String>,
        /// More names for --to.
        #[arg(hide = true, requires = "to")]
        more: Vec<String>,
        /// Social network where you will paste it
        #[arg(long, value_name = "NETWORK", default_value = "twitter")]
        network: NetworkArg,
        /// Your own profile there, which the post names [default: the one set with bauta profile set]
        #[arg(long, value_name = "PROFILE")]
        author: Option<String>,
        /// Format of Mask's to write
        #[arg(long, value_name = "FORMAT", default_value = "v37")]
        format: FormatArg,
        #[command(flatten)]
        delivering: Delivering,
        #[command(flatten)]
        publishing: Publishing,
        #[command(flatten)]
        acting: Acting,
    },
    /// Open a post
    Decrypt {
        /// Text that contains the post [default: standard input]
        text: Option<String>,
        /// Profile whose page shows the post: its key is remembered, and compared the next time
        #[arg(long, value_name = "PROFILE")]
        author: Option<String>,
        /// Social network of the post [default: the one it names]
        #[arg(long, value_name = "NETWORK")]
        network: Option<NetworkArg>,
        /// Do not ask any Gun relay
        #[arg(long)]
        offline: bool,
        /// Look up a very old post although everybody connected to the Gun relay sees your profile name
        #[arg(long, conflicts_with = "offline")]
        reveal_profile: bool,
        /// How long to look for its key
        #[arg(long, value_name = "TIME", default_value = "90s", value_parser = duration)]
        timeout: Duration,
        #[command(flatten)]
        acting: Acting,
    },
    /// Let more people read a post of yours; the post itself does not change
    Append {
        /// Text of the post [default: standard input, which nobody else can read]
        text: Option<String>,
        /// Let these read it: contacts, known profiles, or persona keys
        #[arg(long, value_name = "NAME", required = true)]
        to: Vec<String>,
        /// More names for --to.
        #[arg(hide = true)]
        more: Vec<String>,
        /// Social network of the post [default: the one it was written for]
        #[arg(long, value_name = "NETWORK")]
        network: Option<NetworkArg>,
        #[command(flatten)]
        delivering: Delivering,
        #[command(flatten)]
        publishing: Publishing,
        #[command(flatten)]
        acting: Acting,
    },
    /// Show or set how posts are looked up, and what that costs
    Settings {
        /// Number of neighbouring tags that a look-up asks for, to hide yours from a relay: 1, 2, 4 … 64
        #[arg(long, value_name = "N")]
        block: Option<u16>,
        /// Time over which the requests of a look-up are spread
        #[arg(long, value_name = "TIME", value_parser = duration)]
        spread: Option<Duration>,
    },
}

impl PostCommand {
    /// The text among the arguments.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Encrypt { text, .. } | Self::Decrypt { text, .. } | Self::Append { text, .. } => {
                text.as_deref()
            }
            Self::Settings { .. } => None,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum NetworkArg {
    /// twitter.com, x.com
    Twitter,
    /// facebook.com
    Facebook,
    /// minds.com
    Minds,
    /// instagram.com
    Instagram,
}

impl From<NetworkArg> for SocialNetwork {
    fn from(network: NetworkArg) -> Self {
        match network {
            NetworkArg::Twitter => Self::Twitter,
            NetworkArg::Facebook => Self::Facebook,
            NetworkArg::Minds => Self::Minds,
            NetworkArg::Instagram => Self::Instagram,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum FormatArg {
    /// For text posts
    V37,
    /// For posts inside images; with recipients it needs a persona that has recovery words
    V38,
}

impl From<FormatArg> for PostFormat {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::V37 => Self::V37,
            FormatArg::V38 => Self::V38,
        }
    }
}

pub(super) async fn run(command: PostCommand, context: &Context) -> Result<Exit, RpcError> {
    match command {
        PostCommand::Encrypt {
            text,
            public,
            mut to,
            more,
            network,
            author,
            format,
            delivering,
            publishing,
            acting,
        } => {
            to.extend(more);
            let params = EncryptPost {
                persona: acting.persona,
                text: without_line_feed(post_text(text, context).await?),
                public,
                to,
                network: Some(network.into()),
                author,
                format: Some(format.into()),
                meta: None,
                delivery: Some(delivering.into()),
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
                if let Some(note) = by_message(&post.by_message) {
                    context.out.note(&note);
                }
            }
            Ok(exit)
        }
        PostCommand::Append { text, mut to, more, network, delivering, publishing, acting } => {
            to.extend(more);
            let text = text_or_stdin(text, "Paste the post", MAX_FRAME, context).await?;
            let (network, delivery) = (network.map(Into::into), Some(delivering.into()));
            let params = AppendPost { persona: acting.persona, text, to, network, delivery };
            let client = context.client().await?;
            let mut post = client.call::<PostAppend>(&params).await?;
            let mut exit = Exit::Ok;
            if !post.published {
                (post.published, exit) = published(&client, &post.iv, publishing, context).await?;
            }
            context.out.show(&post, |post| {
                let names: Vec<String> = post.recipients.iter().map(|name| printable(name)).collect();
                match names.is_empty() {
                    true => "Nobody was added: you are the author.".to_owned(),
                    false => format!("{} can now open it, too.", names.join(", ")),
                }
            })?;
            Ok(exit)
        }
        PostCommand::Decrypt { text, author, network, offline, reveal_profile, timeout, acting } => {
            let params = DecryptPost {
                persona: acting.persona,
                text: text_or_stdin(text, "Paste the post", MAX_FRAME, context).await?,
                network: network.map(Into::into),
                author,
                offline,
                reveal_profile,
                timeout_ms: Some(millis(timeout)),
                ..DecryptPost::default()
            };
            let client = context.client().await?;
            let progress =
                context.out.may_animate().then(|| Progress::begin(&context.out, LogTarget::default()));
            if let Some(progress) = &progress {
                progress.phase("Opening the post");
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
        PostCommand::Settings { block, spread } => {
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

fn readers(public: bool, recipients: &[String]) -> String {
    match (public, recipients.is_empty()) {
        (true, _) => "Everyone who has Mask can read it.".to_owned(),
        (false, true) => "Only you can read it.".to_owned(),
        (false, false) => {
            let names: Vec<String> = recipients.iter().map(|name| printable(name)).collect();
            format!("You and {} can read it.", names.join(", "))
        }
    }
}

fn by_message(names: &[String]) -> Option<String> {
    let names: Vec<String> = names.iter().map(|name| printable(name)).collect();
    (!names.is_empty()).then(|| format!("The key goes to {} by message.", names.join(", ")))
}

/// Whom the post names, and whether that is certain.
fn written_by(post: &DecryptedPost) -> String {
    let key = match (&post.author_name, &post.author_key) {
        (Some(name), Some(key)) => Some(format!("{}'s key {}", printable(name), short_key(key))),
        (None, Some(key)) if post.author_known => Some(format!("the known key {}", short_key(key))),
        (None, Some(key)) => Some(format!("the unknown key {}", short_key(key))),
        (_, None) => None,
    };
    let profile = post.author.as_deref().map(printable);
    if post.author_proven {
        let who = post.author_name.as_deref().map_or_else(|| "its author".to_owned(), printable);
        return match profile {
            Some(profile) => format!("Written by {who}; it names {profile}, which nothing proves."),
            None => format!("Written by {who}."),
        };
    }
    match (profile, key) {
        (Some(profile), Some(key)) => format!("Names {profile} and {key}; nothing proves either."),
        (Some(who), None) | (None, Some(who)) => format!("Names {who}; nothing proves it."),
        (None, None) => "Names no author.".to_owned(),
    }
}

/// What somebody writes, who may have an editor for it.
async fn post_text(text: Option<String>, context: &Context) -> Result<String, RpcError> {
    const WRITE: &str = "Write the post";
    match text {
        None => read(super::written(WRITE, MAX_POST_TEXT, context).await?, MAX_POST_TEXT),
        text => text_or_stdin(text, WRITE, MAX_POST_TEXT, context).await,
    }
}

/// The text, or all of standard input if it is left out or "-".
async fn text_or_stdin(
    text: Option<String>,
    what: &str,
    limit: usize,
    context: &Context,
) -> Result<String, RpcError> {
    match text.filter(|text| text != "-") {
        Some(text) => Ok(text),
        None => read(super::stdin(what, limit, context).await?, limit),
    }
}

fn read(bytes: Vec<u8>, limit: usize) -> Result<String, RpcError> {
    if bytes.len() > limit.saturating_add(1) {
        return Err(RpcError::new(&codes::POST_TEXT, format!("The text is longer than {limit} bytes.")));
    }
    String::from_utf8(bytes).map_err(|_| RpcError::new(&codes::POST_TEXT, "The text is not UTF-8."))
}

fn without_line_feed(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::tests::parse;
    use super::*;

    #[test]
    fn recipients_are_named_in_any_order() {
        for line in [
            "post encrypt hello --to bob --to carol",
            "post encrypt --to bob --to carol hello",
            "post encrypt hello --to bob carol",
            "post encrypt --to bob hello carol",
        ] {
            let Command::Post(PostCommand::Encrypt { text, mut to, more, .. }) = parse(line).unwrap().command
            else {
                panic!("{line}")
            };
            to.extend(more);
            assert_eq!(
                (text.as_deref(), to.as_slice()),
                (Some("hello"), &["bob".to_owned(), "carol".to_owned()][..])
            );
        }
        for line in ["post encrypt a b", "post encrypt a --public --to b", "post append a"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn notes_name_readers_and_author() {
        assert_eq!(readers(false, &["bob".into(), "c\x1b".into()]), r"You and bob, c\u{1b} can read it.");
        assert_eq!(readers(false, &[]), "Only you can read it.");
        let mut post = DecryptedPost {
            text: "hi".into(),
            author: Some("person:twitter.com/alice".into()),
            network: Some(SocialNetwork::Twitter),
            author_key: Some("02aabbccdd".into()),
            author_known: false,
            author_proven: false,
            author_name: None,
            public: false,
            readers: None,
            first_site: None,
            meta: None,
            warning: None,
        };
        let both = "Names person:twitter.com/alice and the unknown key 02aabbcc; nothing proves either.";
        assert_eq!(written_by(&post), both);
        post.author_known = true;
        post.author_name = Some("Alice".into());
        let both = "Names person:twitter.com/alice and Alice's key 02aabbcc; nothing proves either.";
        assert_eq!(written_by(&post), both);
        post.author = None;
        assert_eq!(written_by(&post), "Names Alice's key 02aabbcc; nothing proves it.");
        post.author_proven = true;
        assert_eq!(written_by(&post), "Written by Alice.");
        post.author = Some("person:twitter.com/bob".into());
        let proven = "Written by Alice; it names person:twitter.com/bob, which nothing proves.";
        assert_eq!(written_by(&post), proven);
        assert_eq!(by_message(&["bob".into()]).unwrap(), "The key goes to bob by message.");
        assert_eq!(without_line_feed("a\n\n".into()), "a\n");
    }
}
