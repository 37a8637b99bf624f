// The arithmetic of the model on one thread: everything in it that takes time. model.js says in
// which order it is called; llmlib/layers.py and llmlib/attention.py say the same in PyTorch.
//
// Weights stay quantized, 4 or 8 bits each. Activations become 16-bit whole numbers with one scale
// for 32 of them, so that one instruction multiplies eight pairs and adds neighbours
// (i32x4.dot_i16x8_s). The result differs from float32 by less than 0.01 in any logit.
//
// Built without a library and without an allocator, by tests/build_kernel.py.

#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name))) void name
#define INLINE static inline __attribute__((always_inline))
// Before a short loop over an array of sums: each sum stays in a register of its own.
#define UNROLL _Pragma("clang loop unroll(full)")

enum {
    BLOCK = 32,      // values that share a scale, as in the GGUF file
    PAIRS = 16,      // a block in pairs of neighbours, which are multiplied together
    GROUP = 8,       // rows of a matrix that are multiplied together
    TILE = 4,        // tokens that are multiplied together
    PAGE = 64,       // positions of a page of the KV cache
    TOGETHER = 3,    // query heads that read the same keys together
};

// Eight rows of a matrix, 32 columns of them. The value of a weight is d * q + m.
typedef struct {
    float d[GROUP], m[GROUP];
    // Lane 2 * row + e of number c holds columns 8c + e, 8c + 2 + e, 8c + 4 + e and 8c + 6 + e.
    uint16_t q[4][2 * GROUP];
} Q4Group;

typedef struct {  // the value of a weight is d * q
    float d[GROUP];
    int8_t q[PAIRS][GROUP][2];
} Q8Group;

// Activations of 1 or TILE tokens: 32 columns of them. sum is what m is multiplied by.
#define ACTIVATIONS(name, tokens)                    \
    typedef struct {                                 \
        int16_t q[PAIRS][tokens][2];                 \
        float scale[tokens], sum[tokens];            \
    } name
ACTIVATIONS(OneBlock, 1);
ACTIVATIONS(TileBlock, TILE);

INLINE v128_t splat2(const int16_t *pair) { return wasm_v128_load32_splat(pair); }
INLINE v128_t splatf(const float *number) { return wasm_v128_load32_splat(number); }

INLINE float add_lanes(v128_t v) {
    return (wasm_f32x4_extract_lane(v, 0) + wasm_f32x4_extract_lane(v, 2))
         + (wasm_f32x4_extract_lane(v, 1) + wasm_f32x4_extract_lane(v, 3));
}

