/* The form of kernels/avx2/window_lookup.c: sixteen rows walk along the columns together, two slots
 * a row and step in a window of 32 inputs, which lies in registers as planes of low and high bytes
 * (window_lookup.c says how steps are made).
 *
 * Where the compiler shows byte permutes of 256 bits, a work-item has `share` groups of 16 rows one
 * after the other, and splits the inputs into planes for itself; else a row is a work-item. The
 * host sees which by the work-group that the kernel requires.
 *
 *   units   [unit][96]: byte 32 s + 2 i + k of step s < 2: place of row i's slot k: bits 0 to 3,
 * and bit 7 for the window's second half, where vpshufb answers 0; bytes 64 to 95: its codes in
 *           steps 0 (low half) and 1
 *   first   [unit][2] first inputs of the windows
 *   end     [group] the unit behind the group's
 *   row     [group][2][16] the row of each lane, or 0xffffffff; and its bias
 *   planes  [2][plane] of the work-item */
#define UNIT_BYTES 96

#ifdef __has_builtin
#if defined(__AVX2__) && __has_builtin(__builtin_ia32_pshufb256) &&                                \
    __has_builtin(__builtin_ia32_pmaddwd256) && __has_builtin(__builtin_shufflevector)
#define BYTES 1
#endif
#endif

#ifdef BYTES

typedef char bytes __attribute__((ext_vector_type(32)));
typedef uchar bytes16 __attribute__((ext_vector_type(16), aligned(1)));

/* As the instructions do it: the halves of 128 bits apart. */
#define UNPACK_LOW(a, b)                                                                           \
    __builtin_shufflevector(a, b, 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 16, 48,  \
                            17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55)
#define UNPACK_HIGH(a, b)                                                                          \
    __builtin_shufflevector(a, b, 8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47,    \
                            24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63)

/* Of rows 0 to 3 and 8 to 11; of rows 4 to 7 and 12 to 15. */
struct sums {
    uint8 low, high;
};

struct tables {
    bytes low, high;
};

static inline bytes twice(bytes16 from)
{
    return __builtin_astype(__builtin_shufflevector(from, from, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
                                                    11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8,
                                                    9, 10, 11, 12, 13, 14, 15),
                            bytes);
}

/* What the window has: each of the two halves is asked, and answers 0 to the other's places. */
static inline bytes look_up(__local const uchar *window, bytes place, bytes turned)
{
    __local const bytes16 *half_window = (__local const bytes16 *)window;
    return __builtin_ia32_pshufb256(twice(half_window[0]), place) |
           __builtin_ia32_pshufb256(twice(half_window[1]), turned);
}

static inline uint8 products(bytes a, bytes w)
{
    return __builtin_astype(
        __builtin_ia32_pmaddwd256(__builtin_astype(a, short16), __builtin_astype(w, short16)),
        uint8);
}

static inline void step(struct sums *sums, __local const uchar *low, __local const uchar *high,
                        bytes place, bytes code, const struct tables *tables)
{
    const bytes turned = place ^ (bytes)(char)-128;
    const bytes l = look_up(low, place, turned), h = look_up(high, place, turned);
    const bytes wl = __builtin_ia32_pshufb256(tables->low, code);
    const bytes wh = __builtin_ia32_pshufb256(tables->high, code);
    sums->low += products(UNPACK_LOW(l, h), UNPACK_LOW(wl, wh));
    sums->high += products(UNPACK_HIGH(l, h), UNPACK_HIGH(wl, wh));
}

static inline void split(__global const short *x, uint inputs, __local uchar *low,
                         __local uchar *high)
{
    for (uint j = 0; j < inputs; j += 16) {
        const ushort16 a = as_ushort16(vload16(0, x + j));
        *(__local bytes16 *)(low + j) = convert_uchar16(a & (ushort16)255);
        *(__local bytes16 *)(high + j) = convert_uchar16(a >> (ushort16)8);
    }
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
narrow_lookup(__global const uchar *restrict copy, __global const short *restrict x,
              __global short *restrict y, __global const int *restrict constants, uint inputs,
              uint outputs, uint groups, uint relu, uint shift, ulong first_at, ulong end_at,
              ulong row_at, uint share, uint plane, __local uchar *planes)
{
    __global const uint *end = (__global const uint *)(copy + end_at);
    const uint begin = get_global_id(0) * share, behind = min(begin + share, groups);
    __global const uint *row = (__global const uint *)(copy + row_at) + 32 * (size_t)begin;
    uint unit = begin ? end[begin - 1] : 0;
    __global const bytes *v = (__global const bytes *)(copy + (size_t)unit * UNIT_BYTES);
    __global const ushort *first = (__global const ushort *)(copy + first_at) + (size_t)unit * 2;
    __local uchar *low = planes, *high = planes + plane;
    struct tables tables;
    y += (size_t)get_global_id(1) * outputs;
    split(x + (size_t)get_global_id(1) * inputs, inputs, low, high);
    for (uint c = 0; c < 32; c++) {
        tables.low[c] = (char)constants[c % 16];
        tables.high[c] = (char)(constants[c % 16] >> 8);
    }
    for (uint g = begin; g < behind; g++, row += 32) {
        struct sums sums = {(uint8)0, (uint8)0};
        for (; unit < end[g]; unit++, v += 3, first += 2) {
            const bytes codes = v[2];
            const ushort16 above = __builtin_astype(codes, ushort16) >> (ushort16)4;
            step(&sums, low + first[0], high + first[0], v[0], codes & (bytes)15, &tables);
            step(&sums, low + first[1], high + first[1], v[1],
                 __builtin_astype(above, bytes) & (bytes)15, &tables);
        }
        const uint16 sum = (uint16)(sums.low.lo, sums.high.lo, sums.low.hi, sums.high.hi);
        store16(as_int16(sum + ((__global const uint16 *)row)[1]), row, relu, shift, y);
    }
}

#else

__kernel void narrow_lookup(__global const uchar *restrict copy, __global const short *restrict x,
                            __global short *restrict y, __global const int *restrict constants,
                            uint inputs, uint outputs, uint groups, uint relu, uint shift,
                            ulong first_at, ulong end_at, ulong row_at, uint share, uint plane,
                            __local uchar *planes)
{
    const uint g = get_global_id(0) / 16, lane = get_global_id(0) % 16;
    if (g >= groups) return;
    __global const uint *end = (__global const uint *)(copy + end_at);
    __global const uint *row = (__global const uint *)(copy + row_at) + 32 * (size_t)g;
    __global const ushort *first = (__global const ushort *)(copy + first_at);
    x += (size_t)get_global_id(1) * inputs;
    y += (size_t)get_global_id(1) * outputs;
    uint sum = row[16 + lane];
    for (uint unit = g ? end[g - 1] : 0; unit < end[g]; unit++)
        for (uint k = 0; k < 2; k++) {
            __global const uchar *v = copy + (size_t)unit * UNIT_BYTES + 2 * lane + k;
            for (uint s = 0; s < 2; s++) {
                const uint place = v[32 * s], code = v[64] >> (4 * s) & 15;
                const uint input = first[(size_t)unit * 2 + s] + (place & 15) + (place >> 7) * 16;
                sum += (uint)(constants[code] * x[input]);
            }
        }
    if (row[lane] != NO_ROW) y[row[lane]] = finish((int)sum, relu, shift);
}
#endif
