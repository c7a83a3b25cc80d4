//! Definitions: blocks, networks, instances, imports.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::ParseStream;

use super::parser::{Lost, Parsed, Parser};
use super::recover::{is_section, is_where, skip_chain, skip_item};
use super::token::{is, is_group, is_word, word};
use crate::diag::Diagnostic;
use crate::nearest::nearest;
use crate::syntax::ast::{
    Block, Expr, Header, Ident, Instance, Item, LostItem, Network, Param, Path, Tokens, Use, Visibility,
};

impl Parser<'_> {
    /// Definitions up to the end.
    pub(super) fn items(&mut self, input: ParseStream<'_>) -> Vec<Item> {
        let mut items = Vec::new();
        let outer = self.lost;
        while !input.is_empty() {
            self.lost = false;
            let mut known = LostItem { header: Header::default(), name: None };
            match self.item(input, &mut known) {
                Ok(item) => items.push(item),
                // Of imports in braces the names are known: what uses them is silent.
                Err(Lost) if !self.unread.is_empty() => items.extend(self.unread.drain(..).map(Item::Use)),
                Err(Lost) => {
                    self.gone.push(known);
                    skip_item(input);
                }
            }
        }
        self.lost |= outer;
        items
    }

    fn item(&mut self, input: ParseStream<'_>, known: &mut LostItem) -> Parsed<Item> {
        known.header = self.header(input)?;
        let header = known.header.clone();
        if is_word(input.cursor(), "use") && !is_defined(input) {
            return self.use_rule(input, &header).map(Item::Use);
        }
        if is_word(input.cursor(), "block") && !is_defined(input) {
            return self.block(input, header, known).map(Item::Block);
        }
        let wrong_place = is_section(input.cursor()) || is_where(input.cursor());
        if wrong_place && !is_defined(input) {
            let (span, found) = self.found(input);
            let help = "a network is `NAME: size -> classes;`, its sections, then `where` and its limits";
            return Err(self.error(Diagnostic::new(span, format!("{found} stands outside a network")).help(help)));
        }
        if word(input.cursor()).is_none() {
            return Err(self.expected(input, "a definition"));
        }
        let name = self.definition_name(input, "the name of a definition")?;
        known.name = Some(name.clone());
        if self.take(input, "=").is_some() {
            return self.instance(input, header, name).map(Item::Instance);
        }
        if is(input.cursor(), ":") || is_group(input.cursor(), Delimiter::Parenthesis) {
            return self.network(input, header, name).map(Item::Network);
        }
        if let Some(meant) = nearest(&name.name, ["block", "use"]).filter(|_| word(input.cursor()).is_some()) {
            known.name = None;
            let message = format!("unknown definition `{}`", name.name);
            return Err(self.error(Diagnostic::new(name.span, message).help(format!("did you mean `{meant}`?"))));
        }
        let what = format!("`:` and a size, or `=`, after `{}`", name.name);
        Err(self.expected_help(input, &what, "a network is `NAME: 3x224x224 -> 1000;`, an instance `NAME = path;`"))
    }

    /// Documentation, attributes and visibility.
    fn header(&mut self, input: ParseStream<'_>) -> Parsed<Header> {
        let mut header = Header::default();
        while let Some(hash) = self.take(input, "#") {
            let mut text = TokenStream::new();
            let rule = |_: &mut Self, content: ParseStream<'_>| content.parse().map_err(|_| Lost);
            let (inner, span): (TokenStream, _) = self.inside(input, Delimiter::Bracket, rule)?;
            match doc_text(&inner) {
                Some(doc) => header.docs.extend(doc.split('\n').map(str::to_owned)),
                None => {
                    let mut brackets = proc_macro2::Group::new(Delimiter::Bracket, inner);
                    brackets.set_span(span.first);
                    let mut sign = proc_macro2::Punct::new('#', proc_macro2::Spacing::Alone);
                    sign.set_span(hash.first);
                    sign.to_tokens(&mut text);
                    brackets.to_tokens(&mut text);
                    header.attributes.push(Tokens(text));
                }
            }
        }
        if !is_word(input.cursor(), "pub") || is_defined(input) {
            return Ok(header);
        }
        self.keyword(input);
        header.visibility = Visibility::Public;
        if is_group(input.cursor(), Delimiter::Parenthesis) {
            let rule = |this: &mut Self, content: ParseStream<'_>| {
                let places = ["crate", "super", "self", "in"];
                if !places.iter().any(|place| is_word(content.cursor(), place)) {
                    return Err(this.expected(content, "`crate`, `super`, `self` or `in path`"));
                }
                content.parse().map_err(|_| Lost)
            };
            let (place, _) = self.inside(input, Delimiter::Parenthesis, rule)?;
            header.visibility = Visibility::Restricted(Tokens(place));
        }
        Ok(header)
    }

    /// `block NAME(params) { chain }`.
    fn block(&mut self, input: ParseStream<'_>, header: Header, known: &mut LostItem) -> Parsed<Block> {
        self.keyword(input);
        let name = self.definition_name(input, "the name of the block")?;
        known.name = Some(name.clone());
        let params = self.params(input)?;
        let body = self.body(input)?;
        Ok(Block { header, name, params, body, incomplete: self.lost })
    }

    /// A name that can be the last segment of a path.
    fn definition_name(&mut self, input: ParseStream<'_>, what: &str) -> Parsed<Ident> {
        let name = self.name(input, what)?;
        if !["self", "Self", "super", "crate"].contains(&name.name.as_str()) {
            return Ok(name);
        }
        let message = format!("`{}` is a word of paths and names no definition", name.name);
        Err(self.error(Diagnostic::new(name.span, message).help("choose another name")))
    }

    /// `NAME params: size -> classes; sections where limits;`.
    fn network(&mut self, input: ParseStream<'_>, header: Header, name: Ident) -> Parsed<Network> {
        let signature = self.signature(input);
        if signature.is_err() {
            skip_chain(input);
        }
        let sections = self.sections(input);
        if sections.is_empty() && !self.lost {
            let message = format!("the network `{}` has no section", name.name);
            self.error(Diagnostic::new(name.span, message).help("write `stem`, `body` or `head` and their steps"));
        }
        let limits = self.limits(input);
        let (params, size, output) = signature?;
        Ok(Network { header, name, params, input: size, output, sections, limits, incomplete: self.lost })
    }

    fn signature(&mut self, input: ParseStream<'_>) -> Parsed<(Vec<Param>, Expr, Expr)> {
        let params = self.params(input)?;
        self.expect(input, ":", "`:` and the size of the input")?;
        let size = self.expr(input)?;
        self.expect(input, "->", "`->` and the number of classes after the size")?;
        let output = self.expr(input)?;
        if self.take(input, ";").is_none() {
            self.expected(input, "`;` after the header of the network");
            skip_chain(input);
        }
        Ok((params, size, output))
    }

    /// `NAME = path(args): size where limits;`, from the path on.
    fn instance(&mut self, input: ParseStream<'_>, header: Header, name: Ident) -> Parsed<Instance> {
        let of = self.path(input)?;
        let args = self.args(input)?;
        let mut instance = Instance { header, name, of, args, input: None, limits: Vec::new(), incomplete: false };
        if self.take(input, ":").is_some() {
            match self.expr(input) {
                Ok(size) => instance.input = Some(size),
                Err(Lost) => skip_chain(input),
            }
        }
        if is_where(input.cursor()) {
            instance.limits = self.limits(input);
        } else if self.take(input, ";").is_none() && !self.lost {
            self.expected(input, "`;` after the instance");
            skip_chain(input);
        }
        instance.incomplete = self.lost;
        Ok(instance)
    }

    /// `use path as NAME;` or `use path { items }`.
    fn use_rule(&mut self, input: ParseStream<'_>, header: &Header) -> Parsed<Use> {
        let keyword = self.keyword(input);
        let refused = *header != Header::default();
        if refused {
            let message = "`use` takes neither documentation nor attributes nor `pub`";
            let help = "to publish a definition under another name write an instance: `pub NAME = path;`";
            self.error(Diagnostic::new(keyword, message).help(help));
        }
        let path = match self.path(input) {
            Ok(path) => path,
            Err(Lost) => {
                self.unread = unread(input);
                skip_chain(input);
                return Err(Lost);
            }
        };
        let mut alias = None;
        if self.take_word(input, "as").is_some() {
            alias = Some(match self.take_word(input, "_") {
                Some(span) => Ident { name: "_".to_owned(), span },
                None => self.name(input, "a name after `as`")?,
            });
        }
        let last = alias.as_ref().or(path.segments.last()).map_or(keyword, |name| name.span);
        // Without a definition, and none is fetched: what uses the name is silent.
        let mut carried = refused.then(Vec::new);
        if is_group(input.cursor(), Delimiter::Brace) {
            let rule = |this: &mut Self, content: ParseStream<'_>| Ok(this.items(content));
            carried = Some(self.inside(input, Delimiter::Brace, rule)?.0);
        } else if self.take(input, ";").is_none() {
            self.expected(input, "`;` after the path");
            skip_chain(input);
        }
        Ok(Use { path, alias, carried, span: keyword.to(last) })
    }
}

