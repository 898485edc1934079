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
