//! `bauta persona …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Acting;

/// `bauta persona`.
#[derive(Debug, Subcommand)]
pub enum Persona {
    /// Make a persona
    New {
        /// What you call it; nobody else sees the name
        name: String,
    },
    /// List your personas
    List,
    /// Show a persona and its address
    Show {
        /// Which [default: the only one there is]
        name: Option<String>,
        /// Show the address as a QR code
        #[arg(long)]
        qr: bool,
        /// Print the line to put on your own social profile instead
        #[arg(long, conflicts_with = "qr")]
        profile_text: bool,
    },
    /// Take personas over: from recovery words, a secret key, or a backup of Mask
    ///
    /// Words and keys are read from standard input, or asked for at a terminal.
    Import(Import),
    /// Print a persona's secret key, or write a backup of all personas; whoever has it is these personas
    Export(Export),
    /// Make a fresh bundle and give it to the relay
    Publish {
        /// Which [default: the only one there is]
        #[arg(conflicts_with = "persona")]
        name: Option<String>,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
}

/// `bauta persona import`.
#[derive(Args, Debug)]
pub struct Import {
    /// What you call it [default: its name in the backup, or the first digits of its key]
    pub name: Option<String>,
    /// What to take over.
    #[command(flatten)]
    pub from: ImportFrom,
    /// Read the backup's password from the first line of this file; "-" is standard input
    #[arg(long, value_name = "FILE", requires = "backup")]
    pub password_file: Option<PathBuf>,
}

/// What personas come from.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct ImportFrom {
    /// Recovery words, 12 to 24
    #[arg(long)]
    pub words: bool,
    /// A secret key as Mask shows it, or 64 hex digits
    #[arg(long)]
    pub key: bool,
    /// A JSON Web Key
    #[arg(long)]
    pub jwk: bool,
    /// Mask's encrypted backup, with all its personas, profiles and post keys
    #[arg(long, value_name = "FILE")]
    pub backup: Option<PathBuf>,
}

/// `bauta persona export`.
#[derive(Args, Debug)]
pub struct Export {
    /// Which
    #[arg(required_unless_present = "backup", conflicts_with = "backup")]
    pub name: Option<String>,
    /// Print the key as Mask imports it
    #[arg(long, requires = "name", conflicts_with = "words")]
    pub mask: bool,
    /// Print the recovery words
    #[arg(long, requires = "name")]
    pub words: bool,
    /// Write all personas, profiles and post keys into this new file, encrypted, as Mask's extension reads it
    #[arg(long, value_name = "FILE")]
    pub backup: Option<PathBuf>,
    /// Read the backup's password from the first line of this file; "-" is standard input
    #[arg(long, value_name = "FILE", requires = "backup")]
    pub password_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;

    #[test]
    fn an_export_is_of_one_or_of_all() {
        for good in
            ["export ann", "export ann --words", "export ann --mask", "export --backup f --password-file -"]
        {
            assert!(parse(&format!("persona {good}")).is_ok(), "{good}");
        }
        for bad in [
            "export",
            "export ann --backup f",
            "export --words",
            "export ann --words --mask",
            "import",
            "import --key --jwk",
        ] {
            assert!(parse(&format!("persona {bad}")).is_err(), "{bad}");
        }
    }
}
