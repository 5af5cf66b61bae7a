//! Errors of posts as errors of the API.

use bauta_ipc::{Code, RpcError, codes, sentence};
use bauta_protocol::error::{HasKind, Kind};
use bauta_protocol::mask::{AppendError, DecryptError, EncryptError, FieldError, ParseError};

use crate::posts::{PostError, SettingsError};

impl From<PostError> for RpcError {
    fn from(error: PostError) -> Self {
        let code = match &error {
            PostError::NoPost => &codes::POST_NONE,
            PostError::Parse(ParseError::UnknownVersion) | PostError::UnknownMessage => &codes::POST_VERSION,
            PostError::Parse(ParseError::TooLarge) | PostError::Meta(_) | PostError::TooLong(_) => {
                &codes::POST_TEXT
            }
            PostError::CutOff | PostError::Parse(_) => &codes::POST_DAMAGED,
            PostError::Closed(cause) => closed(cause),
            PostError::NoRelay => &codes::GUN_NONE,
            PostError::NoReader => &codes::PERSONA_NONE,
            PostError::Reveals => &codes::POST_REVEALS,
            PostError::NotTried(_) => {
                return Self::of(&codes::POST_NOT_SHARED, &error).hint("Name the persona with --persona.");
            }
            // A name begins as the user wrote it, so this is not made a sentence.
            PostError::NotContact(_) => {
                return Self::new(&codes::POST_RECIPIENTS, format!("{error}.")).hint("Leave out --no-gun.");
            }
            PostError::NotRead(cause) => {
                let message = format!("{}, so {error}.", sentence(cause).trim_end_matches('.'));
                return Self::new(&codes::GUN_UNREACHABLE, message);
            }
            PostError::TooSlow(_) => &codes::NETWORK_TIMEOUT,
            PostError::NotWritten(cause) => not_written(cause),
            // A name begins as the user wrote it, so this is not made a sentence.
            PostError::Blocked(_) => return Self::new(&codes::CONTACT_BLOCKED, format!("{error}.")),
            PostError::NotAppended(cause) => not_appended(cause),
            PostError::Recipients(_) => &codes::POST_RECIPIENTS,
            PostError::NoNetwork => {
                return Self::of(&codes::POST_RECIPIENTS, &error).hint("Say so with --network.");
            }
            PostError::Key(_) | PostError::Json(_) | PostError::Thread(_) | PostError::NoPartition => {
                &codes::INTERNAL
            }
            PostError::Store(_) => &codes::STORE_FAILED,
        };
        match error {
            PostError::Store(error) => error.into(),
            error => Self::of(code, &error),
        }
    }
}

impl From<SettingsError> for RpcError {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Store(error) => error.into(),
            error => Self::of(&codes::REQUEST_PARAMS, &error),
        }
    }
}

fn closed(error: &DecryptError) -> &'static Code {
    match error {
        DecryptError::Broken(FieldError::P256) => &codes::POST_CURVE,
        DecryptError::Broken(FieldError::UnknownCurve(_)) => &codes::POST_VERSION,
        DecryptError::NotShared | DecryptError::TooManyRecords => &codes::POST_NOT_SHARED,
        DecryptError::NoAuthorKey | DecryptError::NotAuthor => &codes::POST_AUTHOR,
        DecryptError::Message(cause) if cause.kind() == Kind::Unsupported => &codes::POST_VERSION,
        DecryptError::Broken(_)
        | DecryptError::Changed
        | DecryptError::Damaged
        | DecryptError::Message(_) => &codes::POST_DAMAGED,
    }
}

fn not_written(error: &EncryptError) -> &'static Code {
    match error {
        EncryptError::NoSecrets | EncryptError::NoAuthorKey | EncryptError::OtherAuthor => {
            &codes::POST_AUTHOR
        }
        EncryptError::AuthorNotLatin => &codes::PROFILE_INVALID,
        EncryptError::TooManyRecipients(_) => &codes::POST_RECIPIENTS,
        EncryptError::Message(_) | EncryptError::TooLarge => &codes::POST_TEXT,
        EncryptError::Pack(_) => &codes::INTERNAL,
    }
}

