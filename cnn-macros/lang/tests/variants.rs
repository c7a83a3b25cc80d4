//! Networks with other arguments and inputs, and imports that are found outside of rustc.

use cnn_lang::diag::Diagnostic;
use cnn_lang::graph::Shape;
use cnn_lang::{arguments, compile_importing, load, load_at};

const SOURCE: &str = "\
block unit(out) { conv(out, 3, pad = 1) -> relu }
Small(classes = 10, width = 4): 3x32x32 -> classes;
stem unit(width) -> maxpool(2)  @ 4x16x16;
head gap -> linear(classes);
Wide = Small(width = 8);
";

fn at(name: Option<&str>, args: &str, input: Option<&str>) -> Result<cnn_lang::graph::Graph, Vec<Diagnostic>> {
    let input = input.map(|text| text.parse::<Shape>().expect("a size"));
    load_at(SOURCE, name, &arguments(args)?, input)
}

fn only(result: Result<cnn_lang::graph::Graph, Vec<Diagnostic>>) -> Diagnostic {
    let mut errors = result.expect_err("a mistake");
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

#[test]
fn nothing_asked_is_the_network_itself() {
    assert_eq!(at(Some("Small"), "", None), load(SOURCE, Some("Small")));
    assert_eq!(at(None, "", None), load(SOURCE, Some("Wide")));
}

#[test]
fn an_instance_in_the_source_says_the_same() {
    let written = format!("{SOURCE}Asked = Small(classes = 7, width = 6): 3x48x20;");
    let mut written = load(&written, Some("Asked")).expect("a graph");
    written.name = "Small".to_owned();
    assert_eq!(at(Some("Small"), "classes = 7, width = 6", Some("3x48x20")), Ok(written));
}

#[test]
fn arguments_of_an_instance_are_kept_unless_given() {
    let graph = at(Some("Wide"), "3", Some("1x8x8")).expect("a graph");
    assert_eq!(
        (graph.name.as_str(), graph.input_shape().dims(), graph.output_shape().dims()),
        ("Wide", vec![1, 8, 8], vec![3])
    );
    assert_eq!(graph.costs().params, (9 * 8 + 8) + (8 * 3 + 3));
    let narrow = at(Some("Wide"), "width = 2", None).expect("a graph");
    assert_eq!(narrow.costs().params, (3 * 9 * 2 + 2) + (2 * 10 + 10));
}

#[test]
fn a_size_that_does_not_fit_is_shown_in_the_definition() {
    let error = only(at(None, "", Some("3x1x1")));
    assert_eq!(error.message, "maxpool's window covers 2 of the height, but its input 1x1 has 1");
    let (line, column) = (error.span.first.start().line, error.span.first.start().column);
    assert_eq!((line, &SOURCE.lines().nth(line - 1).expect("the line")[column..]), (3, "2)  @ 4x16x16;"));
    // The stem's maps have become vectors: said at the first step that needs a map.
    let error = only(at(None, "", Some("12")));
    assert_eq!(
        (error.span.first.start().line, error.notes.as_slice()),
        (1, &["in unit(8), called `stem.0`".to_owned()][..])
    );
}

#[test]
fn wrong_arguments_are_shown_in_their_text() {
    let error = only(at(None, "clases = 3", None));
    assert_eq!(error.help.as_deref(), Some("did you mean `classes`?"), "{}", error.message);
    assert_eq!((error.span.first.start().line, error.span.first.start().column), (1, 0));
    for text in
        ["classes = 3): 3x9x9; Other = Small(", "classes = ", "= 3", "'", "classes = 3) where macs <= 1; //", "("]
    {
        let errors = arguments(text).expect_err(text);
        assert!(!errors.is_empty() && errors.iter().all(|error| !error.message.contains('\n')), "{text}: {errors:?}");
    }
    assert_eq!(arguments("").expect("none"), []);
    assert_eq!(arguments("classes = 3, units = [1, 2]").expect("two").len(), 2);
}

#[test]
fn sizes_are_read_or_refused() {
    assert_eq!("3x224x160".parse(), Ok(Shape::map(3, 224, 160)));
    assert_eq!("784".parse(), Ok(Shape::Vector(784)));
    for text in [
        "",
        "x",
        "3x",
        "3x0x4",
        "3x4",
        "3x4x5x6",
        "-3x4x5",
        "3 x 4 x 5",
        "99999999x99999999x99999999",
        "3x2000000x2000000",
    ] {
        let error = text.parse::<Shape>().expect_err(text).to_string();
        assert!(error.ends_with(&format!("got `{text}`")), "{error}");
    }
}

#[test]
fn imports_are_found_reported_or_left() {
    let source = "use lib::unit; use lib::unit as other; use lib::gone; use unknown;\n\
                  N: 3x8x8 -> [4, 8, 8]; stem unit(4) -> other(4);\n\
                  G: 3x8x8 -> [4, 8, 8]; stem gone(4);\n\
                  P = lib::Net(2): 1x8x8;\n\
                  Q = Mp;";
    let mut asked = Vec::new();
    let program = compile_importing(source, |path| {
        asked.push(path.to_string());
        match path.last().name.as_str() {
            "unit" => Ok(Some("block unit(out) { conv(out, 1) }".to_owned())),
            "Net" => Ok(Some("Net(n): 5x8x8 -> n; head gap -> linear(n);".to_owned())),
            "gone" => Err(Diagnostic::new(path.span(), "nothing of that name")),
            _ => Ok(None),
        }
    });
    assert_eq!(asked, ["lib::unit", "lib::gone", "unknown", "lib::Net", "Mp"]);
    let messages: Vec<&str> = program.errors.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(
        messages,
        ["nothing of that name", "no definition `unknown` is known here", "no network `Mp` is defined here"]
    );
    let sizes: Vec<Option<usize>> = program
        .networks
        .iter()
        .map(|network| network.graph.as_ref().map(|graph| graph.output_shape().elements()))
        .collect();
    assert_eq!(sizes, [Some(256), None, Some(2), None]);
}
