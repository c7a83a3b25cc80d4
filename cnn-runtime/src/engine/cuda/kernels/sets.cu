// Norms of a sample's numbers: of a pixel's channels, or of a group of channels.

// Numbers of a sample that are normalised together: channel c of pixel q is in set `c / channels + q along`.
struct Sets {
    i64 count; // of a sample
    i64 channels;
    i64 along;
    double eps;
};

__device__ inline i64 set_of(const Sets &sets, i64 sample, i64 pixel, i64 channel) {
    return sample * sets.count + (unsigned)channel / (unsigned)sets.channels + pixel * sets.along;
}

// Mean and 1 / deviation of a set, or two sums.
struct Pair {
    Sum a;
    Sum b;
};

__device__ inline Pair pair_of(const double *pairs, i64 set) { return {(Sum)pairs[2 * set], (Sum)pairs[2 * set + 1]}; }

// What each number of a pack is normalised by.
struct Moments {
    Pair of[WIDE];
};

__device__ inline Moments moments_at(const double *moments, const Sets &sets, i64 sample, i64 pixel, i64 channel) {
    Moments of;
    EACH_OF(k) of.of[k] = pair_of(moments, set_of(sets, sample, pixel, channel + k));
    return of;
}

__device__ inline Sum normal_of(const Moments &of, int k, float x) { return ((Sum)x - of.of[k].a) * of.of[k].b; }

// The set of a thread, and which of its packs: `lanes` threads, a power of two, share one.
struct SetShare {
    i64 set;
    i64 first; // pack
    i64 packs;
    i64 lanes;
};

__device__ inline i64 numbers_of_set(const Sets &sets, const Map &x) {
    return sets.along ? x.channels : sets.channels * plane_of(x);
}

__device__ inline SetShare set_share(const Sets &sets, const Map &x, i64 lanes) {
    i64 set = blockIdx.x * (blockDim.x / lanes) + threadIdx.x / lanes;
    bool there = set < x.samples * sets.count;
    return {there ? set : -1, threadIdx.x % lanes, there ? numbers_of_set(sets, x) / WIDE : 0, lanes};
}

#define EACH_OF_SET(n, share) for (i64 n = share.first; n < share.packs; n += share.lanes)

// Pack n of a set.
__device__ inline Place place_in_set(const Sets &sets, i64 set, i64 n) {
    unsigned sample = (unsigned)set / (unsigned)sets.count, within = (unsigned)set - sample * (unsigned)sets.count;
    if (sets.along)
        return {sample, within, n * WIDE};
    unsigned number = (unsigned)n * WIDE, pixel = number / (unsigned)sets.channels;
    return {sample, pixel, within * sets.channels + number - pixel * sets.channels};
}

// The sum over the threads that share a set.
__device__ inline double set_sum(double mine, i64 lanes, double *shared) {
    shared[threadIdx.x] = mine;
    __syncthreads();
    i64 lane = threadIdx.x % lanes;
    for (i64 half = lanes / 2; half > 0; half /= 2) {
        if (lane < half)
            shared[threadIdx.x] += shared[threadIdx.x + half];
        __syncthreads();
    }
    double all = shared[threadIdx.x - lane];
    __syncthreads();
    return all;
}

PACK_BLOCK_KERNEL(set_moments, {
    Map x;
    Sets sets;
    i64 lanes;
    double *moments;
}) {
    __shared__ double shared[THREADS];
    SetShare share = set_share(p.sets, p.x, p.lanes);
    double numbers = (double)numbers_of_set(p.sets, p.x);
    Sum sum = 0, squares = 0;
    EACH_OF_SET(n, share) {
        Reals x = pack_at(p.x, place_in_set(p.sets, share.set, n));
        EACH_OF(k) sum += x.at[k];
    }
    double mean = set_sum(sum, p.lanes, shared) / numbers;
    EACH_OF_SET(n, share) {
        Reals x = pack_at(p.x, place_in_set(p.sets, share.set, n));
        EACH_OF(k) {
            Sum off = (Sum)x.at[k] - (Sum)mean;
            squares += off * off;
        }
    }
    double variance = set_sum(squares, p.lanes, shared) / numbers;
    if (share.first == 0 && share.set >= 0) {
        p.moments[2 * share.set] = mean;
        p.moments[2 * share.set + 1] = 1.0 / sqrt(variance + p.sets.eps);
    }
}