INLINE float largest_lane(v128_t v) {
    v = wasm_f32x4_max(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
    return wasm_f32x4_extract_lane(wasm_f32x4_max(v, wasm_i32x4_shuffle(v, v, 1, 0, 3, 2)), 0);
}

// e to the power of four numbers: x = n ln 2 + r, and a polynomial for e^r (Cephes, expf.c).
INLINE v128_t exp4(v128_t x) {
    const v128_t tiny = wasm_f32x4_lt(x, wasm_f32x4_splat(-87));  // whose power is 0
    x = wasm_f32x4_min(wasm_f32x4_max(x, wasm_f32x4_splat(-87)), wasm_f32x4_splat(88));
    const v128_t n = wasm_f32x4_nearest(wasm_f32x4_mul(x, wasm_f32x4_splat(1.44269504f)));
    const v128_t r = wasm_f32x4_sub(
        wasm_f32x4_sub(x, wasm_f32x4_mul(n, wasm_f32x4_splat(0.693359375f))),
        wasm_f32x4_mul(n, wasm_f32x4_splat(-2.12194440e-4f)));
    static const float terms[] = {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f,
                                  1.6666665459e-1f, 5.0000001201e-1f};
    v128_t p = wasm_f32x4_splat(1.9875691500e-4f);
    for (int i = 0; i < 5; i++) {
        p = wasm_f32x4_add(wasm_f32x4_mul(p, r), wasm_f32x4_splat(terms[i]));
    }
    p = wasm_f32x4_mul(wasm_f32x4_mul(p, r), r);
    p = wasm_f32x4_add(wasm_f32x4_add(p, r), wasm_f32x4_splat(1));
    const v128_t n_as_int = wasm_i32x4_trunc_sat_f32x4(n);
    const v128_t power = wasm_i32x4_shl(wasm_i32x4_add(n_as_int, wasm_i32x4_splat(127)), 23);
    return wasm_v128_andnot(wasm_f32x4_mul(p, power), tiny);
}

// ---- Loading: blocks as they lie in the file, into groups of eight rows

INLINE float half(const uint8_t *at) {  // float16, which C has no word for here
    const uint32_t bits = at[0] | at[1] << 8;
    union { uint32_t bits; float number; } number = {(bits & 0x7fff) << 13}, scale = {0x77800000};
    return bits & 0x8000 ? -number.number * scale.number : number.number * scale.number;
}

// `count` blocks of a matrix `blocks` wide, the first of them its block number `first`.
EXPORT(pack_q4_1)(const uint8_t *file, int count, Q4Group *to, int blocks, int first) {
    for (int i = first; i < first + count; i++, file += 4 + BLOCK / 2) {
        const int row = i / blocks, r = row % GROUP;
        Q4Group *group = to + row / GROUP * blocks + i % blocks;
        group->d[r] = half(file);
        group->m[r] = half(file + 2);
        uint8_t q[BLOCK];
        for (int j = 0; j < BLOCK / 2; j++) {
            q[j] = file[4 + j] & 15;
            q[j + BLOCK / 2] = file[4 + j] >> 4;
        }
        for (int c = 0; c < 4; c++) {
            for (int e = 0; e < 2; e++) {
                const uint8_t *at = q + 8 * c + e;
                group->q[c][2 * r + e] = at[0] | at[2] << 4 | at[4] << 8 | at[6] << 12;
            }
        }
    }
}

EXPORT(pack_q8_0)(const uint8_t *file, int count, Q8Group *to, int blocks, int first) {
    for (int i = first; i < first + count; i++, file += 2 + BLOCK) {
        const int row = i / blocks, r = row % GROUP;
        Q8Group *group = to + row / GROUP * blocks + i % blocks;
        group->d[r] = half(file);
        for (int j = 0; j < BLOCK; j++) group->q[j / 2][r][j % 2] = (int8_t)file[2 + j];
    }
}

// ---- One token's vector: x [d_model]

EXPORT(embed)(int id, const Q8Group *table, float *x, int d_model) {
    const int blocks = d_model / BLOCK, r = id % GROUP;
    const Q8Group *group = table + id / GROUP * blocks;
    for (int b = 0; b < blocks; b++, group++, x += BLOCK) {
        for (int j = 0; j < BLOCK; j++) x[j] = group->d[r] * group->q[j / 2][r][j % 2];
    }
}

EXPORT(rms_norm)(const float *x, const float *weight, float *out, int seq, int n, float eps) {
    for (int token = 0; token < seq; token++, x += n, out += n) {
        v128_t squares = wasm_f32x4_splat(0);
        for (int i = 0; i < n; i += 4) {
            const v128_t v = wasm_v128_load(x + i);
            squares = wasm_f32x4_add(squares, wasm_f32x4_mul(v, v));
        }
        const v128_t scale = wasm_f32x4_splat(1 / __builtin_sqrtf(add_lanes(squares) / n + eps));
        for (int i = 0; i < n; i += 4) {
            const v128_t normed = wasm_f32x4_mul(wasm_v128_load(x + i), scale);
            wasm_v128_store(out + i, wasm_f32x4_mul(normed, wasm_v128_load(weight + i)));
        }
    }
}

EXPORT(silu_times)(float *gate, const float *up, int n) {  // gate = gate * sigmoid(gate) * up
    const v128_t one = wasm_f32x4_splat(1);
    for (int i = 0; i < n; i += 4) {
        const v128_t g = wasm_v128_load(gate + i);
        const v128_t silu = wasm_f32x4_div(g, wasm_f32x4_add(one, exp4(wasm_f32x4_neg(g))));
        wasm_v128_store(gate + i, wasm_f32x4_mul(silu, wasm_v128_load(up + i)));
    }
}

// Neighbouring columns turn together: a GGUF file holds the rows of W_q and W_k in that order.
// table: head_dim cosines, each twice, then head_dim sines, the first of each pair negative.
EXPORT(apply_rope)(float *x, int n_head, int head_dim, const float *table) {
    for (int head = 0; head < n_head; head++, x += head_dim) {
        for (int i = 0; i < head_dim; i += 4) {
            const v128_t v = wasm_v128_load(x + i), other = wasm_i32x4_shuffle(v, v, 1, 0, 3, 2);
            wasm_v128_store(x + i, wasm_f32x4_add(
                wasm_f32x4_mul(v, wasm_v128_load(table + i)),
                wasm_f32x4_mul(other, wasm_v128_load(table + head_dim + i))));
        }
    }
}

// ---- Matrices: x [seq, columns] times w [rows, columns] transposed

INLINE void quantize_block(const float *x, int16_t *q, int tokens, float *scale, float *sum) {
    v128_t v[8], largest = wasm_f32x4_splat(0), total = wasm_i32x4_splat(0);
    for (int i = 0; i < 8; i++) {
        v[i] = wasm_v128_load(x + 4 * i);
        largest = wasm_f32x4_max(largest, wasm_f32x4_abs(v[i]));
    }
    // 32,000 and not 32,767: the sums of a block, 32 * 127 * 32,000, fit into 32 bits.
    const float most = largest_lane(largest);
    const v128_t inverse = wasm_f32x4_splat(most > 0 ? 32000 / most : 0);
    for (int i = 0; i < 8; i += 2) {
        const v128_t a = wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(wasm_f32x4_mul(v[i], inverse)));
        const v128_t b =
            wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(wasm_f32x4_mul(v[i + 1], inverse)));
        total = wasm_i32x4_add(total, wasm_i32x4_add(a, b));
        const v128_t pairs = wasm_i16x8_narrow_i32x4(a, b);
        int16_t *to = q + 2 * i * 2 * tokens;
        wasm_v128_store32_lane(to, pairs, 0);
        wasm_v128_store32_lane(to + 2 * tokens, pairs, 1);
        wasm_v128_store32_lane(to + 4 * tokens, pairs, 2);
        wasm_v128_store32_lane(to + 6 * tokens, pairs, 3);
    }
    const int32_t all = wasm_i32x4_extract_lane(total, 0) + wasm_i32x4_extract_lane(total, 1)
                      + wasm_i32x4_extract_lane(total, 2) + wasm_i32x4_extract_lane(total, 3);
    *scale = most / 32000;
    *sum = *scale * all;
}