/// The names in the braces of `use a::{b, c as d};`, as imports of nothing.
fn unread(input: ParseStream<'_>) -> Vec<Use> {
    let Some((inner, ..)) = input.cursor().group(Delimiter::Brace) else { return Vec::new() };
    let mut names: Vec<Ident> = Vec::new();
    let (mut next, mut renames) = (inner, false);
    while let Some((tree, rest)) = next.token_tree() {
        if let TokenTree::Ident(ident) = &tree {
            match (ident.to_string(), renames) {
                (word, _) if word == "as" => renames = true,
                (name, true) => {
                    renames = false;
                    names.pop();
                    names.push(Ident { name, span: ident.span().into() });
                }
                (name, false) => names.push(Ident { name, span: ident.span().into() }),
            }
        }
        next = rest;
    }
    let import = |name: Ident| {
        let span = name.span;
        Use { path: Path { segments: vec![name] }, alias: None, carried: Some(Vec::new()), span }
    };
    names.into_iter().map(import).collect()
}

/// The word that comes next is the name of a definition, whatever it means elsewhere: `block: 3x32x32 -> 10;`.
fn is_defined(input: ParseStream<'_>) -> bool {
    let Some((_, rest)) = input.cursor().ident() else {
        return false;
    };
    let params = rest.group(Delimiter::Parenthesis);
    is(rest, ":") || is(rest, "=") || params.is_some_and(|(.., rest)| is(rest, ":"))
}

/// The text of `doc = "text"`, which is what `///` becomes.
fn doc_text(attribute: &TokenStream) -> Option<String> {
    let mut trees = attribute.clone().into_iter();
    match (trees.next()?, trees.next()?, trees.next()?, trees.next()) {
        (TokenTree::Ident(doc), TokenTree::Punct(equals), literal, None) if doc == "doc" && equals.as_char() == '=' => {
            let text = syn::parse2::<syn::LitStr>(literal.into_token_stream()).ok()?;
            Some(text.value())
        }
        _ => None,
    }
}
