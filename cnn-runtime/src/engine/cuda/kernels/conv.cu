// Convolutions that no library computes.

// What lies under each window as the channels of a pixel, in the order of a filter's numbers: each row of the window is `line`
// numbers, zeros behind.
PACK_KERNEL(unfold, {
    Map y;
    const Number *x;
    i64 height;
    i64 width;
    i64 pitch;
    i64 channels;
    i64 line;
    Axis rows;
    Axis cols;
}) {
    unsigned channels = (unsigned)p.channels, line = (unsigned)p.line;
    EACH(n, numbers_of(p.y) / WIDE) {
        Place at = place_of(p.y, n * WIDE);
        i64 i = row_of(p.y, at.pixel), j = col_of(p.y, at.pixel);
        const Number *image = p.x + at.sample * p.height * p.width * p.pitch;
        // A pack is of one line.
        unsigned u = (unsigned)at.channel / line, within = (unsigned)at.channel % line;
        unsigned v = within / channels, c = within % channels;
        i64 row = input_of(p.rows, i, u);
        bool in_map = inside(p.rows, row);
        Reals y;
        EACH_OF(k) {
            i64 col = input_of(p.cols, j, v);
            bool there = in_map && v < p.cols.kernel && inside(p.cols, col);
            y.at[k] = there ? (float)image[(row * p.width + col) * p.pitch + c] : 0.0f;
            if (++c == channels) {
                c = 0;
                v++;
            }
        }
        set_pack(p.y, at, y);
    }
}

#if WIDE == 1

// `y = f(onto + x * weight + bias)`; weights are `[outputs, inputs / groups, height, width]`.
KERNEL(conv, {
    Map x;
    const float *weight;
    const float *bias;
    Map onto;
    i64 has_onto;
    Map y;
    Axis rows;
    Axis cols;
    i64 groups;
    Curve f;
}) {
    i64 inputs = p.x.channels / p.groups, outputs = p.y.channels / p.groups, window = p.rows.kernel * p.cols.kernel;
    EACH(n, numbers_of(p.y)) {
        Place at = place_of(p.y, n);
        i64 first = at.channel / outputs * inputs;
        const float *filter = p.weight + at.channel * inputs * window;
        float sum = 0.0f;
        for (i64 u = 0; u < p.rows.kernel; u++) {
            i64 row = input_of(p.rows, row_of(p.y, at.pixel), u);
            if (!inside(p.rows, row))
                continue;
            for (i64 v = 0; v < p.cols.kernel; v++) {
                i64 col = input_of(p.cols, col_of(p.y, at.pixel), v);
                if (!inside(p.cols, col))
                    continue;
                const Number *pixel = pixel_at(p.x, at.sample, row * p.x.width + col) + first;
                const float *tap = filter + u * p.cols.kernel + v;
                for (i64 c = 0; c < inputs; c++)
                    sum += pixel[c] * tap[c * window];
            }
        }
        if (p.bias)
            sum += p.bias[at.channel];
        if (p.has_onto)
            sum += number_at(p.onto, at);
        number_at(p.y, at) = value_of(p.f, sum);
    }
}

KERNEL(conv_input_gradient, {
    const float *weight;
    Map dy;
    Map onto;
    i64 has_onto;
    Map dx;
    Axis rows;
    Axis cols;
    i64 groups;
}) {
    i64 inputs = p.dx.channels / p.groups, outputs = p.dy.channels / p.groups, window = p.rows.kernel * p.cols.kernel;
    EACH(n, numbers_of(p.dx)) {
        Place at = place_of(p.dx, n);
        i64 first = at.channel / inputs * outputs;
        const float *filter = p.weight + (first * inputs + at.channel % inputs) * window;
        float sum = p.has_onto ? number_at(p.onto, at) : 0.0f;
        for (i64 u = 0; u < p.rows.kernel; u++) {
            i64 i = output_of(p.rows, row_of(p.dx, at.pixel), u);
            if (i < 0)
                continue;
            for (i64 v = 0; v < p.cols.kernel; v++) {
                i64 j = output_of(p.cols, col_of(p.dx, at.pixel), v);
                if (j < 0)
                    continue;
                const Number *pixel = pixel_at(p.dy, at.sample, i * p.dy.width + j) + first;
                const float *tap = filter + u * p.cols.kernel + v;
                for (i64 c = 0; c < outputs; c++)
                    sum += pixel[c] * tap[c * inputs * window];
            }
        }
        number_at(p.dx, at) = sum;
    }
}

// A thread for each weight: a sum over all outputs that it had a part in.
KERNEL(conv_weight_gradient, {
    Map x;
    Map dy;
    const float *onto;
    float *dweight;
    Axis rows;
    Axis cols;
    i64 groups;
}) {
    i64 inputs = p.x.channels / p.groups, outputs = p.dy.channels / p.groups, window = p.rows.kernel * p.cols.kernel;
    EACH(n, p.dy.channels * inputs * window) {
        i64 v = n % p.cols.kernel, u = n / p.cols.kernel % p.rows.kernel;
        i64 output = n / (inputs * window), input = output / outputs * inputs + n / window % inputs;
        double sum = p.onto ? p.onto[n] : 0.0;
        for (i64 sample = 0; sample < p.dy.samples; sample++) {
            for (i64 i = 0; i < p.rows.output; i++) {
                i64 row = input_of(p.rows, i, u);
                if (!inside(p.rows, row))
                    continue;
                for (i64 j = 0; j < p.cols.output; j++) {
                    i64 col = input_of(p.cols, j, v);
                    if (inside(p.cols, col))
                        sum += (double)pixel_at(p.x, sample, row * p.x.width + col)[input] *
                               pixel_at(p.dy, sample, i * p.dy.width + j)[output];
                }
            }
        }
        p.dweight[n] = (float)sum;
    }
}

// Filters as a library wants them, `[outputs, height, width, inputs / groups]` in the numbers of maps, each row of a window padded
// by zeros to `line`: an entry of a table each.
struct Filter {
    const float *weight;
    Number *packed;
    i64 outputs;
    i64 inputs; // of a group
    i64 height; // of the window
    i64 width;
    i64 line;
};

KERNEL(pack_filters, { const Filter *filters; }) {
    Filter filter = p.filters[blockIdx.y];
    unsigned inputs = (unsigned)filter.inputs, height = (unsigned)filter.height, width = (unsigned)filter.width;
    unsigned line = (unsigned)filter.line;
    EACH(n, filter.outputs * filter.height * filter.line) {
        unsigned row = (unsigned)n / line, within = (unsigned)n % line, v = within / inputs, input = within % inputs;
        unsigned output = row / height, u = row % height;
        filter.packed[n] = v < width ? filter.weight[((output * inputs + input) * height + u) * width + v] : 0.0f;
    }
}

// A gradient that a library computed, in the order of weights, onto what is there or not.
KERNEL(unpack_filter, {
    const Number *packed;
    const float *onto;
    float *weight;
    i64 outputs;
    i64 inputs;
    i64 height;
    i64 width;
    i64 line;
}) {
    unsigned inputs = (unsigned)p.inputs, height = (unsigned)p.height, width = (unsigned)p.width;
    EACH(n, p.outputs * p.inputs * p.height * p.width) {
        unsigned v = (unsigned)n % width, row = (unsigned)n / width, u = row % height;
        unsigned input = row / height % inputs, output = row / height / inputs;
        float gradient = p.packed[(output * p.height + u) * p.line + v * inputs + input];
        p.weight[n] = p.onto ? p.onto[n] + gradient : gradient;
    }
}

#endif