// x [seq, columns] -> tiles of TILE tokens, the last one filled up with zeros; of 1 if seq is 1.
EXPORT(quantize)(const float *x, int seq, int columns, void *out) {
    const int blocks = columns / BLOCK;
    if (seq == 1) {
        OneBlock *one = out;
        for (int b = 0; b < blocks; b++, one++) {
            quantize_block(x + b * BLOCK, one->q[0][0], 1, one->scale, one->sum);
        }
        return;
    }
    static const float zeros[BLOCK];
    TileBlock *tile = out;
    for (int first = 0; first < seq; first += TILE, tile += blocks) {
        for (int t = 0; t < TILE; t++) {
            const float *row = x + (first + t) * columns;
            for (int b = 0; b < blocks; b++) {
                quantize_block(first + t < seq ? row + b * BLOCK : zeros, tile[b].q[0][t], TILE,
                               tile[b].scale + t, tile[b].sum + t);
            }
        }
    }
}

INLINE v128_t dot(v128_t sum, v128_t weights, v128_t pair) {
    return wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(weights, pair));
}

// The nibbles number `shift` of eight lanes, as eight 16-bit numbers.
INLINE v128_t nibbles(v128_t lanes, int shift) {
    return wasm_v128_and(wasm_u16x8_shr(lanes, 4 * shift), wasm_i16x8_splat(15));
}

// What one block adds to four outputs: the same words for one token and for four, so that a prompt
// read in blocks and the same one read token by token give the same bits.
INLINE v128_t add_block(v128_t out, v128_t dots, v128_t d, v128_t scale) {
    return wasm_f32x4_add(out, wasm_f32x4_mul(wasm_f32x4_convert_i32x4(dots), wasm_f32x4_mul(d, scale)));
}
INLINE v128_t add_minimum(v128_t out, v128_t m, v128_t sum) {
    return wasm_f32x4_add(out, wasm_f32x4_mul(m, sum));
}

