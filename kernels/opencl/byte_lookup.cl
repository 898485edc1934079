/* window_lookup on bytes: sixteen rows walk along the columns together, four slots a row and step
 * in a window of 64 inputs (window_lookup.c has the form), and everything is looked up by permutes
 * of bytes. Three forms:
 *
 *   VNNI    where the host says that the processor has VBMI and VNNI (EIE_VNNI): 64 slots at once,
 * by vpermb and vpdpbusd, as kernels/avx512/byte_lookup.c. pocl's compiler may have been told of a
 * lesser processor, and shows no builtins then but in a function with a target of its own. That
 * must not be inlined: pocl's launchers have no such target. BYTES   where the compiler shows byte
 * permutes of 256 bits: four of 16 inputs for each plane else    a row is a work-item
 *
 * In the first two a work-item has `share` groups of 16 rows one after the other, and splits the
 * inputs into planes of low and high bytes for itself; the host sees them by the work-group that
 * the kernel requires.
 *
 *   units   [unit][320]: byte 64 s + 4 i + k of step s: place of row i's slot k (6 bits); bytes 256
 * to 319: its code in steps 0 (low half) and 1; codes of steps 2 and 3: their high halves in the
 *           two bits left of steps 0 and 2, their low halves in those of steps 1 and 3
 *   first   [unit][4] first inputs of the windows
 *   end     [group] the unit behind the group's
 *   row     [group][3][16] the row of each lane, or 0xffffffff; its bias; the sum of its weights
 *   planes  [2][plane] of the work-item */
#define UNIT_BYTES 320
#define WINDOW     64

#ifdef EIE_VNNI
#define VNNI 1
#elif defined(__has_builtin)
#if defined(__AVX2__) && __has_builtin(__builtin_ia32_pshufb256) &&                                \
    __has_builtin(__builtin_ia32_pmaddwd256) && __has_builtin(__builtin_ia32_phaddd256) &&         \
    __has_builtin(__builtin_shufflevector)
#define BYTES 1
#endif
#endif

#if defined(VNNI) || defined(BYTES)

/* What a work-item works on. */
struct work {
    __global const uchar *unit;
    __global const ushort *first;
    __global const uint *end, *row;
    __global const short *x;
    __global short *y;
    __global const int *codebook;
    __local uchar *low, *high; /* planes */
    uint inputs, at, begin, behind, relu, shift, negated;
};

#endif

#ifdef VNNI

#define ISA __attribute__((target("avx512f,avx512bw,avx512vbmi,avx512vnni")))

typedef uchar bytes __attribute__((ext_vector_type(64)));
typedef char digits __attribute__((ext_vector_type(64)));
typedef uchar bytes_anywhere __attribute__((ext_vector_type(64), aligned(1)));
typedef ushort words __attribute__((ext_vector_type(32)));
typedef ushort words_anywhere __attribute__((ext_vector_type(32), aligned(2)));

/* By weight of the digits: 1, twice 256, 65536. */
struct sums {
    int16 unit, mid0, mid1, top;
};

struct tables {
    digits low, high;
};

/* A weight as two signed digits. */
static inline int low_digit(int weight)
{
    return ((weight + 128) & 255) - 128;
}

static inline int high_digit(int weight)
{
    return (weight - low_digit(weight)) >> 8;
}

/* Element b of the answer is `table`'s at the low six bits of `place`. */
ISA static inline digits look_up(digits table, bytes place)
{
    return __builtin_ia32_permvarqi512(table, __builtin_astype(place, digits));
}

ISA static inline int16 dot(int16 sum, digits planes, digits weights)
{
    return __builtin_ia32_vpdpbusd512(sum, __builtin_astype(planes, int16),
                                      __builtin_astype(weights, int16));
}

ISA static inline bytes shifted(bytes of, ushort by)
{
    return __builtin_astype(__builtin_astype(of, words) >> by, bytes);
}

