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

/* `count` rows from `row` and all inputs, `steps` columns from `first`. */
FLOAT_INLINE void tiles(const struct float_rows *rows, uint32_t row, uint32_t first, uint32_t steps,
                        const uint32_t count)
{
    const uint32_t inputs = rows->inputs, lanes = rows->lanes;
    const float *w = rows->dense + (size_t)row * inputs + first;
    for (uint32_t lane = 0; lane < lanes; lane += BLOCK * LANES) {
        const float *x = rows->x + (size_t)lane * inputs;
        float *y = rows->y + (size_t)row * lanes + lane;
        switch ((lanes - lane) / LANES) {
        case 1:
            tile(w, inputs, x + (size_t)first * LANES, steps, y, lanes, first, count, 1);
            break;
#if BLOCK > 2
        case 2:
            tile(w, inputs, x + (size_t)first * 2 * LANES, steps, y, lanes, first, count, 2);
            break;
        case 3:
            tile(w, inputs, x + (size_t)first * 3 * LANES, steps, y, lanes, first, count, 3);
            break;
#endif
        default:
            tile(w, inputs, x + (size_t)first * BLOCK * LANES, steps, y, lanes, first, count,
                 BLOCK);
        }
    }
}

/* The same for inputs that fill half a block at most: their sums leave room for more rows. */
FLOAT_INLINE void tall_tile(const struct float_rows *rows, uint32_t row, uint32_t first,
                            uint32_t steps)
{
    const float *w = rows->dense + (size_t)row * rows->inputs + first;
    const float *x = rows->x + (size_t)first * rows->lanes;
    float *y = rows->y + (size_t)row * rows->lanes;
    if (rows->lanes == LANES)
        tile(w, rows->inputs, x, steps, y, rows->lanes, first, 2 * ROWS, 1);
    else
        tile(w, rows->inputs, x, steps, y, rows->lanes, first, 2 * ROWS, BLOCK / 2);
}

static void dense_several(const struct float_rows *rows)
{
    for (uint32_t first = 0; first < rows->inputs; first += STEP) {
        const uint32_t left = rows->inputs - first, steps = left < STEP ? left : STEP;
        uint32_t i = rows->begin;
        for (; rows->lanes <= BLOCK / 2 * LANES && rows->end - i >= 2 * ROWS; i += 2 * ROWS)
            tall_tile(rows, i, first, steps);
        for (; rows->end - i >= ROWS; i += ROWS) tiles(rows, i, first, steps, ROWS);
        for (; i < rows->end; i++) tiles(rows, i, first, steps, 1);
    }
}
