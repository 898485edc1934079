/* Compressed sparse rows in float32, a row a work-item: what a user would write first.
 *
 *   copy   start [outputs + 1], column [nonzeros], weight [nonzeros] (float) */
__kernel void csr_float32(__global const int *restrict copy, __global const float *restrict x,
                          __global float *restrict y, uint inputs, uint outputs)
{
    const uint i = get_global_id(0);
    if (i >= outputs) return;
    __global const int *column = copy + (size_t)outputs + 1;
    __global const float *weight = (__global const float *)(column + copy[outputs]);
    float sum = 0;
    x += (size_t)get_global_id(1) * inputs;
    for (int e = copy[i]; e < copy[i + 1]; e++) sum += weight[e] * x[column[e]];
    y[(size_t)get_global_id(1) * outputs + i] = sum;
}
