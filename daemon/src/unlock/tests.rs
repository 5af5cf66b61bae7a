use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

fn words(text: &str) -> Unlock {
    Unlock::Passphrase(Zeroizing::new(text.to_owned()))
}

#[test]
fn a_key_file_is_made_once_and_guarded() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(Unlock::mode_of(home.path()).unwrap(), None);
    let first = master_key(home.path(), &Unlock::KeyFile, true).unwrap();
    let path = home.path().join(KEYFILE);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(Unlock::mode_of(home.path()).unwrap(), Some(Mode::KeyFile));
    let again = master_key(home.path(), &Unlock::KeyFile, false).unwrap();
    assert_eq!(first.as_bytes(), again.as_bytes());

    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(master_key(home.path(), &Unlock::KeyFile, false), Err(UnlockError::Exposed(_))));
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, b"short").unwrap();
    assert!(matches!(master_key(home.path(), &Unlock::KeyFile, false), Err(UnlockError::Damaged(_))));
    fs::remove_file(&path).unwrap();
    assert!(matches!(master_key(home.path(), &Unlock::KeyFile, false), Err(UnlockError::MissingKeyFile(_))));
}

#[test]
fn a_passphrase_is_asked_for_as_chosen() {
    let home = tempfile::tempdir().unwrap();
    let key = master_key(home.path(), &words("a b c"), true).unwrap();
    assert_eq!(master_key(home.path(), &words("a b c"), false).unwrap().as_bytes(), key.as_bytes());
    assert!(matches!(master_key(home.path(), &words("a b d"), false), Err(UnlockError::WrongPassphrase)));
    assert!(matches!(
        master_key(home.path(), &Unlock::KeyFile, false),
        Err(UnlockError::OtherMode { expected: Mode::Passphrase, given: Mode::KeyFile })
    ));
    let text = fs::read_to_string(home.path().join(DESCRIPTION)).unwrap();
    assert!(!text.contains("a b c"));
}

#[test]
fn damage_and_newer_versions_are_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(DESCRIPTION);
    for (text, newer) in
        [("{", false), ("{}", false), ("{\"version\":1}", false), ("{\"version\":2,\"x\":1}", true)]
    {
        fs::write(&path, text).unwrap();
        match master_key(home.path(), &Unlock::KeyFile, false) {
            Err(UnlockError::Newer(_)) => assert!(newer, "{text}"),
            Err(UnlockError::Damaged(_)) => assert!(!newer, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(master_key(home.path(), &Unlock::KeyFile, false), Err(UnlockError::MissingMode(_))));
}

#[test]
fn a_home_can_be_protected_in_another_way() {
    let home = tempfile::tempdir().unwrap();
    let key = master_key(home.path(), &Unlock::KeyFile, true).unwrap();
    let opens = |unlock: &Unlock| master_key(home.path(), unlock, false).map(|key| *key.as_bytes());
    let keyfile = home.path().join(KEYFILE);

    Unlock::KeyFile.change(home.path(), &words("one")).unwrap();
    assert_eq!(opens(&words("one")).unwrap(), *key.as_bytes());
    assert!(!keyfile.exists() && matches!(opens(&Unlock::KeyFile), Err(UnlockError::OtherMode { .. })));

    assert!(matches!(words("two").change(home.path(), &words("three")), Err(UnlockError::WrongPassphrase)));
    assert!(matches!(words("one").change(home.path(), &words("")), Err(UnlockError::EmptyPassphrase)));
    words("one").change(home.path(), &words("two")).unwrap();
    assert!(matches!(opens(&words("one")), Err(UnlockError::WrongPassphrase)));
    assert_eq!(opens(&words("two")).unwrap(), *key.as_bytes());

    // A change that was interrupted before the key file was removed.
    fs::write(&keyfile, key.as_bytes()).unwrap();
    assert_eq!(opens(&words("two")).unwrap(), *key.as_bytes());
    assert!(!keyfile.exists());

    words("two").change(home.path(), &Unlock::KeyFile).unwrap();
    assert_eq!(opens(&Unlock::KeyFile).unwrap(), *key.as_bytes());
    Unlock::KeyFile.change(home.path(), &Unlock::KeyFile).unwrap();
    assert_eq!(opens(&Unlock::KeyFile).unwrap(), *key.as_bytes());
}
