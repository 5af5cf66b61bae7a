//! Posts in the text of a page.

use std::sync::Arc;

use bauta_protocol::mask::{Encryption, FieldError, Network, ParseError, Payload, find_all_in_text};

use super::PostError;

/// A post in a text, and the network that its form shows.
pub(crate) type FoundPost = (Arc<Payload>, Option<Network>);

/// The posts of a text that can be taken apart; at least one.
///
/// # Errors
/// [`PostError::NoPost`], [`PostError::CutOff`], [`PostError::Parse`] with the first refusal.
pub(crate) fn find(text: &str) -> Result<Vec<FoundPost>, PostError> {
    let (mut posts, mut refusal) = (Vec::new(), None);
    for (wire, network) in find_all_in_text(text) {
        match Payload::parse(&wire) {
            Ok(payload) => posts.push((Arc::new(payload), network)),
            Err(error) => drop::<&mut ParseError>(refusal.get_or_insert(error)),
        }
    }
    match refusal {
        _ if !posts.is_empty() => Ok(posts),
        Some(error) => Err(PostError::Parse(error)),
        None if text.contains('\u{1f3bc}') || text.contains("PostData_v") => Err(PostError::CutOff),
        None => Err(PostError::NoPost),
    }
}

/// Whether a text names a key for P-256, which nothing can use.
pub(crate) fn is_p256(text: &str) -> bool {
    text.trim().starts_with("ec_key:p256/")
}

/// Whether nobody can open a post, because its keys are for a curve that nothing can use.
pub(super) fn is_for_p256(payload: &Payload) -> bool {
    match &payload.encryption {
        Ok(Encryption::EndToEnd { ephemeral: Ok(keys), .. }) => {
            !keys.is_empty() && keys.iter().all(|ephemeral| ephemeral.key == Err(FieldError::P256))
        }
        _ => false,
    }
}

/// The network of the author, as the post says.
pub(crate) fn named_network(payload: &Payload) -> Option<Network> {
    let author = payload.author.as_ref().ok()?.as_ref()?;
    Some(Network::from_domain(author.network())).filter(|network| *network != Network::Unknown)
}

#[cfg(test)]
mod tests {
    use bauta_protocol::mask::{Audience, Draft, ProfileId, TypedMessage, encrypt_v37, write_in_text};
    use proptest::prelude::*;

    use super::*;
    use crate::random;

    fn first(text: &str) -> FoundPost {
        find(text).unwrap().remove(0)
    }

    fn post(network: Network, author: Option<&str>) -> String {
        let author: Option<ProfileId> = author.map(|author| author.parse().unwrap());
        let message = TypedMessage::text("hello");
        let draft = Draft {
            author: author.as_ref(),
            author_key: None,
            message: &message,
            audience: Audience::Public,
        };
        write_in_text(network, &encrypt_v37(&draft, &mut random::rng()).unwrap().payload)
    }

    #[test]
    fn a_post_is_found_among_other_words() {
        let text = format!("look: {} , right?", post(Network::Twitter, None));
        let (payload, network) = first(&text);
        assert!(payload.is_public());
        assert_eq!((network, named_network(&payload)), (Some(Network::Twitter), None));
        let (payload, network) = first(&post(Network::Minds, Some("person:minds.com/alice")));
        assert_eq!((network, named_network(&payload)), (None, Some(Network::Minds)));
        let (payload, _) = first(&post(Network::Minds, Some("person:example.org/alice")));
        assert_eq!(named_network(&payload), None);
    }

    #[test]
    fn a_damaged_post_before_a_whole_one_is_passed_over() {
        let whole = post(Network::Facebook, None);
        let (payload, _) = first(&format!("\u{1f3bc}9/9|AAAA|BBBB:|| {whole}"));
        assert!(payload.is_public());
    }

    #[test]
    fn every_post_is_found() {
        let (one, other) = (post(Network::Twitter, None), post(Network::Twitter, None));
        let marked = post(Network::Minds, None);
        let found = find(&format!("{one}\n{other} {marked}")).unwrap();
        let networks: Vec<_> = found.iter().map(|(_, network)| *network).collect();
        assert_eq!(networks, [Some(Network::Twitter), Some(Network::Twitter), None]);
        assert_eq!(found[0], first(&one));
        assert_eq!(found[1], first(&other));
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        assert!(matches!(find("no post at all"), Err(PostError::NoPost)));
        assert!(matches!(find(""), Err(PostError::NoPost)));
        for cut in ["\u{1f3bc}6/8|AA", "https://mask.io/?PostData_v2="] {
            assert!(matches!(find(cut), Err(PostError::CutOff | PostError::Parse(_))), "{cut}");
        }
        let unknown = find("\u{1f3bc}9/9|AAAA|BBBB:||");
        assert!(matches!(unknown, Err(PostError::Parse(ParseError::UnknownVersion))));
        let damaged = find("\u{1f3bc}6/8|AAAA:||");
        assert!(matches!(damaged, Err(PostError::Parse(_))));
    }

    #[test]
    fn keys_for_p256_are_told_by_their_name() {
        assert!(is_p256(" ec_key:p256/AAAA") && !is_p256("ec_key:secp256k1/AAAA") && !is_p256("p256"));
    }

    proptest! {
        #[test]
        fn every_text_is_answered(text in any::<String>()) {
            let _ = find(&text);
            let _ = find(&format!("\u{1f3bc}{text}:||"));
        }

        #[test]
        fn every_part_of_a_post_is_answered(keep in 0..400_usize) {
            let cut: String = post(Network::Twitter, None).chars().take(keep).collect();
            let _ = find(&cut);
        }
    }
}
