// Loss and optimizer.

#if WIDE == 1

// The first of the largest, by a block; -1 with a NaN among them.
template <class T> __device__ inline i64 top_of(const T *x, i64 count, double *shared) {
    double largest = -INFINITY, nans = 0.0, first = -(double)count;
    for (i64 c = threadIdx.x; c < count; c += blockDim.x) {
        float number = x[c];
        largest = number > largest ? number : largest;
        nans += number != number;
    }
    largest = together(largest, shared, true);
    nans = together(nans, shared, false);
    for (i64 c = threadIdx.x; c < count && first == -(double)count; c += blockDim.x)
        first = (float)x[c] == largest ? -(double)c : first;
    first = together(first, shared, true);
    return nans > 0.0 ? -1 : -(i64)first;
}

// A block for each sample. Cross-entropy of a softmax, its gradient, and whether the largest logit is at the largest target.
BLOCK_KERNEL(cross_entropy, {
    Map logits;
    Map dlogits;
    const Run *run;
    const i64 *labels;
    const float *soft;
    double weight;
    double smoothing;
    double *parts;
}) {
    __shared__ double shared[THREADS];
    i64 sample = blockIdx.x, classes = p.logits.channels;
    const Number *x = pixel_at(p.logits, sample, 0);
    const float *row = p.soft + sample * classes;
    Number *dx = pixel_at(p.dlogits, sample, 0);
    bool soft = p.run->soft;
    i64 label = soft ? 0 : p.labels[sample];
    double largest = -INFINITY, sum = 0.0, plain = 0.0, total = 0.0, exact = 0.0;
    for (i64 c = threadIdx.x; c < classes; c += blockDim.x)
        largest = (float)x[c] > largest ? (float)x[c] : largest;
    largest = together(largest, shared, true);
    for (i64 c = threadIdx.x; c < classes; c += blockDim.x) {
        sum += exp((double)x[c] - largest);
        plain += x[c];
        total += soft ? row[c] : (float)(c == label);
    }
    sum = together(sum, shared, false);
    double log_sum = isinf(largest) ? largest : largest + log(sum);
    plain = together(plain, shared, false);
    total = together(total, shared, false);
    for (i64 c = threadIdx.x; c < classes; c += blockDim.x) {
        double t = soft ? row[c] : c == label;
        exact += t != 0.0 ? t * (log_sum - x[c]) : 0.0;
    }
    exact = together(exact, shared, false);
    i64 target = soft ? top_of(row, classes, shared) : label, top = top_of(x, classes, shared);
    if (threadIdx.x == 0) {
        double even = p.smoothing == 0.0 ? 0.0 : log_sum - plain / (double)classes;
        p.parts[2 * sample] = (1.0 - p.smoothing) * exact + p.smoothing * even;
        p.parts[2 * sample + 1] = target >= 0 && top == target;
    }
    double keep = 1.0 - p.smoothing, even = p.smoothing / (double)classes, share = p.run->loss_scale * p.weight / (double)p.logits.samples;
    for (i64 c = threadIdx.x; c < classes; c += blockDim.x) {
        double t = soft ? row[c] : c == label;
        dx[c] = (float)(share * (exp((double)x[c] - log_sum) * (total * keep + p.smoothing) - (keep * t + even)));
    }
}

// Mean loss and number of hits.
BLOCK_KERNEL(measure, {
    const double *parts;
    i64 samples;
    double *to;
}) {
    __shared__ double shared[THREADS];
    double loss = 0.0, hits = 0.0;
    for (i64 i = threadIdx.x; i < p.samples; i += blockDim.x) {
        loss += p.parts[2 * i];
        hits += p.parts[2 * i + 1];
    }
    loss = together(loss, shared, false);
    hits = together(hits, shared, false);
    if (threadIdx.x == 0) {
        p.to[0] = loss / (double)p.samples;
        p.to[1] = hits;
    }
}

// The sum over the parts of a step, which a state keeps from part to part.
KERNEL(accumulate, {
    const float *from;
    float *gradient;
    float *state;
    i64 count;
    const Run *run;
}) {
    bool first = p.run->first_part, last = p.run->last_part;
    float share = (float)p.run->share;
    EACH(i, p.count) {
        float gradient = p.from[i];
        if (!first || !last) {
            float so_far = first ? share * gradient : p.state[i] + share * gradient;
            if (last)
                gradient = so_far;
            else
                p.state[i] = so_far;
        }
        p.gradient[i] = gradient;
    }
}

struct Gradient {
    const float *start;
    i64 count;
};

// Some numbers of one of many tensors, from `first` on.
struct Share {
    i64 tensor;
    i64 first;
};

