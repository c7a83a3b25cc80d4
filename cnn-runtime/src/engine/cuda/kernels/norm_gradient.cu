// The gradient of batch normalisation: two passes, of which the first sums.

// dy before the activation.
__device__ inline void go_before(Curve f, const Norm &norm, const Reals &x, Reals &dy) {
    if (f.kind == RELU)
        EACH_OF(k) dy.at[k] = normed(norm, x.at[k], k) <= 0.0f ? 0.0f : dy.at[k];
    else if (f.kind != NONE)
        EACH_OF(k) dy.at[k] *= slope_of(f, normed(norm, x.at[k], k));
}

// Adds a pixel's dy and `dy (x - mean)` to the sums.
__device__ inline void count_in(const Reals &x, const Reals &mean, const Reals &dy, Sum *first, Sum *second) {
    EACH_OF(k) {
        first[k] += dy.at[k];
        second[k] += (Sum)dy.at[k] * (x.at[k] - mean.at[k]);
    }
}

// dy before a gate that hangs on the map's mean: `dy gate + dmean share`, `share` being 1 over the pixels.
__device__ inline void go_before_gate(const Pack &gate, const Pack &dmean, float share, Reals &dy) {
    Reals gates = reals(gate), means = reals(dmean);
    EACH_OF(k) dy.at[k] = dy.at[k] * gates.at[k] + means.at[k] * share;
}

// The numbers of a thread's channels that a pixel's sample has.
__device__ inline const Number *of_sample(const Map &map, const Lane &lane, const Map &x, i64 pixel) {
    return pixel_at(map, (unsigned)pixel / (unsigned)plane_of(x), 0) + lane.channel;
}

// Sums of dy and of `dy (x - mean) inverse`. Of four maps less is read ahead than of two. (Shared memory is the kernels' own: the
// emulator would have that of templates once for all types of numbers.)
template <bool GATED, class P> __device__ inline void sum_norm_gradient(const P &p, Sum *first, Sum *second) {
    constexpr int AHEAD = GATED ? 2 : 4;
    Lane lane = lane_of(p.lanes, p.x);
    Norm norm = {};
    if (lane.end)
        norm = norm_of(p.numbers, lane.channel);
    float share = 1.0f / (float)plane_of(p.x);
    EACH_STRETCH(n, lane) {
        Pack xs[AHEAD], dys[AHEAD], gates[AHEAD], dmeans[AHEAD];
        EACH_AHEAD(i, n, lane) {
            i64 pixel = n + i * lane.step;
            xs[i] = pack_of(lane_at(p.x, lane, pixel));
            dys[i] = pack_of(lane_at(p.dy, lane, pixel));
            if constexpr (GATED) {
                gates[i] = pack_of(of_sample(p.gate, lane, p.x, pixel));
                dmeans[i] = pack_of(of_sample(p.dmean, lane, p.x, pixel));
            }
        }
        EACH_AHEAD(i, n, lane) {
            Reals x = reals(xs[i]), dy = reals(dys[i]);
            if constexpr (GATED)
                go_before_gate(gates[i], dmeans[i], share, dy);
            go_before(p.f, norm, x, dy);
            count_in(x, norm.mean, dy, first, second);
        }
    }
    EACH_OF(k) second[k] *= norm.inverse.at[k];
}

PACK_BLOCK_KERNEL(norm_gradient_sums, {
    Map x;
    i64 lanes;
    Map dy;
    NormNumbers numbers;
    Curve f;
    double *parts;
}) {
    Sum first[WIDE] = {}, second[WIDE] = {};
    sum_norm_gradient<false>(p, first, second);
    NOTE_SUMS(first, second)
}

PACK_BLOCK_KERNEL(norm_gate_gradient_sums, {
    Map x;
    i64 lanes;
    Map dy;
    Map gate;
    Map dmean;
    NormNumbers numbers;
    Curve f;
    double *parts;
}) {
    Sum first[WIDE] = {}, second[WIDE] = {};
    sum_norm_gradient<true>(p, first, second);
    NOTE_SUMS(first, second)
}

