//! Writes good inputs for each parser of the table to `fuzz/corpus`, where its target begins.

use std::path::Path;

use bauta_fuzz::support::rng;
use bauta_protocol::fuzzing::parsers;

fn main() -> std::io::Result<()> {
    for parser in parsers() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(parser.name);
        std::fs::create_dir_all(&corpus)?;
        let seeds = (parser.seeds)(&mut rng(parser.name)).unwrap_or_default();
        for (number, seed) in seeds.iter().enumerate() {
            std::fs::write(corpus.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
