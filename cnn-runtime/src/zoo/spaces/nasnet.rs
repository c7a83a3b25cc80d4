//! Zoph et al. 2018, "Learning Transferable Architectures for Scalable Image Recognition": cells of pairs of operations on
//! earlier tensors. Here every cell of the network is chosen for itself, and joins all its pairs.

crate::define! {
    /// A depthwise separable convolution, twice. Appendix A.4.
    block separable(kernel, out, stride) {
        relu -> dwconv(kernel, stride, pad = same, bias = false) -> conv(out, 1, bias = false) -> bn
        -> relu -> dwconv(kernel, 1, pad = same, bias = false) -> conv(out, 1, bias = false) -> bn
    }

    /// What keeps the channels must be brought to them.
    block fit(out) {
        if in.channels != out { relu -> conv(out, 1, bias = false) -> bn }
    }

    /// The operation of one side of a pair. Section 3, the ones that NASNet-A and its like use.
    block operation(out, stride) {
        choose {
            { if stride == 1 { identity } else { subsample(stride) } } -> fit(out);
            avgpool(3, stride, pad = same, count_pad = false) -> fit(out);
            maxpool(3, stride, pad = same) -> fit(out);
            separable(3, out, stride);
            separable(5, out, stride);
            separable(7, out, stride);
            relu -> conv(out, 3, stride, pad = same, bias = false) -> bn;
            relu -> conv(out, 3, stride, pad = same, dilation = 2, bias = false) -> bn;
        }
    }

    /// A pair: the sum of two operations, each on one of the two tensors that arrive or of the earlier pairs.
    block pair1(tensor a, tensor b, out, stride) {
        add {
            left: { choose { from a; from b; } -> op: operation(out, stride) };
            right: { choose { from a; from b; } -> op: operation(out, stride) };
        }
    }

    block pair2(tensor a, tensor b, tensor p1, out, stride) {
        add {
            left: choose { { choose { from a; from b; } -> operation(out, stride) }; { from p1 -> operation(out, 1) }; };
            right: choose { { choose { from a; from b; } -> operation(out, stride) }; { from p1 -> operation(out, 1) }; };
        }
    }

    block pair3(tensor a, tensor b, tensor p1, tensor p2, out, stride) {
        add {
            left: choose {
                { choose { from a; from b; } -> operation(out, stride) };
                { choose { from p1; from p2; } -> operation(out, 1) };
            };
            right: choose {
                { choose { from a; from b; } -> operation(out, stride) };
                { choose { from p1; from p2; } -> operation(out, 1) };
            };
        }
    }

    block pair4(tensor a, tensor b, tensor p1, tensor p2, tensor p3, out, stride) {
        add {
            left: choose {
                { choose { from a; from b; } -> operation(out, stride) };
                { choose { from p1; from p2; from p3; } -> operation(out, 1) };
            };
            right: choose {
                { choose { from a; from b; } -> operation(out, stride) };
                { choose { from p1; from p2; from p3; } -> operation(out, 1) };
            };
        }
    }

    block pair5(tensor a, tensor b, tensor p1, tensor p2, tensor p3, tensor p4, out, stride) {
        add {
            left: choose {
                { choose { from a; from b; } -> operation(out, stride) };
                { choose { from p1; from p2; from p3; from p4; } -> operation(out, 1) };
            };
            right: choose {
                { choose { from a; from b; } -> operation(out, stride) };
                { choose { from p1; from p2; from p3; from p4; } -> operation(out, 1) };
            };
        }
    }

    /// The output of the cell before the last, brought to the size of the last one's.
    block adjusted(out, height) {
        relu -> { if in.height != height { avgpool(1, stride = 2) } } -> conv(out, 1, bias = false) -> bn
    }

    /// A normal cell, or with a stride of 2 a reduction cell.
    block cell(tensor before, out, stride) {
        let height = in.height;
        tap last -> from before -> before: adjusted(out, height) -> tap a
        -> from last -> last: { relu -> conv(out, 1, bias = false) -> bn } -> tap b
        -> pair1: pair1(a, b, out, stride) -> tap p1
        -> pair2: pair2(a, b, p1, out, stride) -> tap p2
        -> pair3: pair3(a, b, p1, p2, out, stride) -> tap p3
        -> pair4: pair4(a, b, p1, p2, p3, out, stride) -> tap p4
        -> pair5: pair5(a, b, p1, p2, p3, p4, out, stride) -> tap p5
        -> concat { from p1; from p2; from p3; from p4; from p5; }
    }

    /// Cells of NASNet's form for CIFAR-10: three stages of a normal cell, with a reduction cell between them. Each of the five
    /// cells is chosen for itself. Zoph et al. 2018.
    pub NASNetCells(classes = 10, filters = 16): 3x32x32 -> classes;
    stem stem: { conv(2 * filters, 3, pad = 1, bias = false) -> bn };
    body tap c0 -> cell1: cell(c0, filters, 1) -> tap c1
         -> reduction1: cell(c0, 2 * filters, 2) -> tap c2
         -> cell2: cell(c1, 2 * filters, 1) -> tap c3
         -> reduction2: cell(c2, 4 * filters, 2) -> tap c4
         -> cell3: cell(c3, 4 * filters, 1);
    head relu -> gap -> linear(classes);
}
