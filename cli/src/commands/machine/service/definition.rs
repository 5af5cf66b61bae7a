//! The text that tells a system to run the daemon: a unit of systemd, a LaunchAgent, a task of Windows.

use bauta_bridge::Platform;

const UNIT: &str = include_str!("bauta.service");
const AGENT: &str = include_str!("app.bauta.daemon.plist");
const TASK: &str = include_str!("task.xml");

/// Where a template wants the command.
const EXEC: &str = "@EXEC@";

/// Notes that lingering was turned on for this service, so that it is turned off with it. systemd ignores sections
/// whose name begins with `X-`.
const LINGER: &str = "\n[X-Bauta]\nLinger=yes\n";

/// The definition for a system, with the command that it runs.
pub(super) fn text(platform: Platform, command: &[String]) -> String {
    match platform {
        Platform::Linux => {
            let words: Vec<String> = command.iter().map(|word| unit_word(word)).collect();
            UNIT.replace(EXEC, &words.join(" "))
        }
        Platform::Macos => {
            let words: Vec<String> =
                command.iter().map(|word| format!("\t\t<string>{}</string>", xml(word))).collect();
            AGENT.replace(EXEC, &words.join("\n"))
        }
        Platform::Windows => {
            let (program, rest) =
                command.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
            let rest: Vec<String> = rest.iter().map(|word| windows_word(word)).collect();
            let exec = format!(
                "      <Command>{}</Command>\n      <Arguments>{}</Arguments>",
                xml(program),
                xml(&rest.join(" "))
            );
            TASK.replace(EXEC, &exec)
        }
    }
}

/// The unit, with the note that lingering belongs to it.
pub(super) fn with_linger(unit: &str) -> String {
    format!("{unit}{LINGER}")
}

/// Whether lingering was turned on for this unit.
pub(super) fn has_linger(unit: &str) -> bool {
    unit.ends_with(LINGER)
}

/// A word of a unit's command line (systemd.service(5), "Command lines"): quoted, with what would be expanded doubled.
fn unit_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut quoted = String::from("\"");
    for character in word.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '%' | '$' => quoted.extend([character, character]),
            '\n' => quoted.push_str("\\n"),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// A word as the C run-time of Windows takes it apart: no file name there has a quotation mark.
fn windows_word(word: &str) -> String {
    if word.contains(' ') { format!("\"{word}\"") } else { word.to_owned() }
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn command(home: &str) -> Vec<String> {
        ["/usr/bin/bauta", "--home", home, "up"].map(str::to_owned).to_vec()
    }

    #[test]
    fn the_unit_has_the_hardening() {
        let unit = text(Platform::Linux, &command("/home/u/.local/share/bauta"));
        assert!(unit.contains("\nExecStart=/usr/bin/bauta --home /home/u/.local/share/bauta up\n"), "{unit}");
        for line in [
            "Type=notify",
            "Restart=on-failure",
            "RestartSec=5",
            "WatchdogSec=60",
            "NoNewPrivileges=yes",
            "MemoryDenyWriteExecute=yes",
            "LockPersonality=yes",
            "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
            "SystemCallArchitectures=native",
            "SystemCallFilter=@system-service",
            "UMask=0077",
            "WantedBy=default.target",
        ] {
            assert!(unit.lines().any(|found| found == line), "{line}");
        }
        // They need user namespaces, and a unit that asks for them does not start where there are none.
        for line in ["ProtectHome", "PrivateTmp", "ProtectSystem", "PrivateUsers"] {
            assert!(!unit.contains(line), "{line}");
        }
    }

    #[test]
    fn words_are_quoted_for_each_system() {
        let odd = command("/h/a b%n$X\"\\");
        let unit = text(Platform::Linux, &odd);
        assert!(unit.contains(r#"--home "/h/a b%%n$$X\"\\" up"#), "{unit}");
        let agent = text(Platform::Macos, &command("/Users/a & <b>"));
        assert!(agent.contains("\t\t<string>/Users/a &amp; &lt;b&gt;</string>\n"), "{agent}");
        let task = text(Platform::Windows, &command(r"C:\Users\a b\bauta"));
        let arguments = r"<Arguments>--home &quot;C:\Users\a b\bauta&quot; up</Arguments>";
        assert!(task.contains(arguments) && task.contains("<Command>/usr/bin/bauta</Command>"), "{task}");
        for text in [unit, agent, task] {
            assert!(!text.contains(EXEC), "{text}");
        }
    }

    #[test]
    fn the_note_about_lingering_is_found_again() {
        let unit = text(Platform::Linux, &command("/h"));
        assert!(!has_linger(&unit) && has_linger(&with_linger(&unit)));
    }

    #[test]
    fn systemd_accepts_the_unit() {
        if Command::new("systemd-analyze").arg("--version").output().is_err() {
            eprintln!("Skipped: systemd-analyze is not installed.");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bauta.service");
        let unit = text(Platform::Linux, &["/bin/sh".to_owned(), "a b%$".to_owned()]);
        // The manual may not be installed here.
        let unit = unit.replace("Documentation=man:bauta(1)\n", "");
        std::fs::write(&path, with_linger(&unit)).unwrap();
        let verified = Command::new("systemd-analyze")
            .args(["verify", "--user"])
            .arg(&path)
            .env("XDG_RUNTIME_DIR", dir.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&verified.stderr).into_owned();
        assert!(verified.status.success() && !told.contains("bauta.service"), "{told}");
    }
}
