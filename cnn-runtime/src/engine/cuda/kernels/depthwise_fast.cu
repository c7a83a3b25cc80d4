// Depthwise convolutions with the windows that networks have.

#if WIDE > 1

// The same for windows of K x K whose taps are neighbours, S pixels from one to the next. A thread reads all pixels of a row
// that its strip wants before it computes: they are on their way together. With `flips` taps run backwards: that is the gradient
// of the input where S is 1.
template <int K, int S, class P> __device__ inline void depthwise_of(const P &p, const float *filters) {
    EACH_STRIP(n, p.y) {
        Strip at = strip_of(p.y, n);
        Reals sums[STRIP] = {};
        i64 from_row = at.row * S - p.rows.before, from_col = at.col * S - p.cols.before;
#pragma unroll 1
        for (int u = 0; u < K; u++) {
            if (!inside(p.rows, from_row + u))
                continue;
            const Number *pixels = pixel_at(p.x, at.sample, (from_row + u) * p.x.width) + channel;
            Pack row[(STRIP - 1) * S + K];
#pragma unroll
            for (int i = 0; i < (STRIP - 1) * S + K; i++) {
                row[i] = {};
                if (inside(p.cols, from_col + i))
                    row[i] = pack_of(pixels + (from_col + i) * p.x.pitch);
            }
#pragma unroll
            for (int v = 0; v < K; v++) {
                int place = p.flips ? (K - 1 - u) * K + K - 1 - v : u * K + v;
                Reals tap;
                EACH_OF(k) tap.at[k] = filters[place * columns + lane * WIDE + k];
#pragma unroll
                for (int s = 0; s < STRIP; s++) {
                    Reals x = reals(row[s * S + v]);
                    EACH_OF(k) sums[s].at[k] += x.at[k] * tap.at[k];
                }
            }
        }
        store_strip(p.y, p.onto, p.has_onto, at, channel, sums, p.bias, p.f);
    }
}

#define DEPTHWISE_ARGUMENTS {                                                                       \
    Map x;                                                                                          \
    i64 lanes;                                                                                      \
    const float *weight;                                                                            \
    const float *bias;                                                                              \
    Map onto;                                                                                       \
    i64 has_onto;                                                                                   \
    Map y;                                                                                          \
    Axis rows;                                                                                      \
    Axis cols;                                                                                      \
    Curve f;                                                                                        \
    i64 flips;                                                                                      \
}

#define DEPTHWISE(K, S)                                                                             \
    __shared__ float filters[K * K * FILTERS];                                                      \
    read_filters(p.weight, p.lanes, p.x.channels, K * K, filters);                                  \
    __syncthreads();                                                                                \
    depthwise_of<K, S>(p, filters);

PACK_BLOCK_KERNEL(depthwise_3_1, DEPTHWISE_ARGUMENTS) { DEPTHWISE(3, 1) }
PACK_BLOCK_KERNEL(depthwise_3_2, DEPTHWISE_ARGUMENTS) { DEPTHWISE(3, 2) }
PACK_BLOCK_KERNEL(depthwise_5_1, DEPTHWISE_ARGUMENTS) { DEPTHWISE(5, 1) }
PACK_BLOCK_KERNEL(depthwise_5_2, DEPTHWISE_ARGUMENTS) { DEPTHWISE(5, 2) }
PACK_BLOCK_KERNEL(depthwise_7_1, DEPTHWISE_ARGUMENTS) { DEPTHWISE(7, 1) }

// The gradient of the input where windows are two pixels from one to the next and have (K - 1) / 2 before the map: of a strip of
// inputs that begins at a multiple of four, which taps meet which outputs is known.
template <int K, class P> __device__ inline void depthwise_spread(const P &p, const float *filters) {
    const int before = (K - 1) / 2, reach = (before + 1) / 2, count = (STRIP - 1 + before) / 2 + reach + 1;
    EACH_STRIP(n, p.dx) {
        Strip at = strip_of(p.dx, n);
        Reals sums[STRIP] = {};
        // Tap v of output j is on input `2 j + v - before`.
        i64 from_col = at.col / 2 - reach;
#pragma unroll 1
        for (int u = 0; u < K; u++) {
            i64 i = output_of(p.rows, at.row, u);
            if (i < 0)
                continue;
            const Number *pixels = pixel_at(p.dy, at.sample, i * p.dy.width) + channel;
            Pack row[count];
#pragma unroll
            for (int j = 0; j < count; j++) {
                row[j] = {};
                if (from_col + j >= 0 && from_col + j < p.cols.output)
                    row[j] = pack_of(pixels + (from_col + j) * p.dy.pitch);
            }
#pragma unroll
            for (int v = 0; v < K; v++) {
                Reals tap;
                EACH_OF(k) tap.at[k] = filters[(u * K + v) * columns + lane * WIDE + k];
#pragma unroll
                for (int s = 0; s < STRIP; s++) {
                    // Even, and not below 0.
                    const int twice = s + before - v + 2 * reach;
                    if (twice % 2 == 0) {
                        Reals dy = reals(row[twice / 2]);
                        EACH_OF(k) sums[s].at[k] += dy.at[k] * tap.at[k];
                    }
                }
            }
        }
        store_strip(p.dx, p.onto, p.has_onto, at, channel, sums, nullptr, {NONE, 0.0});
    }
}

