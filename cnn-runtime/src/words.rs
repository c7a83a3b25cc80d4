//! The words of the language as items, for editors: hovering over `conv` in a network shows the documentation of this `conv`.
//!
//! Written by the test `words` from the compiler's table of layers: `UPDATE_DOCS=1 cargo test -p cnn-lang --test words`.
#![allow(non_upper_case_globals)]

/// `add { a; b; }`
///
/// The sum of its branches, whose sizes are equal. Each begins at the tensor that arrives.
pub const add: () = ();

/// `aux { chain }`
///
/// An extra output: its steps begin here, and the tensor here passes on.
pub const aux: () = ();

/// `block name(out, stride = 1) { chain }`
///
/// Steps with parameters, called like a layer.
pub const block: () = ();

/// `body chain; …`
///
/// The steps between stem and head. `features()` ends with them.
pub const body: () = ();

/// `choose { chain; chain; }`
///
/// In a space: one of these. In an expression `choose(a, b)`: one of these values.
pub const choose: () = ();

/// `concat { a; b; c; }`
///
/// Its branches joined along the channels; height and width are equal.
pub const concat: () = ();

/// `from name`
///
/// Replaces the tensor here by the one that `tap name` named.
pub const from: () = ();

/// `head chain; …`
///
/// The last steps: from features to what the network delivers.
pub const head: () = ();

/// `mul { a; b; }`
///
/// The product of its branches; an axis of length 1 is repeated.
pub const mul: () = ();

/// `stem chain; …`
///
/// The first steps of a network.
pub const stem: () = ();

/// `tap name`
///
/// Names the tensor here, for `from name`, and lets it pass.
pub const tap: () = ();

/// `conv(out, kernel, stride = 1, pad = 0, dilation = 1, groups = 1, bias = true, std = false, connect = all)`
///
/// Convolution. `std` standardises each filter (mean 0, variance 1) before use; `connect` lists for each output channel the input channels it sees
///
/// **Size**: `out×H'×W'`, H' = windows(H)
///
/// **Tensors**: `weight` \[out, C/groups, kh, kw\], `bias` \[out\]
///
/// **Multiply-adds**: out·H'·W'·(C/groups)·kh·kw
pub const conv: () = ();

/// `dwconv(kernel, stride = 1, pad = 0, dilation = 1, multiplier = 1, bias = true)`
///
/// Depthwise convolution: `conv` with a group for each channel
///
/// **Size**: `C·multiplier×H'×W'`, H' = windows(H)
///
/// **Tensors**: `weight` \[C·multiplier, 1, kh, kw\], `bias` \[C·multiplier\]
///
/// **Multiply-adds**: C·multiplier·H'·W'·kh·kw
pub const dwconv: () = ();

/// `linear(out, bias = true, pixelwise = false)`
///
/// Fully connected layer on a vector; with `pixelwise` on the channels of every pixel of a map
///
/// **Size**: `out`; pixelwise `out×H×W`
///
/// **Tensors**: `weight` \[out, C\], `bias` \[out\]
///
/// **Multiply-adds**: out·C; pixelwise out·C·H·W
pub const linear: () = ();

/// `bn(eps = 1e-5, momentum = 0.1, affine = true)`
///
/// Batch normalisation. Ioffe & Szegedy 2015
///
/// **Size**: as it arrives
///
/// **Tensors**: `weight` \[C\], `bias` \[C\], `running_mean` \[C\], `running_var` \[C\], `num_batches_tracked` \[\]
pub const bn: () = ();

/// `gn(groups, eps = 1e-5)`
///
/// Group normalisation. Wu & He 2018
///
/// **Size**: as it arrives; groups divide C
///
/// **Tensors**: `weight` \[C\], `bias` \[C\]
pub const gn: () = ();

/// `ln(eps = 1e-5)`
///
/// Layer normalisation over the channels (of every pixel, on a map). Ba et al. 2016
///
/// **Size**: as it arrives
///
/// **Tensors**: `weight` \[C\], `bias` \[C\]
pub const ln: () = ();

/// `lrn(size, alpha = 0.0001, beta = 0.75, k = 1.0)`
///
/// Local response normalisation across channels, alpha divided by size. Krizhevsky et al. 2012
///
/// **Size**: as it arrives
pub const lrn: () = ();

/// `relu`
///
/// max(x, 0)
///
/// **Size**: as it arrives
pub const relu: () = ();

/// `relu6`
///
/// min(max(x, 0), 6)
///
/// **Size**: as it arrives
pub const relu6: () = ();

/// `leaky(slope = 0.01)`
///
/// x where x > 0, else slope·x
///
/// **Size**: as it arrives
pub const leaky: () = ();

/// `prelu(per_channel = false)`
///
/// x where x > 0, else weight·x, starting at 0.25. He et al. 2015
///
/// **Size**: as it arrives
///
/// **Tensors**: `weight` \[1\], per channel \[C\]
pub const prelu: () = ();

