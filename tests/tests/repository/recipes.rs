//! How many files a change touches: what CONTRIBUTING.md lists for each, held against what there is.

use crate::table::names;
use crate::{read, root};

/// Heading of a recipe, and the most files that somebody may have to edit by hand.
const RECIPES: [(&str, usize); 4] = [
    ("A new RPC method", 5),
    ("A new command", 4),
    ("A new traffic profile", 3),
    ("A new kind of content", 14),
];

/// The files of a recipe: the first path of each item of its list. Those that are generated are marked so.
fn files(document: &str, heading: &str) -> Vec<(String, bool)> {
    let section = document.split("\n### ").find(|section| section.lines().next() == Some(heading));
    let section = section.unwrap_or_else(|| panic!("CONTRIBUTING.md has no section \"{heading}\""));
    let section = section.split("\n## ").next().unwrap();
    let items = section.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    items.map(|item| (names(item).remove(0), item.contains("(generated)"))).collect()
}

#[test]
fn a_change_touches_few_files() {
    let document = read("CONTRIBUTING.md");
    for (heading, most) in RECIPES {
        let files = files(&document, heading);
        for (file, _) in &files {
            let exists = root().join(file.replace("NAME", "")).exists() || file.contains("NAME");
            assert!(exists, "{heading}: {file} does not exist");
        }
        let by_hand = files.iter().filter(|(_, generated)| !generated).count();
        assert!(
            (1..=most).contains(&by_hand),
            "{heading}: {by_hand} files by hand, at most {most} are allowed"
        );
    }
}

#[test]
fn a_recipe_is_read() {
    let text = "# C\n## How\n### A\nWords.\n1. `a.rs`: `b`\n2. `c.json` (generated)\n\n### B\n1. `d`\n## Next\n1. `e`\n";
    assert_eq!(files(text, "A"), [("a.rs".to_owned(), false), ("c.json".to_owned(), true)]);
    assert_eq!(files(text, "B"), [("d".to_owned(), false)]);
}
