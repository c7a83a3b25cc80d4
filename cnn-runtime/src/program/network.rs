//! The network that a command works on.

use std::path::Path;

use clap::Args;
use cnn_lang::graph::{Graph, Shape};
use cnn_lang::syntax::ast::Arg;
use cnn_lang::{Program, arguments, compile_str, nearest};

use super::definitions::{NETWORKS, compile};
use super::failure::Failure;
use crate::zoo;

/// `NET` and `--input`.
#[derive(Args)]
pub(super) struct NetworkArg {
    /// A network of the zoo (`resnet18`), the last one of a DSL file (`my.cnn`) or another one (`my.cnn:Name`);
    /// arguments may follow: `resnet18(classes=10)`
    #[arg(value_name = "NET")]
    net: String,
    /// Another input than the definition's: channels, height, width
    #[arg(long, value_name = "CxHxW")]
    input: Option<Shape>,
}

/// A network that was found and built.
pub(super) struct Network {
    /// As programs know it: `resnet18`, or the name in its file.
    pub(super) name: String,
    pub(super) graph: Graph,
    /// Where it was published, as its documentation ends: `He et al. 2015`.
    pub(super) paper: Option<String>,
    /// How to build it again.
    pub(super) recipe: Recipe,
}

/// A network as text that stands alone.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) source: String,
    /// Which definition of the source; the last where there is no name.
    pub(super) definition: Option<String>,
    pub(super) arguments: String,
    pub(super) input: Option<Shape>,
}

/// The largest file that is read as a definition, in bytes: beyond it is no file of definitions.
const LARGEST_FILE: u64 = 4 << 20;

impl NetworkArg {
    /// The network at the arguments and the input that were asked for.
    ///
    /// # Errors
    /// No such network, mistakes in its file, or a size or argument that it cannot be built with.
    pub(super) fn load(&self) -> Result<Network, Failure> {
        Wanted { net: &self.net, input: self.input }.load()
    }

    /// The input that was asked for.
    pub(super) fn input(&self) -> Option<Shape> {
        self.input
    }

    /// What was asked for, as it was written.
    pub(super) fn net(&self) -> &str {
        &self.net
    }
}

/// The network of a name, at an input.
pub(super) struct Wanted<'a> {
    pub(super) net: &'a str,
    pub(super) input: Option<Shape>,
}

impl Wanted<'_> {
    /// As [`NetworkArg::load`].
    pub(super) fn load(&self) -> Result<Network, Failure> {
        let (place, given) = split(self.net);
        let given = given.unwrap_or_default();
        let args =
            arguments(given).map_err(|errors| Failure::diagnostic(&format!("arguments `{given}`"), &errors[0]))?;
        let recipe = |source: String, definition: Option<&String>| Recipe {
            source,
            definition: definition.cloned(),
            arguments: given.to_owned(),
            input: self.input,
        };
        if let Some((name, source)) = in_zoo(place) {
            return self.build(name.to_owned(), &compile_str(source), recipe(source.to_owned(), None), &args);
        }
        let (file, wanted) = in_file(place)?;
        let source = read(Path::new(file))?;
        let program = compile(&source);
        if let [first, others @ ..] = program.errors.as_slice() {
            let start = first.span.first.start();
            let failure = Failure::diagnostic(&format!("{file}:{}:{}", start.line, start.column + 1), first);
            return Err(match others.len() {
                0 => failure,
                more => failure.help(format!("`cnn check {file}` shows this and {more} more")),
            });
        }
        let name = wanted.map(|wanted| known(&program, file, wanted)).transpose()?;
        let name = match name {
            Some(name) => name,
            None => match program.networks.last() {
                Some(network) => network.name.name.clone(),
                None => return Err(Failure::mistake(format!("`{file}` defines no network"))),
            },
        };
        // Printed from the tree, what it imports is in the text.
        let recipe = recipe(cnn_lang::syntax::print(&program.file), Some(&name));
        self.build(name.clone(), &program, recipe, &args)
    }

    fn build(&self, name: String, program: &Program, recipe: Recipe, args: &[Arg]) -> Result<Network, Failure> {
        let inside = recipe.definition.as_deref();
        let place = match self.input {
            Some(input) => format!("{} at {input}", self.net),
            None => self.net.to_owned(),
        };
        let graph =
            program.variant(inside, args, self.input).map_err(|errors| Failure::diagnostic(&place, &errors[0]))?;
        let paper = program.network(inside).ok().and_then(|network| paper(&network.header.docs));
        Ok(Network { name, graph, paper, recipe })
    }
}

/// Every network of the zoo as its definition stands.
pub(super) fn all() -> Result<Vec<Network>, Failure> {
    zoo::ALL.iter().map(|(name, _)| Wanted { net: name, input: None }.load()).collect()
}

