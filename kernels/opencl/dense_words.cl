/* A work-item has `share` blocks of 64 rows one after the other. It lists the active columns, and
 * adds them up to the sums of a block, which stay in vectors.
 *
 *   copy   [block][inputs][64] weights, 0 where there is none */
#define ROWS 64

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
dense_words(__global const short *restrict copy, __global const short *restrict x,
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
    const uint begin = get_global_id(0) * share;
    for (uint block = begin; block < min(begin + share, blocks); block++) {
        __global const short *weights = copy + (size_t)block * inputs * ROWS;
        uint16 sum[ROWS / 16] = {0, 0, 0, 0};
        for (uint k = 0; k < count; k++) {
            __global const short *column = weights + (size_t)active[k] * ROWS;
            const int16 a = (int16)(x[active[k]]);
            sum[0] += as_uint16(convert_int16(vload16(0, column)) * a);
            sum[1] += as_uint16(convert_int16(vload16(1, column)) * a);
            sum[2] += as_uint16(convert_int16(vload16(2, column)) * a);
            sum[3] += as_uint16(convert_int16(vload16(3, column)) * a);
        }
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