#define SPREAD_ARGUMENTS {                                                                          \
    Map dy;                                                                                         \
    i64 lanes;                                                                                      \
    const float *weight;                                                                            \
    Map onto;                                                                                       \
    i64 has_onto;                                                                                   \
    Map dx;                                                                                         \
    Axis rows;                                                                                      \
    Axis cols;                                                                                      \
}

#define SPREAD(K)                                                                                   \
    __shared__ float filters[K * K * FILTERS];                                                      \
    read_filters(p.weight, p.lanes, p.dx.channels, K * K, filters);                                 \
    __syncthreads();                                                                                \
    depthwise_spread<K>(p, filters);

PACK_BLOCK_KERNEL(depthwise_spread_3, SPREAD_ARGUMENTS) { SPREAD(3) }
PACK_BLOCK_KERNEL(depthwise_spread_5, SPREAD_ARGUMENTS) { SPREAD(5) }

// The same for K x K windows whose taps are neighbours, S pixels from one to the next: a strip of outputs and all inputs under it
// are read before anything is computed.
template <int K, int S, class P> __device__ inline void depthwise_weights_of(const P &p, float *noted) {
    i64 u = blockIdx.y % K, part = blockIdx.y / K, count = gridDim.y / K;
    i64 lane = threadIdx.x % p.lanes, row = threadIdx.x / p.lanes, rows = blockDim.x / p.lanes;
    i64 channel = (blockIdx.x * p.lanes + lane) * WIDE;
    i64 end = channel < p.dy.channels ? strips_of(p.dy) : 0;
    Reals sums[K] = {};
    for (i64 n = part * rows + row; n < end; n += count * rows) {
        Strip at = strip_of(p.dy, n);
        i64 from_row = at.row * S + u - p.rows.before, from_col = at.col * S - p.cols.before;
        if (!inside(p.rows, from_row))
            continue;
        const Number *pixels = pixel_at(p.x, at.sample, from_row * p.x.width) + channel;
        const Number *gradients = pixel_at(p.dy, at.sample, at.row * p.dy.width + at.col) + channel;
        Pack xs[(STRIP - 1) * S + K], dys[STRIP];
#pragma unroll
        for (int s = 0; s < STRIP; s++) {
            dys[s] = {};
            if (at.col + s < p.dy.width)
                dys[s] = pack_of(gradients + s * p.dy.pitch);
        }
#pragma unroll
        for (int i = 0; i < (STRIP - 1) * S + K; i++) {
            xs[i] = {};
            if (inside(p.cols, from_col + i))
                xs[i] = pack_of(pixels + (from_col + i) * p.x.pitch);
        }
#pragma unroll
        for (int s = 0; s < STRIP; s++) {
            Reals dy = reals(dys[s]);
#pragma unroll
            for (int v = 0; v < K; v++) {
                Reals x = reals(xs[s * S + v]);
                EACH_OF(k) sums[v].at[k] += x.at[k] * dy.at[k];
            }
        }
    }
    note_taps<K>(p, sums, noted);
}

#define WEIGHTS_ARGUMENTS {                                                                         \
    Map x;                                                                                          \
    i64 lanes;                                                                                      \
    Map dy;                                                                                         \
    Axis rows;                                                                                      \
    Axis cols;                                                                                      \
    double *parts;                                                                                  \
}

#define WEIGHTS(K, S)                                                                               \
    __shared__ float noted[BLOCK * WIDE];                                                           \
    depthwise_weights_of<K, S>(p, noted);

PACK_BLOCK_KERNEL(depthwise_weights_3_1, WEIGHTS_ARGUMENTS) { WEIGHTS(3, 1) }
PACK_BLOCK_KERNEL(depthwise_weights_3_2, WEIGHTS_ARGUMENTS) { WEIGHTS(3, 2) }
PACK_BLOCK_KERNEL(depthwise_weights_5_1, WEIGHTS_ARGUMENTS) { WEIGHTS(5, 1) }
PACK_BLOCK_KERNEL(depthwise_weights_5_2, WEIGHTS_ARGUMENTS) { WEIGHTS(5, 2) }
PACK_BLOCK_KERNEL(depthwise_weights_7_1, WEIGHTS_ARGUMENTS) { WEIGHTS(7, 1) }

#endif
