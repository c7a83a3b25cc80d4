//! Text with places where a line may end, after Wadler's "A prettier printer" (2003).

/// Lines that are longer are broken where they can be.
const WIDTH: usize = 120;

#[derive(Debug, Clone)]
pub(super) enum Doc {
    Text(String),
    /// A space, or the end of a line.
    Space,
    /// Always the end of a line.
    Hard,
    Concat(Vec<Doc>),
    /// Lines that begin in there are indented by so much more.
    Nest(usize, Box<Doc>),
    /// All spaces of a group are spaces if it fits on the line, else line ends.
    Group(Box<Doc>),
}

pub(super) fn text(text: impl Into<String>) -> Doc {
    Doc::Text(text.into())
}

pub(super) fn space() -> Doc {
    Doc::Space
}

pub(super) fn hard() -> Doc {
    Doc::Hard
}

pub(super) fn concat(parts: Vec<Doc>) -> Doc {
    Doc::Concat(parts)
}

pub(super) fn nest(indent: usize, inner: Doc) -> Doc {
    Doc::Nest(indent, Box::new(inner))
}

pub(super) fn group(inner: Doc) -> Doc {
    Doc::Group(Box::new(inner))
}

/// What is left to print, last first: indentation, whether spaces are line ends, and the part.
type Rest<'d> = Vec<(usize, bool, &'d Doc)>;

impl Doc {
    pub(super) fn render(&self) -> String {
        let mut out = String::new();
        let mut column = 0;
        let mut rest: Rest<'_> = vec![(0, true, self)];
        while let Some((indent, broken, doc)) = rest.pop() {
            match doc {
                Doc::Text(text) => {
                    if column == 0 && !text.is_empty() {
                        out.push_str(&" ".repeat(indent));
                        column = indent;
                    }
                    out.push_str(text);
                    column += text.chars().count();
                }
                Doc::Space if !broken => {
                    out.push(' ');
                    column += 1;
                }
                Doc::Space | Doc::Hard => {
                    out.push('\n');
                    column = 0;
                }
                Doc::Concat(parts) => rest.extend(parts.iter().rev().map(|part| (indent, broken, part))),
                Doc::Nest(more, inner) => rest.push((indent + more, broken, inner)),
                Doc::Group(inner) => {
                    let room = WIDTH.saturating_sub(column.max(indent));
                    let broken = broken && !fits(inner, &rest, room);
                    rest.push((indent, broken, inner));
                }
            }
        }
        out
    }
}

/// Whether `doc` and what follows it up to the next possible line end fit into `room` columns.
fn fits(doc: &Doc, rest: &Rest<'_>, room: usize) -> bool {
    let mut room = room;
    let mut after = rest.iter().rev();
    let mut parts = vec![(false, doc)];
    loop {
        let (broken, doc) = match parts.pop() {
            Some(part) => part,
            None => match after.next() {
                Some(&(_, broken, doc)) => (broken, doc),
                None => return true,
            },
        };
        match doc {
            Doc::Text(text) => match room.checked_sub(text.chars().count()) {
                Some(left) => room = left,
                None => return false,
            },
            Doc::Space if broken => return true,
            Doc::Hard => return broken,
            Doc::Space => match room.checked_sub(1) {
                Some(left) => room = left,
                None => return false,
            },
            Doc::Concat(inner) => parts.extend(inner.iter().rev().map(|part| (broken, part))),
            Doc::Nest(_, inner) | Doc::Group(inner) => parts.push((broken, inner)),
        }
    }
}
