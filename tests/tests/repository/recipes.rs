//! How many files a change touches: what CONTRIBUTING.md lists for each, held against what there is.

use crate::table::names;
use crate::{read, root};

/// Heading of a recipe, and the most files that somebody may have to edit by hand.
const RECIPES: [(&str, usize); 4] = [
    ("A new RPC method", 5),
    ("A new command", 4),
    ("A new traffic profile", 3),
    ("A new kind of message", 14),
];

/// The files of a recipe: every path in the first line of each item of its list.
fn files(document: &str, heading: &str) -> Vec<String> {
    let section = document.split("\n### ").find(|section| section.lines().next() == Some(heading));
    let section = section.unwrap_or_else(|| panic!("CONTRIBUTING.md has no section \"{heading}\""));
    let section = section.split("\n## ").next().unwrap();
    let items = section.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    let is_path = |name: &String| name.contains('/') && !name.ends_with('/') || name.ends_with(".md");
    items.flat_map(names).filter(is_path).collect()
}

#[test]
fn a_change_touches_few_files() {
    let document = read("CONTRIBUTING.md");
    for (heading, most) in RECIPES {
        let files = files(&document, heading);
        for file in &files {
            let exists = file.contains("NAME") || file.contains("AREA") || root().join(file).exists();
            assert!(exists, "{heading}: {file} does not exist");
        }
        let count = files.len();
        assert!((1..=most).contains(&count), "{heading}: {count} files, at most {most} are allowed");
    }
}

#[test]
fn a_recipe_is_read() {
    let text = "# C\n## How\n### A\nWords.\n1. `a/b.rs`: `c`\n   `d/`\n2. `e/f` and `g.md`\n\n### B\n1. `h/i`\n## Next\n1. `j/k`\n";
    assert_eq!(files(text, "A"), ["a/b.rs", "e/f", "g.md"]);
    assert_eq!(files(text, "B"), ["h/i"]);
}
