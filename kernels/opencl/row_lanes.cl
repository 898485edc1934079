/* LANES work-items share a row: each takes every LANES-th of its weights, and their sums are added
 * up: by the sub-group where it has that many work-items, else by halves in local memory. TILE
 * inputs of the batch are done at once, so that a weight is read once for all of them.
 *
 *   copy   start [outputs + 1], then a word for each weight: column << 4 | code */
#define TILE 4

#if LANES > 1 && (defined(cl_khr_subgroups) || defined(__opencl_c_subgroups))
#ifdef cl_khr_subgroups
#pragma OPENCL EXTENSION cl_khr_subgroups : enable
#endif
#define SUB_GROUP_SIZE       get_max_sub_group_size()
#define SUB_GROUP_SUM(value) sub_group_reduce_add(value)
#else
#define SUB_GROUP_SIZE       0
#define SUB_GROUP_SUM(value) (value)
#endif

/* The sum over the LANES work-items of a row. */
static inline uint row_sum(uint sum, __local uint *part)
{
    const uint place = get_local_id(0);
    if (LANES == 1) return sum;
    if (SUB_GROUP_SIZE == LANES) return SUB_GROUP_SUM(sum);
    barrier(CLK_LOCAL_MEM_FENCE); /* what was read before may be overwritten */
    part[place] = sum;
    for (uint step = LANES / 2; step; step /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (place % LANES < step) part[place] += part[place + step];
    }
    return part[place]; /* that of the row's first lane counts */
}

__kernel void row_lanes(__global const uint *restrict copy, __global const short *restrict x,
                        __global short *restrict y, __global const int *restrict constants,
                        uint inputs, uint outputs, uint batch, uint relu, uint shift,
                        __local uint *part)
{
    const uint lane = get_local_id(0) % LANES, i = get_global_id(0) / LANES;
    const uint first = get_global_id(1) * TILE, tile = min((uint)TILE, batch - first);
    const uint begin = i < outputs ? copy[i] : 0, end = i < outputs ? copy[i + 1] : 0;
    __global const uint *entry = copy + (size_t)outputs + 1;
    uint sum[TILE] = {0};
    x += (size_t)first * inputs;
    y += (size_t)first * outputs;
    for (uint e = begin + lane; e < end; e += LANES) {
        const int weight = constants[entry[e] & 15];
        const uint column = entry[e] >> 4;
        for (uint b = 0; b < tile; b++) sum[b] += (uint)(weight * x[(size_t)b * inputs + column]);
    }
    for (uint b = 0; b < tile; b++) {
        const uint all = row_sum(sum[b], part);
        if (lane == 0 && i < outputs)
            y[(size_t)b * outputs + i] = finish((int)(all + (uint)constants[16 + i]), relu, shift);
    }
}