/* A codebook fills its table four times, so that a code's high bits may be anything. */
ISA static inline void step(struct sums *sums, __local const uchar *low, __local const uchar *high,
                            bytes place, bytes codes, const struct tables *tables)
{
    const bytes a = *(__local const bytes_anywhere *)low, b = *(__local const bytes_anywhere *)high;
    const digits l = look_up(__builtin_astype(a, digits), place);
    const digits h = look_up(__builtin_astype(b, digits), place);
    const digits q = look_up(tables->low, codes), p = look_up(tables->high, codes);
    sums->unit = dot(sums->unit, l, q);
    sums->mid0 = dot(sums->mid0, l, p);
    sums->mid1 = dot(sums->mid1, h, q);
    sums->top = dot(sums->top, h, p);
}

/* The codes in the high two bits of two vectors. */
ISA static inline bytes high_bits(bytes upper, bytes lower)
{
    const bytes top = (bytes)0xc0;
    return shifted((upper & top) | (shifted(lower, 2) & ~top), 4);
}

ISA static inline void split(const struct work *work)
{
    bytes even;
    for (uint i = 0; i < 64; i++) even[i] = (uchar)(2 * i);
    const bytes odd = even + (bytes)1;
    for (uint j = 0; j < work->inputs; j += WINDOW) {
        const words a = *(__global const words_anywhere *)(work->x + j) ^ (words)0x8000;
        const words b = *(__global const words_anywhere *)(work->x + j + 32) ^ (words)0x8000;
        const digits u = __builtin_astype(a, digits), v = __builtin_astype(b, digits);
        *(__local bytes_anywhere *)(work->low + j) = __builtin_astype(
            __builtin_ia32_vpermi2varqi512(u, __builtin_astype(even, digits), v), bytes);
        *(__local bytes_anywhere *)(work->high + j) = __builtin_astype(
            __builtin_ia32_vpermi2varqi512(u, __builtin_astype(odd, digits), v), bytes);
    }
}

/* sum w a = sum q l + 256 (sum p l + sum q h) + 65536 sum p h - 32768 sum w modulo 2^32, where l
 * and h are the bytes of a + 32768, and w = q + 256 p. */
ISA __attribute__((noinline)) static void do_groups(const struct work *work)
{
    struct tables tables;
    split(work);
    for (uint c = 0; c < 64; c++) {
        const int weight = work->codebook[c % 16], sign = work->negated ? -weight : weight;
        tables.low[c] = (char)low_digit(sign);
        tables.high[c] = (char)high_digit(sign);
    }
    __global const bytes *v = (__global const bytes *)work->unit;
    __global const ushort *first = work->first;
    __global const uint *row = work->row;
    __local const uchar *low = work->low, *high = work->high;
    uint unit = work->at;
    for (uint g = work->begin; g < work->behind; g++, row += 48) {
        const uint end = work->end[g];
        struct sums sums = {(int16)0, (int16)0, (int16)0, (int16)0};
        for (; unit < end; unit++, v += 5, first += 4) {
            const bytes place0 = v[0], place1 = v[1], place2 = v[2], place3 = v[3], codes = v[4];
            step(&sums, low + first[0], high + first[0], place0, codes, &tables);
            step(&sums, low + first[1], high + first[1], place1, shifted(codes, 4), &tables);
            step(&sums, low + first[2], high + first[2], place2, high_bits(place0, place1),
                 &tables);
            step(&sums, low + first[3], high + first[3], place3, high_bits(place2, place3),
                 &tables);
        }
        const uint16 mid = as_uint16(sums.mid0) + as_uint16(sums.mid1);
        uint16 sum = as_uint16(sums.unit) + (mid << 8) + (as_uint16(sums.top) << 16);
        if (work->negated) sum = (uint16)0 - sum;
        __global const uint16 *lanes = (__global const uint16 *)row;
        store16(as_int16(sum + lanes[1] - (lanes[2] << 15)), row, work->relu, work->shift, work->y);
    }
}

#elif defined(BYTES)

typedef char bytes __attribute__((ext_vector_type(32)));
typedef uchar uchar32 __attribute__((ext_vector_type(32)));
typedef uchar bytes16 __attribute__((ext_vector_type(16), aligned(1)));

/* Places p from `first` to `first` + 15 of the window as an index; others have bit 7 set. */
#define QUARTER(p, first) __builtin_astype(((p) ^ (uchar32)(first)) + (uchar32)0x70, bytes)

