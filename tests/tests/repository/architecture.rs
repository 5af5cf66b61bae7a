//! `docs/architecture.md` says who may know whom; here its tables are held against manifests and `use` lines.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::Files;
use crate::table::{Rows, tables};
use crate::{read, root};

/// In the tables: every crate of Nym.
const NYM: &str = "nym";

/// Directory, package, and what the manifest names under `[dependencies]`.
struct Package {
    dir: String,
    package: String,
    needs: BTreeSet<String>,
    needs_for_tests: BTreeSet<String>,
}

impl Package {
    fn read(dir: &str) -> Self {
        let manifest = read(&format!("{dir}/Cargo.toml"));
        let mut package = String::new();
        let (mut needs, mut needs_for_tests) = (BTreeSet::new(), BTreeSet::new());
        let mut section = "";
        for line in manifest.lines() {
            let key = line.split(['.', ' ', '=']).next().unwrap().to_owned();
            match section {
                _ if line.starts_with('[') => section = line,
                "[package]" if key == "name" => package = line.split('"').nth(1).unwrap().to_owned(),
                "[dependencies]" => drop(needs.insert(key)),
                "[dev-dependencies]" => drop(needs_for_tests.insert(key)),
                _ => {}
            }
        }
        Self { dir: dir.to_owned(), package, needs, needs_for_tests }
    }
}

fn packages() -> Vec<Package> {
    let workspace = read("Cargo.toml");
    let members = workspace.lines().find(|line| line.starts_with("members")).unwrap();
    members.split('"').skip(1).step_by(2).map(Package::read).collect()
}

fn crates_and_modules() -> (Rows, Vec<(String, Rows)>) {
    let mut tables = tables(&read("docs/architecture.md"));
    let crates = tables.iter().position(|(heading, _)| heading == "crate").expect("the table of crates");
    (tables.remove(crates).1, tables)
}

/// A crate's name in the tables: its directory, `nym` for all of Nym's, nothing for those of others.
fn known_as<'n>(name: &str, by_name: &'n BTreeMap<String, String>) -> Option<&'n str> {
    let name = name.replace('-', "_");
    if name.starts_with("nym_") { Some(NYM) } else { by_name.get(&name).map(String::as_str) }
}

fn by_name(packages: &[Package]) -> BTreeMap<String, String> {
    packages.iter().map(|package| (package.package.replace('-', "_"), package.dir.clone())).collect()
}

#[test]
fn crates_know_only_whom_they_may() {
    let (rows, _) = crates_and_modules();
    let packages = packages();
    let by_name = by_name(&packages);
    let order: Vec<&String> = rows.iter().map(|(name, _)| name).collect();
    let members: Vec<&String> = packages.iter().map(|package| &package.dir).collect();
    assert_eq!(members, order, "Cargo.toml and docs/architecture.md list the crates in one order");
    let mut wrong = Vec::new();
    for (package, (_, may)) in packages.iter().zip(&rows) {
        let dir = &package.dir;
        let used = package.needs.iter().filter_map(|name| known_as(name, &by_name));
        wrong.extend(
            used.filter(|used| !may.contains(*used)).map(|used| format!("{dir}/Cargo.toml -> {used}")),
        );
        let files = Files::below(&root().join(dir).join("src"));
        for (module, name) in files.foreign() {
            let used = known_as(name, &by_name).filter(|used| used != dir && !may.contains(*used));
            wrong.extend(used.map(|used| format!("{dir}: {} -> {used}", module.join("::"))));
        }
        let above = ["cli", "tests"].iter().filter(|above| **above != dir && dir != "tests");
        let above = above.filter(|above| {
            package.needs_for_tests.iter().any(|name| known_as(name, &by_name) == Some(**above))
        });
        wrong.extend(above.map(|above| format!("{dir}, its tests -> {above}")));
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "docs/architecture.md does not allow:\n{}", wrong.join("\n"));
}

#[test]
fn modules_know_only_whom_they_may() {
    let (_, tables) = crates_and_modules();
    assert!(!tables.is_empty(), "docs/architecture.md has a table of a crate's modules");
    let by_name = by_name(&packages());
    for (heading, rows) in tables {
        let dir = heading.split('`').nth(1).expect("the crate's name in the heading").to_owned();
        let files = Files::below(&root().join(&dir).join("src"));
        let wrong = not_allowed(&files, &rows, &by_name);
        assert!(wrong.is_empty(), "docs/architecture.md does not allow in {dir}:\n{}", wrong.join("\n"));
    }
}

