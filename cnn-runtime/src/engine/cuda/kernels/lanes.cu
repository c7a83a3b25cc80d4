// What treats the channels of all pixels alike: sums over all pixels of a channel, factors.
//
// The threads of a block stand side by side in `lanes`, each with a pack of channels, and behind one another in rows, which
// share the pixels. A sum is taken in parts: a block notes what its rows found, a second kernel adds the parts up. Their order
// depends on the sizes alone, so the same numbers give the same bits.

// The pixels and channels of a thread.
struct Lane {
    i64 channel;
    i64 first;
    i64 step;
    i64 end;
};

__device__ inline Lane lane_of(i64 lanes, const Map &x) {
    i64 rows = blockDim.x / lanes, lane = threadIdx.x % lanes, row = threadIdx.x / lanes;
    i64 channel = (blockIdx.x * lanes + lane) * WIDE;
    i64 end = channel < x.channels ? x.samples * plane_of(x) : 0;
    return {channel, blockIdx.y * rows + row, gridDim.y * rows, end};
}

// Pixels of which a thread has read all that it wants before it computes: the next ones' numbers are on their way then.
constexpr int AHEAD = 4;

#define EACH_PIXEL(n, lane) _Pragma("unroll 4") for (i64 n = lane.first; n < lane.end; n += lane.step)

// As many pixels as are read ahead, from n on, and those of them that there are.
#define EACH_STRETCH(n, lane) for (i64 n = lane.first; n < lane.end; n += AHEAD * lane.step)
#define EACH_AHEAD(i, n, lane) _Pragma("unroll") for (int i = 0; i < AHEAD; i++) if (n + i * lane.step < lane.end)

// The same from the last pixel to the first: a second pass over a map begins with what the first one has read last, which is
// still near.
__device__ inline Number *back_at(const Map &map, const Lane &lane, i64 pixel) {
    return map.start + (lane.end - 1 - pixel) * map.pitch + lane.channel;
}

__device__ inline Number *lane_at(const Map &map, const Lane &lane, i64 pixel) {
    return map.start + pixel * map.pitch + lane.channel;
}

// Adds what the rows have found and notes it as the block's part.
__device__ inline void note_sums(const Sum *first, const Sum *second, i64 channels, i64 lanes, double *parts) {
    i64 columns = lanes * WIDE;
    for (i64 column = threadIdx.x; column < columns; column += blockDim.x) {
        i64 channel = blockIdx.x * columns + column;
        if (channel >= channels)
            break;
        double sums[2] = {0.0, 0.0};
        for (i64 at = column; at < blockDim.x * WIDE; at += columns) {
            sums[0] += first[at];
            sums[1] += second[at];
        }
        double *part = parts + 2 * (blockIdx.y * channels + channel);
        part[0] = sums[0];
        part[1] = sums[1];
    }
}

#define NOTE_SUMS(first, second)                                                \
    __shared__ Sum noted[2][BLOCK * WIDE];                                      \
    EACH_OF(k) {                                                                \
        noted[0][threadIdx.x * WIDE + k] = first[k];                            \
        noted[1][threadIdx.x * WIDE + k] = second[k];                           \
    }                                                                           \
    __syncthreads();                                                            \
    note_sums(noted[0], noted[1], p.x.channels, p.lanes, p.parts);

// All parts of a channel's sum, by a block.
__device__ inline double sum_of(const double *parts, i64 count, i64 channels, i64 channel, i64 which, double *shared) {
    double sum = 0.0;
    for (i64 k = threadIdx.x; k < count; k += blockDim.x)
        sum += parts[2 * (k * channels + channel) + which];
    return together(sum, shared, false);
}

// `y = f(onto + change(x))` for all pixels of a thread; `change` is what happens to its channels.
template <class P, class F> __device__ inline void change_lanes(const P &p, const Lane &lane, F change) {
    EACH_STRETCH(n, lane) {
        Pack x[AHEAD], ontos[AHEAD];
        EACH_AHEAD(i, n, lane) {
            x[i] = pack_of(back_at(p.x, lane, n + i * lane.step));
            if (p.has_onto)
                ontos[i] = pack_of(back_at(p.onto, lane, n + i * lane.step));
        }
        EACH_AHEAD(i, n, lane) {
            Reals y = reals(x[i]);
            change(y);
            if (p.has_onto) {
                Reals onto = reals(ontos[i]);
                EACH_OF(k) y.at[k] += onto.at[k];
            }
            bend(p.f, y);
            store(back_at(p.y, lane, n + i * lane.step), y);
        }
    }
}

