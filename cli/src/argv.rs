//! The arguments of this process, which every user of the machine can read while it runs (`/proc/PID/cmdline`).

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

/// What is in place of a secret.
const MASK: u8 = b'*';

/// Overwrites the arguments that are one of these secrets; whether none of them can be read any more.
// Linux shows as the command line whatever is in the memory where it once put the arguments, so they are overwritten
// there, through /proc/self/mem: the file of one's own memory, which a process may always write. It is not Rust's
// memory: nothing in this program refers to it but the pointers of libc, and the texts behind them stay as long as they
// were. Between the start and this there is a moment, some milliseconds, in which they can be seen. For a secret
// that must not be seen for that long there is standard input.
pub(crate) fn hide(secrets: &[&str]) -> bool {
    secrets.is_empty() || overwrite(secrets).unwrap_or(false)
}

fn overwrite(secrets: &[&str]) -> io::Result<bool> {
    let places = |line: &[u8]| -> Vec<(u64, usize)> {
        let (mut found, mut start) = (Vec::new(), 0_u64);
        for argument in line.split(|byte| *byte == 0) {
            if !argument.is_empty() && secrets.iter().any(|secret| secret.as_bytes() == argument) {
                found.push((start, argument.len()));
            }
            start = start.saturating_add(argument.len() as u64 + 1);
        }
        found
    };
    let first = fs::read_to_string("/proc/self/stat").ok().and_then(|stat| start_of_arguments(&stat));
    let first = first.ok_or(io::ErrorKind::NotFound)?;
    let memory = OpenOptions::new().write(true).open("/proc/self/mem")?;
    for (start, length) in places(&fs::read("/proc/self/cmdline")?) {
        memory.write_all_at(&vec![MASK; length], first.saturating_add(start))?;
    }
    Ok(places(&fs::read("/proc/self/cmdline")?).is_empty())
}

/// Field 48 of `/proc/PID/stat` (proc_pid_stat(5)): where the arguments begin. The name of the program, field 2, is in
/// brackets, and may hold blanks and brackets.
fn start_of_arguments(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(48 - 3)?.parse().ok().filter(|address| *address != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_the_arguments_is_field_48() {
        let fields: Vec<String> = (3..=52).map(|number| number.to_string()).collect();
        assert_eq!(start_of_arguments(&format!("1 (a ) b) {}", fields.join(" "))), Some(48));
        assert_eq!(start_of_arguments("1 (a) S 2"), None);
        assert_eq!(start_of_arguments(""), None);
    }

    #[test]
    fn nothing_to_hide_is_hidden() {
        assert!(hide(&[]) && hide(&["", "no argument of this program"]));
    }
}
