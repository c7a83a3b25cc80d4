// The kernels on an ordinary processor: a block after the other, its threads in turns. A kernel without barriers runs thread by
// thread; in one with barriers every thread has a stack of its own and gives way at each barrier.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>

using std::isfinite;
using std::isinf;

struct Index {
    unsigned x, y, z;
};

static thread_local Index threadIdx, blockIdx, blockDim, gridDim;

#define __device__ [[maybe_unused]]
#define __shared__ static thread_local

__device__ inline float float_of_bits(unsigned bits) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

__device__ inline unsigned bits_of_float(float x) {
    unsigned bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}

// Numbers of 16 bits with eleven digits, from 2^-24 on.
__device__ inline float float_of_half(unsigned short bits) {
    unsigned exponent = bits >> 10 & 31, digits = bits & 1023;
    float size = exponent == 31  ? digits ? NAN : INFINITY
                 : exponent == 0 ? std::ldexp((float)digits, -24)
                                 : std::ldexp((float)(digits | 1024), (int)exponent - 25);
    return bits >> 15 ? -size : size;
}

__device__ inline unsigned short half_of_float(float x) {
    unsigned sign = bits_of_float(x) >> 16 & 0x8000;
    float size = std::fabs(x);
    if (!(size < 65520.0f))
        return (unsigned short)(sign | (x != x ? 0x7e00 : 0x7c00));
    int exponent = size < 6.103515625e-05f ? -14 : std::ilogb(size);
    // Of the last digit; rounding may carry into the exponent, as it should.
    unsigned digits = (unsigned)std::nearbyint(std::ldexp(size, 10 - exponent));
    return (unsigned short)(sign | (digits + ((unsigned)(exponent + 14) << 10)));
}

__device__ inline float product(float x, float y) { return x * y; }

namespace emulated {

const size_t STACK = 64 << 10;

struct Block {
    ucontext_t scheduler;
    ucontext_t *threads;
    bool *ended;
    void (*body)(const void *);
    const void *arguments;
};

static thread_local Block block;

// Kept from block to block.
struct Stacks {
    char *start = nullptr;
    unsigned count = 0;
    char *of(unsigned wanted) {
        if (wanted > count) {
            free(start);
            start = (char *)malloc(wanted * STACK);
            count = wanted;
        }
        return start;
    }
    ~Stacks() { free(start); }
};

static thread_local Stacks kept;

static void barrier() { swapcontext(&block.threads[threadIdx.x], &block.scheduler); }

static void begin() {
    block.body(block.arguments);
    block.ended[threadIdx.x] = true;
}

static void with_barriers(void (*body)(const void *), const void *arguments) {
    unsigned count = blockDim.x;
    char *stacks = kept.of(count);
    block.threads = (ucontext_t *)malloc(count * sizeof(ucontext_t));
    block.ended = (bool *)calloc(count, 1);
    block.body = body;
    block.arguments = arguments;
    for (unsigned i = 0; i < count; i++) {
        getcontext(&block.threads[i]);
        block.threads[i].uc_stack.ss_sp = stacks + i * STACK;
        block.threads[i].uc_stack.ss_size = STACK;
        block.threads[i].uc_link = &block.scheduler;
        makecontext(&block.threads[i], begin, 0);
    }
    for (bool left = true; left;) {
        left = false;
        for (unsigned i = 0; i < count; i++) {
            if (block.ended[i])
                continue;
            threadIdx.x = i;
            swapcontext(&block.scheduler, &block.threads[i]);
            left = left || !block.ended[i];
        }
    }
    free(block.threads);
    free(block.ended);
}

static void one_by_one(void (*body)(const void *), const void *arguments) {
    for (threadIdx.x = 0; threadIdx.x < blockDim.x; threadIdx.x++)
        body(arguments);
}

typedef void (*Way)(void (*)(const void *), const void *);

static void launch(Way way, void (*body)(const void *), const void *arguments, const unsigned *grid, unsigned threads) {
    gridDim = {grid[0], grid[1], 1};
    blockDim = {threads, 1, 1};
    threadIdx = {0, 0, 0};
    for (blockIdx.y = 0; blockIdx.y < grid[1]; blockIdx.y++)
        for (blockIdx.x = 0; blockIdx.x < grid[0]; blockIdx.x++)
            way(body, arguments);
}

} // namespace emulated

#define __syncthreads emulated::barrier

#define EMULATED(way, name, ...)                                                                            \
    struct name##_arguments __VA_ARGS__;                                                                    \
    static void name##_thread(name##_arguments p);                                                          \
    extern "C" void name(const void *arguments, const unsigned *grid, unsigned threads) {                   \
        emulated::launch(                                                                                   \
            way, [](const void *p) { name##_thread(*(const name##_arguments *)p); }, arguments, grid, threads); \
    }                                                                                                       \
    static void name##_thread(name##_arguments p)
#define KERNEL(name, ...) EMULATED(emulated::one_by_one, name, __VA_ARGS__)
#define BLOCK_KERNEL(name, ...) EMULATED(emulated::with_barriers, name, __VA_ARGS__)
#define PACK_KERNEL KERNEL
#define PACK_BLOCK_KERNEL BLOCK_KERNEL
