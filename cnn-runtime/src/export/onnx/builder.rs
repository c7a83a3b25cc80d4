//! Graph → model: operations and constants under names of their own.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

use cnn_lang::graph::{Graph, NodeId, Op, Shape};

use super::error::{MOST_SAMPLES, OnnxError};
use super::fold::{Reach, passes};
use super::proto::{
    AttributeProto, DataType, Dimension, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorShapeProto, TensorType, TypeProto, TypeValue, ValueInfoProto,
};
use super::tensors::{Data, Initializer};
use super::{IR_VERSION, OPSET, Options};
use crate::engine::{Constants, Entries, Number, Recipe, first_tensors, fits};
use crate::weights::StateDict;

/// A model whose constants have not been computed yet.
pub(super) struct Model<'a> {
    /// All but the initializers.
    pub proto: ModelProto,
    pub initializers: Vec<Initializer>,
    pub constants: Constants,
    /// The network's tensors.
    pub weights: &'a dyn Entries<Failed = Infallible>,
}

/// The model of a network.
pub(super) fn model<'a, E: Number>(
    graph: &Graph,
    weights: &'a StateDict<E>,
    options: Options,
) -> Result<Model<'a>, OnnxError> {
    let batch = match options.batch {
        Some(got) if got == 0 || got > MOST_SAMPLES => return Err(OnnxError::Batch { got }),
        Some(batch) => DimensionValue::DimValue(batch as i64),
        None => DimensionValue::DimParam("batch".into()),
    };
    for node in &graph.nodes {
        if let Op::Custom { path, .. } = &node.op {
            return Err(OnnxError::Custom { module: path.clone(), place: graph.path(node.scope) });
        }
    }
    fits(graph, weights)?;
    let mut outputs = vec![("logits", graph.output)];
    if options.auxiliary {
        outputs.extend(graph.auxiliary.iter().map(|aux| (aux.name.as_str(), aux.output)));
    }
    let ids: Vec<NodeId> = outputs.iter().map(|(_, id)| *id).collect();
    let mut builder = Builder::new(graph, Reach::new(graph, &ids, options.fold_batch_norm));
    // What users call by name gets its name first.
    let names: Vec<String> = outputs.iter().map(|(name, _)| builder.fresh(name)).collect();
    for index in 0..graph.nodes.len() {
        let value = builder.value(index);
        builder.values.push(value);
    }
    for (name, id) in names.iter().zip(&ids) {
        builder.deliver(name, id.0);
    }
    let info = |name: &String, shape: Shape| value_info(name, &batch, shape);
    let proto = GraphProto {
        name: graph.name.clone(),
        input: vec![info(&INPUT.to_owned(), graph.input_shape())],
        output: names.iter().zip(&ids).map(|(name, id)| info(name, graph.node(*id).shape)).collect(),
        value_info: builder.sizes.iter().map(|(name, shape)| info(name, *shape)).collect(),
        node: builder.nodes,
        initializer: Vec::new(),
    };
    let proto = ModelProto {
        ir_version: IR_VERSION,
        producer_name: env!("CARGO_PKG_NAME").into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(proto),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
    };
    Ok(Model { proto, initializers: builder.initializers, constants: builder.constants, weights })
}

fn value_info(name: &str, batch: &DimensionValue, shape: Shape) -> ValueInfoProto {
    let sizes = shape.dims().into_iter().map(|size| DimensionValue::DimValue(size as i64));
    let dim = [batch.clone()].into_iter().chain(sizes).map(|value| Dimension { value: Some(value) }).collect();
    let tensor = TensorType { elem_type: DataType::Float.into(), shape: Some(TensorShapeProto { dim }) };
    let value = Some(TypeValue::TensorType(tensor));
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { value }) }
}

/// The name of what is fed.
const INPUT: &str = "input";

/// What has been made of a graph so far.
pub(super) struct Builder<'a> {
    pub graph: &'a Graph,
    pub reach: Reach,
    pub constants: Constants,
    /// Index of each node's first tensor.
    first: Vec<usize>,
    /// Names of the network's tensors.
    tensors: Vec<String>,
    /// All names that are taken.
    names: HashSet<String>,
    nodes: Vec<NodeProto>,
    initializers: Vec<Initializer>,
    /// Constants that are no tensors of the network: equal ones are one.
    shared: HashMap<(Vec<usize>, Data), String>,
    /// The value of each node of the graph so far; empty where no output needs it.
    pub values: Vec<String>,
    /// Sizes of values.
    sizes: Vec<(String, Shape)>,
}