/// `sigmoid`
///
/// 1 / (1 + e⁻ˣ)
///
/// **Size**: as it arrives
pub const sigmoid: () = ();

/// `tanh`
///
/// tanh(x)
///
/// **Size**: as it arrives
pub const tanh: () = ();

/// `silu`
///
/// x·sigmoid(x), also named swish
///
/// **Size**: as it arrives
pub const silu: () = ();

/// `hswish`
///
/// x·hsigmoid(x). Howard et al. 2019
///
/// **Size**: as it arrives
pub const hswish: () = ();

/// `hsigmoid`
///
/// relu6(x + 3) / 6
///
/// **Size**: as it arrives
pub const hsigmoid: () = ();

/// `gelu`
///
/// x·Φ(x), Φ the normal distribution function (exact)
///
/// **Size**: as it arrives
pub const gelu: () = ();

/// `softmax`
///
/// Softmax over the channels
///
/// **Size**: as it arrives
pub const softmax: () = ();

/// `maxpool(kernel, stride = kernel, pad = 0, dilation = 1, ceil = false)`
///
/// Maximum of each window; padding never wins
///
/// **Size**: `C×H'×W'`, H' = windows(H)
pub const maxpool: () = ();

/// `avgpool(kernel, stride = kernel, pad = 0, ceil = false, count_pad = true)`
///
/// Mean of each window; `count_pad` counts the padding's zeros in the divisor
///
/// **Size**: `C×H'×W'`, H' = windows(H)
pub const avgpool: () = ();

/// `adaptive_avgpool(out)`
///
/// Mean over a grid of `out` bins, bin i from ⌊i·H/out⌋ to ⌈(i+1)·H/out⌉
///
/// **Size**: `C×out×out`
pub const adaptive_avgpool: () = ();

/// `gap`
///
/// Global average pooling to a vector. Lin et al. 2013
///
/// **Size**: `C`
pub const gap: () = ();

/// `pad(pad)`
///
/// Zeros around the map; negative numbers crop
///
/// **Size**: `C×(H+top+bottom)×(W+left+right)`
pub const pad: () = ();

/// `dropout(p = 0.5)`
///
/// In training zeroes each number with probability p and scales the rest by 1/(1−p). Srivastava et al. 2014
///
/// **Size**: as it arrives
pub const dropout: () = ();

/// `drop_path(p)`
///
/// In training zeroes a whole sample with probability p and scales the rest by 1/(1−p) (stochastic depth). Huang et al. 2016
///
/// **Size**: as it arrives
pub const drop_path: () = ();

/// `flatten`
///
/// The numbers of a map as a vector, in the order C, H, W
///
/// **Size**: `C·H·W`
pub const flatten: () = ();

/// `identity`
///
/// x
///
/// **Size**: as it arrives
pub const identity: () = ();

/// `zero(stride = 1)`
///
/// Zeros: the absent edge of cell spaces
///
/// **Size**: `C×⌈H/stride⌉×⌈W/stride⌉`
pub const zero: () = ();

/// `shift(kernel = 3, dilation = 1)`
///
/// Moves the j-th group of ⌊C/(kh·kw)⌋ channels by the j-th offset of the kernel, row by row, zeros moving in; channels left over stay. Wu et al. 2017
///
/// **Size**: as it arrives
pub const shift: () = ();

/// `shuffle(groups)`
///
/// Transposes channels seen as groups × C/groups. Zhang et al. 2017
///
/// **Size**: as it arrives; groups divide C
pub const shuffle: () = ();

/// `upsample(scale, mode = nearest, align_corners = false)`
///
/// Enlarges the map
///
/// **Size**: `C×H·scale×W·scale`
pub const upsample: () = ();

/// `scale(factor)`
///
/// factor·x, a constant
///
/// **Size**: as it arrives
pub const scale: () = ();

/// `affine(bias = true, init = 1.0, bare = false)`
///
/// weight·x + bias for each channel; the weight starts at `init`, the bias at 0. With `bare` the weight is a parameter of the scope around, called as the layer
///
/// **Size**: as it arrives
///
/// **Tensors**: `weight` \[C\], `bias` \[C\]; bare the label itself \[C, 1, 1\]
pub const affine: () = ();

/// `subsample(stride)`
///
/// Every stride-th row and column from the first (option A of He et al. 2015)
///
/// **Size**: `C×⌈H/stride⌉×⌈W/stride⌉`
pub const subsample: () = ();

/// `pad_channels(out, before = 0)`
///
/// Channels of zeros: `before` in front, the rest behind
///
/// **Size**: `out×H×W`, out ≥ C + before
pub const pad_channels: () = ();

/// `select(from, to)`
///
/// Channels from `from` up to, not including, `to`
///
/// **Size**: `(to − from)×H×W`
pub const select: () = ();