/// The text of a DSL file, without a byte order mark.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    let unreadable = |source| Failure::unreadable(path, source);
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes > LARGEST_FILE {
        let message = format!("`{}` has {bytes} bytes, expected at most {LARGEST_FILE}", path.display());
        return Err(Failure::mistake(message).help("is it a file of definitions?"));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// `resnet18(classes=10)` in its two parts.
pub(super) fn split(net: &str) -> (&str, Option<&str>) {
    let parts = net.strip_suffix(')').and_then(|inside| inside.split_once('('));
    match parts {
        // A file may be named like this.
        Some(_) if Path::new(net).is_file() => (net, None),
        Some((place, args)) => (place.trim_end(), Some(args)),
        None => (net, None),
    }
}

/// Names are equal if they differ in case and in what joins their words only.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

fn in_zoo(name: &str) -> Option<(&'static str, &'static str)> {
    let by_name = |is: &dyn Fn(&str) -> bool| {
        let mut found = zoo::ALL.iter().filter(|(known, _)| is(known));
        // `regnetx16gf` is as much `regnet_x_1_6gf` as `regnet_x_16gf`.
        found.next().filter(|_| found.next().is_none()).copied()
    };
    let by_type = |is: &dyn Fn(&str) -> bool| {
        let network = NETWORKS.iter().find(|(known, ..)| is(known))?;
        Some((network.1, network.2))
    };
    let wanted = plain(name);
    let (same, alike) = (|known: &str| known == name, |known: &str| plain(known) == wanted);
    by_name(&same).or_else(|| by_type(&same)).or_else(|| by_name(&alike)).or_else(|| by_type(&alike))
}

/// The file, and the name of the network in it.
pub(super) fn in_file(place: &str) -> Result<(&str, Option<&str>), Failure> {
    let looks_like = |text: &str| Path::new(text).exists() || text.ends_with(".cnn") || text.contains(['/', '\\']);
    if Path::new(place).exists() {
        return Ok((place, None));
    }
    match place.rsplit_once(':') {
        Some((file, name)) if !name.contains(['/', '\\']) && looks_like(file) => return Ok((file, Some(name))),
        _ if looks_like(place) => return Ok((place, None)),
        _ => {}
    }
    let names = zoo::ALL.iter().map(|(name, _)| *name);
    let failure = Failure::mistake(format!("no network `{place}` in the zoo, and no such file"));
    Err(match nearest(place, names) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure.help("`cnn list` names the networks"),
    })
}

/// The network of a file that `wanted` means.
fn known(program: &Program, file: &str, wanted: &str) -> Result<String, Failure> {
    let names = || program.networks.iter().map(|network| network.name.name.as_str());
    let found = names().find(|name| *name == wanted).or_else(|| names().find(|name| plain(name) == plain(wanted)));
    if let Some(name) = found {
        return Ok(name.to_owned());
    }
    let failure = Failure::mistake(format!("no network `{wanted}` in `{file}`"));
    Err(match nearest(wanted, names()) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure.help(format!("it has {}", names().collect::<Vec<_>>().join(", "))),
    })
}

/// The sentence of a network's documentation that ends in a year, without its full stop.
fn paper(docs: &[String]) -> Option<String> {
    let is_year = |text: &str| text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    // What stands apart is not prose: the numbers at the end of the line.
    let prose = docs.iter().filter_map(|line| line.trim().split("  ").next());
    prose
        .flat_map(|line| line.split_inclusive(". "))
        .fold((String::new(), None), |(mut sentence, found), part| {
            sentence.push_str(part);
            if sentence.ends_with("et al. ") {
                return (sentence, found);
            }
            let text = sentence.trim().trim_end_matches('.').to_owned();
            let cites = text.rsplit(' ').next().is_some_and(is_year);
            (String::new(), found.or(cites.then_some(text)))
        })
        .1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_is_the_sentence_that_ends_in_a_year() {
        let cited = |line: &str| paper(&[line.to_owned()]);
        assert_eq!(
            cited(" ResNet-18. He et al. 2015.      11.7 M parameters, 1.8 G"),
            Some("He et al. 2015".to_owned())
        );
        assert_eq!(
            cited(" VGG-11, column A. Simonyan & Zisserman 2015.  x"),
            Some("Simonyan & Zisserman 2015".to_owned())
        );
        assert_eq!(cited(" Large. Table 1. Howard et al. 2019."), Some("Howard et al. 2019".to_owned()));
        assert_eq!(cited(" A residual network for small colour images."), None);
        assert_eq!(cited(""), None);
    }

    /// RegNetX of 1.6 and of 16 billion multiply-adds differ by an underscore.
    #[test]
    fn every_name_is_that_of_its_network() {
        for (definition, name, source) in NETWORKS.iter() {
            for spelled in [name, definition.as_str()] {
                assert_eq!(in_zoo(spelled), Some((*name, *source)), "{spelled}");
            }
        }
        assert_eq!(in_zoo("ResNet_18").map(|(name, _)| name), Some("resnet18"));
        assert_eq!(in_zoo("regnetx16gf").map(|(name, _)| name), Some("regnet_x_16gf"));
    }

    #[test]
    fn every_network_of_the_zoo_is_found_under_its_name() {
        let found: Vec<String> = all().expect("the zoo").into_iter().map(|network| network.name).collect();
        assert_eq!(found, zoo::ALL.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(in_zoo("RegNet-Y-16GF").map(|found| found.0), Some("regnet_y_16gf"));
    }

    #[test]
    fn every_network_of_the_zoo_says_where_it_was_published() {
        for network in all().expect("the zoo") {
            assert!(network.paper.is_some(), "{}", network.name);
        }
    }

    #[test]
    fn arguments_follow_a_name() {
        assert_eq!(split("resnet18(classes=10)"), ("resnet18", Some("classes=10")));
        assert_eq!(split("my.cnn:Net (a = (1, 2))"), ("my.cnn:Net", Some("a = (1, 2)")));
        assert_eq!(split("resnet18"), ("resnet18", None));
        assert_eq!(split("resnet18("), ("resnet18(", None));
    }
}
