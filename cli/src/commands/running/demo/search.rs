//! Looks for secrets in files, in every form in which they could be stored.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bauta_ipc::{RpcError, codes};
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

/// Shorter forms could be found by chance.
const SHORTEST: usize = 8;

/// Something that must not be found.
#[derive(Clone)]
pub(super) struct Needle {
    name: &'static str,
    forms: BTreeSet<Vec<u8>>,
}

impl Needle {
    /// A text, or raw bytes: as they are, as hex digits, and inside base64 or base64url at any offset.
    pub(super) fn new(name: &'static str, bytes: &[u8]) -> Self {
        let mut forms = BTreeSet::from([
            bytes.to_vec(),
            HEXLOWER.encode(bytes).into_bytes(),
            HEXUPPER.encode(bytes).into_bytes(),
        ]);
        for offset in 0..3 {
            let shifted = [&vec![0; offset], bytes].concat();
            for encoding in [&BASE64_NOPAD, &BASE64URL_NOPAD] {
                let text = encoding.encode(&shifted);
                // The first and the last characters depend on the neighbouring bytes.
                let from = (offset * 8).div_ceil(6);
                let to = shifted.len() * 8 / 6;
                forms.extend(text.get(from..to).map(|stable| stable.as_bytes().to_vec()));
            }
        }
        forms.retain(|form| form.len() >= SHORTEST);
        Self { name, forms }
    }

    fn is_in(&self, content: &[u8]) -> bool {
        self.forms.iter().any(|form| content.windows(form.len()).any(|window| window == form))
    }
}

/// Every needle found in a file at or below `places`, as `name in file`.
pub(super) async fn find(needles: Vec<Needle>, places: Vec<PathBuf>) -> Result<BTreeSet<String>, RpcError> {
    let searching = tokio::task::spawn_blocking(move || {
        let mut found = BTreeSet::new();
        for place in &places {
            search(place, &needles, &mut found).map_err(|error| {
                RpcError::new(
                    &codes::FILE_FAILED,
                    format!("{} cannot be searched: {error}.", place.display()),
                )
            })?;
        }
        Ok(found)
    });
    searching
        .await
        .map_err(|error| RpcError::new(&codes::INTERNAL, format!("The search failed: {error}.")))?
}

/// Every needle found in a text.
pub(super) fn find_in_text(needles: &[Needle], text: &str) -> BTreeSet<String> {
    let found = needles.iter().filter(|needle| needle.is_in(text.as_bytes()));
    found.map(|needle| needle.name.to_owned()).collect()
}

fn search(place: &Path, needles: &[Needle], found: &mut BTreeSet<String>) -> io::Result<()> {
    let mut pending = vec![place.to_owned()];
    while let Some(path) = pending.pop() {
        match look(&path, needles, found, &mut pending) {
            // A running daemon may remove a file meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound && path != place => {}
            outcome => outcome?,
        }
    }
    Ok(())
}

fn look(
    path: &Path,
    needles: &[Needle],
    found: &mut BTreeSet<String>,
    pending: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let kind = fs::symlink_metadata(path)?.file_type();
    if kind.is_dir() {
        for entry in fs::read_dir(path)? {
            pending.push(entry?.path());
        }
    } else if kind.is_file() {
        let content = fs::read(path)?;
        let file = path.file_name().unwrap_or(path.as_os_str()).display();
        found.extend(
            needles
                .iter()
                .filter(|needle| needle.is_in(&content))
                .map(|needle| format!("{} in {file}", needle.name)),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_form_is_found(secret in prop::collection::vec(any::<u8>(), 16..80), before in prop::collection::vec(any::<u8>(), 0..9), after in prop::collection::vec(any::<u8>(), 0..9)) {
            let needle = Needle::new("secret", &secret);
            let all = [before.as_slice(), &secret, &after].concat();
            prop_assert!(needle.is_in(&all));
            prop_assert!(needle.is_in(BASE64.encode(&all).as_bytes()));
            prop_assert!(needle.is_in(BASE64URL_NOPAD.encode(&all).as_bytes()));
            prop_assert!(needle.is_in(HEXUPPER.encode(&all).as_bytes()));
        }
    }

    #[tokio::test]
    async fn files_below_a_directory_are_searched() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("deep")).unwrap();
        let needles = vec![Needle::new("text", b"the lantern in the window")];
        let places = vec![dir.path().to_owned()];
        fs::write(dir.path().join("deep/quiet"), "the lantern in the door").unwrap();
        assert!(find(needles.clone(), places.clone()).await.unwrap().is_empty());
        fs::write(dir.path().join("deep/leak"), "-- the lantern in the window --").unwrap();
        assert_eq!(find(needles.clone(), places).await.unwrap(), BTreeSet::from(["text in leak".to_owned()]));
        assert!(find(needles, vec![dir.path().join("nowhere")]).await.is_err());
    }
}
