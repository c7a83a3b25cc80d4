// Sliding windows: pooling, and convolutions that no library computes.

__device__ inline i64 least(i64 a, i64 b) { return a < b ? a : b; }

__device__ inline i64 most(i64 a, i64 b) { return a > b ? a : b; }

__device__ inline i64 input_of(Axis axis, i64 output, i64 tap) {
    return output * axis.stride + tap * axis.dilation - axis.before;
}

__device__ inline bool inside(Axis axis, i64 input) { return input >= 0 && input < axis.input; }

// The output whose tap k lies on an input; -1 if there is none.
__device__ inline i64 output_of(Axis axis, i64 input, i64 tap) {
    i64 from = input + axis.before - tap * axis.dilation;
    return from >= 0 && from % axis.stride == 0 && from / axis.stride < axis.output ? from / axis.stride : -1;
}

// The pixel that wins a window: of equals the first, of NaNs the last; -1 if no tap lies on the map.
__device__ inline i64 winner(const Map &x, Axis rows, Axis cols, i64 sample, i64 i, i64 j, i64 channel, float &largest) {
    i64 place = -1;
    largest = -INFINITY;
    for (i64 u = 0; u < rows.kernel; u++) {
        i64 row = input_of(rows, i, u);
        if (!inside(rows, row))
            continue;
        for (i64 v = 0; v < cols.kernel; v++) {
            i64 col = input_of(cols, j, v);
            if (!inside(cols, col))
                continue;
            float value = pixel_at(x, sample, row * x.width + col)[channel];
            if (place < 0 || value > largest || value != value) {
                largest = value;
                place = row * x.width + col;
            }
        }
    }
    return place;
}

KERNEL(max_pool, {
    Map x;
    Map y;
    Axis rows;
    Axis cols;
}) {
    EACH(n, numbers_of(p.y)) {
        Place at = place_of(p.y, n);
        float largest;
        winner(p.x, p.rows, p.cols, at.sample, at.pixel / p.y.width, at.pixel % p.y.width, at.channel, largest);
        number_at(p.y, at) = largest;
    }
}

// Every input asks the windows above it whether it won: no two threads write the same number.
KERNEL(max_pool_gradient, {
    Map x;
    Map dy;
    Map onto;
    i64 has_onto;
    Map dx;
    Axis rows;
    Axis cols;
}) {
    EACH(n, numbers_of(p.dx)) {
        Place at = place_of(p.dx, n);
        float sum = p.has_onto ? number_at(p.onto, at) : 0.0f;
        for (i64 u = 0; u < p.rows.kernel; u++) {
            i64 i = output_of(p.rows, at.pixel / p.dx.width, u);
            if (i < 0)
                continue;
            for (i64 v = 0; v < p.cols.kernel; v++) {
                i64 j = output_of(p.cols, at.pixel % p.dx.width, v);
                float largest;
                if (j >= 0 && winner(p.x, p.rows, p.cols, at.sample, i, j, at.channel, largest) == at.pixel)
                    sum += pixel_at(p.dy, at.sample, i * p.dy.width + j)[at.channel];
            }
        }
        number_at(p.dx, at) = sum;
    }
}

// Taps on an input, or with `pads` on an input or its padding.
__device__ inline i64 taps_of(Axis axis, i64 output, i64 pads) {
    i64 count = 0;
    for (i64 k = 0; k < axis.kernel; k++) {
        i64 input = input_of(axis, output, k);
        count += pads ? input < axis.input + axis.after : inside(axis, input);
    }
    return count;
}

__device__ inline float share_of(Axis rows, Axis cols, i64 i, i64 j, i64 pads) {
    return 1.0f / (float)most(taps_of(rows, i, pads) * taps_of(cols, j, pads), 1);
}

KERNEL(avg_pool, {
    Map x;
    Map y;
    Axis rows;
    Axis cols;
    i64 count_pad;
}) {
    EACH(n, numbers_of(p.y)) {
        Place at = place_of(p.y, n);
        i64 i = at.pixel / p.y.width, j = at.pixel % p.y.width;
        float sum = 0.0f;
        for (i64 u = 0; u < p.rows.kernel; u++) {
            i64 row = input_of(p.rows, i, u);
            if (!inside(p.rows, row))
                continue;
            for (i64 v = 0; v < p.cols.kernel; v++) {
                i64 col = input_of(p.cols, j, v);
                if (inside(p.cols, col))
                    sum += pixel_at(p.x, at.sample, row * p.x.width + col)[at.channel];
            }
        }
        number_at(p.y, at) = sum * share_of(p.rows, p.cols, i, j, p.count_pad);
    }
}

KERNEL(avg_pool_gradient, {
    Map dy;
    Map onto;
    i64 has_onto;
    Map dx;
    Axis rows;
    Axis cols;
    i64 count_pad;
}) {
    EACH(n, numbers_of(p.dx)) {
        Place at = place_of(p.dx, n);
        float sum = p.has_onto ? number_at(p.onto, at) : 0.0f;
        for (i64 u = 0; u < p.rows.kernel; u++) {
            i64 i = output_of(p.rows, at.pixel / p.dx.width, u);
            if (i < 0)
                continue;
            for (i64 v = 0; v < p.cols.kernel; v++) {
                i64 j = output_of(p.cols, at.pixel % p.dx.width, v);
                if (j >= 0)
                    sum += pixel_at(p.dy, at.sample, i * p.dy.width + j)[at.channel] *
                           share_of(p.rows, p.cols, i, j, p.count_pad);
            }
        }
        number_at(p.dx, at) = sum;
    }
}

// The mean of each channel of a sample.
KERNEL(global_avg_pool, {
    Map x;
    Map y;
}) {
    EACH(n, p.y.samples * p.y.channels) {
        i64 sample = n / p.y.channels, channel = n % p.y.channels;
        double sum = 0.0;
        for (i64 pixel = 0; pixel < plane_of(p.x); pixel++)
            sum += pixel_at(p.x, sample, pixel)[channel];
        pixel_at(p.y, sample, 0)[channel] = (float)(sum / (double)plane_of(p.x));
    }
}

KERNEL(global_avg_pool_gradient, {
    Map dy;
    Map onto;
    i64 has_onto;
    Map dx;
}) {
    EACH(n, numbers_of(p.dx)) {
        Place at = place_of(p.dx, n);
        float share = pixel_at(p.dy, at.sample, 0)[at.channel] / (float)plane_of(p.dx);
        number_at(p.dx, at) = p.has_onto ? number_at(p.onto, at) + share : share;
    }
}

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
            i64 row = input_of(p.rows, at.pixel / p.y.width, u);
            if (!inside(p.rows, row))
                continue;
            for (i64 v = 0; v < p.cols.kernel; v++) {
                i64 col = input_of(p.cols, at.pixel % p.y.width, v);
                if (!inside(p.cols, col))
                    continue;
                const float *pixel = pixel_at(p.x, at.sample, row * p.x.width + col) + first;
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
            i64 i = output_of(p.rows, at.pixel / p.dx.width, u);
            if (i < 0)
                continue;
            for (i64 v = 0; v < p.cols.kernel; v++) {
                i64 j = output_of(p.cols, at.pixel % p.dx.width, v);
                if (j < 0)
                    continue;
                const float *pixel = pixel_at(p.dy, at.sample, i * p.dy.width + j) + first;
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
