/* window_lookup on bytes: sixteen rows walk along the columns together, four slots a row and step
 * in a window of 64 inputs (window_lookup.c has the form), and everything is looked up by permutes
 * of bytes.
 *
 * Where the host says that the processor has VBMI and VNNI (EIE_VNNI) a work-item has `share`
 * groups of 16 rows one after the other, splits the inputs into planes of low and high bytes for
 * itself, and takes 64 slots at once by vpermb and vpdpbusd, as kernels/avx512/byte_lookup.c.
 * pocl's compiler may have been told of a lesser processor, and shows no builtins then but in a
 * function with a target of its own. That must not be inlined: pocl's launchers have no such
 * target. Else a row is a work-item. The host sees which by the work-group that the kernel
 * requires.
 *
 *   units   [unit][320]: byte 64 s + 4 i + k of step s: place of row i's slot k (6 bits); bytes
 *           256 to 319: its code in steps 0 (low half) and 1; codes of steps 2 and 3: their high
 *           halves in the two bits left of steps 0 and 2, their low halves in those of 1 and 3
 *   first   [unit][4] first inputs of the windows
 *   end     [group] the unit behind the group's
 *   row     [group][3][16] the row of each lane, or 0xffffffff; its bias; the sum of its weights
 *   planes  [2][plane] of the work-item */
#define UNIT_BYTES 320
#define WINDOW     64

#ifdef EIE_VNNI

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

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
byte_lookup(__global const uchar *restrict copy, __global const short *restrict x,
            __global short *restrict y, __global const int *restrict constants, uint inputs,
            uint outputs, uint groups, uint relu, uint shift, ulong first_at, ulong end_at,
            ulong row_at, uint share, uint plane, __local uchar *planes, uint negated)
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
                          ulong first_at, ulong end_at, ulong row_at, uint share, uint plane,
                          __local uchar *planes, uint negated)
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