/* As the instructions do it: the halves of 128 bits apart. */
#define UNPACK_LOW(a, b)                                                                           \
    __builtin_shufflevector(a, b, 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 16, 48,  \
                            17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55)
#define UNPACK_HIGH(a, b)                                                                          \
    __builtin_shufflevector(a, b, 8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47,    \
                            24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63)

/* Rows 8 i to 8 i + 7: sums of slots 0 to 3 of rows 0, 1, 4, 5 by pairs, and those of 2, 3, 6, 7.
 */
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

/* What a window of 64 bytes has: an index for each quarter, and the answer to bit 7 is 0. */
static inline bytes look_up(__local const uchar *window, const bytes *index)
{
    __local const bytes16 *quarter = (__local const bytes16 *)window;
    return (__builtin_ia32_pshufb256(twice(quarter[0]), index[0]) |
            __builtin_ia32_pshufb256(twice(quarter[1]), index[1])) |
           (__builtin_ia32_pshufb256(twice(quarter[2]), index[2]) |
            __builtin_ia32_pshufb256(twice(quarter[3]), index[3]));
}

static inline uint8 products(bytes a, bytes w)
{
    return __builtin_astype(
        __builtin_ia32_pmaddwd256(__builtin_astype(a, short16), __builtin_astype(w, short16)),
        uint8);
}

/* 32 slots; `code` in the low half of each byte, and 0 above. */
static inline void step(struct sums *sums, __local const uchar *low, __local const uchar *high,
                        bytes place, bytes code, const struct tables *tables)
{
    const uchar32 p = __builtin_astype(place, uchar32) & (uchar32)63;
    const bytes index[4] = {QUARTER(p, 0), QUARTER(p, 16), QUARTER(p, 32), QUARTER(p, 48)};
    const bytes l = look_up(low, index), h = look_up(high, index);
    const bytes wl = __builtin_ia32_pshufb256(tables->low, code);
    const bytes wh = __builtin_ia32_pshufb256(tables->high, code);
    sums->low += products(UNPACK_LOW(l, h), UNPACK_LOW(wl, wh));
    sums->high += products(UNPACK_HIGH(l, h), UNPACK_HIGH(wl, wh));
}

/* Bits `by` to `by` + 3 of each byte, which must be its own. */
static inline bytes nibbles(bytes from, ushort by)
{
    const ushort16 words = __builtin_astype(from, ushort16) >> (ushort16)by;
    return __builtin_astype(words, bytes) & (bytes)15;
}

/* The codes in the high two bits of two vectors. */
static inline bytes high_bits(bytes upper, bytes lower)
{
    const bytes two = (bytes)3;
    const ushort16 high = __builtin_astype(upper, ushort16) >> (ushort16)4;
    const ushort16 low = __builtin_astype(lower, ushort16) >> (ushort16)6;
    return (__builtin_astype(high, bytes) & (bytes)12) | (__builtin_astype(low, bytes) & two);
}

static inline void split(const struct work *work)
{
    for (uint j = 0; j < work->inputs; j += 16) {
        const ushort16 a = as_ushort16(vload16(0, work->x + j));
        *(__local bytes16 *)(work->low + j) = convert_uchar16(a & (ushort16)255);
        *(__local bytes16 *)(work->high + j) = convert_uchar16(a >> (ushort16)8);
    }
}

static inline void half_steps(struct sums *sums, __local const uchar *low,
                              __local const uchar *high, __global const ushort *first,
                              __global const bytes *v, const struct tables *tables)
{
    const bytes place0 = v[0], place1 = v[2], place2 = v[4], place3 = v[6], codes = v[8];
    step(sums, low + first[0], high + first[0], place0, nibbles(codes, 0), tables);
    step(sums, low + first[1], high + first[1], place1, nibbles(codes, 4), tables);
    step(sums, low + first[2], high + first[2], place2, high_bits(place0, place1), tables);
    step(sums, low + first[3], high + first[3], place3, high_bits(place2, place3), tables);
}

