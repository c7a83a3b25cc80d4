// Kernels as the compiler for graphics processors takes them.
#define KERNEL(name, ...)                                  \
    struct name##_arguments __VA_ARGS__;                   \
    extern "C" __global__ void name(name##_arguments p)
#define BLOCK_KERNEL KERNEL
// Those that work on packs of numbers.
#define PACK_KERNEL KERNEL
#define PACK_BLOCK_KERNEL KERNEL
#define INFINITY __int_as_float(0x7f800000)

__device__ inline float float_of_bits(unsigned bits) { return __uint_as_float(bits); }

__device__ inline unsigned bits_of_float(float x) { return __float_as_uint(x); }

__device__ inline float float_of_half(unsigned short bits) {
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
}

__device__ inline unsigned short half_of_float(float x) {
    unsigned short bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}

// Rounded by itself, whatever it is added to.
__device__ inline float product(float x, float y) { return __fmul_rn(x, y); }
