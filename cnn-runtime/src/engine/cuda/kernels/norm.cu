// Batch normalisation in training, and other sums over all pixels of a channel.
//
// Such a sum is taken in parts: a block sums some pixels of 32 channels, a second kernel adds the parts up. Their order depends
// on the sizes alone, so the same numbers give the same bits.

#define CHANNELS 32
#define ROWS 8

// Adds a thread's two sums to those of the other rows and notes them as the block's part.
#define NOTE_PART(first, second)                                                                       \
    __shared__ double sums[2][ROWS][CHANNELS];                                                         \
    i64 lane = threadIdx.x % CHANNELS, line = threadIdx.x / CHANNELS;                                  \
    sums[0][line][lane] = first;                                                                       \
    sums[1][line][lane] = second;                                                                      \
    __syncthreads();                                                                                   \
    i64 noted = (i64)blockIdx.x * CHANNELS + lane;                                                     \
    if (line == 0 && noted < p.x.channels) {                                                           \
        for (i64 k = 1; k < ROWS; k++) {                                                               \
            sums[0][0][lane] += sums[0][k][lane];                                                      \
            sums[1][0][lane] += sums[1][k][lane];                                                      \
        }                                                                                              \
        p.parts[2 * (blockIdx.y * p.x.channels + noted)] = sums[0][0][lane];                           \
        p.parts[2 * (blockIdx.y * p.x.channels + noted) + 1] = sums[1][0][lane];                       \
    }

// For every pixel of the block's part that is this thread's.
#define EACH_PIXEL(n)                                                                                  \
    i64 channel = (i64)blockIdx.x * CHANNELS + threadIdx.x % CHANNELS;                                 \
    i64 pixels = p.x.samples * plane_of(p.x);                                                          \
    i64 end = channel < p.x.channels ? pixels : 0;                                                     \
    for (i64 n = blockIdx.y * ROWS + threadIdx.x / CHANNELS; n < end; n += (i64)gridDim.y * ROWS)

__device__ inline double part_of(const double *parts, i64 count, i64 channels, i64 channel, i64 which) {
    double sum = 0.0;
    for (i64 k = 0; k < count; k++)
        sum += parts[2 * (k * channels + channel) + which];
    return sum;
}

// Sums of x and of its squares around the channel's first number, which keeps large means from hiding small deviations.
BLOCK_KERNEL(channel_moments, {
    Map x;
    double *parts;
}) {
    double first = 0.0, second = 0.0;
    EACH_PIXEL(n) {
        double x = (double)pixel_at(p.x, n / plane_of(p.x), n % plane_of(p.x))[channel] - p.x.start[channel];
        first += x;
        second += x * x;
    }
    NOTE_PART(first, second)
}

