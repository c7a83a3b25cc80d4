//! What stands in for a network with mistakes: the named type with the header's sizes, so that its users see no
//! errors of their own. It never runs: the mistakes are compile errors.

use cnn_lang::elaborate::Elaborated;
use cnn_lang::syntax::ast::{Header, LostItem};
use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::code;
use super::export::visibility;
use super::names::stand_in;
use super::ops::{taped_type, tensor_type};

/// The type, with dfdx's traits in the header's sizes.
pub fn expand(network: &Elaborated) -> TokenStream {
    let mut out = named_type(&network.header, &network.name);
    let text = &stand_in(&network.name.name);
    let header = "E: cnn_runtime::Dtype, D: cnn_runtime::Eager<E>";
    let (Some(input), Some(output)) = (network.input, network.output) else {
        out.extend(unsized_network(text));
        return out;
    };
    // What an auxiliary output lost to a mistake delivers is most likely what the network delivers.
    let auxiliary = || network.auxiliary.iter().map(|shape| shape.unwrap_or(output));
    let (mut train_output, mut methods) = (taped_type(output), String::new());
    let (train_input, output, input) = (taped_type(input), tensor_type(output), tensor_type(input));
    if !network.auxiliary.is_empty() {
        let plain: String = auxiliary().map(|shape| format!("{}, ", tensor_type(shape))).collect();
        let taped: String = auxiliary().map(|shape| format!("{}, ", taped_type(shape))).collect();
        train_output = format!("({train_output}, ({taped}))");
        let result = format!("({output}, ({plain}))");
        methods = method("forward_aux", "", &input, &result);
    }
    methods += &match network.features {
        Some(shape) => method("features", "", &input, &tensor_type(shape)),
        None => method("features", ", T", &input, "T"),
    };
    out.extend(code(&format!(
        "#[allow(dead_code, missing_docs)] impl<{header}> {text}<E, D> {{ {methods} }} \
         impl<B: cnn_runtime::Dim, {header}> cnn_runtime::Module<{input}> for {text}<E, D> {{ \
             type Output = {output}; type Error = D::Err; \
             fn try_forward(&self, _: {input}) -> ::core::result::Result<Self::Output, D::Err> {{ ::core::unreachable!() }} }} \
         impl<B: cnn_runtime::Dim, {header}> cnn_runtime::ModuleMut<{train_input}> for {text}<E, D> {{ \
             type Output = {train_output}; type Error = D::Err; \
             fn try_forward_mut(&mut self, _: {train_input}) -> ::core::result::Result<Self::Output, D::Err> {{ ::core::unreachable!() }} }}"
    )));
    out
}

/// The type of a definition whose header could not be read.
pub fn lost(item: &LostItem) -> TokenStream {
    let Some(name) = &item.name else {
        return TokenStream::new();
    };
    let mut out = named_type(&item.header, name);
    out.extend(unsized_network(&stand_in(&name.name)));
    out
}

fn method(name: &str, generics: &str, input: &str, output: &str) -> String {
    format!(
        "pub fn {name}<B: cnn_runtime::Dim{generics}>(&self, _: {input}) -> {output} {{ ::core::unreachable!() }} \
         pub fn try_{name}<B: cnn_runtime::Dim{generics}>(&self, _: &{input}) -> ::core::result::Result<{output}, D::Err> {{ ::core::unreachable!() }} "
    )
}

/// Of a network without sizes nothing is known but that tensors go in and come out.
fn unsized_network(name: &str) -> TokenStream {
    let header = "S: cnn_runtime::__private::Shape, E: cnn_runtime::Dtype, D: cnn_runtime::Eager<E>";
    let (plain, taped) = ("cnn_runtime::Tensor<S, E, D>", "cnn_runtime::Tensor<S, E, D, cnn_runtime::OwnedTape<E, D>>");
    code(&format!(
        "impl<{header}> cnn_runtime::Module<{plain}> for {name}<E, D> {{ \
             type Output = {plain}; type Error = D::Err; \
             fn try_forward(&self, _: {plain}) -> ::core::result::Result<Self::Output, D::Err> {{ ::core::unreachable!() }} }} \
         impl<{header}> cnn_runtime::ModuleMut<{taped}> for {name}<E, D> {{ \
             type Output = {taped}; type Error = D::Err; \
             fn try_forward_mut(&mut self, _: {taped}) -> ::core::result::Result<Self::Output, D::Err> {{ ::core::unreachable!() }} }}"
    ))
}

fn named_type(header: &Header, name: &cnn_lang::syntax::ast::Ident) -> TokenStream {
    let text = &name.name;
    let name = Ident::new(&stand_in(text), name.span.first);
    let vis = visibility(&header.visibility);
    let docs = header.docs.join("\n");
    quote! {
        #[doc = #docs]
        #[allow(dead_code, non_camel_case_types)]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #vis struct #name<E: cnn_runtime::Dtype = ::core::primitive::f32, D: cnn_runtime::Storage<E> = cnn_runtime::Cpu> {
            #[doc(hidden)]
            pub marker: ::core::marker::PhantomData<(E, D)>,
        }
        impl<E: cnn_runtime::Dtype, D: cnn_runtime::Device<E>> cnn_runtime::TensorCollection<E, D> for #name<E, D> {
            type To<E2: cnn_runtime::Dtype, D2: cnn_runtime::Device<E2>> = #name<E2, D2>;
            fn iter_tensors<V: cnn_runtime::ModuleVisitor<Self, E, D>>(_: &mut V)
                -> ::core::result::Result<::core::option::Option<Self::To<V::E2, V::D2>>, V::Err> {
                ::core::unreachable!("{} has compile errors", #text)
            }
        }
        impl<E: cnn_runtime::Dtype, D: cnn_runtime::Device<E>> cnn_runtime::BuildOnDevice<D, E> for #name {
            type Built = #name<E, D>;
        }
        impl<E: cnn_runtime::Dtype, D: cnn_runtime::Storage<E>> cnn_runtime::Architecture for #name<E, D> {
            const NAME: &'static ::core::primitive::str = #text;
            const INPUT: &'static [::core::primitive::usize] = &[];
            const OUTPUT: &'static [::core::primitive::usize] = &[];
            const PARAMS: ::core::primitive::u64 = 0;
            const MACS: ::core::primitive::u64 = 0;
            const AUX_MACS: ::core::primitive::u64 = 0;
            const SOURCE: &'static ::core::primitive::str = "";
        }
    }
}
