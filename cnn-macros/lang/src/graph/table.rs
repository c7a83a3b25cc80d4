//! How a network reads: the layer table, runs of equal blocks folded.

use super::{Call, Costs, Graph, Op, Role};

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Name of the layer, or `first … last` of folded blocks.
    pub name: String,
    /// `conv 3x3 /2`, or `3 × basic(64)` for folded blocks.
    pub what: String,
    /// Size of the result.
    pub output: String,
    /// Learned numbers.
    pub params: u64,
    /// Multiply-adds.
    pub macs: u64,
}

impl Op {
    /// The operation with the numbers that readers look for.
    pub fn describe(&self) -> String {
        let pair = |[h, w]: [usize; 2]| format!("{h}x{w}");
        let window = |kernel: [usize; 2], stride: [usize; 2]| match stride {
            [1, 1] => pair(kernel),
            [h, w] if h == w => format!("{} /{h}", pair(kernel)),
            stride => format!("{} /{}", pair(kernel), pair(stride)),
        };
        let word = self.keyword();
        match self {
            Op::Conv(conv) => {
                let mut text = format!("{word} {}", window(conv.kernel, conv.stride));
                if conv.groups > 1 {
                    text.push_str(&format!(", {} groups", conv.groups));
                }
                if conv.dilation != [1, 1] {
                    text.push_str(&format!(", dilation {}", pair(conv.dilation)));
                }
                text
            }
            Op::MaxPool(pool) | Op::AvgPool { pool, .. } => format!("{word} {}", window(pool.kernel, pool.stride)),
            Op::Dropout { p } | Op::DropPath { p } => format!("{word} {p}"),
            Op::Gn { groups, .. } | Op::Shuffle { groups } => format!("{word} {groups} groups"),
            Op::Zero { stride } | Op::Subsample { stride } if *stride != [1, 1] => format!("{word} /{}", stride[0]),
            Op::Upsample { scale, .. } => format!("{word} {}", pair(*scale)),
            Op::Select { from, to } => format!("{word} {from}..{to}"),
            Op::Custom { path, args, .. } if args.is_empty() => format!("{word} {path}"),
            Op::Custom { path, args, .. } => format!("{word} {path}({})", args.join(", ")),
            Op::Scale { factor } => format!("{word} {factor}"),
            Op::Input
            | Op::Linear { .. }
            | Op::Bn { .. }
            | Op::Ln { .. }
            | Op::Lrn { .. }
            | Op::Relu
            | Op::Relu6
            | Op::Leaky { .. }
            | Op::Prelu { .. }
            | Op::Sigmoid
            | Op::Tanh
            | Op::Silu
            | Op::Hswish
            | Op::Hsigmoid
            | Op::Gelu
            | Op::Softmax
            | Op::AdaptiveAvgPool { .. }
            | Op::Gap
            | Op::Pad { .. }
            | Op::Flatten
            | Op::Identity
            | Op::Zero { .. }
            | Op::Shift { .. }
            | Op::Affine { .. }
            | Op::Subsample { .. }
            | Op::PadChannels { .. }
            | Op::Add
            | Op::Concat
            | Op::Mul => word.to_owned(),
        }
    }
}

