//! Which name means which block or network. Each carried import is a room of its own.

use std::collections::BTreeMap;

use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::graph::{LAYERS, layer};
use crate::nearest::did_you_mean;
use crate::syntax::ast::{Block, File, Ident, Instance, Item, Network, Path, Use};

/// A room of names: the file itself, or the items that a `use` carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomId(pub usize);

impl RoomId {
    /// The file itself.
    pub const FILE: RoomId = RoomId(0);
}

/// What a name means, with the room in which its own names are looked up.
#[derive(Debug, Clone, Copy)]
pub enum Definition<'a> {
    Block(&'a Block, RoomId),
    Network(&'a Network, RoomId),
    Instance(&'a Instance, RoomId),
    /// A `use` whose definition has not been brought here.
    Missing(&'a Use),
    /// It could not be read, which was reported: what depends on it is silent.
    Lost,
}

impl Definition<'_> {
    pub fn kind(self) -> &'static str {
        match self {
            Definition::Block(..) => "a block",
            Definition::Network(..) | Definition::Instance(..) => "a network",
            Definition::Missing(_) => "an import",
            Definition::Lost => "unreadable",
        }
    }
}

#[derive(Default)]
struct Room<'a> {
    names: BTreeMap<String, Definition<'a>>,
    /// By the path of the `use`, as instances name it.
    paths: BTreeMap<String, Definition<'a>>,
}

/// All rooms of a file.
pub struct Definitions<'a> {
    rooms: Vec<Room<'a>>,
}

/// Imports may carry imports; deeper than this is no program.
const DEEPEST_IMPORT: usize = 32;

impl<'a> Definitions<'a> {
    pub fn collect(file: &'a File, errors: &mut Diagnostics) -> Definitions<'a> {
        let mut definitions = Definitions { rooms: Vec::new() };
        definitions.room(&file.items, errors, 0);
        for name in file.lost.iter().filter_map(|lost| lost.name.as_ref()) {
            definitions.rooms[0].names.entry(name.name.clone()).or_insert(Definition::Lost);
        }
        definitions
    }

    /// Fills a new room and says what its last item means.
    fn room(&mut self, items: &'a [Item], errors: &mut Diagnostics, depth: usize) -> (RoomId, Option<Definition<'a>>) {
        let id = RoomId(self.rooms.len());
        self.rooms.push(Room::default());
        let mut last = None;
        for item in items {
            let (name, definition) = match item {
                Item::Block(block) if block.incomplete => (&block.name, Definition::Lost),
                Item::Block(block) => (&block.name, Definition::Block(block, id)),
                Item::Instance(instance) if instance.incomplete => (&instance.name, Definition::Lost),
                Item::Network(network) => (&network.name, Definition::Network(network, id)),
                Item::Instance(instance) => (&instance.name, Definition::Instance(instance, id)),
                Item::Use(import) => {
                    let definition = match &import.carried {
                        Some(_) if depth >= DEEPEST_IMPORT => {
                            errors.push(Diagnostic::new(
                                import.span,
                                format!("imports nest more than {DEEPEST_IMPORT} deep"),
                            ));
                            None
                        }
                        // Nothing in the braces: what was to be brought here could not be read, which was reported there.
                        Some(items) => Some(self.room(items, errors, depth + 1).1.unwrap_or(Definition::Lost)),
                        None => None,
                    };
                    let definition = definition.unwrap_or(Definition::Missing(import));
                    self.rooms[id.0].paths.insert(import.path.to_string(), definition);
                    (import.name(), definition)
                }
            };
            last = Some(definition);
            if name.name == "_" {
                continue;
            }
            if LAYERS.iter().any(|layer| layer.keyword == name.name) {
                errors.push(
                    Diagnostic::new(name.span, format!("`{}` is a layer and cannot be defined again", name.name))
                        .help("choose another name"),
                );
                continue;
            }
            if let Some(earlier) = self.rooms[id.0].names.insert(name.name.clone(), definition) {
                // Two imports of one path are one thing.
                if !matches!((earlier, definition), (Definition::Missing(a), Definition::Missing(b)) if a.path == b.path)
                {
                    errors.push(
                        Diagnostic::new(name.span, format!("`{}` is defined twice", name.name))
                            .help("rename one of them, or import it `as` another name"),
                    );
                }
            }
        }
        (id, last)
    }

    pub fn get(&self, room: RoomId, name: &str) -> Option<Definition<'a>> {
        self.rooms[room.0].names.get(name).copied()
    }

