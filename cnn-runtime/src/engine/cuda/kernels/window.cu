// Sliding windows: pooling.

__device__ inline i64 least(i64 a, i64 b) { return a < b ? a : b; }

__device__ inline i64 most(i64 a, i64 b) { return a > b ? a : b; }

__device__ inline i64 input_of(Axis axis, i64 output, i64 tap) {
    return output * axis.stride + tap * axis.dilation - axis.before;
}

__device__ inline bool inside(Axis axis, i64 input) { return input >= 0 && input < axis.input; }

// Row and column of a pixel.
__device__ inline unsigned row_of(const Map &map, i64 pixel) { return (unsigned)pixel / (unsigned)map.width; }

__device__ inline unsigned col_of(const Map &map, i64 pixel) { return (unsigned)pixel % (unsigned)map.width; }

// The output whose tap k lies on an input; -1 if there is none.
__device__ inline i64 output_of(Axis axis, i64 input, i64 tap) {
    i64 from = input + axis.before - tap * axis.dilation;
    if (from < 0)
        return -1;
    unsigned output = (unsigned)from;
    if (axis.stride > 1) {
        output = (unsigned)from / (unsigned)axis.stride;
        if (output * (unsigned)axis.stride != (unsigned)from)
            return -1;
    }
    return output < axis.output ? (i64)output : -1;
}

// Which tap of its window each number of a pack lies under. They lie in memory like numbers of a map.
struct alignas(WIDE * sizeof(Number)) Winners {
    TapNumber at[WIDE];
};

__device__ inline Winners &winners_at(const Map &map, Place at) { return *(Winners *)&number_at(map, at); }

// The largest numbers under a window: of equals the first, of NaNs the last.
PACK_KERNEL(max_pool, {
    Map x;
    Map y;
    Map winners;
    i64 has_winners;
    Axis rows;
    Axis cols;
}) {
    EACH(n, numbers_of(p.y) / WIDE) {
        Place at = place_of(p.y, n * WIDE);
        i64 i = row_of(p.y, at.pixel), j = col_of(p.y, at.pixel);
        Reals largest;
        Winners winners = {};
        EACH_OF(k) largest.at[k] = -INFINITY;
        bool first = true;
        for (i64 u = 0; u < p.rows.kernel; u++) {
            i64 row = input_of(p.rows, i, u);
            if (!inside(p.rows, row))
                continue;
            for (i64 v = 0; v < p.cols.kernel; v++) {
                i64 col = input_of(p.cols, j, v);
                if (!inside(p.cols, col))
                    continue;
                Reals x = load(pixel_at(p.x, at.sample, row * p.x.width + col) + at.channel);
                TapNumber tap = (TapNumber)(u * p.cols.kernel + v);
                EACH_OF(k) {
                    bool wins = first || x.at[k] > largest.at[k] || x.at[k] != x.at[k];
                    largest.at[k] = wins ? x.at[k] : largest.at[k];
                    winners.at[k] = wins ? tap : winners.at[k];
                }
                first = false;
            }
        }
        set_pack(p.y, at, largest);
        if (p.has_winners)
            winners_at(p.winners, at) = winners;
    }
}

// Every input asks the windows above it whether it won: no two threads write the same number.
PACK_KERNEL(max_pool_gradient, {
    Map winners;
    Map dy;
    Map onto;
    i64 has_onto;
    Map dx;
    Axis rows;
    Axis cols;
}) {
    EACH(n, numbers_of(p.dx) / WIDE) {
        Place at = place_of(p.dx, n * WIDE);
        Reals sum = {};
        if (p.has_onto)
            sum = pack_at(p.onto, at);
        i64 row = row_of(p.dx, at.pixel), col = col_of(p.dx, at.pixel);
        for (i64 u = 0; u < p.rows.kernel; u++) {
            i64 i = output_of(p.rows, row, u);
            if (i < 0)
                continue;
            for (i64 v = 0; v < p.cols.kernel; v++) {
                i64 j = output_of(p.cols, col, v);
                if (j < 0)
                    continue;
                Place window = {at.sample, i * p.dy.width + j, at.channel};
                Winners winners = winners_at(p.winners, window);
                Reals dy = pack_at(p.dy, window);
                TapNumber tap = (TapNumber)(u * p.cols.kernel + v);
                EACH_OF(k) sum.at[k] += winners.at[k] == tap ? dy.at[k] : 0.0f;
            }
        }
        set_pack(p.dx, at, sum);
    }
}

// Taps on an input, or with `pads` on an input or its padding.
__device__ inline i64 taps_of(Axis axis, i64 output, i64 pads) {
    i64 count = 0;
    for (i64 k = 0; k < axis.kernel; k++) {
        i64 input = input_of(axis, output, k);
        count += pads ? input < axis.input + axis.after : inside(axis, input);
    }
    return count;
}

__device__ inline float share_of(Axis rows, Axis cols, i64 i, i64 j, i64 pads) {
    return 1.0f / (float)most(taps_of(rows, i, pads) * taps_of(cols, j, pads), 1);
}

