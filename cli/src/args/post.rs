//! `bauta post …`

use std::time::Duration;

use bauta_ipc::{PostFormat, SocialNetwork};
use clap::{Args, Subcommand, ValueEnum};

use super::{Acting, duration};

/// `bauta post`.
#[derive(Debug, Subcommand)]
pub enum Post {
    /// Encrypt a post and print what to paste
    ///
    /// Without --public and --to, only you can read it.
    Encrypt {
        /// What; "-" reads standard input
        text: String,
        /// For everybody who has Mask or a program like it
        #[arg(long, conflicts_with = "to")]
        public: bool,
        /// For these: contacts, known profiles (person:twitter.com/bob), or persona keys
        #[arg(long, value_name = "NAME")]
        to: Vec<String>,
        /// More of them.
        #[arg(hide = true, requires = "to")]
        more: Vec<String>,
        /// Where you will paste it
        #[arg(long, value_name = "NETWORK", default_value = "twitter")]
        network: NetworkOfPost,
        /// Your own profile there, which the post will name [default: the one set with bauta profile set]
        #[arg(long, value_name = "PROFILE")]
        author: Option<String>,
        /// In which of Mask's formats
        #[arg(long, value_name = "FORMAT", default_value = "v37")]
        format: FormatOfPost,
        /// When it is published, and how long to wait.
        #[command(flatten)]
        publishing: Publishing,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// Open a post
    Decrypt {
        /// The post, words around it do not matter; "-" reads standard input
        text: String,
        /// The profile on whose page it stands: its key is learned, and compared the next time
        #[arg(long, value_name = "PROFILE")]
        author: Option<String>,
        /// Where it stands [default: as it says itself]
        #[arg(long, value_name = "NETWORK")]
        network: Option<NetworkOfPost>,
        /// Ask nobody
        #[arg(long)]
        offline: bool,
        /// How long to look for its key
        #[arg(long, value_name = "TIME", default_value = "90s", value_parser = duration)]
        timeout: Duration,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// Let more people read a post of yours; the post itself does not change
    Append {
        /// The post; "-" reads standard input
        text: String,
        /// These, too: contacts, known profiles, or persona keys
        #[arg(long, value_name = "NAME", required = true)]
        to: Vec<String>,
        /// More of them.
        #[arg(hide = true)]
        more: Vec<String>,
        /// Where it stands [default: as when it was written]
        #[arg(long, value_name = "NETWORK")]
        network: Option<NetworkOfPost>,
        /// When it is published, and how long to wait.
        #[command(flatten)]
        publishing: Publishing,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// Show or set how posts are looked up, and what that costs
    Settings {
        /// How many neighbouring tags a look-up asks for, so that a relay does not see which is yours: 1, 2, 4 … 64
        #[arg(long, value_name = "N")]
        block: Option<u16>,
        /// Within how long
        #[arg(long, value_name = "TIME", value_parser = duration)]
        spread: Option<Duration>,
    },
}

/// When a post is published.
#[derive(Args, Clone, Copy, Debug)]
pub struct Publishing {
    /// Return when its keys have come this far
    #[arg(long, value_name = "STATE", default_value = "published")]
    pub wait: WaitForPost,
    /// How long to wait; the keys stay queued after that
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = duration)]
    pub timeout: Duration,
}

/// How far the keys of a post shall have come.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum WaitForPost {
    /// Safe on this machine's disk
    Queued,
    /// Read back from a Gun relay
    Published,
}

/// A social network.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum NetworkOfPost {
    /// twitter.com, x.com
    Twitter,
    /// facebook.com
    Facebook,
    /// minds.com
    Minds,
    /// instagram.com
    Instagram,
}

impl From<NetworkOfPost> for SocialNetwork {
    fn from(network: NetworkOfPost) -> Self {
        match network {
            NetworkOfPost::Twitter => Self::Twitter,
            NetworkOfPost::Facebook => Self::Facebook,
            NetworkOfPost::Minds => Self::Minds,
            NetworkOfPost::Instagram => Self::Instagram,
        }
    }
}

/// A format of posts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum FormatOfPost {
    /// For text posts
    V37,
    /// For posts inside images; for recipients it needs a persona with recovery words
    V38,
}

impl From<FormatOfPost> for PostFormat {
    fn from(format: FormatOfPost) -> Self {
        match format {
            FormatOfPost::V37 => Self::V37,
            FormatOfPost::V38 => Self::V38,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;
    use crate::args::Command;

    #[test]
    fn recipients_are_named_in_any_order() {
        for line in [
            "post encrypt hello --to bob --to carol",
            "post encrypt --to bob --to carol hello",
            "post encrypt hello --to bob carol",
            "post encrypt --to bob hello carol",
        ] {
            let Command::Post(Post::Encrypt { text, mut to, more, .. }) = parse(line).unwrap().command else {
                panic!("{line}")
            };
            to.extend(more);
            assert_eq!(
                (text.as_str(), to.as_slice()),
                ("hello", &["bob".to_owned(), "carol".to_owned()][..])
            );
        }
        for line in ["post encrypt", "post encrypt a b", "post encrypt a --public --to b", "post append a"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
