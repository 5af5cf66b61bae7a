//! `bauta logs`: the daemon's log, from the journal or from the file of a daemon in the background.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bauta_ipc::{Exit, RpcError, codes};
use clap::Args;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::service;
use crate::commands::running::background::log_file;
use crate::{Context, interrupted};

/// The pause between two looks at a file that is followed.
const LOOK: Duration = Duration::from_millis(300);

/// So much of the end of a file is read.
const TAIL: u64 = 4 << 20;

#[derive(Args, Debug)]
pub(crate) struct LogsArgs {
    /// Print lines as they come
    #[arg(long, short)]
    follow: bool,
    /// Number of lines to begin with
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    lines: u32,
}

/// Shows the log of the service if it runs, else that of the last daemon in the background, else the service's.
pub(crate) async fn run(args: LogsArgs, context: &Context) -> Result<Exit, RpcError> {
    let path = log_file(&context.home()?);
    if service::is_active() || (!path.exists() && service::is_installed()) {
        return journal(&args, context).await;
    }
    let lines = last_lines(&path, args.lines).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => RpcError::new(
            &codes::FILE_FAILED,
            "There is no log: a daemon in the foreground writes to its terminal.",
        )
        .hint("Run it as a service or in the background: bauta service install, or bauta up --background"),
        _ => RpcError::new(&codes::FILE_FAILED, format!("{} cannot be read: {error}.", path.display())),
    })?;
    for line in &lines {
        show(line, context)?;
    }
    if args.follow {
        follow(&path, context).await?;
    }
    Ok(Exit::Ok)
}

fn show(line: &str, context: &Context) -> Result<(), RpcError> {
    if context.out.is_json() { context.out.line(&json!({ "line": line })) } else { context.out.text(line) }
}

/// The journal's lines about the unit, without the columns that the journal adds.
fn journalctl(lines: u32) -> std::process::Command {
    let mut command = std::process::Command::new("journalctl");
    command.args(["--user", "--no-pager", "--quiet", "--output=cat", "--unit", service::UNIT]);
    command.arg(format!("--lines={lines}"));
    command
}

async fn journal(args: &LogsArgs, context: &Context) -> Result<Exit, RpcError> {
    let failed = |error: io::Error| {
        RpcError::new(&codes::FILE_FAILED, format!("The journal cannot be read: {error}."))
    };
    let stop = interrupted()?;
    let mut command = Command::from(journalctl(args.lines));
    if args.follow {
        command.arg("--follow");
    }
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().map_err(failed)?;
    let Some(stdout) = child.stdout.take() else { return Ok(Exit::Ok) };
    let mut lines = BufReader::new(stdout).lines();
    loop {
        let line = tokio::select! {
            () = stop.cancelled() => break,
            line = lines.next_line() => line.map_err(failed)?,
        };
        let Some(line) = line else { break };
        show(&line, context)?;
        if context.out.is_closed() {
            break;
        }
    }
    Ok(Exit::Ok)
}

/// What the log says last, for a report: of the same source as `run` chooses. Without a log there is nothing.
pub(super) fn recent(home: &Path, lines: u32) -> Vec<String> {
    let path = log_file(home);
    if service::is_active() || (!path.exists() && service::is_installed()) {
        let told = journalctl(lines).output().map(|output| output.stdout).unwrap_or_default();
        return String::from_utf8_lossy(&told).lines().map(str::to_owned).collect();
    }
    last_lines(&path, lines).unwrap_or_default()
}

fn last_lines(path: &Path, count: u32) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<String> = text.lines().rev().take(count as usize).map(str::to_owned).collect();
    lines.reverse();
    Ok(lines)
}

/// Prints what is added to the file, also after the next start has set it aside.
async fn follow(path: &Path, context: &Context) -> Result<(), RpcError> {
    let failed =
        |error: io::Error| RpcError::new(&codes::FILE_FAILED, format!("The log cannot be read: {error}."));
    let stop = interrupted()?;
    let mut file = File::open(path).map_err(failed)?;
    let mut at = file.seek(SeekFrom::End(0)).map_err(failed)?;
    let mut rest = Vec::new();
    while !context.out.is_closed() {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
        at += file.read_to_end(&mut rest).map_err(failed)? as u64;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            show(String::from_utf8_lossy(&line).trim_end(), context)?;
        }
        if std::fs::metadata(path).is_ok_and(|now| now.len() < at) {
            file = File::open(path).map_err(failed)?;
            at = 0;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(last_lines(&path, 2).unwrap(), ["two", "three"]);
        assert_eq!(last_lines(&path, 9).unwrap().len(), 3);
        assert!(last_lines(&dir.path().join("none"), 1).is_err());
    }
}