    /// What the path of an instance means.
    pub fn resolve(&self, room: RoomId, path: &Path) -> Result<Definition<'a>, Diagnostic> {
        let text = path.to_string();
        let room = &self.rooms[room.0];
        let by_name = || path.single().and_then(|ident| room.names.get(&ident.name));
        match room.paths.get(&text).or_else(by_name) {
            Some(Definition::Missing(_)) | None => {
                let known = room.names.keys().chain(room.paths.keys()).map(String::as_str);
                let diagnostic = Diagnostic::new(path.span(), format!("no network `{text}` is defined here"));
                Err(match did_you_mean(&text, known) {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic.help("define it in this macro, or give the path of a network"),
                })
            }
            Some(definition) => Ok(*definition),
        }
    }

    /// A block that nobody calls is never elaborated; what it calls must exist all the same.
    pub fn check_calls(&self, block: &Block, errors: &mut Diagnostics) {
        let item = Item::Block(block.clone());
        super::uses::item(&item, &mut |name, span| {
            if layer(name).is_none() && self.get(RoomId::FILE, name).is_none() {
                errors.push_once(self.unknown_call(RoomId::FILE, name, span), span);
            }
        });
    }

    /// The message for a call of nothing.
    pub fn unknown_call(&self, room: RoomId, name: &str, span: Span) -> Diagnostic {
        let names = LAYERS.iter().map(|layer| layer.keyword).chain(self.names(room));
        let help = elsewhere(name).or_else(|| did_you_mean(name, names));
        Diagnostic { span, message: format!("no layer or block `{name}`"), help, notes: Vec::new() }
    }

    /// Names of blocks in a room, for suggestions.
    fn names(&self, room: RoomId) -> impl Iterator<Item = &str> {
        self.rooms[room.0].names.keys().map(String::as_str)
    }
}

/// Layers as other libraries name them.
fn elsewhere(name: &str) -> Option<String> {
    const NAMES: [(&[&str], &str); 8] = [
        (&["batchnorm", "batchnorm2d", "norm"], "bn"),
        (&["groupnorm"], "gn"),
        (&["layernorm"], "ln"),
        (&["dense", "fc"], "linear"),
        (&["globalavgpool", "globalavgpool2d"], "gap"),
        (&["swish"], "silu"),
        (&["depthwise", "depthwiseconv2d"], "dwconv"),
        (&["cat"], "concat"),
    ];
    let plain = name.to_lowercase().replace('_', "");
    let layer = NAMES.iter().find(|(names, _)| names.contains(&plain.as_str()))?.1;
    Some(format!("here it is named `{layer}`"))
}

impl Use {
    /// The name it introduces here.
    pub fn name(&self) -> &Ident {
        self.alias.as_ref().unwrap_or_else(|| self.path.last())
    }
}

impl Path {
    /// The last segment.
    pub fn last(&self) -> &Ident {
        &self.segments[self.segments.len() - 1]
    }

    /// The only segment of a plain name.
    pub fn single(&self) -> Option<&Ident> {
        match self.segments.as_slice() {
            [ident] => Some(ident),
            _ => None,
        }
    }

    /// From the first to the last segment.
    pub fn span(&self) -> Span {
        self.segments[0].span.to(self.last().span)
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, segment) in self.segments.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { "::" }, segment.name)?;
        }
        Ok(())
    }
}

/// The definitions of `file` that `name` needs, and itself last.
pub fn closure(file: &File, name: &str) -> File {
    let mut wanted = vec![name.to_owned()];
    let mut seen = Vec::new();
    while let Some(name) = wanted.pop() {
        if seen.contains(&name) {
            continue;
        }
        for item in file.items.iter().filter(|item| item_names(item).contains(&name)) {
            super::uses::item(item, &mut |used, _| wanted.push(used.to_owned()));
        }
        seen.push(name);
    }
    let needed = |item: &&Item| item_names(item).iter().any(|n| n != name && seen.contains(n));
    let itself = |item: &&Item| item_names(item).iter().any(|n| n == name);
    let items = file.items.iter().filter(needed).chain(file.items.iter().filter(itself).take(1));
    File { items: items.cloned().collect(), lost: Vec::new() }
}

fn item_names(item: &Item) -> Vec<String> {
    match item {
        Item::Use(import) => vec![import.name().name.clone(), import.path.to_string()],
        Item::Block(block) => vec![block.name.name.clone()],
        Item::Network(network) => vec![network.name.name.clone()],
        Item::Instance(instance) => vec![instance.name.name.clone()],
    }
}
