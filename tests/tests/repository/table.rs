//! Reads tables of Markdown: which part may know which.

use std::collections::BTreeSet;

/// Part and what it may know, in the order of the table.
pub(crate) type Rows = Vec<(String, BTreeSet<String>)>;

/// The tables of a document whose last column is headed *may know*, each with the heading of its first column.
///
/// Names are between backticks; *all of the above* is every row before.
pub(crate) fn tables(document: &str) -> Vec<(String, Rows)> {
    let mut tables: Vec<(String, Rows)> = Vec::new();
    let mut inside = false;
    for line in document.lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        if !line.starts_with('|') {
            inside = false;
        } else if cells.last() == Some(&"may know") {
            tables.push((cells[0].to_owned(), Rows::new()));
            inside = true;
        } else if inside && !line.starts_with("|--") && !line.starts_with("| --") {
            let rows = &mut tables.last_mut().unwrap().1;
            let last = cells.last().unwrap();
            let mut known: BTreeSet<String> = names(last).into_iter().collect();
            if last.contains("all of the above") {
                known.extend(rows.iter().map(|(name, _)| name.clone()));
            }
            rows.extend(names(cells[0]).into_iter().map(|name| (name, known.clone())));
        }
    }
    tables
}

/// The text between backticks.
pub(crate) fn names(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn rows_are_read() {
    let text = "words\n| crate | is | may know |\n|---|---|---|\n| `a` | x, `y` | nothing |\n| `b`, `c` | | `a` (ids) |\n\
                | `d` | | all of the above, `nym` |\n\n| other | table |\n|---|---|\n| `e` | `f` |\n";
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let rows = vec![
        ("a".to_owned(), set(&[])),
        ("b".to_owned(), set(&["a"])),
        ("c".to_owned(), set(&["a"])),
        ("d".to_owned(), set(&["a", "b", "c", "nym"])),
    ];
    assert_eq!(tables(text), [("crate".to_owned(), rows)]);
}
