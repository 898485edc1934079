/* Stands before the text of every kernel: what all of them share. */

/* From a row's sum to its output (kernels/kernel.h): activation, rounding half up, saturation.
 * rhadd(v, 0) is (v + 1) >> 1 without leaving int. */
short finish(int sum, uint relu, uint shift)
{
    if (relu) sum = max(sum, 0);
    return convert_short_sat(shift ? rhadd(sum >> (shift - 1), 0) : sum);
}

/* The same for sixteen rows. A vector of zeros, since Oclgrind 21.10 has no max of vector and
 * scalar that is right. */
short16 finish16(int16 sum, uint relu, uint shift)
{
    if (relu) sum = max(sum, (int16)0);
    if (shift) sum = rhadd(sum >> (int16)(shift - 1), (int16)0);
    return convert_short16_sat(sum);
}

#define NO_ROW 0xffffffffu

/* Sixteen sums to outputs, each at the place that `row` names; rows that are missing are a group's
 * last. The elements are named one by one: from a loop pocl's compiler makes vectors again, by way
 * of memory.
 */
void store16(int16 sum, __global const uint *row, uint relu, uint shift, __global short *y)
{
    const short16 out = finish16(sum, relu, shift);
#define PUT(k)                                                                                     \
    if (full || row[0x##k] != NO_ROW) y[row[0x##k]] = out.s##k;
/* clang-format off */
#define PUT_ALL                                                                                    \
    PUT(0) PUT(1) PUT(2) PUT(3) PUT(4) PUT(5) PUT(6) PUT(7)                                        \
    PUT(8) PUT(9) PUT(a) PUT(b) PUT(c) PUT(d) PUT(e) PUT(f)
    /* clang-format on */
    if (row[15] != NO_ROW) {
        const bool full = true;
        PUT_ALL
    } else {
        const bool full = false;
        PUT_ALL
    }
}
