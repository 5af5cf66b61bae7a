//! Every parser of foreign bytes as a row of one table: a source of valid inputs, and the rules its answers keep.
//! The fuzz targets run a row each; the tests run all of them over their seeds and changed seeds.

use rand_core::CryptoRng;

mod backup;
mod digest;
mod gun;
mod mask;
mod wire;

/// A parser. That it returns at all, without a panic and soon, is the first rule.
#[derive(Clone, Copy, Debug)]
pub struct Parser {
    /// The name, also of its fuzz target.
    pub name: &'static str,
    /// Reads the bytes and returns whether they were accepted. An error names the rule that was broken.
    pub check: fn(&[u8]) -> Result<bool, BrokenRule>,
    /// Inputs that are accepted; `None` if they could not be made.
    pub seeds: fn(&mut dyn CryptoRng) -> Option<Vec<Vec<u8>>>,
}

/// A rule that a parser broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("broken rule: {0}")]
pub struct BrokenRule(pub &'static str);

/// All parsers.
pub fn parsers() -> impl Iterator<Item = &'static Parser> {
    [wire::PARSERS, digest::PARSERS, mask::PARSERS, gun::PARSERS, backup::PARSERS].into_iter().flatten()
}

/// The parser of this name.
#[must_use]
pub fn parser(name: &str) -> Option<&'static Parser> {
    parsers().find(|parser| parser.name == name)
}

/// Accepted, if the rule holds; or the error that names the rule.
fn rule(holds: bool, rule: &'static str) -> Result<bool, BrokenRule> {
    if holds { Ok(true) } else { Err(BrokenRule(rule)) }
}

/// What a parser of text gets from bytes: browsers and terminals make text of everything.
fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
