//! A space as a type: its constants, its gene table as documentation, its source, from which the run time reads it again.

use cnn_lang::space::{Definition, Sampling, Space};
use cnn_lang::syntax::ast::File;
use proc_macro2::TokenStream;
use quote::quote;

use super::export::{source, visibility};
use super::names::ident;

/// The type; of a space with mistakes one of its name that holds nothing.
pub fn expand(definition: &Definition, file: &File) -> TokenStream {
    let text = &definition.name.name;
    let name = ident(text, definition.name.span.first);
    let vis = visibility(&definition.header.visibility);
    let attributes = definition.header.attributes.iter().map(|attribute| &attribute.0);
    let own = definition.header.docs.join("\n");
    let docs = match &definition.space {
        Some(space) => format!("{own}\n\n{}", documentation(space)),
        None => own,
    };
    let (size, log2, source) = match &definition.space {
        Some(space) => (space.size().unwrap_or(u128::MAX), space.log2_size(), source(&definition.name, file)),
        None => (0, 0.0, String::new()),
    };
    quote! {
        #[doc = #docs]
        #(#attributes)*
        #[allow(dead_code, non_camel_case_types)]
        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug, ::core::default::Default)]
        #vis struct #name {}
        impl cnn_runtime::space::SearchSpace for #name {
            const NAME: &'static ::core::primitive::str = #text;
            const SIZE: ::core::primitive::u128 = #size;
            const LOG2_SIZE: ::core::primitive::f64 = #log2;
            const SOURCE: &'static ::core::primitive::str = #source;
            fn space() -> &'static cnn_runtime::space::Space {
                static SPACE: ::std::sync::OnceLock<cnn_runtime::space::Space> = ::std::sync::OnceLock::new();
                SPACE.get_or_init(|| cnn_runtime::space::proven(
                    <Self as cnn_runtime::space::SearchSpace>::SOURCE,
                    <Self as cnn_runtime::space::SearchSpace>::NAME,
                ))
            }
        }
    }
}

/// Sizes, the range of costs, and the gene table.
fn documentation(space: &Space) -> String {
    let size = space.size().map_or_else(|| format!("2^{:.1}", space.log2_size()), |size| size.to_string());
    let (input, output) = (space.input_shape(), space.output_shape());
    let [least, most] = space.range();
    let mut text = format!(
        "A space of {size} networks, `{input}` → `{output}`, of {} to {} parameters and {} to {} multiply-adds.\n",
        least.params, most.params, least.macs, most.macs
    );
    if !space.limits().is_empty() {
        let limits: Vec<String> = space.limits().iter().map(|limit| format!("`{limit}`")).collect();
        let within = match space.sampling() {
            Sampling::Exact { within } => format!(", {within} networks"),
            Sampling::Free | Sampling::Rejection { .. } => String::new(),
        };
        text += &format!("\nLimited to {}{within}.\n", limits.join(" and "));
    }
    text += "\n| gene | options | exists |\n|---|---|---|\n";
    for gene in space.genes() {
        let options: Vec<String> =
            gene.options.iter().map(|option| format!("`{}`", option.replace('|', "\\|"))).collect();
        let exists = match gene.parents.first() {
            None => "always".to_owned(),
            Some((parent, _)) => {
                let parent = &space.genes()[*parent];
                let under = gene
                    .parents
                    .iter()
                    .map(|(_, option)| format!("`{}`", parent.options[usize::from(*option)].replace('|', "\\|")));
                format!("under {} = {}", parent.name, under.collect::<Vec<_>>().join(" or "))
            }
        };
        text += &format!("| {} | {} | {exists} |\n", gene.name, options.join(", "));
    }
    text
}