// One token: the weights are read once, from memory, and that is what takes the time.
INLINE void q4_one(const Q4Group *w, int groups, int blocks, const OneBlock *x, float *out, int add) {
    for (int g = 0; g < groups; g++, out += GROUP) {
        v128_t low = add ? wasm_v128_load(out) : wasm_f32x4_splat(0);
        v128_t high = add ? wasm_v128_load(out + 4) : wasm_f32x4_splat(0);
        for (int b = 0; b < blocks; b++, w++) {
            v128_t a = wasm_i32x4_splat(0), z = wasm_i32x4_splat(0);
            for (int c = 0; c < 4; c++) {
                const v128_t u = wasm_v128_load(w->q[c]), v = wasm_v128_load(w->q[c] + GROUP);
                for (int s = 0; s < 4; s++) {
                    const v128_t pair = splat2(x[b].q[4 * c + s][0]);
                    a = dot(a, nibbles(u, s), pair);
                    z = dot(z, nibbles(v, s), pair);
                }
            }
            const v128_t scale = splatf(x[b].scale), sum = splatf(x[b].sum);
            low = add_block(low, a, wasm_v128_load(w->d), scale);
            high = add_block(high, z, wasm_v128_load(w->d + 4), scale);
            low = add_minimum(low, wasm_v128_load(w->m), sum);
            high = add_minimum(high, wasm_v128_load(w->m + 4), sum);
        }
        wasm_v128_store(out, low);
        wasm_v128_store(out + 4, high);
    }
}

INLINE void q8_one(const Q8Group *w, int groups, int blocks, const OneBlock *x, float *out) {
    for (int g = 0; g < groups; g++, out += GROUP) {
        v128_t low = wasm_f32x4_splat(0), high = wasm_f32x4_splat(0);
        for (int b = 0; b < blocks; b++, w++) {
            v128_t a = wasm_i32x4_splat(0), z = wasm_i32x4_splat(0);
            for (int p = 0; p < PAIRS; p++) {
                const v128_t pair = splat2(x[b].q[p][0]);
                a = dot(a, wasm_i16x8_load8x8(w->q[p]), pair);
                z = dot(z, wasm_i16x8_load8x8(w->q[p] + 4), pair);
            }
            const v128_t scale = splatf(x[b].scale);
            low = add_block(low, a, wasm_v128_load(w->d), scale);
            high = add_block(high, z, wasm_v128_load(w->d + 4), scale);
        }
        wasm_v128_store(out, low);
        wasm_v128_store(out + 4, high);
    }
}

// A prompt: eight rows are widened once, to a panel of 16-bit numbers, and meet four tokens at a
// time. So a weight is unpacked once a block of tokens, and stays in the processor's cache.
typedef struct { int16_t q[PAIRS][2][GROUP]; } PanelBlock;  // rows 0 to 3, then rows 4 to 7

INLINE void q4_panel(const Q4Group *w, int blocks, PanelBlock *panel) {
    for (int b = 0; b < blocks; b++, w++, panel++) {
        for (int c = 0; c < 4; c++) {
            const v128_t u = wasm_v128_load(w->q[c]), v = wasm_v128_load(w->q[c] + GROUP);
            for (int s = 0; s < 4; s++) {
                wasm_v128_store(panel->q[4 * c + s][0], nibbles(u, s));
                wasm_v128_store(panel->q[4 * c + s][1], nibbles(v, s));
            }
        }
    }
}

INLINE void q8_panel(const Q8Group *w, int blocks, PanelBlock *panel) {
    for (int b = 0; b < blocks; b++, w++, panel++) {
        for (int p = 0; p < PAIRS; p++) {
            wasm_v128_store(panel->q[p][0], wasm_i16x8_load8x8(w->q[p]));
            wasm_v128_store(panel->q[p][1], wasm_i16x8_load8x8(w->q[p] + 4));
        }
    }
}

// One tile, one block of the panel: dots[token][rows 0 to 3 or 4 to 7].
INLINE void tile_dots(const PanelBlock *panel, const TileBlock *x, v128_t dots[TILE][2]) {
    UNROLL for (int t = 0; t < TILE; t++) dots[t][0] = dots[t][1] = wasm_i32x4_splat(0);
    for (int p = 0; p < PAIRS; p++) {
        const v128_t u = wasm_v128_load(panel->q[p][0]), v = wasm_v128_load(panel->q[p][1]);
        UNROLL for (int t = 0; t < TILE; t++) {
            const v128_t pair = splat2(x->q[p][t]);
            dots[t][0] = dot(dots[t][0], u, pair);
            dots[t][1] = dot(dots[t][1], v, pair);
        }
    }
}

