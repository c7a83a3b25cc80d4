// Depthwise convolutions: one filter for each channel. What is computed for a channel needs no other, so packs of channels do.

// Channels of a block.
#define FILTERS (FILTER_LANES * WIDE)

// The filters of a block's channels, tap by tap.
__device__ inline void read_filters(const float *weight, i64 lanes, i64 channels, i64 window, float *to) {
    i64 columns = lanes * WIDE, first = blockIdx.x * columns;
    for (i64 i = threadIdx.x; i < columns * window; i += blockDim.x) {
        i64 column = i % columns, tap = i / columns;
        to[i] = first + column < channels ? weight[(first + column) * window + tap] : 0.0f;
    }
}

// Strips of all rows of a map, shared out to the rows of threads of the grid.
struct Strip {
    i64 sample;
    i64 row;
    i64 col;
};

__device__ inline i64 strips_of(const Map &map) { return map.samples * map.height * ((map.width + STRIP - 1) / STRIP); }

__device__ inline Strip strip_of(const Map &map, i64 n) {
    unsigned strips = (unsigned)(map.width + STRIP - 1) / STRIP, height = (unsigned)map.height;
    unsigned row = (unsigned)n / strips, sample = row / height;
    return {sample, row - sample * height, ((unsigned)n - row * strips) * STRIP};
}

#define EACH_STRIP(n, map)                                                                          \
    i64 rows_of_threads = blockDim.x / p.lanes, lane = threadIdx.x % p.lanes;                       \
    i64 columns = p.lanes * WIDE, channel = blockIdx.x * columns + lane * WIDE;                     \
    i64 end = channel < map.channels ? strips_of(map) : 0;                                          \
    for (i64 n = blockIdx.y * rows_of_threads + threadIdx.x / p.lanes; n < end; n += gridDim.y * rows_of_threads)

// Writes a strip: `y = f(onto + sums + bias)`.
__device__ inline void store_strip(
    const Map &y, const Map &onto, bool has_onto, Strip at, i64 channel, Reals *sums, const float *bias, Curve f) {
    Reals shift = factors(bias, channel, 0.0f);
#pragma unroll
    for (int s = 0; s < STRIP; s++) {
        if (at.col + s >= y.width)
            continue;
        i64 pixel = at.row * y.width + at.col + s;
        EACH_OF(k) sums[s].at[k] += shift.at[k];
        if (has_onto) {
            Reals other = load(pixel_at(onto, at.sample, pixel) + channel);
            EACH_OF(k) sums[s].at[k] += other.at[k];
        }
        bend(f, sums[s]);
        store(pixel_at(y, at.sample, pixel) + channel, sums[s]);
    }
}

// `y = f(onto + x * weight + bias)`
PACK_BLOCK_KERNEL(depthwise, {
    Map x;
    i64 lanes;
    const float *weight;
    const float *bias;
    Map onto;
    i64 has_onto;
    Map y;
    Axis rows;
    Axis cols;
    Curve f;
}) {
    __shared__ float filters[TAPS * TAPS * FILTERS];
    read_filters(p.weight, p.lanes, p.x.channels, p.rows.kernel * p.cols.kernel, filters);
    __syncthreads();
    EACH_STRIP(n, p.y) {
        Strip at = strip_of(p.y, n);
        Reals sums[STRIP] = {};
        for (i64 u = 0; u < p.rows.kernel; u++) {
            i64 row = input_of(p.rows, at.row, u);
            if (!inside(p.rows, row))
                continue;
            const Number *pixels = pixel_at(p.x, at.sample, row * p.x.width) + channel;
            for (i64 v = 0; v < p.cols.kernel; v++) {
                const float *tap = filters + (u * p.cols.kernel + v) * columns + lane * WIDE;
#pragma unroll
                for (int s = 0; s < STRIP; s++) {
                    i64 col = input_of(p.cols, at.col + s, v);
                    if (!inside(p.cols, col))
                        continue;
                    Reals x = load(pixels + col * p.x.pitch);
                    EACH_OF(k) sums[s].at[k] += x.at[k] * tap[k];
                }
            }
        }
        store_strip(p.y, p.onto, p.has_onto, at, channel, sums, p.bias, p.f);
    }
}