PACK_KERNEL(avg_pool, {
    Map x;
    Map y;
    Axis rows;
    Axis cols;
    i64 count_pad;
}) {
    EACH(n, numbers_of(p.y) / WIDE) {
        Place at = place_of(p.y, n * WIDE);
        i64 i = row_of(p.y, at.pixel), j = col_of(p.y, at.pixel);
        Reals sum = {};
        for (i64 u = 0; u < p.rows.kernel; u++) {
            i64 row = input_of(p.rows, i, u);
            if (!inside(p.rows, row))
                continue;
            for (i64 v = 0; v < p.cols.kernel; v++) {
                i64 col = input_of(p.cols, j, v);
                if (!inside(p.cols, col))
                    continue;
                Reals x = load(pixel_at(p.x, at.sample, row * p.x.width + col) + at.channel);
                EACH_OF(k) sum.at[k] += x.at[k];
            }
        }
        float share = share_of(p.rows, p.cols, i, j, p.count_pad);
        EACH_OF(k) sum.at[k] *= share;
        set_pack(p.y, at, sum);
    }
}

PACK_KERNEL(avg_pool_gradient, {
    Map dy;
    Map onto;
    i64 has_onto;
    Map dx;
    Axis rows;
    Axis cols;
    i64 count_pad;
}) {
    EACH(n, numbers_of(p.dx) / WIDE) {
        Place at = place_of(p.dx, n * WIDE);
        Reals sum = {};
        if (p.has_onto)
            sum = pack_at(p.onto, at);
        for (i64 u = 0; u < p.rows.kernel; u++) {
            i64 i = output_of(p.rows, row_of(p.dx, at.pixel), u);
            if (i < 0)
                continue;
            for (i64 v = 0; v < p.cols.kernel; v++) {
                i64 j = output_of(p.cols, col_of(p.dx, at.pixel), v);
                if (j < 0)
                    continue;
                Reals dy = load(pixel_at(p.dy, at.sample, i * p.dy.width + j) + at.channel);
                float share = share_of(p.rows, p.cols, i, j, p.count_pad);
                EACH_OF(k) sum.at[k] += dy.at[k] * share;
            }
        }
        set_pack(p.dx, at, sum);
    }
}

// Bins that cover an axis: bin o of so many takes inputs from `floor(o inputs / bins)` to before `ceil((o + 1) inputs / bins)`.
__device__ inline i64 bin_begin(i64 bin, i64 inputs, i64 bins) { return (unsigned)(bin * inputs) / (unsigned)bins; }

__device__ inline i64 bin_end(i64 bin, i64 inputs, i64 bins) { return (unsigned)((bin + 1) * inputs + bins - 1) / (unsigned)bins; }

PACK_KERNEL(adaptive_avg_pool, {
    Map x;
    Map y;
}) {
    EACH(n, numbers_of(p.y) / WIDE) {
        Place at = place_of(p.y, n * WIDE);
        i64 i = row_of(p.y, at.pixel), j = col_of(p.y, at.pixel);
        i64 top = bin_begin(i, p.x.height, p.y.height), bottom = bin_end(i, p.x.height, p.y.height);
        i64 left = bin_begin(j, p.x.width, p.y.width), right = bin_end(j, p.x.width, p.y.width);
        Reals sum = {};
        for (i64 row = top; row < bottom; row++)
            for (i64 col = left; col < right; col++) {
                Reals x = load(pixel_at(p.x, at.sample, row * p.x.width + col) + at.channel);
                EACH_OF(k) sum.at[k] += x.at[k];
            }
        float share = 1.0f / (float)((bottom - top) * (right - left));
        EACH_OF(k) sum.at[k] *= share;
        set_pack(p.y, at, sum);
    }
}

// Bins overlap where they do not divide the axis: an input is in those from the first that ends behind it to the last that begins
// before.
PACK_KERNEL(adaptive_avg_pool_gradient, {
    Map dy;
    Map onto;
    i64 has_onto;
    Map dx;
}) {
    i64 height = p.dx.height, width = p.dx.width, rows = p.dy.height, cols = p.dy.width;
    EACH(n, numbers_of(p.dx) / WIDE) {
        Place at = place_of(p.dx, n * WIDE);
        i64 row = row_of(p.dx, at.pixel), col = col_of(p.dx, at.pixel);
        Reals sum = {};
        if (p.has_onto)
            sum = pack_at(p.onto, at);
        for (i64 i = bin_begin(row, rows, height); i < rows && bin_begin(i, height, rows) <= row; i++)
            for (i64 j = bin_begin(col, cols, width); j < cols && bin_begin(j, width, cols) <= col; j++) {
                i64 bottom = bin_end(i, height, rows), right = bin_end(j, width, cols);
                if (bottom <= row || right <= col)
                    continue;
                float share = 1.0f / (float)((bottom - bin_begin(i, height, rows)) * (right - bin_begin(j, width, cols)));
                Reals dy = load(pixel_at(p.dy, at.sample, i * cols + j) + at.channel);
                EACH_OF(k) sum.at[k] += dy.at[k] * share;
            }
        set_pack(p.dx, at, sum);
    }
}

PACK_KERNEL(global_avg_pool_gradient, {
    Map dy;
    Map onto;
    i64 has_onto;
    Map dx;
}) {
    float share = 1.0f / (float)plane_of(p.dx);
    EACH(n, numbers_of(p.dx) / WIDE) {
        Place at = place_of(p.dx, n * WIDE);
        Reals dx = load(pixel_at(p.dy, at.sample, 0) + at.channel);
        EACH_OF(k) dx.at[k] *= share;
        add_onto(p, at, dx);
        set_pack(p.dx, at, dx);
    }
}
