//! Graph → program: every layer an instruction, as yet unfused.

use cnn_lang::graph::{self, Graph, Node, NodeId, Op, Shape};

use super::constants::Recipe;
use super::error::EngineError;
use super::operation::{Activation, BatchNorm, ConvShape, Layer, LinearShape, Operation, WeightForm};
use super::program::{Class, Content, Extent, Instruction, Named, Origin, Output, Program, State, ValueId};
use crate::kernels::window::Axis;

/// What the program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Running statistics, no dropout; with or without auxiliary outputs.
    Inference {
        /// Whether auxiliary outputs are computed.
        auxiliary: bool,
    },
    /// Batch statistics, dropout, auxiliary outputs.
    Training,
}

/// Index of each node's first tensor.
pub fn first_tensors(graph: &Graph) -> Vec<usize> {
    let mut first = vec![0; graph.nodes.len()];
    let mut tensors = 0;
    for index in graph.nodes_by_scope() {
        let node = &graph.nodes[index];
        first[index] = tensors;
        tensors += node.op.tensors(&graph.input_shapes(node)).len();
    }
    first
}

/// The forward pass of a network.
pub fn lower(graph: &Graph, mode: Mode) -> Result<Program, EngineError> {
    lower_fixing(graph, mode, &vec![false; graph.nodes.len()])
}

/// The same; batch norms among the `fixed` nodes normalise by their running statistics and leave them, in training too.
pub fn lower_fixing(graph: &Graph, mode: Mode, fixed: &[bool]) -> Result<Program, EngineError> {
    let first = first_tensors(graph);
    let mut lowering =
        Lowering { graph, mode, fixed, first, program: Program::default(), values: Vec::new(), dropouts: 0 };
    if mode == Mode::Training {
        lowering.keep_tensors();
    }
    for index in 0..graph.nodes.len() {
        let value = lowering.node(index)?;
        lowering.values.push(value);
    }
    let ids = [graph.output].into_iter().chain(graph.auxiliary.iter().map(|aux| aux.output));
    for id in ids {
        lowering.own(id);
    }
    let Lowering { mut program, values, .. } = lowering;
    let output = |name: &str, id: NodeId| Named { name: name.into(), value: values[id.0] };
    program.outputs.push(output("logits", graph.output));
    if mode != (Mode::Inference { auxiliary: false }) {
        program.outputs.extend(graph.auxiliary.iter().map(|aux| output(&aux.name, aux.output)));
    }
    program.remove_dead();
    Ok(program)
}

struct Lowering<'a> {
    graph: &'a Graph,
    mode: Mode,
    /// For each node whether it is a batch norm that does not learn.
    fixed: &'a [bool],
    /// Index of each node's first tensor.
    first: Vec<usize>,
    program: Program,
    /// Of each node so far.
    values: Vec<ValueId>,
    dropouts: usize,
}

