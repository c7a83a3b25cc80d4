// Layers that move numbers, and softmax over the channels of a pixel.

#if WIDE == 1

// Where numbers come from: output row i is input row `i multiply / divide + add`, channel c is channel `c + first`, shuffled in
// groups, and the first channels move by the offsets of a window.
struct Move {
    i64 multiply[2];
    i64 divide[2];
    i64 add[2];
    i64 first;
    i64 groups; // of a shuffle; 1 for none
    i64 window[2]; // of a shift; 1 for none
    i64 dilation[2];
};

__device__ inline i64 shift_of(const Move &move, i64 channels, i64 channel, i64 axis) {
    i64 offsets = move.window[0] * move.window[1], each = channels / offsets;
    if (channel >= each * offsets)
        return 0;
    i64 j = channel / each, at = axis ? j % move.window[1] : j / move.window[1];
    return (at - move.window[axis] / 2) * move.dilation[axis];
}

// y = x from elsewhere, zero where there is none.
KERNEL(move, {
    Map x;
    Map y;
    Move move;
}) {
    EACH(n, numbers_of(p.y)) {
        Place at = place_of(p.y, n);
        i64 channel = at.channel + p.move.first, columns = p.x.channels / p.move.groups;
        if (p.move.groups > 1)
            channel = channel % p.move.groups * columns + channel / p.move.groups;
        i64 row = at.pixel / p.y.width * p.move.multiply[0] / p.move.divide[0] + p.move.add[0];
        i64 col = at.pixel % p.y.width * p.move.multiply[1] / p.move.divide[1] + p.move.add[1];
        row += shift_of(p.move, p.x.channels, channel, 0);
        col += shift_of(p.move, p.x.channels, channel, 1);
        bool there = channel >= 0 && channel < p.x.channels && row >= 0 && row < p.x.height && col >= 0 && col < p.x.width;
        number_at(p.y, at) = there ? (float)pixel_at(p.x, at.sample, row * p.x.width + col)[channel] : 0.0f;
    }
}

// The outputs of an axis that come from an input: from `first` on, so many.
__device__ inline i64 outputs_of(const Move &move, i64 axis, i64 input, i64 output, i64 &count) {
    i64 from = input - move.add[axis];
    i64 first = from * move.divide[axis];
    count = from < 0 ? 0 : move.divide[axis];
    if (move.multiply[axis] > 1) {
        count = from >= 0 && from % move.multiply[axis] == 0;
        first = from / move.multiply[axis];
    }
    count = first >= output ? 0 : least(count, output - first);
    return first;
}

KERNEL(move_gradient, {
    Map dy;
    Map onto;
    i64 has_onto;
    Map dx;
    Move move;
}) {
    EACH(n, numbers_of(p.dx)) {
        Place at = place_of(p.dx, n);
        float sum = p.has_onto ? number_at(p.onto, at) : 0.0f;
        i64 rows, cols, channel = at.channel, columns = p.dx.channels / p.move.groups;
        i64 row = at.pixel / p.dx.width - shift_of(p.move, p.dx.channels, channel, 0);
        i64 col = at.pixel % p.dx.width - shift_of(p.move, p.dx.channels, channel, 1);
        if (p.move.groups > 1)
            channel = channel % columns * p.move.groups + channel / columns;
        channel -= p.move.first;
        i64 i = outputs_of(p.move, 0, row, p.dy.height, rows), j = outputs_of(p.move, 1, col, p.dy.width, cols);
        if (channel >= 0 && channel < p.dy.channels)
            for (i64 u = 0; u < rows; u++)
                for (i64 v = 0; v < cols; v++)
                    sum += pixel_at(p.dy, at.sample, (i + u) * p.dy.width + j + v)[channel];
        number_at(p.dx, at) = sum;
    }
}

// A constant factor.
KERNEL(scale, {
    Map x;
    double factor;
    Map onto;
    i64 has_onto;
    Map y;
}) {
    EACH(i, numbers_of(p.y)) {
        Place at = place_of(p.y, i);
        float scaled = number_at(p.x, at) * (float)p.factor;
        number_at(p.y, at) = p.has_onto ? number_at(p.onto, at) + scaled : scaled;
    }
}

// Over the channels of each pixel.
KERNEL(softmax, {
    Map x;
    Map y;
}) {
    EACH(n, p.x.samples * plane_of(p.x)) {
        const Number *x = pixel_at(p.x, n / plane_of(p.x), n % plane_of(p.x));
        Number *y = pixel_at(p.y, n / plane_of(p.y), n % plane_of(p.y));
        float largest = -INFINITY;
        double sum = 0.0;
        for (i64 c = 0; c < p.x.channels; c++)
            largest = fmaxf(x[c], largest);
        for (i64 c = 0; c < p.x.channels; c++)
            sum += expf(x[c] - largest);
        for (i64 c = 0; c < p.x.channels; c++)
            y[c] = expf(x[c] - largest) / (float)sum;
    }
}

KERNEL(softmax_gradient, {
    Map y;
    Map dy;
    Map onto;
    i64 has_onto;
    Map dx;
}) {
    EACH(n, p.y.samples * plane_of(p.y)) {
        i64 sample = n / plane_of(p.y), pixel = n % plane_of(p.y);
        const Number *y = pixel_at(p.y, sample, pixel), *dy = pixel_at(p.dy, sample, pixel);
        Number *dx = pixel_at(p.dx, sample, pixel);
        double sum = 0.0;
        for (i64 c = 0; c < p.y.channels; c++)
            sum += (double)y[c] * dy[c];
        for (i64 c = 0; c < p.y.channels; c++) {
            float own = y[c] * (dy[c] - (float)sum);
            dx[c] = p.has_onto ? pixel_at(p.onto, sample, pixel)[c] + own : own;
        }
    }
}

#endif