// `y = f(onto + x scale + shift)`, each channel by itself.
PACK_KERNEL(affine, {
    Map x;
    i64 lanes;
    const float *scale;
    const float *shift;
    Map onto;
    i64 has_onto;
    Map y;
    Curve f;
}) {
    Lane lane = lane_of(p.lanes, p.x);
    if (lane.first >= lane.end)
        return;
    Reals scale = factors(p.scale, lane.channel, 1.0f), shift = factors(p.shift, lane.channel, 0.0f);
    change_lanes(p, lane, [&](Reals &y) { EACH_OF(k) y.at[k] = y.at[k] * scale.at[k] + shift.at[k]; });
}

// Sums of dy, and of `dy x` where there is a `factor`.
PACK_BLOCK_KERNEL(channel_sums, {
    Map x;
    i64 lanes;
    Map factor;
    i64 has_factor;
    double *parts;
}) {
    Lane lane = lane_of(p.lanes, p.x);
    Sum first[WIDE] = {}, second[WIDE] = {};
    EACH_PIXEL(n, lane) {
        Reals x = load(lane_at(p.x, lane, n));
        EACH_OF(k) first[k] += x.at[k];
        if (p.has_factor) {
            Reals factor = load(lane_at(p.factor, lane, n));
            EACH_OF(k) second[k] += (Sum)x.at[k] * factor.at[k];
        }
    }
    NOTE_SUMS(first, second)
}

// Sums of `dy x` where x is negative: the gradient of a slope.
PACK_BLOCK_KERNEL(slope_sums, {
    Map x;
    i64 lanes;
    Map dy;
    double *parts;
}) {
    Lane lane = lane_of(p.lanes, p.x);
    Sum none[WIDE] = {}, sum[WIDE] = {};
    EACH_PIXEL(n, lane) {
        Reals x = load(lane_at(p.x, lane, n)), dy = load(lane_at(p.dy, lane, n));
        EACH_OF(k) sum[k] += x.at[k] > 0.0f ? (Sum)0 : (Sum)x.at[k] * dy.at[k];
    }
    NOTE_SUMS(none, sum)
}

// One of the sums, onto what is there or not; a block for each channel.
BLOCK_KERNEL(channel_sums_finish, {
    i64 channels;
    const double *parts;
    i64 count;
    i64 which;
    const float *onto;
    float *to;
}) {
    __shared__ double shared[THREADS];
    i64 c = blockIdx.x;
    double sum = sum_of(p.parts, p.count, p.channels, c, p.which, shared);
    if (threadIdx.x == 0)
        p.to[c] = (float)(sum + (p.onto ? p.onto[c] : 0.0));
}

// `y = onto + factor (sum of x other)` over the pixels of each channel of each sample: a block for some channels of a sample, or of
// several where there are more than blocks.
PACK_BLOCK_KERNEL(sample_sums, {
    Map x;
    i64 lanes;
    Map other;
    i64 has_other;
    double factor;
    Map onto;
    i64 has_onto;
    Map y;
}) {
    __shared__ Sum noted[BLOCK * WIDE];
    i64 rows = blockDim.x / p.lanes, columns = p.lanes * WIDE;
    i64 channel = (blockIdx.x * p.lanes + threadIdx.x % p.lanes) * WIDE;
    i64 end = channel < p.x.channels ? plane_of(p.x) : 0;
    for (i64 sample = blockIdx.y; sample < p.x.samples; sample += gridDim.y) {
        Sum sum[WIDE] = {};
        for (i64 n = threadIdx.x / p.lanes; n < end; n += rows) {
            Reals x = load(pixel_at(p.x, sample, n) + channel);
            if (p.has_other) {
                Reals other = load(pixel_at(p.other, sample, n) + channel);
                EACH_OF(k) x.at[k] *= other.at[k];
            }
            EACH_OF(k) sum[k] += x.at[k];
        }
        EACH_OF(k) noted[threadIdx.x * WIDE + k] = sum[k];
        __syncthreads();
        for (i64 column = threadIdx.x; column < columns && blockIdx.x * columns + column < p.x.channels; column += blockDim.x) {
            double all = 0.0;
            for (i64 at = column; at < blockDim.x * WIDE; at += columns)
                all += noted[at];
            i64 c = blockIdx.x * columns + column;
            double onto = p.has_onto ? (float)pixel_at(p.onto, sample, 0)[c] : 0.0;
            pixel_at(p.y, sample, 0)[c] = (float)(onto + p.factor * all);
        }
        __syncthreads();
    }
}
