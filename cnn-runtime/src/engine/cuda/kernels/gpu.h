// Kernels as the compiler for graphics processors takes them.
#define KERNEL(name, ...)                                  \
    struct name##_arguments __VA_ARGS__;                   \
    extern "C" __global__ void name(name##_arguments p)
#define BLOCK_KERNEL KERNEL
#define INFINITY __int_as_float(0x7f800000)
