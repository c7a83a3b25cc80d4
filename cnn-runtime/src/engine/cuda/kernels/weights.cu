// What weights go through before a convolution uses them.

#if WIDE == 1

// Mean and 1 / deviation of a block's filter.
__device__ inline void filter_moments(const float *filter, i64 numbers, double eps, double *shared, double *moments) {
    double sum = 0.0, squares = 0.0;
    for (i64 i = threadIdx.x; i < numbers; i += blockDim.x)
        sum += filter[i];
    moments[0] = together(sum, shared, false) / (double)numbers;
    for (i64 i = threadIdx.x; i < numbers; i += blockDim.x)
        squares += (filter[i] - moments[0]) * (filter[i] - moments[0]);
    moments[1] = 1.0 / sqrt(together(squares, shared, false) / (double)numbers + eps);
}

// Each filter with mean 0 and variance 1, a block for each.
BLOCK_KERNEL(standardize, {
    const float *weight;
    i64 numbers; // of a filter
    double eps;
    float *to;
}) {
    __shared__ double shared[THREADS];
    const float *filter = p.weight + blockIdx.x * p.numbers;
    double moments[2];
    filter_moments(filter, p.numbers, p.eps, shared, moments);
    for (i64 i = threadIdx.x; i < p.numbers; i += blockDim.x)
        p.to[blockIdx.x * p.numbers + i] = (float)((filter[i] - moments[0]) * moments[1]);
}

BLOCK_KERNEL(standardize_gradient, {
    const float *weight;
    const float *gradient;
    i64 numbers;
    double eps;
    const float *onto;
    float *to;
}) {
    __shared__ double shared[THREADS];
    i64 first = blockIdx.x * p.numbers;
    const float *filter = p.weight + first, *gradient = p.gradient + first;
    double moments[2], sum = 0.0, dot = 0.0;
    filter_moments(filter, p.numbers, p.eps, shared, moments);
    for (i64 i = threadIdx.x; i < p.numbers; i += blockDim.x) {
        sum += gradient[i];
        dot += gradient[i] * ((filter[i] - moments[0]) * moments[1]);
    }
    sum = together(sum, shared, false) / (double)p.numbers;
    dot = together(dot, shared, false) / (double)p.numbers;
    for (i64 i = threadIdx.x; i < p.numbers; i += blockDim.x) {
        double normal = (filter[i] - moments[0]) * moments[1];
        double own = (gradient[i] - sum - normal * dot) * moments[1];
        p.to[first + i] = (float)(own + (p.onto ? p.onto[first + i] : 0.0f));
    }
}

// A weight, or its gradient, where outputs see inputs; zeros, or what is there, elsewhere.
KERNEL(connect, {
    const float *from;
    const i64 *connected; // of each output and input
    i64 window;
    const float *onto;
    float *to;
    i64 numbers;
}) {
    EACH(i, p.numbers)
        p.to[i] = (p.onto ? p.onto[i] : 0.0f) + (p.connected[i / p.window] ? p.from[i] : 0.0f);
}

#endif