impl Lowering<'_> {
    /// In training all tensors are states, in the order of the graph.
    fn keep_tensors(&mut self) {
        for (index, (_, tensor)) in self.graph.tensors().into_iter().enumerate() {
            let elements = tensor.elements() as usize;
            self.program.states.push(State { content: Content::Entry(index), elements });
            self.program.value(Extent::Fixed(elements), Origin::State(index), Class::Weight);
        }
    }

    /// The n-th tensor of a node. (In training, tensors are the first values of the program.)
    fn tensor(&mut self, node: usize, n: usize, elements: usize) -> ValueId {
        let index = self.first[node] + n;
        match self.mode {
            Mode::Training => ValueId(index),
            Mode::Inference { .. } => self.program.constant(Recipe::Entry(index), elements),
        }
    }

    /// An output that is the input itself needs memory of its own to be read from.
    fn own(&mut self, id: NodeId) {
        let value = self.values[id.0];
        if self.program.values[value.0].origin == Origin::Input {
            let extent = self.program.extent(value);
            self.values[id.0] = self.push(id.0, Operation::Copy, vec![value], extent);
        }
    }

    fn push(&mut self, node: usize, operation: Operation, inputs: Vec<ValueId>, extent: Extent) -> ValueId {
        let class = if matches!(extent, Extent::Batch(_)) { Class::Activation } else { Class::Weight };
        let value = self.program.computed(extent, class);
        self.instruction(node, operation, inputs, vec![value], Vec::new());
        value
    }

    fn instruction(
        &mut self,
        node: usize,
        operation: Operation,
        inputs: Vec<ValueId>,
        outputs: Vec<ValueId>,
        changes: Vec<ValueId>,
    ) {
        let outputs = outputs.into_iter().map(|value| Output { value, onto: None }).collect();
        let place = self.graph.path(self.graph.nodes[node].scope);
        self.program.instructions.push(Instruction { operation, inputs, outputs, changes, place });
    }

    fn node(&mut self, index: usize) -> Result<ValueId, EngineError> {
        let graph = self.graph;
        let node = &graph.nodes[index];
        let inputs: Vec<ValueId> = node.inputs.iter().map(|id| self.values[id.0]).collect();
        let shapes = graph.input_shapes(node);
        let extent = Extent::Batch(node.shape);
        let training = self.mode == Mode::Training;
        let x = inputs.first().copied();
        let x = |this: &mut Self| x.unwrap_or_else(|| this.program.value(extent, Origin::Input, Class::Activation));
        let channels = shapes.first().map_or(0, |shape| shape.channels());
        Ok(match &node.op {
            Op::Input => x(self),
            Op::Identity => x(self),
            Op::Subsample { stride: [1, 1] } => x(self),
            Op::Dropout { p } | Op::DropPath { p } if !training || *p == 0.0 => x(self),
            Op::Dropout { p } | Op::DropPath { p } => {
                let samples = matches!(node.op, Op::DropPath { .. });
                self.dropouts += 1;
                let operation = Operation::Dropout { p: *p, samples, index: self.dropouts - 1 };
                self.push(index, operation, inputs, extent)
            }
            Op::Conv(conv) => self.conv(index, conv, inputs, shapes[0], node.shape),
            Op::Linear { out, bias, pixelwise } => {
                let mut reads = inputs;
                reads.push(self.tensor(index, 0, out * channels));
                if *bias {
                    reads.push(self.tensor(index, 1, *out));
                }
                let operation = match (pixelwise, shapes[0].spatial()) {
                    (true, Some(size)) => {
                        let [rows, cols] = Axis::pair(size, size, [1, 1], [1, 1], [0; 4], [1, 1]);
                        let shape = ConvShape { inputs: channels, outputs: *out, groups: 1, rows, cols };
                        Operation::Conv { shape, bias: *bias, activation: None }
                    }
                    _ => {
                        let shape = LinearShape { inputs: channels, outputs: *out };
                        Operation::Linear { shape, bias: *bias, activation: None }
                    }
                };
                self.push(index, operation, reads, extent)
            }
            Op::Bn { eps, momentum, affine } => match self.mode {
                Mode::Inference { .. } => self.norm(index, inputs[0], channels, *eps, *affine, extent),
                Mode::Training if self.fixed[index] => self.norm(index, inputs[0], channels, *eps, *affine, extent),
                Mode::Training => {
                    let first = 2 * usize::from(*affine);
                    let statistics = [first, first + 1].map(|n| self.tensor(index, n, channels));
                    let mut reads = vec![inputs[0]];
                    reads.extend((0..first).map(|n| ValueId(self.first[index] + n)));
                    let y = self.program.computed(extent, Class::Activation);
                    let [mean, inverse] =
                        [(); 2].map(|()| self.program.computed(Extent::Fixed(channels), Class::Activation));
                    let norm = BatchNorm { eps: *eps, momentum: *momentum, affine: *affine, activation: None };
                    self.instruction(
                        index,
                        Operation::BatchNorm(norm),
                        reads,
                        vec![y, mean, inverse],
                        statistics.to_vec(),
                    );
                    y
                }
            },
            Op::Affine { bias, .. } if !training => {
                let scale = self.tensor(index, 0, channels);
                let shift = match bias {
                    true => self.tensor(index, 1, channels),
                    false => self.program.constant(Recipe::Fill(0.0, channels), channels),
                };
                self.push(index, Operation::Affine { activation: None }, vec![inputs[0], scale, shift], extent)
            }
            Op::Scale { factor } if !training => {
                let scale = self.program.constant(Recipe::Fill(*factor, channels), channels);
                let shift = self.program.constant(Recipe::Fill(0.0, channels), channels);
                self.push(index, Operation::Affine { activation: None }, vec![inputs[0], scale, shift], extent)
            }
            Op::Relu => self.push(index, Operation::Activate(Activation::Relu), inputs, extent),
            Op::Relu6 => self.push(index, Operation::Activate(Activation::Relu6), inputs, extent),
            Op::Leaky { slope } => self.push(index, Operation::Activate(Activation::Leaky(*slope)), inputs, extent),
            Op::Sigmoid => self.push(index, Operation::Activate(Activation::Sigmoid), inputs, extent),
            Op::Tanh => self.push(index, Operation::Activate(Activation::Tanh), inputs, extent),
            Op::Silu => self.push(index, Operation::Activate(Activation::Silu), inputs, extent),
            Op::Hswish => self.push(index, Operation::Activate(Activation::Hswish), inputs, extent),
            Op::Hsigmoid => self.push(index, Operation::Activate(Activation::Hsigmoid), inputs, extent),
            Op::Gelu => self.push(index, Operation::Activate(Activation::Gelu), inputs, extent),
            Op::Flatten => self.push(index, Operation::Reshape, inputs, extent),
            Op::Select { from, .. } => self.push(index, Operation::Slice { first: *from }, inputs, extent),
            Op::Add if inputs.len() == 1 => inputs[0],
            Op::Concat if inputs.len() == 1 => inputs[0],
            Op::Add => self.push(index, Operation::Add { activation: None }, inputs, extent),
            Op::Concat => self.push(index, Operation::Concat, inputs, extent),
            Op::Mul => self.product(index, &inputs, &shapes),
            Op::Custom { path, .. } => {
                return Err(EngineError::Custom { module: path.clone(), place: graph.path(node.scope) });
            }
            Op::Affine { .. }
            | Op::Scale { .. }
            | Op::Gn { .. }
            | Op::Ln { .. }
            | Op::Lrn { .. }
            | Op::Prelu { .. }
            | Op::Softmax
            | Op::MaxPool(_)
            | Op::AvgPool { .. }
            | Op::AdaptiveAvgPool { .. }
            | Op::Gap
            | Op::Pad { .. }
            | Op::Zero { .. }
            | Op::Shift { .. }
            | Op::Shuffle { .. }
            | Op::Upsample { .. }
            | Op::Subsample { .. }
            | Op::PadChannels { .. } => self.layer(index, node, inputs, shapes),
        })
    }

    /// A layer as it stands, its tensors behind its inputs.
    fn layer(&mut self, index: usize, node: &Node, mut inputs: Vec<ValueId>, shapes: Vec<Shape>) -> ValueId {
        for (n, tensor) in node.op.tensors(&shapes).iter().enumerate() {
            inputs.push(self.tensor(index, n, tensor.elements() as usize));
        }
        let layer = Layer { op: node.op.clone(), inputs: shapes, output: node.shape };
        self.push(index, Operation::Layer(layer), inputs, Extent::Batch(node.shape))
    }

    fn conv(&mut self, index: usize, conv: &graph::Conv, mut inputs: Vec<ValueId>, from: Shape, to: Shape) -> ValueId {
        let (from_size, to_size) = (from.spatial().unwrap_or([1, 1]), to.spatial().unwrap_or([1, 1]));
        let [rows, cols] = Axis::pair(from_size, to_size, conv.kernel, conv.stride, conv.pad, conv.dilation);
        let shape = ConvShape { inputs: from.channels(), outputs: conv.out, groups: conv.groups, rows, cols };
        let mut weight = self.tensor(index, 0, shape.weights());
        if let Some(form) = WeightForm::of(conv, from.channels()) {
            let extent = Extent::Fixed(shape.weights());
            weight = match self.program.values[weight.0].origin {
                Origin::Constant(constant) => self.program.constant(Recipe::Form(constant, form), shape.weights()),
                _ => self.push(index, Operation::Weight(form), vec![weight], extent),
            };
        }
        inputs.push(weight);
        if conv.bias {
            inputs.push(self.tensor(index, 1, conv.out));
        }
        let operation = Operation::Conv { shape, bias: conv.bias, activation: None };
        self.push(index, operation, inputs, Extent::Batch(to))
    }

    /// Batch normalisation by running statistics is a factor and a summand.
    fn norm(&mut self, index: usize, x: ValueId, channels: usize, eps: f64, affine: bool, extent: Extent) -> ValueId {
        let (scale, shift) = self.program.constants.norm(self.first[index], eps, affine);
        let mut value =
            |constant| self.program.value(Extent::Fixed(channels), Origin::Constant(constant), Class::Weight);
        let (scale, shift) = (value(scale), value(shift));
        self.push(index, Operation::Affine { activation: None }, vec![x, scale, shift], extent)
    }

    /// A product of many is one of pairs; a map times a number per channel is a gate.
    fn product(&mut self, index: usize, inputs: &[ValueId], shapes: &[Shape]) -> ValueId {
        let size = |shape: Shape| {
            let [height, width] = shape.spatial().unwrap_or([1, 1]);
            [shape.channels(), height, width]
        };
        let (mut value, mut shape) = (inputs[0], shapes[0]);
        for (&other, &other_shape) in inputs[1..].iter().zip(&shapes[1..]) {
            let (a, b) = (size(shape), size(other_shape));
            let [channels, height, width] = [0, 1, 2].map(|axis| a[axis].max(b[axis]));
            let vectors = shape.spatial().is_none() && other_shape.spatial().is_none();
            let output = if vectors { Shape::Vector(channels) } else { Shape::map(channels, height, width) };
            let gates = |gate: [usize; 3], map: [usize; 3]| gate == [map[0], 1, 1] && map == size(output);
            let (operation, inputs) = if gates(b, a) {
                (Operation::Gate, vec![value, other])
            } else if gates(a, b) {
                (Operation::Gate, vec![other, value])
            } else {
                let layer = Layer { op: Op::Mul, inputs: vec![shape, other_shape], output };
                (Operation::Layer(layer), vec![value, other])
            };
            value = self.push(index, operation, inputs, Extent::Batch(output));
            shape = output;
        }
        value
    }
}
