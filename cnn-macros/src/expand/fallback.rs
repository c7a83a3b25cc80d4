//! What stands in for a network with mistakes: the named type with the header's sizes, so that its users see no
//! errors of their own. It never runs: the mistakes are compile errors.

use cnn_lang::elaborate::Elaborated;
use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::code;
use super::export::visibility;
use super::ops::{taped_type, tensor_type};

/// The type, with as much of dfdx's traits as the header's sizes allow.
pub fn expand(network: &Elaborated) -> TokenStream {
    let name = Ident::new(&network.name.name, network.name.span.first);
    let vis = visibility(&network.header.visibility);
    let docs = network.header.docs.join("\n");
    let text = &network.name.name;
    let mut out = quote! {
        #[doc = #docs]
        #[derive(Clone, Debug)]
        #vis struct #name<E: cnn_runtime::Dtype = f32, D: cnn_runtime::Storage<E> = cnn_runtime::Cpu> {
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
            const NAME: &'static str = #text;
            const INPUT: &'static [usize] = &[];
            const OUTPUT: &'static [usize] = &[];
            const PARAMS: u64 = 0;
            const MACS: u64 = 0;
            const AUX_MACS: u64 = 0;
            const SOURCE: &'static str = "";
        }
    };
    if let (Some(input), Some(output)) = (network.input, network.output) {
        let (train_input, train_output) = (taped_type(input), taped_type(output));
        let (input, output) = (tensor_type(input), tensor_type(output));
        let header = "B: cnn_runtime::Dim, E: cnn_runtime::Dtype, D: cnn_runtime::Eager<E>";
        out.extend(code(&format!(
            "impl<{header}> cnn_runtime::Module<{input}> for {text}<E, D> {{ \
                 type Output = {output}; type Error = D::Err; \
                 fn try_forward(&self, _: {input}) -> ::core::result::Result<Self::Output, D::Err> {{ ::core::unreachable!() }} }} \
             impl<{header}> cnn_runtime::ModuleMut<{train_input}> for {text}<E, D> {{ \
                 type Output = {train_output}; type Error = D::Err; \
                 fn try_forward_mut(&mut self, _: {train_input}) -> ::core::result::Result<Self::Output, D::Err> {{ ::core::unreachable!() }} }}"
        )));
    }
    out
}