PACK_KERNEL(set_norm, {
    Map x;
    const float *weight;
    const float *bias;
    Sets sets;
    const double *moments;
    Map y;
}) {
    EACH(i, numbers_of(p.y) / WIDE) {
        Place at = place_of(p.y, i * WIDE);
        Moments moments = moments_at(p.moments, p.sets, at.sample, at.pixel, at.channel);
        Reals y = pack_at(p.x, at);
        EACH_OF(k)
            y.at[k] = (float)(normal_of(moments, k, y.at[k]) * p.weight[at.channel + k] + p.bias[at.channel + k]);
        set_pack(p.y, at, y);
    }
}

// Sums of dy, and of dy times what was normalised, for each channel: gradients of bias and weight.
PACK_BLOCK_KERNEL(set_channel_sums, {
    Map x;
    i64 lanes;
    Map dy;
    Sets sets;
    const double *moments;
    double *parts;
}) {
    Lane lane = lane_of(p.lanes, p.x);
    unsigned plane = (unsigned)plane_of(p.x);
    Sum first[WIDE] = {}, second[WIDE] = {};
    EACH_PIXEL(n, lane) {
        unsigned sample = (unsigned)n / plane;
        Moments moments = moments_at(p.moments, p.sets, sample, (unsigned)n - sample * plane, lane.channel);
        Reals x = load(lane_at(p.x, lane, n)), dy = load(lane_at(p.dy, lane, n));
        EACH_OF(k) {
            first[k] += dy.at[k];
            second[k] += dy.at[k] * normal_of(moments, k, x.at[k]);
        }
    }
    NOTE_SUMS(first, second)
}

// Means over a set of `dy weight`, and of it times what was normalised.
PACK_BLOCK_KERNEL(set_gradient_sums, {
    Map x;
    Map dy;
    const float *weight;
    Sets sets;
    i64 lanes;
    const double *moments;
    double *sums;
}) {
    __shared__ double shared[THREADS];
    SetShare share = set_share(p.sets, p.x, p.lanes);
    double numbers = (double)numbers_of_set(p.sets, p.x);
    Sum first = 0, second = 0;
    EACH_OF_SET(n, share) {
        Place at = place_in_set(p.sets, share.set, n);
        Moments moments = moments_at(p.moments, p.sets, at.sample, at.pixel, at.channel);
        Reals x = pack_at(p.x, at), dy = pack_at(p.dy, at);
        EACH_OF(k) {
            Sum gradient = (Sum)dy.at[k] * p.weight[at.channel + k];
            first += gradient;
            second += gradient * normal_of(moments, k, x.at[k]);
        }
    }
    double sums[2] = {set_sum(first, p.lanes, shared), set_sum(second, p.lanes, shared)};
    if (share.first == 0 && share.set >= 0) {
        p.sums[2 * share.set] = sums[0] / numbers;
        p.sums[2 * share.set + 1] = sums[1] / numbers;
    }
}

PACK_KERNEL(set_gradient, {
    Map x;
    Map dy;
    const float *weight;
    Sets sets;
    const double *moments;
    const double *sums;
    Map onto;
    i64 has_onto;
    Map dx;
}) {
    EACH(i, numbers_of(p.dx) / WIDE) {
        Place at = place_of(p.dx, i * WIDE);
        Moments moments = moments_at(p.moments, p.sets, at.sample, at.pixel, at.channel);
        Moments sums = moments_at(p.sums, p.sets, at.sample, at.pixel, at.channel);
        Reals x = pack_at(p.x, at), dx = pack_at(p.dy, at);
        EACH_OF(k) {
            Sum gradient = (Sum)dx.at[k] * p.weight[at.channel + k];
            Sum rest = gradient - sums.of[k].a - normal_of(moments, k, x.at[k]) * sums.of[k].b;
            dx.at[k] = (float)(rest * moments.of[k].b);
        }
        add_onto(p, at, dx);
        set_pack(p.dx, at, dx);
    }
}
