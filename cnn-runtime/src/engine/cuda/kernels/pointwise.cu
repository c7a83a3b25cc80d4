// What is computed for each number by itself.

// `y = f(onto + sum of terms)`.
PACK_KERNEL(add, {
    Map terms[TERMS];
    i64 count;
    Map onto;
    i64 has_onto;
    Map y;
    Curve f;
}) {
    EACH(i, numbers_of(p.y) / WIDE) {
        Place at = place_of(p.y, i * WIDE);
        Reals sum = {};
        if (p.has_onto)
            sum = pack_at(p.onto, at);
        else if (p.count > 0)
            sum = pack_at(p.terms[0], at);
        for (i64 n = p.has_onto ? 0 : 1; n < p.count; n++) {
            Reals term = pack_at(p.terms[n], at);
            EACH_OF(k) sum.at[k] += term.at[k];
        }
        bend(p.f, sum);
        set_pack(p.y, at, sum);
    }
}

// `dx = (onto + dy) f'`, by what was kept.
PACK_KERNEL(activation_gradient, {
    Map known;
    i64 by_output;
    Map dy;
    Map onto;
    i64 has_onto;
    Map dx;
    Curve f;
}) {
    EACH(i, numbers_of(p.dx) / WIDE) {
        Place at = place_of(p.dx, i * WIDE);
        Reals known = pack_at(p.known, at), dx = pack_at(p.dy, at);
        add_onto(p, at, dx);
        if (p.by_output)
            bend_back(p.f, known, dx);
        else
            EACH_OF(k) dx.at[k] *= slope_of(p.f, known.at[k]);
        set_pack(p.dx, at, dx);
    }
}

// A number for each channel, or one for all, times what is negative.
__device__ inline Reals slopes(const float *weight, bool each, i64 channel) {
    Reals slope;
    EACH_OF(k) slope.at[k] = weight[each ? channel + k : 0];
    return slope;
}

PACK_KERNEL(prelu, {
    Map x;
    const float *weight;
    i64 each;
    Map y;
}) {
    EACH(i, numbers_of(p.y) / WIDE) {
        Place at = place_of(p.y, i * WIDE);
        Reals y = pack_at(p.x, at), slope = slopes(p.weight, p.each, at.channel);
        EACH_OF(k) y.at[k] = y.at[k] > 0.0f ? y.at[k] : slope.at[k] * y.at[k];
        set_pack(p.y, at, y);
    }
}

PACK_KERNEL(prelu_gradient, {
    Map x;
    const float *weight;
    i64 each;
    Map dy;
    Map onto;
    i64 has_onto;
    Map dx;
}) {
    EACH(i, numbers_of(p.dx) / WIDE) {
        Place at = place_of(p.dx, i * WIDE);
        Reals x = pack_at(p.x, at), dx = pack_at(p.dy, at), slope = slopes(p.weight, p.each, at.channel);
        EACH_OF(k) dx.at[k] = x.at[k] > 0.0f ? dx.at[k] : slope.at[k] * dx.at[k];
        add_onto(p, at, dx);
        set_pack(p.dx, at, dx);
    }
}

// Each channel of a sample times its number in the gate.
PACK_KERNEL(gate, {
    Map x;
    Map gate;
    Map y;
}) {
    EACH(i, numbers_of(p.y) / WIDE) {
        Place at = place_of(p.y, i * WIDE);
        Reals y = pack_at(p.x, at), gate = load(pixel_at(p.gate, at.sample, 0) + at.channel);
        EACH_OF(k) y.at[k] *= gate.at[k];
        set_pack(p.y, at, y);
    }
}

// Images, whose channels come first, to pixels.
KERNEL(arrange, {
    const float *images;
    Map y;
}) {
    i64 channels = p.y.channels, plane = plane_of(p.y);
    EACH(n, p.y.samples * plane) {
        i64 sample = (unsigned)n / (unsigned)plane, pixel = n - sample * plane;
        const float *image = p.images + sample * channels * plane + pixel;
        Number *to = p.y.start + n * p.y.pitch;
        for (i64 c = 0; c < channels; c++)
            to[c] = image[c * plane];
    }
}

// The same numbers under another size, in the order in which channels come first.
KERNEL(reshape, {
    Map x;
    Map y;
}) {
    EACH(i, numbers_of(p.y)) {
        Place at = place_of(p.y, i);
        i64 index = at.channel * plane_of(p.y) + at.pixel, plane = plane_of(p.x);
        number_at(p.y, at) = (float)pixel_at(p.x, at.sample, index % plane)[index / plane];
    }
}

// Drops numbers, or whole samples, and scales the rest. Masks are the same whatever the layout.
PACK_KERNEL(dropout, {
    Map x;
    Map y;
    const Run *run;
    double rate;
    i64 samples;
    i64 layer;
}) {
    u64 seed = scattered(p.run->seed + (u64)p.layer + 1);
    double rate = p.rate * p.run->dropout;
    float kept = (float)(1.0 / (1.0 - rate));
    EACH(i, numbers_of(p.y) / WIDE) {
        Place at = place_of(p.y, i * WIDE);
        Reals x = pack_at(p.x, at);
        EACH_OF(k) {
            i64 index = p.samples ? at.sample : (at.sample * p.y.channels + at.channel + k) * plane_of(p.y) + at.pixel;
            x.at[k] *= uniform_of(seed, (u64)index) < rate ? 0.0f : kept;
        }
        set_pack(p.y, at, x);
    }
}
