//! Dong & Yang 2020, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search": one cell, which stands
//! everywhere in the network.

crate::define! {
    /// An edge of the cell.
    block edge(op) {
        let (none, skip, conv1, conv3, pool) = (0, 1, 2, 3, 4);
        if op == none {
            zero
        } else if op == skip {
            identity
        } else if op == pool {
            avgpool(3, stride = 1, pad = 1, count_pad = false)
        } else {
            let kernel = if op == conv1 { 1 } else { 3 };
            relu -> conv(in.channels, kernel, pad = same, bias = false) -> bn
        }
    }

    /// The cell's third node, from the first two.
    block third(tensor second, a, b) {
        add { edge(a); { from second -> edge(b) }; }
    }

    /// The cell's last node, from the other three.
    block fourth(tensor second, tensor third, a, b, c) {
        add { edge(a); { from second -> edge(b) }; { from third -> edge(c) }; }
    }

    /// Four nodes, each the sum of edges from all before it. Fig. 1.
    block cell(edges) {
        tap first -> edge(edges[0]) -> tap n1 -> from first
        -> third(n1, edges[1], edges[2]) -> tap n2 -> from first
        -> fourth(n1, n2, edges[3], edges[4], edges[5])
    }

    /// A residual block that halves the map.
    block reduction(out) {
        add {
            { relu -> conv(out, 3, stride = 2, pad = 1, bias = false) -> bn
              -> relu -> conv(out, 3, pad = 1, bias = false) -> bn };
            { avgpool(2) -> conv(out, 1, bias = false) };
        }
    }

    /// The network around the cell. Fig. 1.
    block around(edges) {
        { cell(edges) * 5 } -> reduction(32) -> { cell(edges) * 5 } -> reduction(64) -> { cell(edges) * 5 } -> bn -> relu
    }

    /// NAS-Bench-201: 15,625 networks for CIFAR-10, 16 channels wide, of 15 equal cells. Dong & Yang 2020.
    ///
    /// The gene `edge01` is the operation on the edge from node 0 to node 1.
    pub NasBench201(classes = 10): 3x32x32 -> classes;
    stem stem: { conv(16, 3, pad = 1, bias = false) -> bn };
    body {
        let (none, skip, conv1, conv3, pool) = (0, 1, 2, 3, 4);
        let edge01 = choose(none, skip, conv1, conv3, pool);
        let edge02 = choose(none, skip, conv1, conv3, pool);
        let edge12 = choose(none, skip, conv1, conv3, pool);
        let edge03 = choose(none, skip, conv1, conv3, pool);
        let edge13 = choose(none, skip, conv1, conv3, pool);
        let edge23 = choose(none, skip, conv1, conv3, pool);
        around([edge01, edge02, edge12, edge03, edge13, edge23])
    };
    head gap -> linear(classes);
}
