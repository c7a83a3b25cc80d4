// What all kernels share. Everything that a kernel is given is 64 bits wide, so that no structure has gaps: addresses, sizes as
// `i64`, factors as `double`.

typedef long long i64;
typedef unsigned long long u64;

// A number of a map. All of this is compiled for each type of numbers (one of F32, BF16 and F16 is defined), and for packs of one
// or of as many as are read at once (WIDE). Weights, and whatever there is once for all samples, are `float` always.
#ifdef F32
typedef float Number;
// The number of a tap of a window, in as much memory as a number of a map takes.
typedef unsigned TapNumber;
// What some pixels are summed up in.
typedef double Sum;
#else
// Conversions are to the nearest, of two equally near ones the even one.
#ifdef BF16
__device__ inline float float_of_short(unsigned short bits) { return float_of_bits((unsigned)bits << 16); }

__device__ inline unsigned short short_of_float(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    unsigned short bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
#else
    unsigned all = bits_of_float(x);
    return x == x ? (unsigned short)((all + 0x7fff + (all >> 16 & 1)) >> 16) : (unsigned short)0x7fc0;
#endif
}
#else
__device__ inline float float_of_short(unsigned short bits) { return float_of_half(bits); }

__device__ inline unsigned short short_of_float(float x) { return half_of_float(x); }
#endif

struct Number {
    unsigned short bits;

    __device__ operator float() const { return float_of_short(bits); }

    __device__ Number &operator=(float x) {
        bits = short_of_float(x);
        return *this;
    }
};

typedef unsigned short TapNumber;
typedef float Sum;
#endif

// Numbers that lie one behind the other and are read at once.
struct alignas(WIDE * sizeof(Number)) Pack {
    Number numbers[WIDE];
};

// A pack to compute with.
struct Reals {
    float at[WIDE];
};

// For each number of a pack.
#define EACH_OF(k) _Pragma("unroll") for (int k = 0; k < WIDE; k++)

__device__ inline Pack pack_of(const Number *from) { return *(const Pack *)from; }

__device__ inline Reals reals(const Pack &pack) {
    Reals x;
    EACH_OF(k) x.at[k] = pack.numbers[k];
    return x;
}

__device__ inline Reals load(const Number *from) { return reals(pack_of(from)); }

__device__ inline Pack rounded(const Reals &x) {
    Pack pack;
    EACH_OF(k) pack.numbers[k] = x.at[k];
    return pack;
}

__device__ inline void store(Number *to, const Reals &x) { *(Pack *)to = rounded(x); }

// Factors of channels one behind the other; where there are none, what stands for them.
__device__ inline Reals factors(const float *from, i64 channel, float none) {
    Reals x;
    EACH_OF(k) x.at[k] = from ? from[channel + k] : none;
    return x;
}

// A tensor's address and sizes: pixels some way apart, the channels of each together. Samples follow one another like pixels:
// `stride` is `height width pitch`.
struct Map {
    Number *start;
    i64 samples;
    i64 stride; // numbers from a sample to the next
    i64 height;
    i64 width;
    i64 pitch; // numbers from a pixel to the next
    i64 channels;
};

// One axis of a sliding window: tap k of output o lies on input `o stride + k dilation - before`.
struct Axis {
    i64 input;
    i64 output;
    i64 kernel;
    i64 stride;
    i64 before;
    i64 after;
    i64 dilation;
};

// What changes from run to run. The program writes it before the first kernel; `norm` is written by a kernel.
struct Run {
    u64 seed;
    double dropout;
    i64 moves; // whether parameters move
    i64 optimizer;
    double factors[4]; // the optimizer's own
    double rate;
    double weight_decay;
    i64 clip; // 0: none, 1: by the norm, 2: every number
    double limit;
    double average_decay;
    double number;
    i64 skip_non_finite;
    i64 first_part;
    i64 last_part;
    double share;
    i64 soft; // whether targets are probabilities
    double loss_scale; // what gradients are multiplied by until the optimizer takes them
    double norm;
};

// How the steps of a tensor differ from the others'.
struct Pace {
    double rate;
    double weight_decay;
    double since;
};

struct Curve {
    i64 kind;
    double slope; // of a leaky one
};

// For every i below n, shared out to all threads of the grid.
#define EACH(i, n) \
    for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < (n); i += (i64)gridDim.x * blockDim.x)

__device__ inline i64 plane_of(const Map &map) { return map.height * map.width; }

__device__ inline i64 numbers_of(const Map &map) { return map.samples * plane_of(map) * map.channels; }

__device__ inline Number *pixel_at(const Map &map, i64 sample, i64 pixel) {
    return map.start + sample * map.stride + pixel * map.pitch;
}

// A number of a map: channels run fastest.
struct Place {
    i64 sample;
    i64 pixel;
    i64 channel;
};

__device__ inline Place place_of(const Map &map, i64 index) {
    if ((u64)index >> 32) {
        i64 pixels = index / map.channels;
        i64 plane = plane_of(map);
        return {pixels / plane, pixels % plane, index % map.channels};
    }
    // Division of 32 bits is several times as fast.
    unsigned channels = (unsigned)map.channels, plane = (unsigned)plane_of(map);
    unsigned pixels = (unsigned)index / channels, sample = pixels / plane;
    return {sample, pixels - sample * plane, (unsigned)index - pixels * channels};
}

