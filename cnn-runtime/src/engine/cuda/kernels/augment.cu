// Images of stored bytes become numbers.

#if WIDE == 1

// A batch in one piece: this, and behind it what its pointers would point to, in the order of `Batch`.
struct BatchHead {
    i64 samples;
    i64 channels;
    i64 height;
    i64 width;
    i64 moves;  // of each sample
    i64 erased; // rectangles of each sample
    i64 mixed;
    double share;
    double rest; // one less the share
    i64 cut;     // whether only a window is mixed, which the partner has all of
    i64 window[4];
};

struct Batch {
    BatchHead head;
    const int *moves;    // rows, columns, whether it is flipped
    const int *erased;   // top, left, height, width
    const int *partners; // where it is mixed
    const float *mean;
    const float *scale;
    const unsigned char *bytes;
};

__device__ inline Batch batch_of(const BatchHead *head) {
    const int *moves = (const int *)(head + 1);
    const int *erased = moves + head->samples * head->moves * 3;
    const int *partners = erased + head->samples * head->erased * 4;
    const float *mean = (const float *)(partners + (head->mixed ? head->samples : 0));
    const float *scale = mean + head->channels;
    return {*head, moves, erased, partners, mean, scale, (const unsigned char *)(scale + head->channels)};
}

template <class Int> __device__ inline bool is_within(const Int *rectangle, i64 y, i64 x) {
    i64 row = y - rectangle[0], column = x - rectangle[1];
    return row >= 0 && row < rectangle[2] && column >= 0 && column < rectangle[3];
}

// Where a pixel of an image comes from, from its last move to its first.
struct Origin {
    i64 pixel; // -1 is outside, where all is black
    bool erased;
};

__device__ inline Origin origin_of(const Batch &batch, i64 sample, i64 y, i64 x) {
    const BatchHead &head = batch.head;
    for (i64 n = 0; n < head.erased; n++)
        if (is_within(batch.erased + (sample * head.erased + n) * 4, y, x))
            return {-1, true};
    for (i64 n = head.moves - 1; n >= 0; n--) {
        const int *move = batch.moves + (sample * head.moves + n) * 3;
        x = move[2] ? head.width - 1 - x : x;
        y += move[0];
        x += move[1];
        if (y < 0 || y >= head.height || x < 0 || x >= head.width)
            return {-1, false};
    }
    return {y * head.width + x, false};
}

__device__ inline float number_of(const Batch &batch, i64 sample, i64 channel, Origin from) {
    if (from.erased)
        return 0.0f;
    i64 plane = (sample * batch.head.channels + channel) * batch.head.height * batch.head.width;
    float white = from.pixel < 0 ? 0.0f : batch.bytes[plane + from.pixel] / 255.0f;
    return product(white - batch.mean[channel], batch.scale[channel]);
}

// A pixel's channels, which are moved, normalised, erased and mixed.
KERNEL(augment, {
    const BatchHead *batch;
    float *images; // channels first
}) {
    Batch batch = batch_of(p.batch);
    const BatchHead &head = batch.head;
    i64 plane = head.height * head.width;
    EACH(n, head.samples * plane) {
        i64 sample = n / plane, pixel = n - sample * plane;
        i64 y = pixel / head.width, x = pixel - y * head.width;
        i64 partner = head.mixed ? batch.partners[sample] : sample;
        bool cut = head.mixed && head.cut, swapped = cut && is_within(head.window, y, x);
        bool blended = head.mixed && !cut;
        i64 own = swapped ? partner : sample;
        Origin from = origin_of(batch, own, y, x), other = from;
        if (blended)
            other = origin_of(batch, partner, y, x);
        for (i64 c = 0; c < head.channels; c++) {
            float value = number_of(batch, own, c, from);
            if (blended)
                value = product((float)head.share, value) +
                        product((float)head.rest, number_of(batch, partner, c, other));
            p.images[(sample * head.channels + c) * plane + pixel] = value;
        }
    }
}

#endif