// The sum of squares of a block's share of all gradients.
BLOCK_KERNEL(squares, {
    const Gradient *gradients;
    const Share *shares;
    i64 numbers; // of a share
    double *parts;
}) {
    __shared__ double shared[THREADS];
    Share share = p.shares[blockIdx.x];
    Gradient gradient = p.gradients[share.tensor];
    double sum = 0.0;
    for (i64 i = share.first + threadIdx.x; i < least(share.first + p.numbers, gradient.count); i += blockDim.x)
        sum += (double)gradient.start[i] * gradient.start[i];
    sum = together(sum, shared, false);
    if (threadIdx.x == 0)
        p.parts[blockIdx.x] = sum;
}

BLOCK_KERNEL(gradient_norm, {
    const double *parts;
    i64 count;
    float *norm;
    Run *run;
}) {
    __shared__ double shared[THREADS];
    double sum = 0.0;
    for (i64 i = threadIdx.x; i < p.count; i += blockDim.x)
        sum += p.parts[i];
    sum = together(sum, shared, false);
    if (threadIdx.x == 0 && p.run->moves) {
        p.run->norm = sqrt(sum) / p.run->loss_scale;
        p.norm[0] = (float)p.run->norm;
    }
}

__device__ inline bool moves(const Run &run) { return run.moves && !(run.skip_non_finite && !isfinite(run.norm)); }

enum { SGD, NESTEROV, ADAMW, RMSPROP, RMSPROP_TENSORFLOW };

// What the optimizer moves.
struct Parameter {
    float *gradient;
    float *weight;
    float *states[2];
    float *average;
    i64 count;
    i64 decays;
    const Pace *pace;
};

// A step of the optimizer, and of the weights' moving averages where there are some: a block for each share.
KERNEL(update, {
    const Parameter *parameters;
    const Share *shares;
    i64 numbers; // of a share
    const Run *run;
}) {
    const Run &run = *p.run;
    if (!moves(run))
        return;
    Share share = p.shares[blockIdx.x];
    Parameter of = p.parameters[share.tensor];
    double rate = run.rate * of.pace->rate, number = fmax(run.number - of.pace->since, 1.0);
    double scale = run.clip == 1 ? fmin(run.limit / (run.norm + 1e-6), 1.0) : 1.0;
    double weight_decay = of.decays ? run.weight_decay * of.pace->weight_decay : 0.0;
    float lr = (float)rate, decay = (float)weight_decay, shrink = (float)(scale / run.loss_scale);
    float cut = (float)(run.limit * run.loss_scale);
    float a = (float)run.factors[0], b = (float)run.factors[1], take_a = (float)(1.0 - run.factors[0]);
    float take_b = (float)(1.0 - run.factors[1]), eps = (float)run.factors[2];
    float keep = (float)(1.0 - rate * weight_decay), size = 0.0f, root = 1.0f;
    if (run.optimizer == ADAMW) {
        size = (float)(rate / (1.0 - pow(run.factors[0], number)));
        root = (float)sqrt(1.0 - pow(run.factors[1], number));
    }
    float *first = of.states[0], *second = of.states[1];
    float keep_average = (float)run.average_decay, take_average = (float)(1.0 - run.average_decay);
    i64 end = least(share.first + p.numbers, of.count);
    for (i64 i = share.first + threadIdx.x; i < end; i += blockDim.x) {
        float g = of.gradient[i], w = of.weight[i];
        if (run.clip == 2)
            of.gradient[i] = g = clamped(g, -cut, cut);
        g *= shrink;
        switch (run.optimizer) {
        case SGD:
        case NESTEROV: { // a: momentum
            g += decay * w;
            if (first) {
                float m = first[i] = a * first[i] + g;
                g = run.optimizer == NESTEROV ? g + a * m : m;
            }
            w -= lr * g;
            break;
        }
        case ADAMW: { // a, b: beta1, beta2
            float m = first[i] = a * first[i] + take_a * g;
            float v = second[i] = b * second[i] + take_b * g * g;
            w = keep * w - size * m / (sqrtf(v) / root + eps);
            break;
        }
        default: { // a: alpha, b: momentum
            g += decay * w;
            float v = first[i] = a * first[i] + take_a * g * g;
            bool inner = run.optimizer == RMSPROP_TENSORFLOW;
            g = inner ? g / sqrtf(v + eps) : g / (sqrtf(v) + eps);
            if (!second)
                w -= lr * g;
            else if (inner)
                w -= second[i] = b * second[i] + lr * g;
            else
                w -= lr * (second[i] = b * second[i] + g);
            break;
        }
        }
        of.weight[i] = w;
        if (of.average)
            of.average[i] = keep_average * of.average[i] + take_average * w;
    }
}

// Moves an average towards a value.
KERNEL(average, {
    const float *value;
    float *average;
    i64 count;
    const Run *run;
}) {
    if (!moves(*p.run))
        return;
    float keep = (float)p.run->average_decay, take = (float)(1.0 - p.run->average_decay);
    EACH(i, p.count)
        p.average[i] = keep * p.average[i] + take * p.value[i];
}

#endif
