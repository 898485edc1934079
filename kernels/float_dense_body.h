/* Dense products of kernels/float_product.h, of the vectors of an instruction set (the folder's
 * float_vectors.h, included before) with BLOCK vectors of inputs at a time and tiles of ROWS rows:
 * ROWS x BLOCK sums stay in registers.
 *
 * One input is W's rows times x, four rows at a time, so that x is loaded once for four. Several go
 * in steps of STEP columns, whose turned inputs stay in the second-level cache and mostly in the
 * first. W is read as it lies, by row. */
#include "kernels/float_product.h"

#define STEP     256u /* columns */
#define ONE_ROWS 4u
#define LINE     16u /* floats of a cache line */

/* ---- dense, one input ------------------------------------------------------------------------ */

FLOAT_INLINE void rows_by_x(const struct float_rows *rows, uint32_t first, const uint32_t count)
{
    const uint32_t inputs = rows->inputs;
    const float *w[ONE_ROWS];
    VECTOR sum[ONE_ROWS][2];
    uint32_t j = 0;
    FLOAT_UNROLLED for (uint32_t r = 0; r < count; r++)
    {
        w[r] = rows->dense + (size_t)(first + r) * inputs;
        sum[r][0] = sum[r][1] = ZERO();
    }
    for (; inputs - j >= 2 * LANES; j += 2 * LANES) {
        const VECTOR x0 = LOAD(rows->x + j), x1 = LOAD(rows->x + j + LANES);
        FLOAT_UNROLLED for (uint32_t r = 0; r < count; r++)
        {
            sum[r][0] = MULTIPLY_ADD(LOAD(w[r] + j), x0, sum[r][0]);
            sum[r][1] = MULTIPLY_ADD(LOAD(w[r] + j + LANES), x1, sum[r][1]);
        }
    }
    for (; j < inputs; j += LANES) {
        const uint32_t left = inputs - j;
        const VECTOR x = left >= LANES ? LOAD(rows->x + j) : LOAD_SOME(rows->x + j, left);
        for (uint32_t r = 0; r < count; r++)
            sum[r][0] = MULTIPLY_ADD(left >= LANES ? LOAD(w[r] + j) : LOAD_SOME(w[r] + j, left), x,
                                     sum[r][0]);
    }
    FLOAT_UNROLLED for (uint32_t r = 0; r < count; r++) rows->y[first + r] =
        ADD_LANES(sum[r][0]) + ADD_LANES(sum[r][1]);
}

static void dense_one(const struct float_rows *rows)
{
    uint32_t i = rows->begin;
    for (; rows->end - i >= ONE_ROWS; i += ONE_ROWS) rows_by_x(rows, i, ONE_ROWS);
    for (; i < rows->end; i++) rows_by_x(rows, i, 1);
}

/* ---- dense, several inputs ------------------------------------------------------------------- */

/* A tile of `count` rows and `vectors` vectors of inputs, `steps` columns from where w and x point.
 */
FLOAT_INLINE void tile(const float *w, size_t stride, const float *x, uint32_t steps, float *y,
                       size_t lanes, bool more, const uint32_t count, const uint32_t vectors)
{
    VECTOR sum[2 * ROWS][BLOCK];
    FLOAT_UNROLLED for (uint32_t r = 0; r < count; r++)
    {
        FLOAT_UNROLLED for (uint32_t v = 0; v < vectors; v++) sum[r][v] =
            more ? LOAD(y + r * lanes + v * LANES) : ZERO();
    }
    for (uint32_t k = 0; k < steps; k++) {
        VECTOR input[BLOCK];
        /* the next tile's rows: too short for the processor to see that they go on */
        if (k % LINE == 0)
            for (uint32_t r = 0; r < count; r++)
                __builtin_prefetch((const char *)((uintptr_t)w + ((count + r) * stride + k) * 4));
        FLOAT_UNROLLED for (uint32_t v = 0; v < vectors; v++) input[v] =
            LOAD(x + (size_t)(k * vectors + v) * LANES);
        FLOAT_UNROLLED for (uint32_t r = 0; r < count; r++)
        {
            const VECTOR weight = BROADCAST(w[r * stride + k]);
            FLOAT_UNROLLED for (uint32_t v = 0; v < vectors; v++) sum[r][v] =
                MULTIPLY_ADD(weight, input[v], sum[r][v]);
        }
    }
    FLOAT_UNROLLED for (uint32_t r = 0; r < count; r++)
    {
        FLOAT_UNROLLED for (uint32_t v = 0; v < vectors; v++)
            STORE(y + r * lanes + v * LANES, sum[r][v]);
    }
}

/* All rows and a block, STEP columns from `first`. */
FLOAT_INLINE void block_of(const struct float_rows *rows, const float *x, float *y, uint32_t first,
                           uint32_t steps, const uint32_t vectors)
{
    const uint32_t tall = vectors <= BLOCK / 2 ? 2 * ROWS : ROWS;
    const float *w = rows->dense + first;
    uint32_t i = rows->begin;
    x += (size_t)first * vectors * LANES;
    for (; rows->end - i >= tall; i += tall)
        tile(w + (size_t)i * rows->inputs, rows->inputs, x, steps, y + (size_t)i * rows->lanes,
             rows->lanes, first, tall, vectors);
    for (; i < rows->end; i++)
        tile(w + (size_t)i * rows->inputs, rows->inputs, x, steps, y + (size_t)i * rows->lanes,
             rows->lanes, first, 1, vectors);
}

static void dense_several(const struct float_rows *rows)
{
    for (uint32_t first = 0; first < rows->inputs; first += STEP) {
        const uint32_t left = rows->inputs - first, steps = left < STEP ? left : STEP;
        for (uint32_t lane = 0; lane < rows->lanes; lane += BLOCK * LANES) {
            const float *x = rows->x + (size_t)lane * rows->inputs;
            float *y = rows->y + lane;
            switch ((rows->lanes - lane) / LANES) {
            case 1:
                block_of(rows, x, y, first, steps, 1);
                break;
#if BLOCK > 2
            case 2:
                block_of(rows, x, y, first, steps, 2);
                break;
            case 3:
                block_of(rows, x, y, first, steps, 3);
                break;
#endif
            default:
                block_of(rows, x, y, first, steps, BLOCK);
            }
        }
    }
}
