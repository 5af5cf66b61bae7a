use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::Barrier;

use super::*;

const LIMIT: u64 = 1 << 20;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_whole_and_private() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("key");
    assert!(read_private(&path, LIMIT).unwrap().is_none());
    write(&path, b"a first and longer one").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    write(&path, b"two").unwrap();
    assert_eq!(read_private(&path, LIMIT).unwrap().unwrap().as_slice(), b"two");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(names(home.path()), ["key"]);
}

#[test]
fn what_others_may_open_is_not_read() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("key");
    write(&path, b"secret").unwrap();
    for exposed in [0o640, 0o604, 0o620, 0o601, 0o666] {
        fs::set_permissions(&path, Permissions::from_mode(exposed)).unwrap();
        assert!(matches!(read_private(&path, LIMIT), Err(ReadError::Exposed)), "{exposed:o}");
        assert!(matches!(check_private(&path), Err(ReadError::Exposed)), "{exposed:o}");
        assert_eq!(read(&path, LIMIT).unwrap().unwrap().as_slice(), b"secret");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert!(read_private(&path, LIMIT).unwrap().is_some());
}

#[test]
fn what_belongs_to_another_user_is_not_read() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("key");
    write(&path, b"secret").unwrap();
    let file = fs::metadata(&path).unwrap();
    assert!(check(&file, file.uid()).is_ok());
    assert!(matches!(check(&file, file.uid() + 1), Err(ReadError::Foreign)));
    // Only root can give a file away.
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
        assert!(matches!(read_private(&path, LIMIT), Err(ReadError::Foreign)));
        assert!(matches!(check_private(&path), Err(ReadError::Foreign)));
        // A draft that somebody else put there is not used either: they may hold it open.
        let draft = home.path().join("key.new");
        fs::write(&draft, b"theirs").unwrap();
        std::os::unix::fs::chown(&draft, Some(12_345), None).unwrap();
        write(&path, b"ours").unwrap();
        assert_eq!(read_private(&path, LIMIT).unwrap().unwrap().as_slice(), b"ours");
    }
}

#[test]
fn a_length_is_bounded() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("key");
    write(&path, &[7; 64]).unwrap();
    assert_eq!(read_private(&path, 64).unwrap().unwrap().len(), 64);
    assert!(matches!(read_private(&path, 63), Err(ReadError::TooLong)));
    assert!(matches!(read(&path, 0), Err(ReadError::TooLong)));
    assert!(matches!(read(home.path(), LIMIT), Err(ReadError::Io(_))));
}

/// What a crash can leave behind: a draft of any length, and the old file as it was.
#[test]
fn a_draft_of_a_crash_is_taken_over() {
    let home = tempfile::tempdir().unwrap();
    let (path, draft) = (home.path().join("key"), home.path().join("key.new"));
    write(&path, b"old").unwrap();
    for left in [&b""[..], b"ha", b"a whole and much longer draft"] {
        // Written, not yet renamed: the process ends here.
        let mut crashed = Draft::open(&path).unwrap();
        crashed.file.write_all(left).unwrap();
        crashed.is_kept = true;
        drop(crashed);
        assert_eq!(fs::read(&draft).unwrap(), left);
        assert_eq!(mode(&draft), 0o600);
        assert_eq!(read_private(&path, LIMIT).unwrap().unwrap().as_slice(), b"old");
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(home.path()), ["key"]);
        write(&path, b"old").unwrap();
    }
}

#[test]
fn a_failure_leaves_the_old_file_and_no_draft() {
    let home = tempfile::tempdir().unwrap();
    // A directory cannot be replaced by a file.
    let path = home.path().join("key");
    fs::create_dir(&path).unwrap();
    assert!(write(&path, b"new").is_err());
    assert_eq!(names(home.path()), ["key"]);
    assert!(write(&home.path().join("absent/key"), b"new").is_err());
    assert!(write(Path::new("/"), b"new").is_err());
}

#[test]
fn links_are_replaced_and_never_written_through() {
    let home = tempfile::tempdir().unwrap();
    let (path, draft) = (home.path().join("key"), home.path().join("key.new"));
    let target = home.path().join("target");
    fs::write(&target, b"not ours to change").unwrap();
    symlink(&target, &path).unwrap();
    symlink(&target, &draft).unwrap();
    write(&path, b"new").unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"not ours to change");
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
    assert_eq!(fs::read(&path).unwrap(), b"new");
    // A second name of the draft would show what is written to it.
    fs::hard_link(&target, &draft).unwrap();
    write(&path, b"newer").unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"not ours to change");
    assert_eq!(fs::read(&path).unwrap(), b"newer");
    assert_eq!(names(home.path()), ["key", "target"]);
    // What is read through a link is checked where it is.
    fs::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
    symlink(&target, &draft).unwrap();
    assert!(matches!(read_private(&draft, LIMIT), Err(ReadError::Exposed)));
}

#[test]
fn nothing_is_replaced_by_a_new_file() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("backup");
    write_new(&path, b"one").unwrap();
    assert_eq!(mode(&path), 0o600);
    let refused = write_new(&path, b"two").unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"one");
    // A link without a target counts, too.
    let link = home.path().join("link");
    symlink(home.path().join("nowhere"), &link).unwrap();
    assert_eq!(write_new(&link, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(names(home.path()), ["backup", "link"]);
}

#[test]
fn writers_at_the_same_time_never_mix() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("key");
    let start = Barrier::new(4);
    std::thread::scope(|scope| {
        for number in 1..=4_u8 {
            let (path, start) = (&path, &start);
            scope.spawn(move || {
                start.wait();
                for _ in 0..20 {
                    write(path, &vec![number; 100 * usize::from(number)]).unwrap();
                    let found = read_private(path, LIMIT).unwrap().unwrap();
                    let first = found[0];
                    assert!(found.iter().all(|byte| *byte == first));
                    assert_eq!(found.len(), 100 * usize::from(first));
                }
            });
        }
    });
    assert_eq!(names(home.path()), ["key"]);
}

#[test]
fn directories_are_private() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a/b");
    make_dir(&path).unwrap();
    assert_eq!((mode(&path), mode(&home.path().join("a"))), (0o700, 0o700));
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    make_dir(&path).unwrap();
    assert!(matches!(check_private(&path), Err(ReadError::Exposed)));
    close_dir(&path).unwrap();
    assert!(check_private(&path).is_ok());
    let lock = path.join("lock");
    open(&lock).unwrap();
    assert_eq!(mode(&lock), 0o600);
}

/// The mode does not depend on the user's mask.
#[test]
fn a_mask_does_not_open_the_file() {
    let home = tempfile::tempdir().unwrap();
    let binary = std::env::current_exe().unwrap();
    let path = home.path().join("key");
    if let Some(path) = std::env::var_os("PRIVATE_FILE_UNDER_MASK") {
        return write(Path::new(&path), b"secret").unwrap();
    }
    let script = format!("umask 0; exec {} --exact tests::a_mask_does_not_open_the_file", binary.display());
    let ran = Command::new("sh").arg("-c").arg(script).env("PRIVATE_FILE_UNDER_MASK", &path).status();
    assert!(ran.unwrap().success());
    assert_eq!(mode(&path), 0o600);
}
