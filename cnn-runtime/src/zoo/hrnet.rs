//! HRNet. Wang et al., "Deep high-resolution representation learning for visual recognition", 2020, table 1 and the
//! classification head of its appendix.
//!
//! Stage by stage one more resolution, the high ones kept beside the low ones; every module ends in a fusion in which each
//! resolution takes the sum of all. Names are timm's.

crate::define! {
    use crate::zoo::resnet::basic;
    use crate::zoo::resnet::bottleneck;

    /// HRNet-W18-C; `widths` from the highest resolution to the lowest. Wang et al. 2020.   21.3 M parameters, 4.3 G multiply-adds
    pub HRNetW18(classes = 1000, widths = [18, 36, 72, 144], modules = [1, 4, 3], units = 4): 3x224x224 -> classes;
    stem conv1: conv(64, 3, stride = 2, pad = 1, bias = false) -> bn1: bn -> relu                            @ 64x112x112;
         conv2: conv(64, 3, stride = 2, pad = 1, bias = false) -> bn2: bn -> relu                            @ 64x56x56;
    body layer1: { bottleneck(256) * 4 }                                                                     @ 256x56x56;
         tap lowest;
         transition1: { "0": { conv(widths[0], 3, pad = 1, bias = false) -> bn -> relu } } -> tap map[0]     @ 18x56x56;
         for stage in 2..=4 {
             // A new resolution from the lowest so far.
             from lowest -> "transition{stage - 1}": {
                 "{stage - 1}": { "0": { conv(widths[stage - 1], 3, stride = 2, pad = 1, bias = false) -> bn -> relu } }
             } -> tap map[stage - 1]
             -> "stage{stage}": {
                 for m in 0..modules[stage - 2] {
                     "{m}": {
                         branches: { for i in 0..stage { from map[i] -> "{i}": { basic(widths[i]) * units } -> tap map[i] } }
                         -> fuse_layers: {
                             for i in 0..stage {
                                 "{i}": {
                                     add {
                                         for j in 0..stage {
                                             { from map[j]
                                               -> if j > i {
                                                      "{j}": { conv(widths[i], 1, bias = false) -> bn -> upsample([1, 2, 4, 8][j - i]) }
                                                  } else if j < i {
                                                      "{j}": {
                                                          for k in 1..i - j {
                                                              "{k - 1}": { conv(widths[j], 3, stride = 2, pad = 1, bias = false) -> bn -> relu }
                                                          }
                                                          -> "{i - j - 1}": { conv(widths[i], 3, stride = 2, pad = 1, bias = false) -> bn }
                                                      }
                                                  } };
                                         }
                                     } -> relu
                                 } -> tap fused[i]
                             }
                         }
                         -> for i in 0..stage { from fused[i] -> tap map[i] }
                     }
                 }
             } -> tap lowest
         }                                                                                                   @ 144x7x7;
    // The head: widen every resolution, then add them up from the highest to the lowest.
         incre_modules: {
             for (i, out) in [(0, 128), (1, 256), (2, 512), (3, 1024)] { from map[i] -> "{i}": { bottleneck(out) } -> tap map[i] }
         };
         from map[0] -> downsamp_modules: {
             for (i, out) in [(0, 256), (1, 512), (2, 1024)] {
                 "{i}": { conv(out, 3, stride = 2, pad = 1) -> bn -> relu } -> add { from map[i + 1]; identity; }
             }
         }                                                                                                   @ 1024x7x7;
         final_layer: { conv(2048, 1) -> bn -> relu }                                                        @ 2048x7x7;
    head gap -> classifier: linear(classes);
}