// The outputs of the last tile's missing tokens are written too: `out` has room for whole tiles.
INLINE void clear_tile(float *out, int stride) {
    for (int t = 0; t < TILE; t++, out += stride) {
        wasm_v128_store(out, wasm_f32x4_splat(0));
        wasm_v128_store(out + 4, wasm_f32x4_splat(0));
    }
}

// out [seq, rows] = x wᵀ, or is added to. x comes from `quantize`; rows are a multiple of 8,
// columns of 32. panel: room for columns * 16 bytes.
EXPORT(linear_q4_1)(const Q4Group *w, int rows, int columns, const void *x, int seq, float *out,
                    int add, PanelBlock *panel) {
    const int blocks = columns / BLOCK, groups = rows / GROUP;
    if (seq == 1) {
        if (add) q4_one(w, groups, blocks, x, out, 1); else q4_one(w, groups, blocks, x, out, 0);
        return;
    }
    for (int g = 0; g < groups; g++, w += blocks, out += GROUP) {
        q4_panel(w, blocks, panel);
        const TileBlock *tile = x;
        float *to = out;
        for (int first = 0; first < seq; first += TILE, to += TILE * rows) {
            if (!add) clear_tile(to, rows);
            for (int b = 0; b < blocks; b++, tile++) {
                v128_t dots[TILE][2];
                tile_dots(panel + b, tile, dots);
                UNROLL for (int t = 0; t < TILE; t++) {
                    const v128_t scale = splatf(tile->scale + t), sum = splatf(tile->sum + t);
                    UNROLL for (int i = 0; i < 2; i++) {
                        float *at = to + t * rows + 4 * i;
                        v128_t y = wasm_v128_load(at);
                        y = add_block(y, dots[t][i], wasm_v128_load(w[b].d + 4 * i), scale);
                        wasm_v128_store(at, add_minimum(y, wasm_v128_load(w[b].m + 4 * i), sum));
                    }
                }
            }
        }
    }
}

EXPORT(linear_q8_0)(const Q8Group *w, int rows, int columns, const void *x, int seq, float *out,
                    PanelBlock *panel) {
    const int blocks = columns / BLOCK, groups = rows / GROUP;
    if (seq == 1) {
        q8_one(w, groups, blocks, x, out);
        return;
    }
    for (int g = 0; g < groups; g++, w += blocks, out += GROUP) {
        q8_panel(w, blocks, panel);
        const TileBlock *tile = x;
        float *to = out;
        for (int first = 0; first < seq; first += TILE, to += TILE * rows) {
            clear_tile(to, rows);
            for (int b = 0; b < blocks; b++, tile++) {
                v128_t dots[TILE][2];
                tile_dots(panel + b, tile, dots);
                UNROLL for (int t = 0; t < TILE; t++) {
                    UNROLL for (int i = 0; i < 2; i++) {
                        float *at = to + t * rows + 4 * i;
                        const v128_t d = wasm_v128_load(w[b].d + 4 * i), y = wasm_v128_load(at);
                        wasm_v128_store(at, add_block(y, dots[t][i], d, splatf(tile->scale + t)));
                    }
                }
            }
        }
    }
}

// ---- Attention. A head's part of a page: keys [8 times 8 positions][head_dim][8 positions], then
// values [head_dim / 8][64 positions][8 columns], so that both are read in a row.

EXPORT(write_cache)(const float *k, const float *v, float *page, int slot, int n_kv_head, int head_dim) {
    for (int head = 0; head < n_kv_head; head++, page += 2 * PAGE * head_dim) {
        float *keys = page + slot / 8 * 8 * head_dim + slot % 8, *values = page + PAGE * head_dim;
        for (int i = 0; i < head_dim; i++) keys[8 * i] = *k++;
        for (int i = 0; i < head_dim; i++) values[(i / 8 * PAGE + slot) * 8 + i % 8] = *v++;
    }
}

