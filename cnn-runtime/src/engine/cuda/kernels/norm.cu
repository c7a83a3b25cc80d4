// Batch normalisation in training.

// Sums of x and of its squares around the channel's first number, which keeps large means from hiding small deviations.
PACK_BLOCK_KERNEL(channel_moments, {
    Map x;
    i64 lanes;
    double *parts;
}) {
    Lane lane = lane_of(p.lanes, p.x);
    Sum first[WIDE] = {}, second[WIDE] = {};
    Reals origin = {};
    if (lane.end)
        origin = load(lane_at(p.x, lane, 0));
    EACH_STRETCH(n, lane) {
        Pack xs[AHEAD];
        EACH_AHEAD(i, n, lane) xs[i] = pack_of(lane_at(p.x, lane, n + i * lane.step));
        EACH_AHEAD(i, n, lane) EACH_OF(k) {
            Reals x = reals(xs[i]);
            Sum off = (Sum)x.at[k] - origin.at[k];
            first[k] += off;
            second[k] += off * off;
        }
    }
    NOTE_SUMS(first, second)
}

// A block for each channel.
BLOCK_KERNEL(norm_statistics, {
    Map x;
    const double *parts;
    i64 count;
    double eps;
    double momentum;
    float *mean;
    float *inverse;
    float *running_mean;
    float *running_var;
}) {
    __shared__ double shared[THREADS];
    i64 c = blockIdx.x;
    double n = (double)(p.x.samples * plane_of(p.x));
    double shifted = sum_of(p.parts, p.count, p.x.channels, c, 0, shared) / n;
    double variance = sum_of(p.parts, p.count, p.x.channels, c, 1, shared) / n - shifted * shifted;
    if (threadIdx.x > 0)
        return;
    variance = variance < 0.0 ? 0.0 : variance;
    double mean = shifted + p.x.start[c];
    p.mean[c] = (float)mean;
    p.inverse[c] = (float)(1.0 / sqrt(variance + p.eps));
    double unbiased = n > 1.0 ? variance * n / (n - 1.0) : variance;
    p.running_mean[c] = (float)((1.0 - p.momentum) * p.running_mean[c] + p.momentum * mean);
    p.running_var[c] = (float)((1.0 - p.momentum) * p.running_var[c] + p.momentum * unbiased);
}

// Where a normalisation has its numbers, one for each channel; weight and bias may be none.
struct NormNumbers {
    const float *mean;
    const float *inverse;
    const float *weight;
    const float *bias;
};

// What a normalisation does to a thread's channels: `(x - mean) scale + bias`.
struct Norm {
    Reals mean;
    Reals inverse;
    Reals scale;
    Reals bias;
};

__device__ inline Norm norm_of(const NormNumbers &of, i64 channel) {
    Norm norm = {factors(of.mean, channel, 0.0f), factors(of.inverse, channel, 1.0f), factors(of.weight, channel, 1.0f), factors(of.bias, channel, 0.0f)};
    EACH_OF(k) norm.scale.at[k] *= norm.inverse.at[k];
    return norm;
}

__device__ inline float normed(const Norm &norm, float x, int k) {
    return (x - norm.mean.at[k]) * norm.scale.at[k] + norm.bias.at[k];
}

PACK_KERNEL(batch_norm, {
    Map x;
    i64 lanes;
    NormNumbers numbers;
    Map onto;
    i64 has_onto;
    Map y;
    Curve f;
}) {
    Lane lane = lane_of(p.lanes, p.x);
    if (lane.first >= lane.end)
        return;
    Norm norm = norm_of(p.numbers, lane.channel);
    change_lanes(p, lane, [&](Reals &y) { EACH_OF(k) y.at[k] = normed(norm, y.at[k], k); });
}
