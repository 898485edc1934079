/* Products of weights by row (CSR) of kernels/float_product.h, of the vectors of an instruction set
 * (the folder's float_vectors.h, included before) with BLOCK vectors of inputs at a time. One input
 * is gathered; of several, the turned ones lie side by side. */
#include "kernels/float_product.h"

static void csr_one(const struct float_rows *rows)
{
    for (uint32_t i = rows->begin; i < rows->end; i++) {
        const int32_t *index = rows->csr.index + rows->csr.start[i];
        const float *weight = rows->csr.weight + rows->csr.start[i];
        const uint32_t count = (uint32_t)(rows->csr.start[i + 1] - rows->csr.start[i]);
        VECTOR even = ZERO(), odd = ZERO();
        uint32_t e = 0;
        for (; count - e >= 2 * LANES; e += 2 * LANES) {
            even = MULTIPLY_ADD(LOAD(weight + e), GATHER(rows->x, index + e), even);
            odd = MULTIPLY_ADD(LOAD(weight + e + LANES), GATHER(rows->x, index + e + LANES), odd);
        }
        if (count - e >= LANES) {
            even = MULTIPLY_ADD(LOAD(weight + e), GATHER(rows->x, index + e), even);
            e += LANES;
        }
        if (e < count)
            odd = MULTIPLY_ADD(LOAD_SOME(weight + e, count - e),
                               GATHER_SOME(rows->x, index + e, count - e), odd);
        rows->y[i] = ADD_LANES(even) + ADD_LANES(odd);
    }
}

/* Two entries at a time have sums of their own: the additions of one chain would be waited for. */
FLOAT_INLINE void csr_block(const struct float_rows *rows, const float *x, float *y,
                            const uint32_t vectors)
{
    for (uint32_t i = rows->begin; i < rows->end; i++) {
        int32_t e = rows->csr.start[i];
        const int32_t end = rows->csr.start[i + 1];
        VECTOR even[BLOCK], odd[BLOCK];
        FLOAT_UNROLLED for (uint32_t v = 0; v < vectors; v++) even[v] = odd[v] = ZERO();
        for (; end - e >= 2; e += 2) {
            const float *x0 = x + (size_t)rows->csr.index[e] * vectors * LANES;
            const float *x1 = x + (size_t)rows->csr.index[e + 1] * vectors * LANES;
            const VECTOR w0 = BROADCAST(rows->csr.weight[e]);
            const VECTOR w1 = BROADCAST(rows->csr.weight[e + 1]);
            FLOAT_UNROLLED for (uint32_t v = 0; v < vectors; v++)
            {
                even[v] = MULTIPLY_ADD(w0, LOAD(x0 + v * LANES), even[v]);
                odd[v] = MULTIPLY_ADD(w1, LOAD(x1 + v * LANES), odd[v]);
            }
        }
        if (e < end) {
            const float *x0 = x + (size_t)rows->csr.index[e] * vectors * LANES;
            const VECTOR w0 = BROADCAST(rows->csr.weight[e]);
            FLOAT_UNROLLED for (uint32_t v = 0; v < vectors; v++) even[v] =
                MULTIPLY_ADD(w0, LOAD(x0 + v * LANES), even[v]);
        }
        FLOAT_UNROLLED for (uint32_t v = 0; v < vectors; v++)
            STORE(y + (size_t)i * rows->lanes + v * LANES, even[v] + odd[v]);
    }
}

static void csr_several(const struct float_rows *rows)
{
    for (uint32_t lane = 0; lane < rows->lanes; lane += BLOCK * LANES) {
        const float *x = rows->x + (size_t)lane * rows->inputs;
        float *y = rows->y + lane;
        switch ((rows->lanes - lane) / LANES) {
        case 1:
            csr_block(rows, x, y, 1);
            break;
#if BLOCK > 2
        case 2:
            csr_block(rows, x, y, 2);
            break;
        case 3:
            csr_block(rows, x, y, 3);
            break;
#endif
        default:
            csr_block(rows, x, y, BLOCK);
        }
    }
}