PACK_BLOCK_KERNEL(depthwise_input_gradient, {
    Map dy;
    i64 lanes;
    const float *weight;
    Map onto;
    i64 has_onto;
    Map dx;
    Axis rows;
    Axis cols;
}) {
    __shared__ float filters[TAPS * TAPS * FILTERS];
    read_filters(p.weight, p.lanes, p.dx.channels, p.rows.kernel * p.cols.kernel, filters);
    __syncthreads();
    EACH_STRIP(n, p.dx) {
        Strip at = strip_of(p.dx, n);
        Reals sums[STRIP] = {};
        for (i64 u = 0; u < p.rows.kernel; u++) {
            i64 i = output_of(p.rows, at.row, u);
            if (i < 0)
                continue;
            const Number *pixels = pixel_at(p.dy, at.sample, i * p.dy.width) + channel;
            for (i64 v = 0; v < p.cols.kernel; v++) {
                const float *tap = filters + (u * p.cols.kernel + v) * columns + lane * WIDE;
#pragma unroll
                for (int s = 0; s < STRIP; s++) {
                    i64 j = output_of(p.cols, at.col + s, v);
                    if (j < 0)
                        continue;
                    Reals dy = load(pixels + j * p.dy.pitch);
                    EACH_OF(k) sums[s].at[k] += dy.at[k] * tap[k];
                }
            }
        }
        store_strip(p.dx, p.onto, p.has_onto, at, channel, sums, nullptr, {NONE, 0.0});
    }
}

// Adds up what the rows of threads found for the taps of a row, and notes it as the block's part.
template <int K, class P> __device__ inline void note_taps(const P &p, const Reals *sums, float *noted) {
    i64 u = blockIdx.y % p.rows.kernel, part = blockIdx.y / p.rows.kernel, columns = p.lanes * WIDE;
#pragma unroll
    for (int v = 0; v < K; v++) {
        if (v >= p.cols.kernel)
            break;
        __syncthreads();
        EACH_OF(k) noted[threadIdx.x * WIDE + k] = sums[v].at[k];
        __syncthreads();
        for (i64 column = threadIdx.x; column < columns; column += blockDim.x) {
            double sum = 0.0;
            for (i64 at = column; at < blockDim.x * WIDE; at += columns)
                sum += noted[at];
            i64 c = blockIdx.x * columns + column;
            if (c < p.x.channels)
                p.parts[((part * p.rows.kernel + u) * p.cols.kernel + v) * p.x.channels + c] = sum;
        }
    }
}

// Sums over some outputs for the taps of one row of the windows: block `part kernel + u` of the grid's second axis.
PACK_BLOCK_KERNEL(depthwise_weight_gradient, {
    Map x;
    i64 lanes;
    Map dy;
    Axis rows;
    Axis cols;
    double *parts;
}) {
    __shared__ float noted[BLOCK * WIDE];
    i64 u = blockIdx.y % p.rows.kernel, part = blockIdx.y / p.rows.kernel, count = gridDim.y / p.rows.kernel;
    i64 lane = threadIdx.x % p.lanes, row = threadIdx.x / p.lanes, rows = blockDim.x / p.lanes;
    i64 columns = p.lanes * WIDE, channel = blockIdx.x * columns + lane * WIDE;
    i64 end = channel < p.dy.channels ? p.dy.samples * p.rows.output : 0;
    Reals sums[TAPS] = {};
    // A thread takes whole rows of outputs: neighbours read the same inputs.
    for (i64 n = part * rows + row; n < end; n += count * rows) {
        unsigned sample = (unsigned)n / (unsigned)p.rows.output;
        i64 i = (unsigned)n - sample * (unsigned)p.rows.output, from = input_of(p.rows, i, u);
        if (!inside(p.rows, from))
            continue;
        const Number *pixels = pixel_at(p.x, sample, from * p.x.width) + channel;
        const Number *gradients = pixel_at(p.dy, sample, i * p.dy.width) + channel;
        for (i64 j = 0; j < p.cols.output; j++) {
            Reals dy = load(gradients + j * p.dy.pitch);
#pragma unroll
            for (int v = 0; v < TAPS; v++) {
                i64 col = input_of(p.cols, j, v);
                if (v >= p.cols.kernel || !inside(p.cols, col))
                    continue;
                Reals x = load(pixels + col * p.x.pitch);
                EACH_OF(k) sums[v].at[k] += x.at[k] * dy.at[k];
            }
        }
    }
    note_taps<TAPS>(p, sums, noted);
}

// All parts of each weight.
KERNEL(depthwise_weight_finish, {
    const double *parts;
    i64 count;
    i64 channels;
    i64 window;
    const float *onto;
    float *dweight;
}) {
    EACH(n, p.channels * p.window) {
        i64 channel = n % p.channels, tap = n / p.channels, to = channel * p.window + tap;
        double sum = p.onto ? p.onto[to] : 0.0;
        for (i64 part = 0; part < p.count; part++)
            sum += p.parts[(part * p.window + tap) * p.channels + channel];
        p.dweight[to] = (float)sum;
    }
}
