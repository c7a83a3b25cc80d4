//! Definitions that a source names but does not hold.

use std::collections::BTreeMap;

use crate::compile::{Choosing, Program, elaborate};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::elaborate::{Definitions, RoomId};
use crate::syntax::ast::{File, Ident, Item, Path, Use};
use crate::syntax::parse_str;

/// The definitions that a source names but does not hold, each once.
pub fn imports(file: &File) -> Vec<Path> {
    let mut nothing = Diagnostics::default();
    let definitions = Definitions::collect(file, &mut nothing);
    let mut paths: Vec<Path> = Vec::new();
    for item in &file.items {
        let path = match item {
            Item::Use(import) if import.carried.is_none() => &import.path,
            Item::Instance(instance)
                if !instance.incomplete && definitions.resolve(RoomId::FILE, &instance.of).is_err() =>
            {
                &instance.of
            }
            _ => continue,
        };
        if !paths.contains(path) {
            paths.push(path.clone());
        }
    }
    paths
}

/// Compiles text outside of rustc, which would have fetched what the text imports. What holds a `choose` is a space.
///
/// `find` is asked once for each path of [`imports`]: `Ok(Some(source))` is the definition with everything it uses, itself
/// last; `Ok(None)` that there is none, which is reported as an unknown name; an error is what to report
/// instead, and what depends on the path is silent.
pub fn compile_importing(source: &str, mut find: impl FnMut(&Path) -> Result<Option<String>, Diagnostic>) -> Program {
    let mut errors = Diagnostics::default();
    let mut file = parse_str(source, &mut errors);
    let mut brought: BTreeMap<String, Vec<Item>> = BTreeMap::new();
    for path in imports(&file) {
        match find(&path) {
            // A definition has been checked where it stands.
            Ok(Some(source)) => {
                let items = parse_str(&source, &mut Diagnostics::default()).items;
                brought.insert(path.to_string(), items);
            }
            Ok(None) => {}
            Err(diagnostic) => {
                errors.push(diagnostic);
                brought.insert(path.to_string(), Vec::new());
            }
        }
    }
    let mut by_path = brought.clone();
    for item in &mut file.items {
        if let Item::Use(import) = item
            && import.carried.is_none()
        {
            let path = import.path.to_string();
            import.carried = Some(brought.get(&path).cloned().unwrap_or_else(|| {
                // Without rustc nobody else would say so.
                errors.push(Diagnostic::new(import.path.span(), format!("no definition `{path}` is known here")));
                Vec::new()
            }));
            by_path.remove(&path);
        }
    }
    // What an instance names by its path alone stands in front.
    let unnamed = by_path.into_iter().map(|(path, items)| Item::Use(known_by_path(&path, items)));
    file.items.splice(0..0, unnamed.collect::<Vec<_>>());
    elaborate(file, errors, Choosing::Proven)
}

/// The import of an instance's path, which gives no name to the file: that one belongs to its author.
fn known_by_path(path: &str, items: Vec<Item>) -> Use {
    let span = Span::call_site();
    let ident = |name: &str| Ident { name: name.to_owned(), span };
    Use {
        path: Path { segments: path.split("::").map(ident).collect() },
        alias: Some(ident("_")),
        carried: Some(items),
        span,
    }
}
