// What is computed of neighbouring channels, or of neighbouring pixels between which a larger map lies.

// Local response normalisation: `y[c] = x[c] d[c]^-beta`, `d[c] = k + alpha (sum of x[i]^2)` over the channels from
// `c - before` to `c + after`.
struct Response {
    i64 before;
    i64 after;
    double alpha; // of each square
    double beta;
    double k;
};

__device__ inline float divisor_of(const Response &of, const Number *pixel, i64 channels, i64 c) {
    float sum = 0.0f;
    for (i64 i = most(c - of.before, 0); i < least(c + of.after + 1, channels); i++)
        sum += (float)pixel[i] * (float)pixel[i];
    return (float)of.k + (float)of.alpha * sum;
}

PACK_KERNEL(lrn, {
    Map x;
    Map y;
    Response of;
}) {
    EACH(i, numbers_of(p.y) / WIDE) {
        Place at = place_of(p.y, i * WIDE);
        const Number *pixel = pixel_at(p.x, at.sample, at.pixel);
        Reals y = load(pixel + at.channel);
        EACH_OF(k) y.at[k] *= powf(divisor_of(p.of, pixel, p.x.channels, at.channel + k), (float)-p.of.beta);
        set_pack(p.y, at, y);
    }
}

// What each channel gives to the gradients of its neighbours: `dy x d^(-beta - 1)`.
PACK_KERNEL(lrn_terms, {
    Map x;
    Map dy;
    Response of;
    float *terms;
}) {
    EACH(i, numbers_of(p.x) / WIDE) {
        Place at = place_of(p.x, i * WIDE);
        const Number *pixel = pixel_at(p.x, at.sample, at.pixel);
        Reals term = load(pixel + at.channel), dy = pack_at(p.dy, at);
        EACH_OF(k) {
            float d = divisor_of(p.of, pixel, p.x.channels, at.channel + k);
            p.terms[i * WIDE + k] = term.at[k] * dy.at[k] * powf(d, (float)(-p.of.beta - 1.0));
        }
    }
}

// `dx = onto + dy d^-beta - 2 alpha beta x (sum of terms)` over the channels whose windows hold this one.
PACK_KERNEL(lrn_gradient, {
    Map x;
    Map dy;
    Response of;
    const float *terms;
    Map onto;
    i64 has_onto;
    Map dx;
}) {
    float factor = (float)(2.0 * p.of.alpha * p.of.beta);
    EACH(i, numbers_of(p.dx) / WIDE) {
        Place at = place_of(p.dx, i * WIDE);
        const Number *pixel = pixel_at(p.x, at.sample, at.pixel);
        const float *terms = p.terms + (i * WIDE - at.channel);
        Reals x = load(pixel + at.channel), dx = pack_at(p.dy, at);
        EACH_OF(k) {
            i64 c = at.channel + k;
            float sum = 0.0f;
            for (i64 i = most(c - p.of.after, 0); i < least(c + p.of.before + 1, p.x.channels); i++)
                sum += terms[i];
            dx.at[k] *= powf(divisor_of(p.of, pixel, p.x.channels, c), (float)-p.of.beta);
            dx.at[k] -= factor * x.at[k] * sum;
        }
        add_onto(p, at, dx);
        set_pack(p.dx, at, dx);
    }
}

// Where an output lies along an axis: between two inputs, and how much of it is the second one's.
struct Between {
    i64 first;
    i64 second;
    float part;
};

// Of corners that meet, or of edges that do.
__device__ inline Between between(i64 inputs, i64 outputs, bool corners, i64 output) {
    double at = corners ? (double)output * (double)(inputs - 1) / (double)most(outputs - 1, 1)
                        : fmax(((double)output + 0.5) * (double)inputs / (double)outputs - 0.5, 0.0);
    i64 first = least((i64)at, inputs - 1);
    return {first, least(first + 1, inputs - 1), (float)(at - (double)first)};
}

// Outputs to look at for one input: all that lie next to it, and a few more.
__device__ inline i64 nearest_output(i64 inputs, i64 outputs, bool corners, i64 input, i64 &end) {
    i64 from = corners ? outputs - 1 : outputs, to = corners ? most(inputs - 1, 1) : inputs;
    end = input == inputs - 1 ? outputs : least((input + 2) * from / to + 1, outputs);
    return input == 0 ? 0 : (input - 1) * from / to;
}

// How much of an output is an input's.
__device__ inline float part_of(const Between &of, i64 input) {
    return (of.first == input ? 1.0f - of.part : 0.0f) + (of.second == input ? of.part : 0.0f);
}

// A larger map, bilinear between the pixels of x.
PACK_KERNEL(upsample, {
    Map x;
    Map y;
    i64 corners;
}) {
    EACH(i, numbers_of(p.y) / WIDE) {
        Place at = place_of(p.y, i * WIDE);
        Between row = between(p.x.height, p.y.height, p.corners, row_of(p.y, at.pixel));
        Between col = between(p.x.width, p.y.width, p.corners, col_of(p.y, at.pixel));
        i64 top = row.first * p.x.width, bottom = row.second * p.x.width;
        Reals a = load(pixel_at(p.x, at.sample, top + col.first) + at.channel);
        Reals b = load(pixel_at(p.x, at.sample, top + col.second) + at.channel);
        Reals c = load(pixel_at(p.x, at.sample, bottom + col.first) + at.channel);
        Reals d = load(pixel_at(p.x, at.sample, bottom + col.second) + at.channel);
        float v = row.part, u = col.part;
        Reals y;
        EACH_OF(k)
            y.at[k] = (1.0f - v) * ((1.0f - u) * a.at[k] + u * b.at[k]) + v * ((1.0f - u) * c.at[k] + u * d.at[k]);
        set_pack(p.y, at, y);
    }
}

PACK_KERNEL(upsample_gradient, {
    Map dy;
    Map onto;
    i64 has_onto;
    Map dx;
    i64 corners;
}) {
    EACH(i, numbers_of(p.dx) / WIDE) {
        Place at = place_of(p.dx, i * WIDE);
        i64 row = row_of(p.dx, at.pixel), col = col_of(p.dx, at.pixel), last_row, last_col;
        i64 first_row = nearest_output(p.dx.height, p.dy.height, p.corners, row, last_row);
        i64 first_col = nearest_output(p.dx.width, p.dy.width, p.corners, col, last_col);
        Reals sum = {};
        for (i64 r = first_row; r < last_row; r++) {
            float of_row = part_of(between(p.dx.height, p.dy.height, p.corners, r), row);
            if (of_row == 0.0f)
                continue;
            for (i64 c = first_col; c < last_col; c++) {
                float part = of_row * part_of(between(p.dx.width, p.dy.width, p.corners, c), col);
                Reals dy = load(pixel_at(p.dy, at.sample, r * p.dy.width + c) + at.channel);
                EACH_OF(k) sum.at[k] += part * dy.at[k];
            }
        }
        add_onto(p, at, sum);
        set_pack(p.dx, at, sum);
    }
}