impl Graph {
    /// A line for each layer; of equal blocks in a row the first is shown whole and the others in one line.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        // For each node the calls that end in front of it, in their order.
        let mut ends: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len() + 1];
        for (position, call) in self.calls.iter().enumerate() {
            ends[call.nodes.end].push(position);
        }
        let mut index = 0;
        let mut calls = self.calls.iter().enumerate().peekable();
        while index < self.nodes.len() {
            while calls.next_if(|(_, call)| call.nodes.start < index).is_some() {}
            // Of calls that begin at one node the outermost comes first.
            let folded =
                calls.clone().take_while(|(_, call)| call.nodes.start == index).find_map(|(position, call)| {
                    let earlier = ends[index].partition_point(|&other| other < position);
                    let before = ends[index][..earlier].last()?;
                    self.alike(&self.calls[*before], call).then_some(call)
                });
            if let Some(call) = folded {
                self.fold(call, &mut rows);
                index = call.nodes.end;
                continue;
            }
            let node = &self.nodes[index];
            rows.push(Row {
                name: self.path(node.scope),
                what: node.op.describe(),
                output: node.shape.to_string(),
                params: self.node_params(node),
                macs: self.node_macs(node),
            });
            index += 1;
        }
        rows
    }

    /// Whether a call repeats the one before it: same block, same operations, same sizes.
    fn alike(&self, before: &Call, call: &Call) -> bool {
        !call.nodes.is_empty()
            && before.block == call.block
            && before.nodes.len() == call.nodes.len()
            && self.scopes[before.scope.0].parent == self.scopes[call.scope.0].parent
            && self.nodes[before.nodes.clone()]
                .iter()
                .zip(&self.nodes[call.nodes.clone()])
                .all(|(a, b)| a.op == b.op && a.shape == b.shape && self.input_shapes(a) == self.input_shapes(b))
    }

    fn fold(&self, call: &Call, rows: &mut Vec<Row>) {
        let nodes = &self.nodes[call.nodes.clone()];
        let (params, macs) = (
            nodes.iter().map(|node| self.node_params(node)).sum::<u64>(),
            nodes.iter().map(|node| self.node_macs(node)).sum::<u64>(),
        );
        let path = self.path(call.scope);
        if let Some(last) = rows.last_mut()
            && let Some((count, block)) = last.what.split_once(" × ")
            && block == call.written
            && let Ok(count) = count.parse::<usize>()
        {
            let first = last.name.split(" … ").next().unwrap_or_default().to_owned();
            last.name = format!("{first} … {path}");
            last.what = format!("{} × {}", count + 1, call.written);
            last.params += params;
            last.macs += macs;
            return;
        }
        let output = self.node(call.output).shape.to_string();
        rows.push(Row { name: path, what: format!("1 × {}", call.written), output, params, macs });
    }

    /// The table as text: name, operation, output, parameters, multiply-adds; totals below.
    pub fn table(&self) -> String {
        let header = ["layer", "operation", "output", "parameters", "multiply-adds"].map(str::to_owned);
        let blank_zero = |n: u64| if n == 0 { String::new() } else { grouped(n) };
        let mut lines = vec![header];
        for row in self.rows() {
            lines.push([row.name, row.what, row.output, blank_zero(row.params), blank_zero(row.macs)]);
        }
        let widths: [usize; 5] =
            std::array::from_fn(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0));
        let mut text = String::new();
        for line in &lines {
            let mut row = String::new();
            for (column, cell) in line.iter().enumerate() {
                let space = " ".repeat(widths[column] - cell.chars().count());
                let cell = if column < 3 { format!("{cell}{space}") } else { format!("{space}{cell}") };
                row.push_str(&cell);
                row.push_str(if column < 4 { "  " } else { "" });
            }
            text.push_str(row.trim_end());
            text.push('\n');
        }
        let Costs { params, buffers, macs, aux_macs, activations } = self.costs();
        let aux = if aux_macs == 0 { String::new() } else { format!(" (+ {} auxiliary)", grouped(aux_macs)) };
        text.push_str(&format!(
            "\n{} parameters, {} multiply-adds{aux}, {} buffers, {} bytes of activations a sample\n",
            grouped(params),
            grouped(macs),
            grouped(buffers),
            grouped(activations)
        ));
        text
    }

    /// Names of everything a `state_dict` holds, in its order.
    pub fn names(&self) -> Vec<String> {
        self.tensors().into_iter().map(|(name, _)| name).collect()
    }

    /// Names of what gradients reach.
    pub fn parameter_names(&self) -> Vec<String> {
        self.tensors().into_iter().filter(|(_, tensor)| tensor.role == Role::Parameter).map(|(name, _)| name).collect()
    }
}

/// A number as tables print it: `11,689,512`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Three digits and a unit: `11.7 M`, `1.81 G`, `416 K`; whole below a thousand.
pub fn readable(n: u64) -> String {
    let Some(power) = n.checked_ilog10().map(|digits| digits / 3).filter(|&power| power > 0) else {
        return n.to_string();
    };
    let unit = |power: u32| ["", "K", "M", "G", "T", "P", "E"][power as usize];
    let scaled = n as f64 / 1000f64.powi(power as i32);
    let decimals = if scaled < 9.995 {
        2
    } else if scaled < 99.95 {
        1
    } else {
        0
    };
    match format!("{scaled:.decimals$}").as_str() {
        // 999,999 rounds to the next unit.
        "1000" => format!("1.00 {}", unit(power + 1)),
        number => format!("{number} {}", unit(power)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1.00 K"),
            (9_994, "9.99 K"),
            (9_996, "10.0 K"),
            (61_706, "61.7 K"),
            (416_520, "417 K"),
            (999_999, "1.00 M"),
            (11_689_512, "11.7 M"),
            (1_814_073_344, "1.81 G"),
            (u64::MAX, "18.4 E"),
        ];
        for (n, text) in cases {
            assert_eq!(readable(n), text);
        }
    }
}