static inline uint8 rows_of(struct sums sums)
{
    return __builtin_astype(__builtin_ia32_phaddd256(__builtin_astype(sums.low, int8),
                                                     __builtin_astype(sums.high, int8)),
                            uint8);
}

static inline void do_groups(const struct work *work)
{
    struct tables tables;
    split(work);
    for (uint c = 0; c < 32; c++) {
        tables.low[c] = (char)work->codebook[c % 16];
        tables.high[c] = (char)(work->codebook[c % 16] >> 8);
    }
    __global const bytes *v = (__global const bytes *)work->unit;
    __global const ushort *first = work->first;
    __global const uint *row = work->row;
    __local const uchar *low = work->low, *high = work->high;
    uint unit = work->at;
    for (uint g = work->begin; g < work->behind; g++, row += 48) {
        const uint end = work->end[g];
        struct sums one = {(uint8)0, (uint8)0}, two = one;
        for (; unit < end; unit++, v += 10, first += 4) {
            half_steps(&one, low, high, first, v, &tables);
            half_steps(&two, low, high, first, v + 1, &tables);
        }
        const uint16 sum = (uint16)(rows_of(one), rows_of(two));
        store16(as_int16(sum + ((__global const uint16 *)row)[1]), row, work->relu, work->shift,
                work->y);
    }
}
#endif

#if defined(VNNI) || defined(BYTES)

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
byte_lookup(__global const uchar *restrict copy, __global const short *restrict x,
            __global short *restrict y, __global const int *restrict constants, uint inputs,
            uint outputs, uint groups, uint relu, uint shift, ulong first_at, ulong end_at,
            ulong row_at, uint share, uint negated, uint plane, __local uchar *planes)
{
    __global const uint *end = (__global const uint *)(copy + end_at);
    const uint begin = get_global_id(0) * share, unit = begin ? end[begin - 1] : 0;
    struct work work = {.unit = copy + (size_t)unit * UNIT_BYTES,
                        .first = (__global const ushort *)(copy + first_at) + (size_t)unit * 4,
                        .end = end,
                        .row = (__global const uint *)(copy + row_at) + 48 * (size_t)begin,
                        .x = x + (size_t)get_global_id(1) * inputs,
                        .y = y + (size_t)get_global_id(1) * outputs,
                        .codebook = constants,
                        .low = planes,
                        .high = planes + plane,
                        .inputs = inputs,
                        .at = unit,
                        .begin = begin,
                        .behind = min(begin + share, groups),
                        .relu = relu,
                        .shift = shift,
                        .negated = negated};
    do_groups(&work);
}

#else

__kernel void byte_lookup(__global const uchar *restrict copy, __global const short *restrict x,
                          __global short *restrict y, __global const int *restrict constants,
                          uint inputs, uint outputs, uint groups, uint relu, uint shift,
                          ulong first_at, ulong end_at, ulong row_at, uint share, uint negated,
                          uint plane, __local uchar *planes)
{
    const uint g = get_global_id(0) / 16, lane = get_global_id(0) % 16;
    if (g >= groups) return;
    __global const uint *end = (__global const uint *)(copy + end_at);
    __global const uint *row = (__global const uint *)(copy + row_at) + 48 * (size_t)g;
    __global const ushort *first = (__global const ushort *)(copy + first_at);
    x += (size_t)get_global_id(1) * inputs;
    y += (size_t)get_global_id(1) * outputs;
    uint sum = row[16 + lane];
    for (uint unit = g ? end[g - 1] : 0; unit < end[g]; unit++)
        for (uint k = 0; k < 4; k++) {
            __global const uchar *v = copy + (size_t)unit * UNIT_BYTES + 4 * lane + k;
            const uint codes = v[256] | (v[0] & 0xc0) << 4 | (v[64] & 0xc0) << 2 |
                               (v[128] & 0xc0) << 8 | (v[192] & 0xc0) << 6;
            for (uint s = 0; s < 4; s++)
                sum += (uint)(constants[codes >> 4 * s & 15] *
                              x[first[(size_t)unit * 4 + s] + (v[64 * s] & 63)]);
        }
    if (row[lane] != NO_ROW) y[row[lane]] = finish((int)sum, relu, shift);
}
#endif
