//! The typed module of a network.

use cnn_lang::elaborate::{Elaborated, closure};
use cnn_lang::graph::{Graph, NodeId, Op, Shape};
use cnn_lang::syntax::ast::File;
use cnn_lang::syntax::print;
use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::export::visibility;
use super::fields::Tree;
use super::forward::{Writer, block_functions};
use super::names::stand_in;
use super::ops::{Mode, layer_type, taped_type, tensor_type};
use super::{code, structs};

/// Everything that a network emits.
pub fn expand(network: &Elaborated, graph: &Graph, file: &File) -> TokenStream {
    let graph = &Graph { name: stand_in(&graph.name), ..graph.clone() };
    let tree = Tree::new(graph);
    let vis = visibility(&network.header.visibility);
    let mut out = TokenStream::new();
    for one in tree.structs.iter().filter(|one| one.name != graph.name) {
        let (name, fields, collection) = (&one.name, structs::fields(&tree, one), structs::collection(&tree, one));
        out.extend(quote!(#[doc(hidden)] #[allow(clippy::pub_underscore_fields)] #[derive(::core::clone::Clone, ::core::fmt::Debug)] #vis));
        out.extend(code(&format!(
            "struct {name}<E: cnn_runtime::Dtype, D: cnn_runtime::Storage<E>> {{ {fields} }} {collection}"
        )));
        if let Some(call) = one.call {
            let functions = block_functions(&tree, call);
            out.extend(code(&format!(
                "impl<E: cnn_runtime::Dtype, D: cnn_runtime::Eager<E>> {name}<E, D> {{ {functions} }}"
            )));
        }
    }
    out.extend(network_struct(network, &tree));
    out.extend(forwards(&tree));
    out.extend(architecture(network, graph, file));
    out
}

fn network_struct(network: &Elaborated, tree: &Tree<'_>) -> TokenStream {
    let graph = tree.graph;
    let root = tree.structs.iter().find(|one| one.name == graph.name);
    let root = root.unwrap_or_else(|| unreachable!("the root scope is a struct"));
    let docs = documentation(network, graph);
    let attributes = network.header.attributes.iter().map(|tokens| &tokens.0);
    let vis = visibility(&network.header.visibility);
    let name = Ident::new(&graph.name, network.name.span.first);
    let fields = code(&structs::fields(tree, root));
    let collection = code(&structs::collection(tree, root));
    let summary = graph.table().lines().last().unwrap_or_default().to_owned();
    let text = &network.name.name;
    quote! {
        #[doc = #docs]
        #(#attributes)*
        #[allow(clippy::pub_underscore_fields)] // a field of a numbered step is its number
        #[derive(::core::clone::Clone)]
        #vis struct #name<E: cnn_runtime::Dtype = ::core::primitive::f32, D: cnn_runtime::Storage<E> = cnn_runtime::Cpu> { #fields }
        #collection
        impl<E: cnn_runtime::Dtype, D: cnn_runtime::Storage<E>> ::core::fmt::Debug for #name<E, D> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(#text)?;
                f.write_str(": ")?;
                f.write_str(#summary)
            }
        }
        impl<E: cnn_runtime::Dtype, D: cnn_runtime::Device<E>> cnn_runtime::BuildOnDevice<D, E> for #name {
            type Built = #name<E, D>;
        }
    }
}

fn documentation(network: &Elaborated, graph: &Graph) -> String {
    let own = network.header.docs.join("\n");
    let (input, output) = (graph.input_shape(), graph.output_shape());
    format!("{own}\n\n`{input}` → `{output}`\n\n```text\n{}```", graph.table())
}

