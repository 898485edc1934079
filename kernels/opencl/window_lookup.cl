/* Sixteen rows walk along the columns together; in each step every row finds up to four of its
 * inputs in a window of 64 (window_lookup.c has the form).
 *
 * Where the compiler shows 512-bit permutes of 16-bit words, a work-item has `share` groups of 16
 * rows one after the other, a row in each 32-bit lane, and the window in two registers; else a row
 * is a work-item. The host sees which by the work-group that the kernel requires.
 *
 *   units   [unit][160]: words 32 s to 32 s + 31 of step s: place of slot 0 or 1 of a row (6 bits),
 *           its code (4 bits), place of slot 2 or 3 (6 bits); words 128 to 159: four bits of each
 *           step, the codes of slots 2 and 3
 *   first   [unit][4] first inputs of the windows
 *   end     [group] the unit behind the group's
 *   row     [group][2][16] the row of each lane, or 0xffffffff; and its bias
 */
#define UNIT_WORDS 160

#ifdef __has_builtin
#if defined(__AVX512BW__) && __has_builtin(__builtin_ia32_vpermi2varhi512) &&                      \
    __has_builtin(__builtin_ia32_permvarhi512) && __has_builtin(__builtin_ia32_pmaddwd512)
#define WIDE 1
#endif
#endif

#ifdef WIDE
typedef short words __attribute__((ext_vector_type(32)));
typedef ushort bits __attribute__((ext_vector_type(32)));
typedef short words_anywhere __attribute__((ext_vector_type(32), aligned(2)));
typedef uint sums __attribute__((ext_vector_type(16)));

/* 64 products into 16 sums. Permutes pass over high index bits, and the table holds the codebook
 * twice: a shift is all the unpacking. */
static inline sums step(sums sum, __global const short *window, bits word, bits codes, words table)
{
    const words low = *(__global const words_anywhere *)window;
    const words high = *(__global const words_anywhere *)(window + 32);
    const words a0 = __builtin_ia32_vpermi2varhi512(low, __builtin_astype(word, words), high);
    const words a1 =
        __builtin_ia32_vpermi2varhi512(low, __builtin_astype(word >> (ushort)10, words), high);
    const words w0 = __builtin_ia32_permvarhi512(table, __builtin_astype(word >> (ushort)6, words));
    const words w1 = __builtin_ia32_permvarhi512(table, __builtin_astype(codes, words));
    return sum + __builtin_astype(__builtin_ia32_pmaddwd512(a0, w0), sums) +
           __builtin_astype(__builtin_ia32_pmaddwd512(a1, w1), sums);
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
window_lookup(__global const ushort *restrict copy, __global const short *restrict x,
              __global short *restrict y, __global const int *restrict constants, uint inputs,
              uint outputs, uint groups, uint relu, uint shift, ulong first_at, ulong end_at,
              ulong row_at, uint share)
{
    __global const uint *end = (__global const uint *)((__global const char *)copy + end_at);
    const uint begin = get_global_id(0) * share;
    __global const uint *row =
        (__global const uint *)((__global const char *)copy + row_at) + 32 * begin;
    uint unit = begin ? end[begin - 1] : 0;
    __global const bits *v = (__global const bits *)(copy + (size_t)unit * UNIT_WORDS);
    __global const ushort *first =
        (__global const ushort *)((__global const char *)copy + first_at) + (size_t)unit * 4;
    x += (size_t)get_global_id(1) * inputs;
    y += (size_t)get_global_id(1) * outputs;
    words table;
    for (uint c = 0; c < 16; c++) table[c] = table[c + 16] = (short)constants[c];
    for (uint g = begin; g < min(begin + share, groups); g++, row += 32) {
        sums even = 0, odd = 0;
        for (; unit < end[g]; unit++, v += 5, first += 4) {
            const bits codes = v[4];
            even = step(even, x + first[0], v[0], codes, table);
            odd = step(odd, x + first[1], v[1], codes >> (ushort)4, table);
            even = step(even, x + first[2], v[2], codes >> (ushort)8, table);
            odd = step(odd, x + first[3], v[3], codes >> (ushort)12, table);
        }
        store16(
            as_int16(vload16(1, (__global const uint *)row) + __builtin_astype(even + odd, uint16)),
            row, relu, shift, y);
    }
}

#else

__kernel void window_lookup(__global const ushort *restrict copy, __global const short *restrict x,
                            __global short *restrict y, __global const int *restrict constants,
                            uint inputs, uint outputs, uint groups, uint relu, uint shift,
                            ulong first_at, ulong end_at, ulong row_at, uint share)
{
    const uint g = get_global_id(0) / 16, lane = get_global_id(0) % 16;
    if (g >= groups) return;
    __global const uint *end = (__global const uint *)((__global const char *)copy + end_at);
    __global const uint *row = (__global const uint *)((__global const char *)copy + row_at);
    __global const ushort *first =
        (__global const ushort *)((__global const char *)copy + first_at);
    const uint i = row[32 * g + lane];
    x += (size_t)get_global_id(1) * inputs;
    y += (size_t)get_global_id(1) * outputs;
    uint sum = 0;
    for (uint unit = g ? end[g - 1] : 0; unit < end[g]; unit++) {
        __global const ushort *word = copy + (size_t)unit * UNIT_WORDS + 2 * lane;
        for (uint s = 0; s < 4; s++)
            for (uint k = 0; k < 2; k++) {
                __global const short *window = x + first[(size_t)unit * 4 + s];
                const uint w = word[32 * s + k], code = word[128 + k] >> (4 * s) & 15;
                sum += (uint)(constants[w >> 6 & 15] * window[w & 63]);
                sum += (uint)(constants[code] * window[w >> 10]);
            }
    }
    if (i != NO_ROW) y[i] = finish((int)(sum + (uint)constants[16 + i]), relu, shift);
}
#endif
