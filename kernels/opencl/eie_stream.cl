/* A PE is a lane: it walks its own stream, column by column, and adds into its own accumulators.
 *
 *   copy       column_start [pe_count][inputs + 1], then entries, as the layer stores them
 *   constants  the codebook's 16 values, then bias [outputs]
 *   acc        [rows of a PE][lanes]: neighbouring lanes lie side by side */
__kernel void eie_stream(__global const uint *restrict copy, __global const short *restrict x,
                         __global short *restrict y, __global const int *restrict constants,
                         uint inputs, uint outputs, uint pe_count, uint relu, uint shift,
                         __local uint *acc, __local int *codebook)
{
    const uint lane = get_local_id(0), lanes = get_local_size(0), pe = get_global_id(0);
    const uint rows = pe < pe_count && pe < outputs ? (outputs - pe - 1) / pe_count + 1 : 0;
    __global const uchar *entries =
        (__global const uchar *)(copy + (size_t)pe_count * ((size_t)inputs + 1));
    __global const uint *start = copy + (size_t)pe * ((size_t)inputs + 1);
    x += (size_t)get_global_id(1) * inputs;
    y += (size_t)get_global_id(1) * outputs;
    for (uint c = lane; c < 16; c += lanes) codebook[c] = constants[c];
    for (uint r = 0; r < rows; r++) acc[r * lanes + lane] = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (rows == 0) return;
    for (uint j = 0; j < inputs; j++) {
        const int a = x[j]; /* the same for all lanes */
        if (a == 0) continue;
        uint row = 0;
        for (uint e = start[j], end = start[j + 1]; e < end; e++) {
            const uint entry = entries[e];
            row += entry & 15;
            acc[row * lanes + lane] += (uint)(codebook[entry >> 4] * a);
            row++;
        }
    }
    for (uint r = 0; r < rows; r++) {
        const uint i = r * pe_count + pe;
        y[i] = finish((int)(acc[r * lanes + lane] + (uint)constants[16 + i]), relu, shift);
    }
}
