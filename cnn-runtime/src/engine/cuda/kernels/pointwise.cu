// What is computed for each number, or each channel, by itself.

// `y = f(onto + sum of terms)`.
KERNEL(add, {
    Map terms[4];
    i64 count;
    Map onto;
    i64 has_onto;
    Map y;
    Curve f;
}) {
    EACH(i, numbers_of(p.y)) {
        Place at = place_of(p.y, i);
        float sum = p.has_onto ? number_at(p.onto, at) : 0.0f;
        for (i64 k = 0; k < p.count; k++)
            sum = k == 0 && !p.has_onto ? number_at(p.terms[k], at) : sum + number_at(p.terms[k], at);
        number_at(p.y, at) = value_of(p.f, sum);
    }
}

// `dx = dy f'`, by what was kept.
KERNEL(activation_gradient, {
    Map known;
    i64 by_output;
    Map dy;
    Map dx;
    Curve f;
}) {
    EACH(i, numbers_of(p.dx)) {
        Place at = place_of(p.dx, i);
        float known = number_at(p.known, at);
        float slope = p.by_output ? slope_at_value(p.f, known) : slope_of(p.f, known);
        number_at(p.dx, at) = number_at(p.dy, at) * slope;
    }
}

// `y = f(onto + x scale + shift)`, each channel by itself.
KERNEL(affine, {
    Map x;
    const float *scale;
    const float *shift;
    Map onto;
    i64 has_onto;
    Map y;
    Curve f;
}) {
    EACH(i, numbers_of(p.y)) {
        Place at = place_of(p.y, i);
        float shift = p.shift ? p.shift[at.channel] : 0.0f;
        float sum = number_at(p.x, at) * p.scale[at.channel] + shift;
        if (p.has_onto)
            sum += number_at(p.onto, at);
        number_at(p.y, at) = value_of(p.f, sum);
    }
}

// Each channel of a sample times its number in the gate.
KERNEL(gate, {
    Map x;
    Map gate;
    Map y;
}) {
    EACH(i, numbers_of(p.y)) {
        Place at = place_of(p.y, i);
        number_at(p.y, at) = number_at(p.x, at) * pixel_at(p.gate, at.sample, 0)[at.channel];
    }
}

// Sums of `x dy` over the pixels of each channel of each sample.
KERNEL(gate_gradient, {
    Map x;
    Map dy;
    Map onto;
    i64 has_onto;
    Map dgate;
}) {
    EACH(i, p.dgate.samples * p.dgate.channels) {
        i64 sample = i / p.dgate.channels, channel = i % p.dgate.channels;
        double sum = p.has_onto ? pixel_at(p.onto, sample, 0)[channel] : 0.0;
        for (i64 pixel = 0; pixel < plane_of(p.x); pixel++)
            sum += (double)pixel_at(p.x, sample, pixel)[channel] * pixel_at(p.dy, sample, pixel)[channel];
        pixel_at(p.dgate, sample, 0)[channel] = (float)sum;
    }
}

// Images, whose channels come first, to pixels.
KERNEL(arrange, {
    const float *images;
    Map y;
}) {
    EACH(i, numbers_of(p.y)) {
        Place at = place_of(p.y, i);
        number_at(p.y, at) = p.images[(at.sample * p.y.channels + at.channel) * plane_of(p.y) + at.pixel];
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
        number_at(p.y, at) = pixel_at(p.x, at.sample, index % plane)[index / plane];
    }
}

// Drops numbers, or whole samples, and scales the rest. Masks are the same whatever the layout.
KERNEL(dropout, {
    Map x;
    Map y;
    const Run *run;
    double rate;
    i64 samples;
    i64 layer;
}) {
    u64 seed = scattered(p.run->seed + (u64)p.layer + 1);
    double rate = p.rate * p.run->dropout;
    EACH(i, numbers_of(p.y)) {
        Place at = place_of(p.y, i);
        i64 index = p.samples ? at.sample : (at.sample * p.y.channels + at.channel) * plane_of(p.y) + at.pixel;
        float factor = uniform_of(seed, (u64)index) < rate ? 0.0f : (float)(1.0 / (1.0 - rate));
        number_at(p.y, at) = number_at(p.x, at) * factor;
    }
}
