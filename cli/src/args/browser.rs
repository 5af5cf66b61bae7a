//! `bauta browser …`

use std::path::PathBuf;

use bauta_bridge::Platform;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

/// `bauta browser …`
#[derive(Debug, Subcommand)]
pub enum Browser {
    /// Write the manifest for each browser that is found
    Install {
        /// For which.
        #[command(flatten)]
        selection: Selection,
        /// The program that browsers start [default: bauta-bridge beside bauta, or on PATH]
        #[arg(long, value_name = "PATH")]
        host: Option<PathBuf>,
        /// Only print where manifests belong, and what would happen there
        #[arg(long)]
        dry_run: bool,
        /// Of another system; only with --dry-run
        #[arg(long, value_name = "PLATFORM", value_parser = platforms(), conflicts_with = "dir")]
        platform: Option<Platform>,
    },
    /// List the manifests, and how they stand
    List {
        /// Of which.
        #[command(flatten)]
        selection: Selection,
    },
    /// Remove the manifests that Bauta wrote
    Remove {
        /// Of which.
        #[command(flatten)]
        selection: Selection,
        /// Only print what would be removed
        #[arg(long)]
        dry_run: bool,
    },
}

/// Which manifests.
#[derive(Args, Clone, Debug)]
pub struct Selection {
    /// A browser, with all its channels; may be given again [default: all that are found]
    #[arg(long = "browser", value_name = "NAME", value_parser = browsers())]
    pub browsers: Vec<bauta_bridge::Browser>,
    /// Where.
    #[command(flatten)]
    pub place: Place,
}

/// Whose manifests.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// For every user of this machine, which needs root
    #[arg(long)]
    pub system: bool,
    /// In the directory that a browser of Chromium's family was given with --user-data-dir
    #[arg(long, value_name = "DIR", conflicts_with_all = ["system", "browsers"])]
    pub dir: Option<PathBuf>,
}

fn browsers() -> impl TypedValueParser<Value = bauta_bridge::Browser> {
    let all = bauta_bridge::Browser::ALL;
    PossibleValuesParser::new(all.map(bauta_bridge::Browser::name)).try_map(move |name| {
        all.into_iter().find(|browser| browser.name() == name).ok_or_else(|| format!("there is no {name}"))
    })
}

fn platforms() -> impl TypedValueParser<Value = Platform> {
    PossibleValuesParser::new(Platform::ALL.map(Platform::name)).try_map(|name| {
        Platform::ALL.into_iter().find(|platform| platform.name() == name).ok_or("there is no such platform")
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;

    #[test]
    fn places_exclude_each_other() {
        for good in ["", "--browser edge --browser firefox --system", "--dir d", "--dry-run --platform macos"]
        {
            assert!(parse(&format!("browser install {good}")).is_ok(), "{good}");
        }
        for bad in [
            "--dir d --system",
            "--dir d --browser chrome",
            "--dir d --platform linux --dry-run",
            "--browser netscape",
            "--platform beos --dry-run",
        ] {
            assert!(parse(&format!("browser install {bad}")).is_err(), "{bad}");
        }
    }
}
