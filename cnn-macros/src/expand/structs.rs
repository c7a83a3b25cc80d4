//! Structs and their `TensorCollection`: what dfdx visits to build, save, convert and update.

use std::fmt::Write as _;

use super::fields::{Field, Struct, Tree};

/// Fields of a struct, without braces, each with what it is.
pub fn fields(tree: &Tree<'_>, of: &Struct) -> String {
    if of.fields.is_empty() {
        return "#[doc(hidden)] pub marker: ::core::marker::PhantomData<(E, D)>".to_owned();
    }
    of.fields.iter().fold(String::new(), |mut text, field| {
        let _ = match field {
            Field::One { name, scope } => {
                write!(text, "#[doc = {:?}] pub {name}: {}, ", tree.describe(*scope), tree.type_of(*scope))
            }
            Field::Run { name, scopes } => {
                let what = format!("{} times {}", scopes.len(), tree.describe(scopes[0]));
                write!(text, "#[doc = {what:?}] pub {name}: ::std::vec::Vec<{}>, ", tree.type_of(scopes[0]))
            }
        };
        text
    })
}

/// `impl TensorCollection`.
pub fn collection(tree: &Tree<'_>, of: &Struct) -> String {
    let name = &of.name;
    let mut lets = String::new();
    let mut visits = Vec::new();
    let mut names = Vec::new();
    for field in &of.fields {
        match field {
            Field::One { name, scope } => {
                let key = &tree.graph.scopes[scope.0].name;
                visits.push(format!("Self::module({key:?}, |s| &s.{name}, |s| &mut s.{name})"));
                names.push(name.as_str());
            }
            Field::Run { name, scopes } => {
                let first = &tree.graph.scopes[scopes[0].0].name;
                let count = scopes.len();
                let _ = write!(lets, "let numbers{name} = cnn_runtime::__private::numbers({first}, {count}); ");
                visits.push(format!(
                    "cnn_runtime::__private::each(&numbers{name}, |i, number| \
                     Self::module(number, move |s: &Self| &s.{name}[i], move |s: &mut Self| &mut s.{name}[i]))"
                ));
                names.push(name.as_str());
            }
        }
    }
    let visits = tuple(&visits);
    let pattern = tuple(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let list = if names.is_empty() { "marker: ::core::marker::PhantomData".to_owned() } else { names.join(", ") };
    format!(
        "impl<E: cnn_runtime::Dtype, D: cnn_runtime::Device<E>> cnn_runtime::TensorCollection<E, D> for {name}<E, D> {{ \
             type To<E2: cnn_runtime::Dtype, D2: cnn_runtime::Device<E2>> = {name}<E2, D2>; \
             fn iter_tensors<V: cnn_runtime::ModuleVisitor<Self, E, D>>(visitor: &mut V) \
                 -> ::core::result::Result<::core::option::Option<Self::To<V::E2, V::D2>>, V::Err> {{ \
                 {lets} visitor.visit_fields({visits}, |{pattern}| {name} {{ {list} }}) \
             }} \
         }}"
    )
}

/// Nested tuples of at most six, which is what dfdx visits.
fn tuple(items: &[String]) -> String {
    if items.len() <= 6 {
        let comma = if items.len() == 1 { "," } else { "" };
        return format!("({}{comma})", items.join(", "));
    }
    let mut size = 6;
    while size * 6 < items.len() {
        size *= 6;
    }
    tuple(&items.chunks(size).map(tuple).collect::<Vec<_>>())
}
