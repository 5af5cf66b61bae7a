//! Searching files for what must not be in them.

use std::path::Path;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

/// A shorter form could be in random bytes by chance.
const SHORTEST: usize = 12;

/// A secret and every form in which it could lie in a file.
pub struct Needle {
    name: String,
    forms: Vec<Vec<u8>>,
}

impl Needle {
    /// A text, plain and encoded.
    pub fn text(name: &str, text: &str) -> Self {
        Self::bytes_and_forms(name, text.as_bytes())
    }

    /// A key given in hex digits: as text and as bytes.
    pub fn hex(name: &str, digits: &str) -> Self {
        let mut needle = Self::bytes_and_forms(name, &HEXLOWER.decode(digits.as_bytes()).unwrap());
        needle.forms.push(digits.as_bytes().to_vec());
        needle
    }

    fn bytes_and_forms(name: &str, bytes: &[u8]) -> Self {
        // The last characters of base64 depend on what follows, so they are left out.
        let stem = |encoded: String| {
            encoded.trim_end_matches('=').as_bytes()[..encoded.len().saturating_sub(4)].to_vec()
        };
        let forms = vec![
            bytes.to_vec(),
            HEXLOWER.encode(bytes).into_bytes(),
            HEXUPPER.encode(bytes).into_bytes(),
            stem(BASE64.encode(bytes)),
            stem(BASE64_NOPAD.encode(bytes)),
            stem(BASE64URL_NOPAD.encode(bytes)),
        ];
        Self {
            name: name.to_owned(),
            forms: forms.into_iter().filter(|form| form.len() >= SHORTEST).collect(),
        }
    }
}

/// Every place below `root` (a file or a directory) where a needle occurs, as `name in path`.
pub fn search(root: &Path, needles: &[Needle]) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(path) = pending.pop() {
        let Ok(metadata) = std::fs::symlink_metadata(&path) else { continue };
        if metadata.is_dir() {
            pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if metadata.is_file() {
            let content = std::fs::read(&path).unwrap();
            for needle in needles {
                if needle.forms.iter().any(|form| contains(&content, form)) {
                    found.push(format!("{} in {}", needle.name, path.display()));
                }
            }
        }
    }
    found
}

fn contains(content: &[u8], form: &[u8]) -> bool {
    content.windows(form.len()).any(|window| window == form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_form() {
        let dir = tempfile::tempdir().unwrap();
        let secret = "the meeting is at the old bridge";
        let forms = [
            secret.to_owned(),
            HEXLOWER.encode(secret.as_bytes()),
            BASE64.encode(secret.as_bytes()),
            BASE64URL_NOPAD.encode(secret.as_bytes()),
        ];
        for form in forms {
            std::fs::write(dir.path().join("file"), format!("before{form}after")).unwrap();
            assert_eq!(search(dir.path(), &[Needle::text("text", secret)]).len(), 1, "{form}");
        }
        std::fs::write(dir.path().join("file"), "nothing here").unwrap();
        assert!(search(dir.path(), &[Needle::text("text", secret)]).is_empty());
    }
}
