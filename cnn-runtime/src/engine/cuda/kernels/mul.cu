// Products of maps. An axis along which a factor has one number is stretched over those of the product.

// What factor x has for a place in the product.
__device__ inline Reals factor_at(const Map &x, i64 sample, i64 row, i64 col, i64 channel) {
    i64 pixel = (x.height == 1 ? 0 : row) * x.width + (x.width == 1 ? 0 : col);
    const Number *numbers = pixel_at(x, sample, pixel);
    if (x.channels > 1)
        return load(numbers + channel);
    Reals all;
    EACH_OF(k) all.at[k] = numbers[0];
    return all;
}

// All factors but one; -1 leaves out none.
__device__ inline Reals product_at(
    const Map *factors, i64 count, i64 without, i64 sample, i64 row, i64 col, i64 channel) {
    Reals product;
    EACH_OF(k) product.at[k] = 1.0f;
    for (i64 n = 0; n < count; n++) {
        if (n == without)
            continue;
        Reals factor = factor_at(factors[n], sample, row, col, channel);
        EACH_OF(k) product.at[k] *= factor.at[k];
    }
    return product;
}

PACK_KERNEL(mul, {
    const Map *factors;
    i64 count;
    Map y;
}) {
    EACH(i, numbers_of(p.y) / WIDE) {
        Place at = place_of(p.y, i * WIDE);
        i64 row = row_of(p.y, at.pixel), col = col_of(p.y, at.pixel);
        set_pack(p.y, at, product_at(p.factors, p.count, -1, at.sample, row, col, at.channel));
    }
}

// The numbers of the product that one of a factor is stretched over: from a place on, so many along each axis.
struct Stretch {
    i64 first[3]; // row, column, channel
    i64 count[3];
};

__device__ inline Stretch stretch_of(const Map &dx, const Map &dy, Place at) {
    i64 place[3] = {row_of(dx, at.pixel), col_of(dx, at.pixel), at.channel};
    i64 own[3] = {dx.height, dx.width, dx.channels}, all[3] = {dy.height, dy.width, dy.channels};
    Stretch over;
    for (int axis = 0; axis < 3; axis++) {
        over.first[axis] = own[axis] == 1 ? 0 : place[axis];
        over.count[axis] = own[axis] == 1 ? all[axis] : 1;
    }
    return over;
}

// Number n of a stretch: dy times the other factors.
__device__ inline Reals term_of(
    const Map *factors, i64 count, i64 which, const Map &dy, i64 sample, const Stretch &over, i64 n) {
    i64 channel = over.first[2] + n % over.count[2], pixels = n / over.count[2];
    i64 row = over.first[0] + pixels / over.count[1], col = over.first[1] + pixels % over.count[1];
    Reals term = product_at(factors, count, which, sample, row, col, channel);
    Reals gradient = load(pixel_at(dy, sample, row * dy.width + col) + channel);
    EACH_OF(k) term.at[k] *= gradient.at[k];
    return term;
}

// `dx = onto + dy times the other factors`, summed over what x is stretched over: little, or nothing.
PACK_KERNEL(mul_gradient, {
    const Map *factors;
    i64 count;
    i64 which;
    Map dy;
    Map onto;
    i64 has_onto;
    Map dx;
}) {
    EACH(i, numbers_of(p.dx) / WIDE) {
        Place at = place_of(p.dx, i * WIDE);
        // Packs of a factor of one channel are not stretched along it.
        Stretch over = stretch_of(p.dx, p.dy, at);
        Reals sum = {};
        if (p.has_onto)
            sum = pack_at(p.onto, at);
        for (i64 n = 0; n < over.count[0] * over.count[1] * over.count[2]; n++) {
            Reals term = term_of(p.factors, p.count, p.which, p.dy, at.sample, over, n);
            EACH_OF(k) sum.at[k] += term.at[k];
        }
        set_pack(p.dx, at, sum);
    }
}

#if WIDE == 1

// The same where x is stretched over much: a block for each number.
BLOCK_KERNEL(mul_gradient_sums, {
    const Map *factors;
    i64 count;
    i64 which;
    Map dy;
    Map onto;
    i64 has_onto;
    Map dx;
}) {
    __shared__ double shared[THREADS];
    Place at = place_of(p.dx, blockIdx.x);
    Stretch over = stretch_of(p.dx, p.dy, at);
    double sum = 0.0;
    for (i64 n = threadIdx.x; n < over.count[0] * over.count[1] * over.count[2]; n += blockDim.x)
        sum += term_of(p.factors, p.count, p.which, p.dy, at.sample, over, n).at[0];
    sum = together(sum, shared, false);
    if (threadIdx.x == 0)
        number_at(p.dx, at) = (float)(sum + (p.has_onto ? (float)number_at(p.onto, at) : 0.0f));
}

#endif