fn not_appended(error: &AppendError) -> &'static Code {
    match error {
        AppendError::Public | AppendError::TooManyRecipients(_) => &codes::POST_RECIPIENTS,
        AppendError::NotAuthor => &codes::POST_AUTHOR,
        AppendError::Old => &codes::POST_VERSION,
        AppendError::WrongPostKey | AppendError::Broken(_) => &codes::POST_DAMAGED,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bauta_protocol::mask::KeyError;

    use super::*;
    use crate::gun::GunError;
    use crate::store::StoreError;

    #[test]
    fn every_cause_has_its_code_and_one_sentence() {
        let broken = |field| PostError::Closed(DecryptError::Broken(field));
        let curve = FieldError::UnknownCurve("K-9".to_owned());
        let cases: Vec<(PostError, &str)> = vec![
            (PostError::NoPost, "post.none: The text contains no post of Mask."),
            (PostError::CutOff, "post.damaged: The post was cut off, or damaged on the way."),
            (PostError::Parse(ParseError::UnknownVersion), "post.version: The post is of a version"),
            (PostError::Parse(ParseError::TooLarge), "post.text: The post has over"),
            (
                PostError::Parse(ParseError::Invalid("x")),
                "post.damaged: This is not a post of Mask Network: x.",
            ),
            (
                broken(FieldError::P256),
                "post.curve: The post is damaged; load it again: the payload holds a P-256",
            ),
            (broken(curve), "post.version: "),
            (broken(FieldError::WrappedKey), "post.damaged: "),
            (PostError::Closed(DecryptError::NotShared), "post.not_shared: "),
            (PostError::Closed(DecryptError::TooManyRecords), "post.not_shared: "),
            (PostError::Closed(DecryptError::NoAuthorKey), "post.author: "),
            (PostError::Closed(DecryptError::NotAuthor), "post.author: "),
            (PostError::Closed(DecryptError::Changed), "post.damaged: "),
            (PostError::Closed(DecryptError::Damaged), "post.damaged: "),
            (PostError::UnknownMessage, "post.version: The post was opened, but holds a kind"),
            (
                PostError::NoRelay,
                "gun.none: No Gun relay is set, so the key of the post cannot be looked up.",
            ),
            (
                PostError::NotRead(GunError::Timeout),
                "gun.unreachable: The Gun relays did not answer in time; try again later, so it is not known whether \
                 the post is shared with you.",
            ),
            (
                PostError::TooSlow(Duration::from_secs(90)),
                "network.timeout: The keys of the post did not arrive within 90 seconds, so it is not known whether \
                 it is shared with you.",
            ),
            (PostError::NotWritten(EncryptError::NoSecrets), "post.author: "),
            (PostError::NotWritten(EncryptError::AuthorNotLatin), "profile.invalid: "),
            (PostError::NotWritten(EncryptError::TooLarge), "post.text: "),
            (
                PostError::TooLong(524_288),
                "post.text: The post, encrypted and with its metadata, would have over 524288 bytes",
            ),
            (PostError::NotAppended(AppendError::Public), "post.recipients: "),
            (PostError::NotAppended(AppendError::NotAuthor), "post.author: "),
            (PostError::NotAppended(AppendError::Old), "post.version: "),
            (PostError::Recipients(5000), "post.recipients: A post has at most 4096 recipients, not 5000."),
            (PostError::Blocked("bob".to_owned()), "contact.blocked: bob is blocked."),
            (PostError::NoNetwork, "post.recipients: "),
            (PostError::NoReader, "persona.none: "),
            (
                PostError::Reveals,
                "post.reveals: The key of a post of version -40 can be looked up only under",
            ),
            (PostError::NotTried(8), "post.not_shared: The post is not shared with the first 8"),
            (PostError::NotContact("bob".to_owned()), "post.recipients: bob cannot get the key"),
            (PostError::Key(KeyError::Form), "internal: A post could not be handled: a public key"),
            (PostError::NoPartition, "internal: A post has no partition."),
            (PostError::Store(StoreError::Closed), "daemon.stopping: "),
            (PostError::Store(StoreError::Full), "store.full: "),
        ];
        for (error, expected) in cases {
            let shown = RpcError::from(error);
            let text = format!("{}: {}", shown.code, shown.message);
            assert!(text.starts_with(expected), "{text}");
            assert!(shown.message.ends_with(['.', '?']) && !shown.message.contains('\n'), "{text}");
        }
        for (error, expected) in [
            (SettingsError::Block(3), "A block has 1, 2, 4, … or 64 tags, not 3."),
            (SettingsError::Spread(4000), "Look-ups spread over at most 3600 seconds, not 4000."),
        ] {
            let shown = RpcError::from(error);
            assert_eq!((shown.code.as_str(), shown.message.as_str()), ("request.params", expected));
        }
        assert_eq!(RpcError::from(PostError::NoNetwork).hint, "Say so with --network.");
    }
}
