//! A small space for small images, whose members train in seconds.

crate::define! {
    /// A convolution, or a depthwise separable one, or an inverted bottleneck, with a shortcut where sizes fit.
    block unit(op, kernel, out, stride) {
        let (plain, separable, inverted) = (0, 1, 2);
        let fits = stride == 1 && in.channels == out;
        let wide = 2 * in.channels;
        add {
            { if op == plain {
                  conv(out, kernel, stride, pad = same, bias = false) -> bn
              } else if op == separable {
                  dwconv(kernel, stride, pad = same, bias = false) -> bn -> relu -> conv(out, 1, bias = false) -> bn
              } else {
                  conv(wide, 1, bias = false) -> bn -> relu
                  -> dwconv(kernel, stride, pad = same, bias = false) -> bn -> relu -> conv(out, 1, bias = false) -> bn
              } };
            if fits { identity; };
        } -> relu
    }

    /// One or two units of a kind.
    block stage(out, stride) {
        let (plain, separable, inverted) = (0, 1, 2);
        let op = choose(plain, separable, inverted);
        let kernel = if op == plain { 3 } else { choose(3, 5) };
        let depth = choose(1, 2);
        unit(op, kernel, out, stride) -> unit(op, kernel, out, 1) * (depth - 1)
    }

    /// Small networks for 32x32 images and smaller ones: three stages, in each a kind of unit, its kernel and depth.
    pub CifarSmall(classes = 10): 3x32x32 -> classes;
    stem stem: { conv(choose(8, 16), 3, stride = 2, pad = 1, bias = false) -> bn -> relu };
    body stage1: stage(16, 1);
         stage2: stage(32, 2);
         stage3: stage(64, 2);
    head gap -> linear(classes);
}