fn not_allowed(files: &Files, rows: &Rows, by_name: &BTreeMap<String, String>) -> Vec<String> {
    let rows: BTreeMap<&str, &BTreeSet<String>> =
        rows.iter().map(|(name, may)| (name.as_str(), may)).collect();
    let mut wrong: BTreeSet<String> = files
        .groups()
        .into_iter()
        .filter(|group| !rows.contains_key(group))
        .map(|group| format!("{group} has no row"))
        .collect();
    let mut check = |from: &[String], to: &str| {
        let Some(group) = from.first() else { return };
        if group != to && rows.get(group.as_str()).is_some_and(|may| !may.contains(to)) {
            wrong.insert(format!("{} -> {to}", from.join("::")));
        }
    };
    for (module, name) in files.foreign() {
        known_as(name, by_name).into_iter().for_each(|known| check(module, known));
    }
    for (from, to) in files.arrows() {
        to.first().into_iter().for_each(|to| check(from, to));
    }
    wrong.into_iter().collect()
}

/// Commands reach a daemon by its API alone: beside it they name formats and files, and nothing that has a store or a
/// network. Those that run something, make a home or look at this machine are in `running` and `machine`.
#[test]
fn commands_know_the_api_alone() {
    let by_name = by_name(&packages());
    let files = Files::below(&root().join("cli/src"));
    let wrong = beside_the_api(&files, &by_name);
    assert!(wrong.is_empty(), "commands reach more than the API:\n{}", wrong.join("\n"));
}

fn beside_the_api(files: &Files, by_name: &BTreeMap<String, String>) -> Vec<String> {
    let is_command = |module: &[String]| {
        module.first().is_some_and(|first| first == "commands")
            && module.get(1).is_some_and(|second| !["running", "machine"].contains(&second.as_str()))
    };
    let all = files.foreign().filter(|(module, _)| is_command(module));
    all.filter_map(|(module, name)| {
        let used = known_as(name, by_name)
            .filter(|used| !["ipc", "protocol", "private-file", "cli"].contains(used))?;
        Some(format!("{} -> {used}", module.join("::")))
    })
    .collect()
}

#[test]
fn no_circles() {
    let mut found = Vec::new();
    for package in packages() {
        let files = Files::below(&root().join(&package.dir).join("src"));
        let circles = files.circles().into_iter();
        found.extend(
            circles.map(|circle| format!("{}: {} -> {}", package.dir, circle.join(" -> "), circle[0])),
        );
    }
    assert!(found.is_empty(), "{} circles:\n{}", found.len(), found.join("\n"));
}

#[test]
fn what_is_not_allowed_is_found() {
    let by_name = BTreeMap::from([("bauta_ipc".to_owned(), "ipc".to_owned())]);
    let table =
        "| module of `daemon` | may know |\n|---|---|\n| `store` | nothing |\n| `engine` | `store` |\n";
    let rows = tables(table).remove(0).1;
    let mut texts =
        vec![("lib", "mod engine;\nmod store;"), ("engine", "use crate::store::Row;"), ("store", "")];
    let wrong = |texts: &[(&str, &str)]| not_allowed(&Files::of(texts), &rows, &by_name);
    assert!(wrong(&texts).is_empty());
    texts.push(("store", "fn f() -> bauta_ipc::RpcError { crate::engine::g() }"));
    texts.push(("other", ""));
    assert_eq!(wrong(&texts), ["other has no row", "store -> engine", "store -> ipc"]);

    let by_name = BTreeMap::from(["ipc", "daemon"].map(|dir| (format!("bauta_{dir}"), dir.to_owned())));
    let commands = [
        ("commands::send", "use bauta_ipc::Api;\nuse bauta_daemon::node::Node;"),
        ("commands::running::up", "use bauta_daemon::node::Node;"),
        ("commands", "use bauta_ipc::Api;"),
    ];
    assert_eq!(beside_the_api(&Files::of(&commands), &by_name), ["commands::send -> daemon"]);
}
