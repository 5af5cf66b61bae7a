//! `bauta bugreport`: what helps to find a fault, and nothing about who uses Bauta with whom.

mod redact;

use std::fs;
use std::path::PathBuf;

use bauta_ipc::methods::{ContactListAll, PersonaListAll, StatusGet};
use bauta_ipc::{Exit, ListAll, ListOf, RpcError, Status, StatusOf, codes, file_code};
use bauta_private_file as private_file;
use clap::Args;
use serde_json::json;

use self::redact::Redactor;
use super::{doctor, logs, service};
use crate::{Context, agreed, moment, state_words};

/// So many lines of the log are read.
const LINES: u32 = 300;

#[derive(Args, Debug)]
pub(crate) struct BugreportArgs {
    /// File to write
    #[arg(long, short, value_name = "FILE", default_value = "bauta-bugreport.txt")]
    output: PathBuf,
    /// Write it without asking, after it was shown
    #[arg(long)]
    yes: bool,
}

/// Shows the report first; it is written only with consent.
pub(crate) async fn run(args: BugreportArgs, context: &Context) -> Result<Exit, RpcError> {
    let report = report(context).await?;
    if !context.out.is_json() {
        context.out.text(&report)?;
    }
    let question = format!("Write this to {}? [y/N]", args.output.display());
    let written = args.yes || agreed(&question, &context.out).await?.unwrap_or(false);
    if written {
        let absolute = std::path::absolute(&args.output);
        absolute.and_then(|path| private_file::write(&path, report.as_bytes())).map_err(|error| {
            let path = args.output.display();
            let code = file_code(&error, &codes::FILE_FAILED);
            RpcError::new(code, format!("{path} cannot be written: {error}."))
        })?;
        context.out.note(&format!("Written to {}. Read it before you send it.", args.output.display()));
    } else {
        context.out.note("Nothing was written. To write it without being asked: bauta bugreport --yes");
    }
    if context.out.is_json() {
        context.out.value(&json!({ "report": report, "written": written.then_some(&args.output) }))?;
    }
    Ok(Exit::Ok)
}

async fn report(context: &Context) -> Result<String, RpcError> {
    let home = context.home()?;
    let redactor = Redactor::new(&home, std::env::home_dir().as_deref(), names(context).await);
    let mut lines = vec![
        format!("bauta {}", env!("CARGO_PKG_VERSION")),
        format!("system    {}, {}, {}", system(), kernel(), std::env::consts::ARCH),
        format!("service   {}", service::summary()),
    ];
    match status(context).await {
        Ok(status) => lines.extend(describe(&status)),
        Err(error) => lines.push(format!("daemon    {} ({})", redactor.line(&error.message), error.code)),
    }
    lines.push(String::new());
    lines.push("Checks".to_owned());
    lines.extend(doctor::findings(context).await?.iter().map(|finding| redactor.line(finding)));
    lines.push(String::new());
    lines.push("Log (info and above)".to_owned());
    let log = logs::recent(&home, LINES);
    lines.extend(log.iter().filter(|line| is_public(line)).map(|line| redactor.line(line)));
    Ok(lines.join("\n"))
}

/// A debug log holds times of exchanges, and nobody promises what a line without a level holds.
fn is_public(line: &str) -> bool {
    line.split_whitespace().nth(1).is_some_and(|level| matches!(level, "INFO" | "WARN" | "ERROR"))
}

async fn status(context: &Context) -> Result<Status, RpcError> {
    context.client().await?.call::<StatusGet>(&StatusOf::default()).await
}

/// Every name that the user gave, to leave it out wherever it turns up.
async fn names(context: &Context) -> Vec<String> {
    let Ok(client) = context.client().await else { return Vec::new() };
    let personas = client.all::<PersonaListAll>(ListAll::default()).await.unwrap_or_default();
    let mut names = Vec::new();
    for persona in personas {
        let of = ListOf { persona: Some(persona.name.clone()), after: None };
        let contacts = client.all::<ContactListAll>(of).await.unwrap_or_default();
        names.extend(contacts.into_iter().map(|contact| contact.name));
        names.push(persona.name);
    }
    names
}

/// The status without names, addresses and ids: counts and codes.
fn describe(status: &Status) -> Vec<String> {
    let mut lines = vec![
        format!(
            "daemon    {} since {}",
            state_words(status.state, status.phase.as_deref()),
            moment(status.since)
        ),
        format!("version   {}", status.version),
        format!("network   {}, traffic {}", status.network, status.traffic),
        format!("counts    {} personas, {} relays", status.personas.len(), status.relays.len()),
    ];
    for persona in &status.personas {
        lines.push(format!("persona   {}", state_words(persona.state, persona.phase.as_deref())));
    }
    lines.extend(status.health.iter().map(|item| format!("health    {}", item.code)));
    lines
}

fn system() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or(std::env::consts::OS.to_owned(), |name| name.trim_matches('"').to_owned())
}

fn kernel() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("kernel {}", text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_may_be_public_are_taken() {
        assert!(is_public("2026-11-27T02:20:12.123456Z  INFO bauta_daemon: The connection ended."));
        assert!(!is_public("2026-11-27T02:20:12.123456Z DEBUG bauta_daemon: An exchange ended."));
        assert!(!is_public("Connecting: choosing a gateway (0.2 s)"));
        assert!(!is_public(""));
    }
}