KERNEL(norm_statistics, {
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
    EACH(c, p.x.channels) {
        double n = (double)(p.x.samples * plane_of(p.x));
        double shifted = part_of(p.parts, p.count, p.x.channels, c, 0) / n;
        double variance = part_of(p.parts, p.count, p.x.channels, c, 1) / n - shifted * shifted;
        variance = variance < 0.0 ? 0.0 : variance;
        double mean = shifted + p.x.start[c];
        p.mean[c] = (float)mean;
        p.inverse[c] = (float)(1.0 / sqrt(variance + p.eps));
        double unbiased = n > 1.0 ? variance * n / (n - 1.0) : variance;
        p.running_mean[c] = (float)((1.0 - p.momentum) * p.running_mean[c] + p.momentum * mean);
        p.running_var[c] = (float)((1.0 - p.momentum) * p.running_var[c] + p.momentum * unbiased);
    }
}

__device__ inline float normed(float x, float mean, float inverse, const float *weight, const float *bias, i64 channel) {
    float scale = weight ? weight[channel] * inverse : inverse;
    return (x - mean) * scale + (bias ? bias[channel] : 0.0f);
}

KERNEL(batch_norm, {
    Map x;
    const float *mean;
    const float *inverse;
    const float *weight;
    const float *bias;
    Map onto;
    i64 has_onto;
    Map y;
    Curve f;
}) {
    EACH(i, numbers_of(p.y)) {
        Place at = place_of(p.y, i);
        i64 c = at.channel;
        float sum = normed(number_at(p.x, at), p.mean[c], p.inverse[c], p.weight, p.bias, c);
        if (p.has_onto)
            sum += number_at(p.onto, at);
        number_at(p.y, at) = value_of(p.f, sum);
    }
}

// dy before the activation.
__device__ inline float before(Curve f, float dy, float x, float mean, float inverse, const float *weight, const float *bias, i64 c) {
    return f.kind == NONE ? dy : dy * slope_of(f, normed(x, mean, inverse, weight, bias, c));
}

// Sums of dy and of `dy (x - mean) inverse`.
BLOCK_KERNEL(norm_gradient_sums, {
    Map x;
    Map dy;
    const float *mean;
    const float *inverse;
    const float *weight;
    const float *bias;
    Curve f;
    double *parts;
}) {
    double first = 0.0, second = 0.0;
    EACH_PIXEL(n) {
        i64 sample = n / plane_of(p.x), pixel = n % plane_of(p.x);
        float x = pixel_at(p.x, sample, pixel)[channel], mean = p.mean[channel], inverse = p.inverse[channel];
        float dy = before(p.f, pixel_at(p.dy, sample, pixel)[channel], x, mean, inverse, p.weight, p.bias, channel);
        first += dy;
        second += (double)dy * ((x - mean) * inverse);
    }
    NOTE_PART(first, second)
}

KERNEL(norm_gradient_finish, {
    i64 channels;
    const double *parts;
    i64 count;
    double *sums;
    float *dweight;
    float *dbias;
}) {
    EACH(c, p.channels) {
        double first = part_of(p.parts, p.count, p.channels, c, 0), second = part_of(p.parts, p.count, p.channels, c, 1);
        p.sums[2 * c] = first;
        p.sums[2 * c + 1] = second;
        if (p.dweight) {
            p.dweight[c] = (float)second;
            p.dbias[c] = (float)first;
        }
    }
}

KERNEL(norm_gradient, {
    Map x;
    Map dy;
    const float *mean;
    const float *inverse;
    const float *weight;
    const float *bias;
    Curve f;
    const double *sums;
    Map onto;
    i64 has_onto;
    Map dx;
}) {
    double n = (double)(p.x.samples * plane_of(p.x));
    EACH(i, numbers_of(p.dx)) {
        Place at = place_of(p.dx, i);
        i64 c = at.channel;
        float x = number_at(p.x, at), mean = p.mean[c], inverse = p.inverse[c];
        float dy = before(p.f, number_at(p.dy, at), x, mean, inverse, p.weight, p.bias, c);
        float scale = p.weight ? p.weight[c] * inverse : inverse;
        float even = (float)(p.sums[2 * c] / n), tilt = (float)(p.sums[2 * c + 1] / n);
        float dx = scale * (dy - even - (x - mean) * inverse * tilt);
        number_at(p.dx, at) = p.has_onto ? number_at(p.onto, at) + dx : dx;
    }
}

// Sums of dy, and of `dy x` where there is a `factor`.
BLOCK_KERNEL(channel_sums, {
    Map x;
    Map factor;
    i64 has_factor;
    double *parts;
}) {
    double first = 0.0, second = 0.0;
    EACH_PIXEL(n) {
        i64 sample = n / plane_of(p.x), pixel = n % plane_of(p.x);
        double x = pixel_at(p.x, sample, pixel)[channel];
        first += x;
        if (p.has_factor)
            second += x * pixel_at(p.factor, sample, pixel)[channel];
    }
    NOTE_PART(first, second)
}

// One of the sums, onto what is there or not.
KERNEL(channel_sums_finish, {
    i64 channels;
    const double *parts;
    i64 count;
    i64 which;
    const float *onto;
    float *to;
}) {
    EACH(c, p.channels)
        p.to[c] = (float)(part_of(p.parts, p.count, p.channels, c, p.which) + (p.onto ? p.onto[c] : 0.0));
}
