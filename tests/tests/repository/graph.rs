//! The files of one crate and the arrows between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use crate::source::{Named, Source};

/// A module by its path below the crate: empty for `lib.rs` and `main.rs`.
pub(crate) type Module = Vec<String>;

/// One crate's files.
#[derive(Default)]
pub(crate) struct Files(BTreeMap<Module, Source>);

impl Files {
    /// Reads every file below `src` but those of unit tests.
    pub(crate) fn below(src: &Path) -> Self {
        let mut files = Self::default();
        let mut pending = vec![src.to_owned()];
        while let Some(path) = pending.pop() {
            if path.is_dir() {
                pending.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let name = path.strip_prefix(src).unwrap().with_extension("");
            let module: Module = name.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            if path.extension().is_some_and(|ending| ending == "rs") && !module.contains(&"tests".to_owned())
            {
                files.add(module, &std::fs::read_to_string(path).unwrap());
            }
        }
        files
    }

    /// Files given as module and text.
    pub(crate) fn of(texts: &[(&str, &str)]) -> Self {
        let mut files = Self::default();
        files.add(Module::new(), "");
        for (module, text) in texts {
            files.add(module.split("::").map(str::to_owned).collect(), text);
        }
        files
    }

    fn add(&mut self, mut module: Module, text: &str) {
        if module == ["lib"] || module == ["main"] {
            module.clear();
        }
        let (known, new) = (self.0.entry(module).or_default(), Source::read(text));
        known.named.extend(new.named);
        known.exports.extend(new.exports);
    }

    /// The names of the modules just below the crate.
    pub(crate) fn groups(&self) -> BTreeSet<&str> {
        self.0.keys().filter_map(|module| module.first().map(String::as_str)).collect()
    }

    /// Every path that begins with another crate's name, with the module that names it.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = (&Module, &str)> {
        self.0.iter().flat_map(|(module, source)| {
            let first = source.named.iter().map(|named| named.path[0].as_str());
            first
                .filter(|first| !matches!(*first, "crate" | "super" | "self"))
                .map(move |first| (module, first))
        })
    }

    /// Every arrow from a file to another.
    pub(crate) fn arrows(&self) -> BTreeSet<(&Module, &Module)> {
        let of = |(module, source): (_, &'_ Source)| -> Vec<(&Module, &Module)> {
            let (module, _) = self.0.get_key_value::<Module>(module).unwrap();
            let targets = source.named.iter().filter_map(|named| self.find(module, named, 8));
            targets.filter(|target| *target != module).map(|target| (module, target)).collect()
        };
        self.0.iter().flat_map(of).collect()
    }

    /// The file that a path of `module` leads to, through what files pass on.
    fn find(&self, module: &Module, named: &Named, depth: usize) -> Option<&Module> {
        let mut place: &[String] = module;
        let mut path = named.path.as_slice();
        match path.first()?.as_str() {
            "crate" => (place, path) = (&[], &path[1..]),
            "self" => path = &path[1..],
            _ => {}
        }
        while path.first().is_some_and(|first| first == "super") {
            (place, path) = (place.split_last()?.1, &path[1..]);
        }
        let mut place = place.to_vec();
        loop {
            let (at, source) = self.0.get_key_value(&place)?;
            let Some((first, rest)) = path.split_first() else { return Some(at) };
            place.push(first.clone());
            if self.0.contains_key(&place) {
                path = rest;
                continue;
            }
            let passed = source.exports.iter().find(|export| export.name == *first && depth > 0);
            let through = passed.and_then(|export| {
                let path = export.path.iter().chain(rest).cloned().collect();
                self.find(at, &Named { path, name: String::new() }, depth - 1)
            });
            return Some(through.unwrap_or(at));
        }
    }

    /// For every file that is in a circle, the shortest one. A circle between a file and those below it does not count.
    pub(crate) fn circles(&self) -> BTreeSet<Vec<String>> {
        let mut next: BTreeMap<&Module, Vec<&Module>> = BTreeMap::new();
        for (from, to) in self.arrows() {
            if !from.starts_with(to) && !to.starts_with(from) {
                next.entry(from).or_default().push(to);
            }
        }
        let mut circles = BTreeSet::new();
        for start in next.keys() {
            let mut paths = VecDeque::from([vec![*start]]);
            let mut seen = BTreeSet::new();
            while let Some(path) = paths.pop_front() {
                for to in next.get(path[path.len() - 1]).into_iter().flatten() {
                    if to == start {
                        circles.insert(turned(&path));
                        paths.clear();
                        break;
                    }
                    if seen.insert(*to) {
                        paths.push_back([path.as_slice(), &[*to]].concat());
                    }
                }
            }
        }
        circles
    }
}

/// A circle that begins with its first name in order, so that each is listed once.
fn turned(circle: &[&Module]) -> Vec<String> {
    let mut names: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
    let first = names.iter().enumerate().min_by_key(|(_, name)| *name).map_or(0, |(at, _)| at);
    names.rotate_left(first);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(texts: &[(&str, &str)]) -> Vec<Vec<String>> {
        Files::of(texts).circles().into_iter().collect()
    }

    #[test]
    fn a_circle_is_found_even_through_what_is_passed_on() {
        assert_eq!(
            circles(&[("lib", ""), ("a", "use crate::b::B;"), ("b", "use super::a::A;")]),
            [["a", "b"]]
        );
        let passed = [
            ("lib", "pub use b::inner::B;"),
            ("a", "use crate::B;"),
            ("b", ""),
            ("b::inner", "use crate::a::A;"),
        ];
        assert_eq!(circles(&passed), [["a", "b::inner"]]);
        let long = [("c", "use crate::a::A;"), ("a", "use crate::b::B;"), ("b", "use crate::c::C;")];
        assert_eq!(circles(&long), [["a", "b", "c"]]);
    }

    #[test]
    fn a_parent_and_its_children_are_no_circle() {
        assert!(
            circles(&[("a", "use self::b::B;"), ("a::b", "use super::A;"), ("c", "use crate::a::A;")])
                .is_empty()
        );
    }
}