__device__ inline Number &number_at(const Map &map, Place at) { return pixel_at(map, at.sample, at.pixel)[at.channel]; }

__device__ inline Reals pack_at(const Map &map, Place at) { return load(&number_at(map, at)); }

__device__ inline void set_pack(const Map &map, Place at, const Reals &x) { store(&number_at(map, at), x); }

// Adds what a result is computed onto, if it is.
template <class P> __device__ inline void add_onto(const P &p, Place at, Reals &x) {
    if (p.has_onto) {
        Reals onto = pack_at(p.onto, at);
        EACH_OF(k) x.at[k] += onto.at[k];
    }
}

enum { NONE, RELU, RELU6, LEAKY, SIGMOID, TANH, SILU, HSWISH, HSIGMOID, GELU };

// Where numbers have eleven digits at most, the processor's own exponential is exact enough.
#if !defined(F32) && defined(__CUDA_ARCH__)
__device__ inline float sigmoid_of(float x) { return __fdividef(1.0f, 1.0f + __expf(-x)); }

__device__ inline float sixth_of(float x) { return x * (1.0f / 6.0f); }
#else
__device__ inline float sigmoid_of(float x) { return 1.0f / (1.0f + expf(-x)); }

__device__ inline float sixth_of(float x) { return x / 6.0f; }
#endif

// NaN stays what it is.
__device__ inline float clamped(float x, float least, float most) { return x < least ? least : x > most ? most : x; }

__device__ inline float value_of(Curve f, float x) {
    switch (f.kind) {
    case RELU: return x < 0.0f ? 0.0f : x;
    case RELU6: return clamped(x, 0.0f, 6.0f);
    case LEAKY: return x > 0.0f ? x : (float)f.slope * x;
    case SIGMOID: return sigmoid_of(x);
    case TANH: return tanhf(x);
    case SILU: return x * sigmoid_of(x);
    case HSWISH: return sixth_of(x * clamped(x + 3.0f, 0.0f, 6.0f));
    case HSIGMOID: return sixth_of(clamped(x + 3.0f, 0.0f, 6.0f));
    case GELU: return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
    default: return x;
    }
}

__device__ inline void bend(Curve f, Reals &x) {
    if (f.kind == RELU)
        EACH_OF(k) x.at[k] = x.at[k] < 0.0f ? 0.0f : x.at[k];
    else if (f.kind == SILU)
        EACH_OF(k) x.at[k] *= sigmoid_of(x.at[k]);
    else if (f.kind != NONE)
        EACH_OF(k) x.at[k] = value_of(f, x.at[k]);
}

// The slope where the value is y; of curves whose value tells it.
__device__ inline float slope_at_value(Curve f, float y) {
    switch (f.kind) {
    case RELU: return y <= 0.0f ? 0.0f : 1.0f;
    case RELU6: return y <= 0.0f || y >= 6.0f ? 0.0f : 1.0f;
    case LEAKY: return y > 0.0f ? 1.0f : (float)f.slope;
    case SIGMOID: return y * (1.0f - y);
    case TANH: return 1.0f - y * y;
    default: return 1.0f;
    }
}

// dy before the activation that gave y.
__device__ inline void bend_back(Curve f, const Reals &y, Reals &dy) {
    if (f.kind == RELU)
        EACH_OF(k) dy.at[k] = y.at[k] <= 0.0f ? 0.0f : dy.at[k];
    else
        EACH_OF(k) dy.at[k] *= slope_at_value(f, y.at[k]);
}

__device__ inline float slope_of(Curve f, float x) {
    switch (f.kind) {
    case SIGMOID:
    case TANH: return slope_at_value(f, value_of(f, x));
    case SILU: {
        float s = sigmoid_of(x);
        return s * (1.0f + x * (1.0f - s));
    }
    case HSWISH: return x <= -3.0f ? 0.0f : x >= 3.0f ? 1.0f : x / 3.0f + 0.5f;
    case HSIGMOID: return x <= -3.0f || x >= 3.0f ? 0.0f : 1.0f / 6.0f;
    case GELU: {
        float half = 0.5f * (1.0f + erff(x * 0.70710678118654752f));
        return half + x * 0.3989422804014327f * expf(-0.5f * x * x);
    }
    default: return slope_at_value(f, x);
    }
}

// Number i of the generator that masks are drawn from: SplitMix64.
__device__ inline u64 scattered(u64 z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

__device__ inline double uniform_of(u64 seed, u64 i) {
    u64 z = scattered(seed + (i + 1) * 0x9E3779B97F4A7C15ull);
    return (double)(z >> 11) / 9007199254740992.0;
}

// A thread's number to that of all threads of the block, the largest or the sum.
__device__ inline double together(double mine, double *shared, bool largest) {
    shared[threadIdx.x] = mine;
    __syncthreads();
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            double other = shared[threadIdx.x + half];
            shared[threadIdx.x] = !largest ? shared[threadIdx.x] + other : other > shared[threadIdx.x] ? other : shared[threadIdx.x];
        }
        __syncthreads();
    }
    double all = shared[0];
    __syncthreads();
    return all;
}