// The same where the activation followed a sum of the normalisation and something else: `dsum = (onto + dy) f'`, by y. The sums are
// of what is stored, for that is what the second pass finds.
PACK_BLOCK_KERNEL(norm_sum_gradient_sums, {
    Map x;
    i64 lanes;
    Map y;
    Map dy;
    Map onto;
    i64 has_onto;
    const float *mean;
    const float *inverse;
    Curve f;
    Map dsum;
    double *parts;
}) {
    Lane lane = lane_of(p.lanes, p.x);
    Sum first[WIDE] = {}, second[WIDE] = {};
    Reals mean = {}, inverse = {};
    if (lane.end) {
        mean = factors(p.mean, lane.channel, 0.0f);
        inverse = factors(p.inverse, lane.channel, 1.0f);
    }
    // Of four maps instead of two: as much is on its way, and two blocks fit on a multiprocessor.
    constexpr int AHEAD = 2;
    EACH_STRETCH(n, lane) {
        Pack xs[AHEAD], ys[AHEAD], dys[AHEAD], ontos[AHEAD];
        EACH_AHEAD(i, n, lane) {
            i64 pixel = n + i * lane.step;
            xs[i] = pack_of(lane_at(p.x, lane, pixel));
            ys[i] = pack_of(lane_at(p.y, lane, pixel));
            dys[i] = pack_of(lane_at(p.dy, lane, pixel));
            if (p.has_onto)
                ontos[i] = pack_of(lane_at(p.onto, lane, pixel));
        }
        EACH_AHEAD(i, n, lane) {
            Reals y = reals(ys[i]), dy = reals(dys[i]);
            if (p.has_onto) {
                Reals onto = reals(ontos[i]);
                EACH_OF(k) dy.at[k] += onto.at[k];
            }
            bend_back(p.f, y, dy);
            Pack dsum = rounded(dy);
            *(Pack *)lane_at(p.dsum, lane, n + i * lane.step) = dsum;
            count_in(reals(xs[i]), mean, reals(dsum), first, second);
        }
    }
    EACH_OF(k) second[k] *= inverse.at[k];
    NOTE_SUMS(first, second)
}

// A block for each channel.
BLOCK_KERNEL(norm_gradient_finish, {
    i64 channels;
    const double *parts;
    i64 count;
    double *sums;
    float *dweight;
    float *dbias;
}) {
    __shared__ double shared[THREADS];
    i64 c = blockIdx.x;
    double first = sum_of(p.parts, p.count, p.channels, c, 0, shared);
    double second = sum_of(p.parts, p.count, p.channels, c, 1, shared);
    if (threadIdx.x > 0)
        return;
    p.sums[2 * c] = first;
    p.sums[2 * c + 1] = second;
    if (p.dweight) {
        p.dweight[c] = (float)second;
        p.dbias[c] = (float)first;
    }
}

template <bool GATED, class P> __device__ inline void give_norm_gradient(const P &p) {
    constexpr int AHEAD = GATED ? 2 : 4;
    Lane lane = lane_of(p.lanes, p.x);
    if (lane.first >= lane.end)
        return;
    Norm norm = norm_of(p.numbers, lane.channel);
    double of_all = 1.0 / (double)(p.x.samples * plane_of(p.x));
    float share = 1.0f / (float)plane_of(p.x);
    Reals even, tilt;
    EACH_OF(k) {
        even.at[k] = (float)(p.sums[2 * (lane.channel + k)] * of_all);
        tilt.at[k] = (float)(p.sums[2 * (lane.channel + k) + 1] * of_all) * norm.inverse.at[k];
    }
    EACH_STRETCH(n, lane) {
        Pack xs[AHEAD], dys[AHEAD], gates[AHEAD], dmeans[AHEAD];
        EACH_AHEAD(i, n, lane) {
            i64 pixel = n + i * lane.step;
            xs[i] = pack_of(back_at(p.x, lane, pixel));
            dys[i] = pack_of(back_at(p.dy, lane, pixel));
            if constexpr (GATED) {
                gates[i] = pack_of(of_sample(p.gate, lane, p.x, lane.end - 1 - pixel));
                dmeans[i] = pack_of(of_sample(p.dmean, lane, p.x, lane.end - 1 - pixel));
            }
        }
        EACH_AHEAD(i, n, lane) {
            Reals x = reals(xs[i]), dx = reals(dys[i]);
            if constexpr (GATED)
                go_before_gate(gates[i], dmeans[i], share, dx);
            go_before(p.f, norm, x, dx);
            EACH_OF(k) dx.at[k] = norm.scale.at[k] * (dx.at[k] - even.at[k] - (x.at[k] - norm.mean.at[k]) * tilt.at[k]);
            if (p.has_onto) {
                Reals onto = load(back_at(p.onto, lane, n + i * lane.step));
                EACH_OF(k) dx.at[k] += onto.at[k];
            }
            store(back_at(p.dx, lane, n + i * lane.step), dx);
        }
    }
}

PACK_KERNEL(norm_gradient, {
    Map x;
    i64 lanes;
    Map dy;
    NormNumbers numbers;
    Curve f;
    const double *sums;
    Map onto;
    i64 has_onto;
    Map dx;
}) {
    give_norm_gradient<false>(p);
}

PACK_KERNEL(norm_gate_gradient, {
    Map x;
    i64 lanes;
    Map dy;
    Map gate;
    Map dmean;
    NormNumbers numbers;
    Curve f;
    const double *sums;
    Map onto;
    i64 has_onto;
    Map dx;
}) {
    give_norm_gradient<true>(p);
}
