//! NASNet. Zoph, Vasudevan, Shlens and Le, "Learning transferable architectures for scalable image recognition", 2018,
//! NASNet-A of figure 4; 6 @ 4032 of table 2.
//!
//! Names are timm's. All padding between the cells is TensorFlow's `same`. Averages do not count the padding, but for those of
//! stride 2, as in timm, which pads before it averages there.

crate::define! {
    /// ReLU, 1×1 convolution, batch normalisation.
    block act_conv(out) { relu -> conv: conv(out, 1, bias = false) -> bn: bn(eps = 0.001) }

    /// Depthwise, then pointwise convolution.
    block separable(out, kernel, stride) {
        depthwise_conv2d: dwconv(kernel, stride, pad = same, bias = false) -> pointwise_conv2d: conv(out, 1, bias = false)
    }

    /// A separable convolution of the cell: ReLU, convolution and normalisation, twice; a whole path is dropped with
    /// probability `drop`.
    block sep(out, kernel, stride = 1, drop = 0.0) {
        relu -> separable_1: separable(out, kernel, stride) -> bn_sep_1: bn(eps = 0.001)
        -> relu -> separable_2: separable(out, kernel, 1)   -> bn_sep_2: bn(eps = 0.001)
        -> if drop > 0.0 { drop_path(drop) }
    }

    /// NASNet-A's normal cell and, with `reduce`, its reduction cell, behind what makes the previous cell's map fit: a 1×1
    /// convolution, or where that map is still twice as large (`halve`) two, of its even and its odd pixels; nothing in the
    /// very first cell.
    block cell(tensor previous, out, drop, reduce = false, halve = false, first = false) {
        tap arriving
        -> if halve {
            conv_1x1: act_conv(out) -> tap now
            -> from previous -> relu -> concat {
                path_1: { subsample(2) -> conv: conv(out / 2, 1, bias = false) };
                path_2: { pad([-1, 1, -1, 1]) -> subsample(2) -> conv: conv(out / 2, 1, bias = false) };
            } -> final_path_bn: bn(eps = 0.001) -> tap before
        } else if first {
            tap before -> conv_1x1: act_conv(out) -> tap now
        } else {
            from previous -> conv_prev_1x1: act_conv(out) -> tap before
            -> from arriving -> conv_1x1: act_conv(out) -> tap now
        }
        -> if reduce {
            add {
                { from now    -> comb_iter_0_left: sep(out, 5, 2, drop) };
                { from before -> comb_iter_0_right: sep(out, 7, 2, drop) };
            } -> tap sum0
            -> add {
                { from now    -> maxpool(3, stride = 2, pad = same) };
                { from before -> comb_iter_1_right: sep(out, 7, 2, drop) };
            } -> tap sum1
            -> concat {
                identity;
                add {
                    { from now    -> avgpool(3, stride = 2, pad = same) };
                    { from before -> comb_iter_2_right: sep(out, 5, 2, drop) };
                };
                add { { from sum0 -> avgpool(3, stride = 1, pad = same, count_pad = false) }; from sum1; };
                add {
                    { from sum0   -> comb_iter_4_left: sep(out, 3, 1, drop) };
                    { from now    -> maxpool(3, stride = 2, pad = same) };
                };
            }
        } else {
            concat {
                from before;
                add {
                    { from now    -> comb_iter_0_left: sep(out, 5, 1, drop) };
                    { from before -> comb_iter_0_right: sep(out, 3, 1, drop) };
                };
                add {
                    { from before -> comb_iter_1_left: sep(out, 5, 1, drop) };
                    { from before -> comb_iter_1_right: sep(out, 3, 1, drop) };
                };
                add { { from now -> avgpool(3, stride = 1, pad = same, count_pad = false) }; from before; };
                add {
                    { from before -> avgpool(3, stride = 1, pad = same, count_pad = false) };
                    { from before -> avgpool(3, stride = 1, pad = same, count_pad = false) };
                };
                add { { from now -> comb_iter_4_left: sep(out, 3, 1, drop) }; from now; };
            }
        }
    }

    /// NASNet-A (6 @ 4032): three times `cells` normal cells of `channels`, twice and four times as many; 4032 is what the
    /// last of them delivers. The probability `drop` of dropping a path grows from cell to cell. Zoph et al. 2018.
    ///                                                         88.8 M parameters, 23.8 G multiply-adds
    pub NASNetALarge(classes = 1000, cells = 6, channels = 168, first = 96, dropout = 0.5, drop = 0.3): 3x331x331 -> classes;
    stem conv0: { conv: conv(first, 3, stride = 2, bias = false) -> bn: bn(eps = 0.001) }               @ 96x165x165;
         tap image;
    body cell_stem_0: cell(image, channels / 4, drop / (3 * cells + 4), reduce = true, first = true)    @ 168x83x83;
         tap last;
         cell_stem_1: cell(image, channels / 2, 2 * drop / (3 * cells + 4), reduce = true, halve = true) @ 336x42x42;
         for stage in 0..3 {
             let out = [1, 2, 4][stage] * channels;
             let rate = drop / (3 * cells + 4);
             if stage > 0 {
                 "reduction_cell_{stage - 1}": cell(last, out, (stage * (cells + 1) + 2) * rate, reduce = true)
             }
             -> for i in 0..cells {
                 tap arriving
                 -> "cell_{stage * cells + i}": cell(last, out, (stage * (cells + 1) + i + 3) * rate, halve = i == 0)
                 -> tap next -> from arriving -> tap last -> from next
             }
         }                                                                                             @ 4032x11x11;
    head relu -> gap -> dropout(dropout) -> last_linear: linear(classes);
}