impl<'a> Builder<'a> {
    fn new(graph: &'a Graph, reach: Reach) -> Builder<'a> {
        let tensors: Vec<String> = graph.tensors().into_iter().map(|(name, _)| name).collect();
        let mut names: HashSet<String> = tensors.iter().cloned().collect();
        names.insert(INPUT.into());
        Builder {
            graph,
            reach,
            constants: Constants::default(),
            first: first_tensors(graph),
            tensors,
            names,
            nodes: Vec::new(),
            initializers: Vec::new(),
            shared: HashMap::new(),
            values: Vec::new(),
            sizes: Vec::new(),
        }
    }

    /// The name of a node's tensor, all operations for which have been made.
    fn value(&mut self, index: usize) -> String {
        let graph = self.graph;
        let node = &graph.nodes[index];
        match &node.op {
            Op::Input => return INPUT.into(),
            _ if passes(graph, node) || self.reach.absorbed[index] => return self.values[node.inputs[0].0].clone(),
            _ if !self.reach.needed[index] => return String::new(),
            _ => {}
        }
        let value = self.operations(index);
        self.sizes.push((value.clone(), node.shape));
        value
    }

    /// A name like `wanted` that nothing else has.
    fn fresh(&mut self, wanted: &str) -> String {
        let numbered = (1..).map(|number| format!("{wanted}_{number}"));
        let names = &self.names;
        let name = [wanted.to_owned()].into_iter().chain(numbered).find(|name| !names.contains(name));
        let name = name.unwrap_or_default();
        self.names.insert(name.clone());
        name
    }

    /// Adds an operation that belongs to a node of the graph; the name of its result.
    pub fn push(&mut self, index: usize, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let path = self.graph.path(self.graph.nodes[index].scope);
        let name = self.fresh(&if path.is_empty() { op.to_owned() } else { format!("{path}/{op}") });
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![name.clone()],
            name: name.clone(),
            op_type: op.into(),
            attribute: attributes,
        });
        name
    }

    /// Index of a node's first tensor.
    pub fn first_tensor(&self, index: usize) -> usize {
        self.first[index]
    }

    /// The recipe of a node's n-th tensor.
    pub fn recipe(&mut self, index: usize, n: usize) -> usize {
        self.constants.add(Recipe::Entry(self.first[index] + n))
    }

    /// An initializer that bears the name of a node's n-th tensor.
    pub fn initializer(&mut self, index: usize, n: usize, dims: &[usize], recipe: usize) -> String {
        let name = self.tensors[self.first[index] + n].clone();
        self.add(name, dims, Data::Constant(recipe))
    }

    /// A node's n-th tensor as it is.
    pub fn tensor(&mut self, index: usize, n: usize, dims: &[usize]) -> String {
        let recipe = self.recipe(index, n);
        self.initializer(index, n, dims, recipe)
    }

    /// An initializer for a node that is no tensor of the network.
    pub fn extra(&mut self, index: usize, name: &str, dims: &[usize], recipe: usize) -> String {
        let path = self.graph.path(self.graph.nodes[index].scope);
        let name = self.fresh(&format!("{path}.{name}"));
        self.add(name, dims, Data::Constant(recipe))
    }

    fn add(&mut self, name: String, dims: &[usize], data: Data) -> String {
        self.initializers.push(Initializer { name: name.clone(), dims: dims.to_vec(), data });
        name
    }

    fn constant(&mut self, dims: &[usize], data: Data) -> String {
        let key = (dims.to_vec(), data);
        if let Some(name) = self.shared.get(&key) {
            return name.clone();
        }
        let name = self.fresh("constant");
        self.add(name.clone(), dims, key.1.clone());
        self.shared.insert(key, name.clone());
        name
    }

    pub fn floats(&mut self, dims: &[usize], values: impl IntoIterator<Item = f64>) -> String {
        let bits = values.into_iter().map(|value| (value as f32).to_bits()).collect();
        self.constant(dims, Data::Floats(bits))
    }

    /// A constant without dimensions.
    pub fn scalar(&mut self, value: f64) -> String {
        self.floats(&[], [value])
    }

    /// A list of sizes, axes or offsets.
    pub fn ints(&mut self, values: impl IntoIterator<Item = i64>) -> String {
        let values: Vec<i64> = values.into_iter().collect();
        self.constant(&[values.len()], Data::Ints(values))
    }

    /// Gives the tensor of a node the name of an output.
    fn deliver(&mut self, name: &str, index: usize) {
        let value = self.values[index].clone();
        let maker = self.nodes.iter_mut().find(|node| node.output[0] == value && node.name == value);
        let Some(maker) = maker else {
            // The input itself, or another output: a tensor has one name.
            self.nodes.push(NodeProto {
                input: vec![value],
                output: vec![name.into()],
                name: name.into(),
                op_type: "Identity".into(),
                attribute: Vec::new(),
            });
            return;
        };
        maker.output[0] = name.into();
        for input in self.nodes.iter_mut().flat_map(|node| &mut node.input).filter(|input| **input == value) {
            *input = name.into();
        }
        self.values.iter_mut().filter(|other| **other == value).for_each(|other| *other = name.into());
        self.sizes.retain(|(sized, _)| *sized != value);
    }
}
