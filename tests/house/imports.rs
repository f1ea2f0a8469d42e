//! Which file of a crate uses which: names are followed through re-exports to the file that defines them.
//!
//! A `mod.rs` or `lib.rs` that only declares its children and passes their names on uses none of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::scopes::{Import, Scope};

/// (user, used) → the names.
pub(crate) type Edges = BTreeMap<(usize, usize), BTreeSet<String>>;

/// A crate's modules, each with the number of its file.
#[derive(Default)]
pub(crate) struct Modules {
    scopes: BTreeMap<Vec<String>, (usize, Scope)>,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq)]
enum Target {
    Module(Vec<String>),
    /// Something that this file defines, and its name.
    Item(usize, String),
}

/// No chain of re-exports is longer.
const HOPS: usize = 16;

impl Modules {
    pub(crate) fn add(&mut self, file: usize, scopes: Vec<Scope>) {
        for scope in scopes {
            self.scopes.insert(scope.module.clone(), (file, scope));
        }
    }

    pub(crate) fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (file, scope) in self.scopes.values() {
            for (used, name) in self.uses(scope) {
                if used != *file {
                    edges.entry((*file, used)).or_default().insert(name);
                }
            }
        }
        edges
    }

    /// Files that a scope takes something from, and what.
    fn uses(&self, scope: &Scope) -> Vec<(usize, String)> {
        let mut uses = Vec::new();
        for import in scope.imports.iter().filter(|import| import.name != "*") {
            // What is only passed on is no use; a trait may be used without its name being said.
            if import.passed_on && !scope.words.contains(&import.name) {
                continue;
            }
            uses.extend(self.item(scope, &import.path));
        }
        let words = scope.words.iter().map(|word| vec![word.clone()]);
        let globs: Vec<&Import> = scope.imports.iter().filter(|import| import.name == "*").collect();
        for path in words.filter(|_| !globs.is_empty()).chain(scope.paths.iter().cloned()) {
            uses.extend(self.item(scope, &path));
        }
        uses
    }

    fn item(&self, scope: &Scope, path: &[String]) -> Option<(usize, String)> {
        match self.target(&scope.module, path, HOPS)? {
            Target::Item(file, name) => Some((file, name)),
            Target::Module(_) => None,
        }
    }

    fn target(&self, from: &[String], path: &[String], hops: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.walk(&[], rest, hops),
            "self" => self.walk(from, rest, hops),
            "super" => self.walk(from.split_last()?.1, rest, hops),
            _ => self.member(from, first, rest, hops),
        }
    }

    /// Follows `rest` from a module of this crate; what it does not find there must be the module's own doing (a macro's).
    fn walk(&self, module: &[String], rest: &[String], hops: usize) -> Option<Target> {
        let Some((first, rest)) = rest.split_first() else { return Some(Target::Module(module.to_vec())) };
        if first == "super" {
            return self.walk(module.split_last()?.1, rest, hops);
        }
        let own = || self.scopes.get(module).map(|(file, _)| Target::Item(*file, first.clone()));
        self.member(module, first, rest, hops).or_else(own)
    }

    fn member(&self, module: &[String], name: &String, rest: &[String], hops: usize) -> Option<Target> {
        let (file, scope) = self.scopes.get(module)?;
        let hops = hops.checked_sub(1)?;
        let child: Vec<String> = module.iter().chain([name]).cloned().collect();
        if scope.defines.contains(name) && (rest.is_empty() || !self.scopes.contains_key(&child)) {
            return Some(Target::Item(*file, name.clone()));
        }
        if self.scopes.contains_key(&child) {
            return self.walk(&child, rest, hops);
        }
        let onward = |path: &[String]| path.iter().chain(rest).cloned().collect::<Vec<_>>();
        if let Some(import) = scope.imports.iter().find(|import| import.name == *name && import.path != [name.clone()])
        {
            return self.target(module, &onward(&import.path), hops);
        }
        let globs = scope.imports.iter().filter(|import| import.name == "*");
        let mut found = globs.filter_map(|glob| match self.target(module, &glob.path, hops)? {
            Target::Module(inner) if inner != module => self.member(&inner, name, rest, hops),
            _ => None,
        });
        found.next()
    }
}

/// Sets of files each of which reaches every other.
pub(crate) fn circles(edges: &Edges) -> Vec<BTreeSet<usize>> {
    let files: BTreeSet<usize> = edges.keys().map(|(user, _)| *user).collect();
    let reach: BTreeMap<usize, BTreeSet<usize>> = files.iter().map(|&file| (file, reached(edges, file))).collect();
    let mut circles: Vec<BTreeSet<usize>> = Vec::new();
    for (file, there) in &reach {
        let back = |other: &&usize| reach.get(*other).is_some_and(|back| back.contains(file));
        let circle: BTreeSet<usize> = there.iter().filter(back).copied().collect();
        if circle.len() > 1 && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

fn reached(edges: &Edges, from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        let next = edges.keys().filter(|(user, _)| *user == file).map(|(_, used)| *used);
        open.extend(next.filter(|used| reached.insert(*used)));
    }
    reached
}