INLINE void softmax(float *x, int n) {  // in place; x has room for a multiple of 8
    for (int i = n; i % 8; i++) x[i] = -__builtin_inff();
    v128_t largest = wasm_f32x4_splat(-__builtin_inff()), sum = wasm_f32x4_splat(0);
    for (int i = 0; i < n; i += 4) largest = wasm_f32x4_max(largest, wasm_v128_load(x + i));
    const v128_t most = wasm_f32x4_splat(largest_lane(largest));
    for (int i = 0; i < n; i += 4) {
        const v128_t e = exp4(wasm_f32x4_sub(wasm_v128_load(x + i), most));
        sum = wasm_f32x4_add(sum, e);
        wasm_v128_store(x + i, e);
    }
    const v128_t inverse = wasm_f32x4_splat(1 / add_lanes(sum));
    for (int i = 0; i < n; i += 4) wasm_v128_store(x + i, wasm_f32x4_mul(wasm_v128_load(x + i), inverse));
}

// `heads` query heads that share one key/value head, for one token that sees n positions.
INLINE void attend(const float *q, const float *page, int page_size, int n, int head_dim, float *out,
                   float *weights, int room, const int heads) {
    const v128_t scale = wasm_f32x4_splat(1 / __builtin_sqrtf(head_dim));
    const float *keys = page;
    for (int first = 0; first < n; first += 8) {
        if (first && first % PAGE == 0) keys = (page += page_size);
        v128_t low[TOGETHER], high[TOGETHER];
        UNROLL for (int h = 0; h < heads; h++) low[h] = high[h] = wasm_f32x4_splat(0);
        for (int i = 0; i < head_dim; i++, keys += 8) {
            const v128_t a = wasm_v128_load(keys), z = wasm_v128_load(keys + 4);
            UNROLL for (int h = 0; h < heads; h++) {
                const v128_t query = splatf(q + h * head_dim + i);
                low[h] = wasm_f32x4_add(low[h], wasm_f32x4_mul(a, query));
                high[h] = wasm_f32x4_add(high[h], wasm_f32x4_mul(z, query));
            }
        }
        UNROLL for (int h = 0; h < heads; h++) {
            wasm_v128_store(weights + h * room + first, wasm_f32x4_mul(low[h], scale));
            wasm_v128_store(weights + h * room + first + 4, wasm_f32x4_mul(high[h], scale));
        }
    }
    for (int h = 0; h < heads; h++) softmax(weights + h * room, n);
    page -= (n - 1) / PAGE * page_size;
    for (int i = 0; i < head_dim; i += 8) {
        v128_t low[TOGETHER], high[TOGETHER];
        UNROLL for (int h = 0; h < heads; h++) low[h] = high[h] = wasm_f32x4_splat(0);
        const float *values = page + PAGE * (head_dim + i);
        for (int first = 0; first < n; first += PAGE, values += page_size) {
            const int here = n - first < PAGE ? n - first : PAGE;
            for (int t = 0; t < here; t++) {
                const v128_t a = wasm_v128_load(values + 8 * t), z = wasm_v128_load(values + 8 * t + 4);
                UNROLL for (int h = 0; h < heads; h++) {
                    const v128_t weight = splatf(weights + h * room + first + t);
                    low[h] = wasm_f32x4_add(low[h], wasm_f32x4_mul(a, weight));
                    high[h] = wasm_f32x4_add(high[h], wasm_f32x4_mul(z, weight));
                }
            }
        }
        UNROLL for (int h = 0; h < heads; h++) {
            wasm_v128_store(out + h * head_dim + i, low[h]);
            wasm_v128_store(out + h * head_dim + i + 4, high[h]);
        }
    }
}

// Grouped queries of one token: q [n_head, head_dim] -> out, of the same shape, and the attention
// weights [n_head, room], of which n are meant. `page`: this layer's part of the cache's first page;
// the next page lies page_size floats behind it.
EXPORT(attention)(const float *q, const float *page, int page_size, int n, int n_head, int n_kv_head,
                  int head_dim, float *out, float *weights, int room) {
    const int share = n_head / n_kv_head;
    for (int head = 0; head < n_head;) {
        const float *at = page + head / share * 2 * PAGE * head_dim;
        const int together = share - head % share >= TOGETHER ? TOGETHER : 1;
        const float *from = q + head * head_dim;
        float *to = out + head * head_dim, *seen = weights + head * room;
        if (together == TOGETHER) {
            attend(from, at, page_size, n, head_dim, to, seen, room, TOGETHER);
        } else {
            attend(from, at, page_size, n, head_dim, to, seen, room, 1);
        }
        head += together;
    }
}