/// `Module`, `ModuleMut`, `features` and, where there are auxiliary outputs, `forward_aux`.
fn forwards(tree: &Tree<'_>) -> TokenStream {
    let graph = tree.graph;
    let name = &graph.name;
    let input = tensor_type(graph.input_shape());
    let output = tensor_type(graph.output_shape());
    let features = tensor_type(graph.node(graph.features).shape);
    let all = 0..graph.nodes.len();
    let body = |mode: Mode, auxiliary: bool, nodes: std::ops::Range<usize>| {
        let mut writer = Writer::new(tree, mode, None, auxiliary);
        writer.argument(NodeId(0));
        writer.statements(nodes);
        writer
    };
    let result = "::core::result::Result";

    let head_alone = head_stands_alone(graph);
    let to_features = body(Mode::Inference, false, 0..graph.head);
    let forward = if head_alone && graph.head < graph.nodes.len() {
        let mut writer = Writer::new(tree, Mode::Inference, None, false);
        let argument = writer.argument(graph.features);
        writer.statements(graph.head..graph.nodes.len());
        let (text, out) = (&writer.text, writer.owned(graph.output));
        format!("let {argument} = &self.try_features(x0)?; {text} {result}::Ok({out})")
    } else {
        let writer = body(Mode::Inference, false, all.clone());
        format!("{} {result}::Ok({})", writer.text, writer.owned(graph.output))
    };
    let mut methods = format!(
        "/// Everything before the head, in inference.\n\
         pub fn features<B: cnn_runtime::Dim>(&self, x0: {input}) -> {features} {{ self.try_features(&x0).unwrap() }} \
         /// As [`Self::features`], errors returned.\n\
         pub fn try_features<B: cnn_runtime::Dim>(&self, x0: &{input}) -> {result}<{features}, D::Err> {{ \
             let tape = &mut cnn_runtime::NoneTape; {} {result}::Ok({}) }} ",
        to_features.text,
        to_features.owned(graph.features)
    );
    let auxiliary: Vec<(NodeId, Shape)> =
        graph.auxiliary.iter().map(|aux| (aux.output, graph.node(aux.output).shape)).collect();
    let types: String = auxiliary.iter().map(|(_, shape)| format!("{}, ", tensor_type(*shape))).collect();
    if !auxiliary.is_empty() {
        let writer = body(Mode::Inference, true, all.clone());
        let values: String = auxiliary.iter().map(|(id, _)| format!("{}, ", writer.owned(*id))).collect();
        methods.push_str(&format!(
            "/// The logits and the auxiliary outputs, in inference.\n\
             pub fn forward_aux<B: cnn_runtime::Dim>(&self, x0: {input}) -> ({output}, ({types})) {{ self.try_forward_aux(&x0).unwrap() }} \
             /// As [`Self::forward_aux`], errors returned.\n\
             pub fn try_forward_aux<B: cnn_runtime::Dim>(&self, x0: &{input}) -> {result}<({output}, ({types})), D::Err> {{ \
                 let tape = &mut cnn_runtime::NoneTape; {} {result}::Ok(({}, ({values}))) }} ",
            writer.text,
            writer.owned(graph.output)
        ));
    }

    let train = body(Mode::Training, true, all);
    let logits_type = taped_type(graph.output_shape());
    let (logits, traced) = (train.owned(graph.output), "cnn_runtime::PutTape::put_tape");
    let (train_output, train_result) = if auxiliary.is_empty() {
        (logits_type, format!("{traced}({logits}, owned)"))
    } else {
        let types: String = auxiliary.iter().map(|(_, shape)| format!("{}, ", taped_type(*shape))).collect();
        let values: String = auxiliary
            .iter()
            .map(|(id, _)| format!("{traced}({}, ::core::default::Default::default()), ", train.owned(*id)))
            .collect();
        (format!("({logits_type}, ({types}))"), format!("({traced}({logits}, owned), ({values}))"))
    };
    let train_input = taped_type(graph.input_shape());
    let train_text = &train.text;
    let header = "E: cnn_runtime::Dtype, D: cnn_runtime::Eager<E>";
    let methods = code(&format!("impl<{header}> {name}<E, D> {{ {methods} }}"));
    let module = code(&format!(
        "impl<B: cnn_runtime::Dim, {header}> cnn_runtime::Module<{input}> for {name}<E, D> {{ \
             type Output = {output}; type Error = D::Err; \
             fn try_forward(&self, x0: {input}) -> {result}<Self::Output, D::Err> {{ \
                 let x0 = &x0; let tape = &mut cnn_runtime::NoneTape; {forward} }} }}"
    ));
    let module_mut = code(&format!(
        "impl<B: cnn_runtime::Dim, {header}> cnn_runtime::ModuleMut<{train_input}> for {name}<E, D> {{ \
             type Output = {train_output}; type Error = D::Err; \
             fn try_forward_mut(&mut self, x0: {train_input}) -> {result}<Self::Output, D::Err> {{ \
                 let (x0, mut owned) = cnn_runtime::SplitTape::split_tape(x0); \
                 let (x0, tape) = (&x0, &mut owned); {train_text} {result}::Ok({train_result}) }} }}"
    ));
    quote! {
        #methods
        #module
        #module_mut
    }
}

/// Whether the head reads nothing but the features: then `forward` is `features` and the head.
fn head_stands_alone(graph: &Graph) -> bool {
    let outside = |id: NodeId| id.0 < graph.head && id != graph.features;
    // An output that the head passes on from the body is outside too.
    !outside(graph.output) && !graph.nodes[graph.head..].iter().any(|node| node.inputs.iter().any(|id| outside(*id)))
}

fn architecture(network: &Elaborated, graph: &Graph, file: &File) -> TokenStream {
    let name = Ident::new(&graph.name, proc_macro2::Span::call_site());
    let costs = graph.costs();
    let (params, macs, aux_macs) = (costs.params, costs.macs, costs.aux_macs);
    let (input, output) = (graph.input_shape().dims(), graph.output_shape().dims());
    let source = print(&closure(file, &network.name.name));
    let text = &network.name.name;
    let (custom_params, custom_macs, custom_aux_macs) = custom_costs(graph);
    quote! {
        impl<E: cnn_runtime::Dtype, D: cnn_runtime::Storage<E>> cnn_runtime::Architecture for #name<E, D> {
            const NAME: &'static ::core::primitive::str = #text;
            const INPUT: &'static [::core::primitive::usize] = &[#(#input),*];
            const OUTPUT: &'static [::core::primitive::usize] = &[#(#output),*];
            const PARAMS: ::core::primitive::u64 = #params #custom_params;
            const MACS: ::core::primitive::u64 = #macs #custom_macs;
            const AUX_MACS: ::core::primitive::u64 = #aux_macs #custom_aux_macs;
            const SOURCE: &'static ::core::primitive::str = #source;
        }
    }
}

/// What users' modules add to parameters, multiply-adds and those of auxiliary outputs: known to rustc alone.
fn custom_costs(graph: &Graph) -> (TokenStream, TokenStream, TokenStream) {
    let (mut params, mut macs, mut aux_macs) = (String::new(), String::new(), String::new());
    for node in graph.nodes.iter().filter(|node| matches!(node.op, Op::Custom { .. })) {
        let input = graph.node(node.inputs[0]).shape;
        let concrete = |text: String| text.replace("E, D>", "f32, cnn_runtime::Cpu>").replace("<B,", "<usize,");
        let module = concrete(layer_type(&node.op, input).unwrap_or_default());
        let input = concrete(tensor_type(input));
        let one = |what: &str| format!(" + <{module} as cnn_runtime::Custom<{input}>>::{what}");
        params.push_str(&one("PARAMS"));
        if node.auxiliary { &mut aux_macs } else { &mut macs }.push_str(&one("MACS"));
    }
    (code(&params), code(&macs), code(&aux_macs))
}
