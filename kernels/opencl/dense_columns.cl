/* A work-item has `share` blocks of 64 rows one after the other. It lists the active columns, and
 * adds them up to the sums of a block, which stay in vectors; two columns at a time where the
 * compiler shows byte permutes of 256 bits, else one.
 *
 *   copy   [block][inputs][32] codes, 0 where there is no weight: row i of a block in the
 *          low nibble of byte i, row i + 32 in the high one
 *   active [inputs + SPARE] of the work-item */
#define ROWS   64
#define COLUMN 32 /* bytes */
#define SPARE  34
#define AHEAD  32 /* columns that are fetched before they are needed */

#ifdef __has_builtin
#if defined(__AVX2__) && __has_builtin(__builtin_ia32_pshufb256) &&                                \
    __has_builtin(__builtin_ia32_pmaddwd256) && __has_builtin(__builtin_shufflevector)
#define PAIRS 1
#endif
#endif

#ifdef PAIRS
typedef char bytes __attribute__((ext_vector_type(32)));

/* As the instructions do it: the halves of 128 bits apart. */
#define UNPACK_LOW(a, b)                                                                           \
    __builtin_shufflevector(a, b, 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 16, 48,  \
                            17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55)
#define UNPACK_HIGH(a, b)                                                                          \
    __builtin_shufflevector(a, b, 8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47,    \
                            24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63)

/* 16 rows: codes of two columns in turn. Both bytes of their weights are looked up, and a row's two
 * products are added at once. */
static inline void add_codes(bytes code, short16 input, bytes low, bytes high, uint8 *sums)
{
    const bytes l = __builtin_ia32_pshufb256(low, code), h = __builtin_ia32_pshufb256(high, code);
    const short16 first = __builtin_astype(UNPACK_LOW(l, h), short16);
    const short16 second = __builtin_astype(UNPACK_HIGH(l, h), short16);
    sums[0] += __builtin_astype(__builtin_ia32_pmaddwd256(first, input), uint8);
    sums[1] += __builtin_astype(__builtin_ia32_pmaddwd256(second, input), uint8);
}

static inline bytes nibbles(bytes from, uint high)
{
    const ushort16 words = __builtin_astype(from, ushort16) >> (ushort16)(4 * high);
    return __builtin_astype(words & (ushort16)0x0f0f, bytes);
}

/* The sums of a block's rows 16 v to 16 v + 15, which two rounds of unpacking have spread. */
static inline uint16 sums_of(const uint8 *sums, uint v)
{
    const uint8 *a = sums + 2 * (v / 2), *b = a + 4;
    const uint8 low = v % 2 ? (uint8)(a[0].hi, a[1].hi) : (uint8)(a[0].lo, a[1].lo);
    const uint8 high = v % 2 ? (uint8)(b[0].hi, b[1].hi) : (uint8)(b[0].lo, b[1].lo);
    return (uint16)(low, high);
}

static inline void add_block(__global const uchar *codes, __global const short *x,
                             __local const ushort *active, uint count, __global const int *codebook,
                             uint16 *out)
{
    uint8 sums[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    bytes low, high;
    for (uint c = 0; c < 16; c++) {
        low[c] = low[c + 16] = (char)codebook[c];
        high[c] = high[c + 16] = (char)(codebook[c] >> 8);
    }
    for (uint k = 0; k < count; k += 2) {
        const ushort first = (ushort)x[active[k]];
        const ushort second = k + 1 < count ? (ushort)x[active[k + 1]] : 0;
        const short16 input = __builtin_astype((uint8)(first | (uint)second << 16), short16);
        const bytes a = *(__global const bytes *)(codes + (size_t)active[k] * COLUMN);
        const bytes b = *(__global const bytes *)(codes + (size_t)active[k + 1] * COLUMN);
        const bytes l = UNPACK_LOW(a, b), h = UNPACK_HIGH(a, b);
        __builtin_prefetch(codes + (size_t)active[k + AHEAD] * COLUMN);
        __builtin_prefetch(codes + (size_t)active[k + AHEAD + 1] * COLUMN);
        add_codes(nibbles(l, 0), input, low, high, sums);
        add_codes(nibbles(l, 1), input, low, high, sums + 2);
        add_codes(nibbles(h, 0), input, low, high, sums + 4);
        add_codes(nibbles(h, 1), input, low, high, sums + 6);
    }
    for (uint v = 0; v < 4; v++) out[v] = sums_of(sums, v);
}

#else

static inline void add_block(__global const uchar *codes, __global const short *x,
                             __local const ushort *active, uint count, __global const int *codebook,
                             uint16 *out)
{
    const short16 table = convert_short16(vload16(0, codebook));
    for (uint v = 0; v < 4; v++) out[v] = 0;
    for (uint k = 0; k < count; k++) {
        __global const uchar *column = codes + (size_t)active[k] * COLUMN;
        const int16 a = (int16)(x[active[k]]);
        for (uint v = 0; v < 4; v++) {
            const uchar16 code = vload16(v % 2, column) >> (uchar16)(v < 2 ? 0 : 4);
            const short16 weight = shuffle(table, convert_ushort16(code & (uchar16)15));
            out[v] += as_uint16(convert_int16(weight) * a);
        }
    }
}
#endif

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
dense_columns(__global const uchar *restrict copy, __global const short *restrict x,
              __global short *restrict y, __global const int *restrict constants, uint inputs,
              uint outputs, uint blocks, uint relu, uint shift, uint share, __local ushort *active)
{
    uint count = 0;
    x += (size_t)get_global_id(1) * inputs;
    y += (size_t)get_global_id(1) * outputs;
    for (uint j = 0; j < inputs; j++) {
        active[count] = (ushort)j; /* the next one takes its place unless it is active */
        count += x[j] != 0;
    }
    const ushort last = count ? active[count - 1] : 0;
    for (uint k = 0; k < SPARE; k++) active[count + k] = last;
    const uint begin = get_global_id(0) * share;
    for (uint block = begin; block < min(begin + share, blocks); block++) {
        uint16 sum[ROWS / 16];
        add_block(copy + (size_t)block * inputs * COLUMN, x, active, count, constants, sum);
        for (uint v = 0; v < ROWS / 16; v++) {
            const uint i = block * ROWS + v * 16;
            if (i + 16 <= outputs) {
                const int16 bias = vload16(0, constants + 16 + i);
                vstore16(finish16(as_int16(sum[v] + as_uint16(bias)), relu, shift), 0, y + i);
            } else {
                uint rest[16];
                vstore16(sum[v], 0, rest);
                for (uint r = 0; i + r < outputs; r++)
                    y[i + r] = finish((int)(rest[r] + (uint)constants[16 + i + r]), relu, shift);
            }
        }
    }
}
