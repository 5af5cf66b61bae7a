//! A long backup in parts that each fit a frame of the API.

use bauta_ipc::{RpcError, codes};
use bauta_protocol::mask::{Backup, BackupPersona, PersonaId};

use crate::now;

/// Bytes of the longest backup file that fits into one frame, in base64.
pub(super) const WHOLE: usize = 700 * 1024;
/// Bytes that an encrypted file adds to its content.
const SEAL: usize = 1024;
/// Characters of a nickname that are imported.
const NICKNAME: usize = 256;

/// The backup in order, in parts whose files have at most [`WHOLE`] bytes. There is at least one.
///
/// # Errors
/// `backup.invalid` when one entry is too long by itself.
// The length of an entry is up to whoever made the file, so what counts is how long a part becomes: one that is too long
// is halved.
pub(super) fn parts(mut backup: Backup) -> Result<Vec<Backup>, RpcError> {
    let names = backup.personas.iter_mut().map(|persona| &mut persona.nickname);
    for name in names.chain(backup.profiles.iter_mut().map(|profile| &mut profile.nickname)).flatten() {
        if let Some((end, _)) = name.char_indices().nth(NICKNAME) {
            name.truncate(end);
        }
    }
    let (mut parts, mut waiting) = (Vec::new(), vec![backup]);
    while let Some(mut part) = waiting.pop() {
        let fits = part.write(now()).is_ok_and(|bytes| bytes.len() <= WHOLE - SEAL);
        if fits {
            parts.push(part);
            continue;
        }
        let rest = second_half(&mut part).ok_or_else(|| too_long(&part))?;
        waiting.extend([rest, part]);
    }
    Ok(parts)
}

/// Takes half of a part out of it; nothing from what cannot be divided.
fn second_half(part: &mut Backup) -> Option<Backup> {
    let (personas, profiles) = (part.personas.len(), part.profiles.len());
    let all = personas + profiles + part.posts.len();
    if let ([persona], 1) = (part.personas.as_mut_slice(), all) {
        let half = persona.linked.len().div_ceil(2);
        let linked = persona.linked.split_off(half);
        // Without its secrets an entry only says whose these profiles are.
        let rest = BackupPersona {
            linked,
            secret: None,
            local_key: None,
            words: None,
            nickname: None,
            address: None,
            ..persona.clone()
        };
        return (!rest.linked.is_empty()).then(|| Backup { personas: vec![rest], ..Backup::default() });
    }
    let half = all / 2;
    let rest = Backup {
        personas: part.personas.split_off(half.min(personas)),
        profiles: part.profiles.split_off(half.saturating_sub(personas).min(profiles)),
        posts: part.posts.split_off(half.saturating_sub(personas + profiles).min(part.posts.len())),
    };
    (half > 0).then_some(rest)
}

fn too_long(part: &Backup) -> RpcError {
    let persona = part.personas.iter().map(|persona| PersonaId(persona.public).to_string());
    let profile = part.profiles.iter().map(|profile| profile.id.to_string());
    let what = persona.chain(profile).next().unwrap_or_else(|| "the key of a post".to_owned());
    let message = format!("An entry of the backup is too long to be imported: {what}.");
    RpcError::new(&codes::BACKUP_INVALID, message)
}

#[cfg(test)]
mod tests {
    use bauta_protocol::mask::{BackupProfile, Linked, ProfileId, SecretKey};
    use proptest::prelude::*;

    use super::*;

    fn secret(number: usize) -> SecretKey {
        let mut bytes = [1; 32];
        bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
        SecretKey::from_bytes(&bytes).unwrap()
    }

    fn persona(number: usize, links: usize) -> BackupPersona {
        let linked = (0..links).map(|link| Linked {
            profile: ProfileId::new("twitter.com", &format!("{number}.{link}.{}", "u".repeat(200))).unwrap(),
            confirmation: "confirmed".to_owned(),
        });
        BackupPersona {
            public: secret(number).public(),
            secret: Some(secret(number)),
            local_key: None,
            words: None,
            nickname: Some("n".repeat(5_000)),
            linked: linked.collect(),
            address: None,
            created: now(),
            updated: now(),
        }
    }

    fn profile(number: usize, nickname: usize) -> BackupProfile {
        BackupProfile {
            id: ProfileId::new("twitter.com", &number.to_string()).unwrap(),
            nickname: Some("\u{1f3ad}".repeat(nickname)),
            local_key: None,
            persona: None,
            created: now(),
            updated: now(),
        }
    }

    /// What an import takes from the parts: the own personas in order, and each profile once.
    fn check(personas: &[usize], profiles: usize, nickname: usize) {
        let backup = Backup {
            personas: personas.iter().enumerate().map(|(number, links)| persona(number, *links)).collect(),
            profiles: (0..profiles).map(|number| profile(number, nickname)).collect(),
            posts: Vec::new(),
        };
        let (mut own, mut linked, mut named) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts(backup).unwrap() {
            assert!(part.write(now()).unwrap().len() <= WHOLE - SEAL);
            for persona in part.personas {
                own.extend(persona.secret.as_ref().map(SecretKey::public));
                linked.extend(persona.linked.into_iter().map(|one| (persona.public, one.profile)));
            }
            named.extend(part.profiles.into_iter().map(|profile| profile.id.user().to_owned()));
        }
        assert_eq!(own, (0..personas.len()).map(|number| secret(number).public()).collect::<Vec<_>>());
        assert_eq!(linked.len(), personas.iter().sum::<usize>());
        let whose = |number: usize, links: usize| std::iter::repeat_n(secret(number).public(), links);
        let all = personas.iter().enumerate().flat_map(|(number, links)| whose(number, *links));
        assert!(linked.iter().map(|(persona, _)| *persona).eq(all));
        assert!(named.into_iter().eq((0..profiles).map(|number| number.to_string())));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn parts_are_the_whole_and_fit(
            personas in prop::collection::vec(prop_oneof![9 => 0..3_usize, 1 => 0..5_000_usize], 0..20),
            profiles in 0..4_000_usize,
            nickname in 0..2_000_usize,
        ) {
            check(&personas, profiles, nickname);
        }
    }

    #[test]
    fn many_personas_are_several_parts() {
        check(&[0; 1_000], 0, 0);
        check(&[10_000], 1, 0);
        check(&[], 0, 0);
    }

    #[test]
    fn an_entry_that_is_too_long_is_named() {
        let mut long = persona(1, 1);
        long.linked[0].confirmation = "c".repeat(WHOLE);
        let refused = parts(Backup { personas: vec![persona(0, 0), long], ..Backup::default() }).unwrap_err();
        let named = refused.message.contains(&PersonaId(secret(1).public()).to_string());
        assert!(refused.is(&codes::BACKUP_INVALID) && named, "{refused:?}");
    }
}
