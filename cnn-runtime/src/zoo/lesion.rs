//! Lesioned residual networks. Veit, Wilber and Belongie, "Residual networks behave like ensembles of relatively shallow
//! networks", 2016, section 4.1.
//!
//! Units are deleted from a trained network, of which their shortcuts remain. The layers of a deleted unit stand in an `aux`: the
//! whole network's weights load, and inference computes nothing of it.

crate::define! {
    /// A unit without parameters in its shortcut (option A); of one that is cut, the shortcut alone.
    block unit(out, stride = 1, cut = false) {
        let changes = stride != 1 || in.channels != out;
        if cut {
            aux { conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
                  -> conv2: conv(out, 3, pad = 1, bias = false)      -> bn2: bn }
            -> if changes { subsample(stride) -> pad_channels(out) }
        } else {
            add {
                { conv1: conv(out, 3, stride, pad = 1, bias = false) -> bn1: bn -> relu
                  -> conv2: conv(out, 3, pad = 1, bias = false)      -> bn2: bn };
                { if changes { subsample(stride) -> pad_channels(out) } };
            } -> relu
        }
    }

    /// `units` units, of which those in `cut` are deleted: numbers from 0, ascending.
    block stage(out, stride, units, cut) {
        let bounds = [-1] + cut + [units];
        for k in 0..=len(cut) {
            for i in bounds[k] + 1..bounds[k + 1] { unit(out, if i == 0 { stride } else { 1 }) }
            -> if k < len(cut) { unit(out, if cut[k] == 0 { stride } else { 1 }, cut = true) }
        }
    }

    /// ResNet-56 without a unit of each stage. Veit et al. 2016.  0.85 M parameters, 0.111 G multiply-adds
    ///
    /// `cut` lists each stage's deleted units.
    pub ResNet56CifarLesion(classes = 10, n = 9, cut = [[3], [5], [2]]): 3x32x32 -> classes;
    stem conv1: conv(16, 3, pad = 1, bias = false) -> bn1: bn -> relu                         @ 16x32x32;
    body layer1: stage(16, 1, n, cut[0])                                                      @ 16x32x32;
         layer2: stage(32, 2, n, cut[1])                                                      @ 32x16x16;
         layer3: stage(64, 2, n, cut[2])                                                      @ 64x8x8;
    head gap -> fc: linear(classes);

    /// ResNet-56 without the first unit that halves the map. Veit et al. 2016.  0.85 M parameters, 0.122 G multiply-adds
    pub ResNet56CifarLesionDownsample = ResNet56CifarLesion(cut = [[], [0], []]);
}
