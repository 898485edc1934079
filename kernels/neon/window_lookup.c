/* The gather turned into register look-ups, as avx2/window_lookup.c has it, on NEON's terms. Row by
 * row, the inputs that a weight may want lie in registers: a window of 32 neighbouring columns,
 * split into byte planes by the load itself (LD2), which one TBL of two registers answers for 16
 * rows at once. A step serves 16 rows with 2 slots each; a slot is a position in the window (one
 * byte) and a code (one nibble, looked up by a TBL of one register in each plane of the codebook).
 * The slowest of the 16 rows decides where the next window begins, and every row takes what it has
 * left in there. Rows with similar numbers of weights share a group; sorting stays within a
 * thread's share of the rows.
 *
 * No input column is skipped: skipping costs more here than multiplying by 0. */
#include "host/machine/cpu.h"
#include "kernels/cpu_plan.h"
#include "kernels/row_lists.h"

#include <arm_neon.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW     32u
#define GROUP      16u    /* rows of a group */
#define ROW_SLOTS  2u     /* slots of a row and step */
#define SHARE_ROWS 64u    /* shares begin at multiples: two lines of the first input's y */
#define INPUTS_MAX 65536u /* a window's first column is 16 bits */
#define AHEAD      1024u  /* bytes of the steps that are fetched before they are needed */

/* Code 0 weighs nothing: what is not filled in adds 0. */
struct step {
    uint8_t position[ROW_SLOTS][GROUP];
    uint8_t codes[GROUP]; /* the first slot's in the low nibbles */
};

struct group {
    uint32_t first_step, end_step;
    uint32_t rows; /* that exist: the last group of a share may have fewer */
    uint32_t row[GROUP];
    int32_t bias[GROUP];
};

/* A copy: the steps, their windows' first columns, the groups of all shares. */
struct shape {
    uint32_t group_count, step_count;
    size_t firsts_at, groups_at, bytes;
};

struct plan {
    struct eie_cpu_plan base;
    struct shape shape;
    uint32_t *first_group; /* [threads + 1] */
    uint32_t copy;         /* of the product under way */
};

/* ---- preparation ---------------------------------------------------------------------------- */

/* Packs a group's rows; steps NULL: counts only. Returns the number of steps. */
static uint32_t pack_group(const struct eie_row_lists *rows, const uint32_t *row, uint32_t count,
                           struct step *steps, uint16_t *firsts)
{
    uint32_t at[GROUP];
    for (uint32_t k = 0; k < count; k++) at[k] = rows->start[row[k]];
    for (uint32_t n = 0;; n++) {
        uint32_t first = UINT32_MAX;
        for (uint32_t k = 0; k < count; k++)
            if (at[k] < rows->start[row[k] + 1] && rows->column[at[k]] < first)
                first = rows->column[at[k]];
        if (first == UINT32_MAX) return n;
        for (uint32_t k = 0; k < count; k++)
            for (uint32_t s = 0; s < ROW_SLOTS; s++, at[k]++) {
                if (at[k] == rows->start[row[k] + 1] || rows->column[at[k]] - first >= WINDOW)
                    break;
                if (!steps) continue;
                steps[n].position[s][k] = (uint8_t)(rows->column[at[k]] - first);
                steps[n].codes[k] |= (uint8_t)(rows->code[at[k]] << 4 * s);
            }
        if (steps) firsts[n] = (uint16_t)first;
    }
}

static uint32_t group_rows(const uint32_t *first, uint32_t t, uint32_t begin)
{
    return first[t + 1] - begin < GROUP ? first[t + 1] - begin : GROUP;
}

static struct shape measure(const struct eie_row_lists *rows, const uint32_t *order,
                            const uint32_t *first, uint32_t threads, uint32_t *first_group)
{
    struct shape shape = {0, 0, 0, 0, 0};
    for (uint32_t t = 0; t < threads; t++) {
        first_group[t] = shape.group_count;
        for (uint32_t i = first[t]; i < first[t + 1]; i += GROUP, shape.group_count++)
            shape.step_count += pack_group(rows, order + i, group_rows(first, t, i), NULL, NULL);
    }
    first_group[threads] = shape.group_count;
    shape.firsts_at = (size_t)shape.step_count * sizeof(struct step);
    shape.groups_at =
        (shape.firsts_at + (size_t)shape.step_count * sizeof(uint16_t) + 63) / 64 * 64;
    shape.bytes = shape.groups_at + (size_t)shape.group_count * sizeof(struct group);
    return shape;
}

static void fill_copy(const struct shape *shape, const struct eie_layer *layer,
                      const struct eie_row_lists *rows, const uint32_t *order,
                      const uint32_t *first, uint32_t threads, char *copy)
{
    struct step *steps = (struct step *)copy;
    uint16_t *firsts = (uint16_t *)(copy + shape->firsts_at);
    struct group *group = (struct group *)(copy + shape->groups_at);
    uint32_t step = 0;
    for (uint32_t t = 0; t < threads; t++)
        for (uint32_t i = first[t]; i < first[t + 1]; i += GROUP, group++) {
            group->rows = group_rows(first, t, i);
            for (uint32_t k = 0; k < group->rows; k++) {
                group->row[k] = order[i + k];
                if (layer->bias) group->bias[k] = layer->bias[order[i + k]];
            }
            group->first_step = step;
            step += pack_group(rows, order + i, group->rows, steps + step, firsts + step);
            group->end_step = step;
        }
}

/* Of a group, at most: every step takes at least one weight, and no row has more left of 32
 * neighbouring columns after 16 steps. */
static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    if (layer->inputs > INPUTS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "layer %s has %u inputs; windows begin at 16-bit columns, at most %u",
                        layer->name, layer->inputs, INPUTS_MAX);
    const uint64_t groups = layer->outputs / GROUP + 1 + problem->threads;
    uint64_t steps = groups * (layer->inputs / ROW_SLOTS + 1);
    if (steps > layer->entry_count) steps = layer->entry_count;
    *plan_bytes = groups * sizeof(struct group) + steps * (sizeof(struct step) + sizeof(uint16_t)) +
                  eie_cpu_plan_bytes(problem) + 4096;
    return EIE_OK;
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    free(plan->first_group);
    eie_cpu_plan_end(&plan->base);
}

static enum eie_status make_plan(const struct eie_setup *setup, const struct eie_row_lists *rows,
                                 const uint32_t *order, const uint32_t *first,
                                 uint32_t *first_group, struct plan **made, struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const uint32_t threads = setup->problem.threads;
    const struct shape shape = measure(rows, order, first, threads, first_group);
    struct eie_cpu_plan *base;
    enum eie_status status =
        eie_cpu_plan_begin(setup, sizeof(struct plan), shape.bytes, &base, error);
    if (status) return status;
    *made = (struct plan *)base;
    (*made)->shape = shape;
    (*made)->first_group = first_group;
    fill_copy(&shape, layer, rows, order, first, threads, base->copies[0]);
    for (uint32_t c = 1; c < setup->copies; c++)
        memcpy(base->copies[c], base->copies[0], shape.bytes);
    return EIE_OK;
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    const uint32_t threads = setup->problem.threads;
    struct eie_row_lists rows;
    enum eie_status status = eie_row_lists_make(layer, &rows, error);
    if (status) return status;
    struct plan *plan = NULL;
    uint32_t *first = calloc((size_t)threads + 1, sizeof *first);
    uint32_t *first_group = calloc((size_t)threads + 1, sizeof *first_group);
    uint32_t *order = malloc((size_t)layer->outputs * sizeof *order);
    if (first && first_group && order) {
        eie_row_lists_share(&rows, layer->outputs, threads, SHARE_ROWS, first);
        for (uint32_t t = 0; t < threads; t++)
            eie_row_lists_sort(&rows, first[t], first[t + 1] - first[t], order + first[t]);
        status = make_plan(setup, &rows, order, first, first_group, &plan, error);
    } else
        status = eie_fail(error, EIE_MEMORY, "out of memory for the rows of layer %s", layer->name);
    if (status) free(first_group);
    free(first);
    free(order);
    eie_row_lists_free(&rows);
    *opaque = (struct eie_plan *)plan;
    return status;
}

/* ---- the product ---------------------------------------------------------------------------- */

struct codebook {
    uint8x16_t low, high; /* bytes of the weights */
};

struct sums {
    int32x4_t of[GROUP / 4]; /* rows in order */
};

/* Adds what the 16 codes weigh times what the 16 positions find. */
static inline void add_slot(uint8x16_t position, uint8x16_t code, const uint8x16x2_t *low,
                            const uint8x16x2_t *high, const struct codebook *codebook,
                            struct sums *sums)
{
    const uint8x16_t a_low = vqtbl2q_u8(*low, position), a_high = vqtbl2q_u8(*high, position);
    const uint8x16_t w_low = vqtbl1q_u8(codebook->low, code);
    const uint8x16_t w_high = vqtbl1q_u8(codebook->high, code);
    const int16x8_t a0 = vreinterpretq_s16_u8(vzip1q_u8(a_low, a_high));
    const int16x8_t a1 = vreinterpretq_s16_u8(vzip2q_u8(a_low, a_high));
    const int16x8_t w0 = vreinterpretq_s16_u8(vzip1q_u8(w_low, w_high));
    const int16x8_t w1 = vreinterpretq_s16_u8(vzip2q_u8(w_low, w_high));
    sums->of[0] = vmlal_s16(sums->of[0], vget_low_s16(a0), vget_low_s16(w0));
    sums->of[1] = vmlal_high_s16(sums->of[1], a0, w0);
    sums->of[2] = vmlal_s16(sums->of[2], vget_low_s16(a1), vget_low_s16(w1));
    sums->of[3] = vmlal_high_s16(sums->of[3], a1, w1);
}

/* A window reaches up to 62 bytes behind the last input, where zeros or the next input lie. */
static inline struct sums sum_steps(const struct step *step, const struct step *end,
                                    const uint16_t *first, const int16_t *input,
                                    const struct codebook *codebook)
{
    struct sums sums = {{vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)}};
    for (; step < end; step++, first++) {
        const uint8_t *window = (const uint8_t *)(input + *first);
        __builtin_prefetch((const char *)step + AHEAD);
        const uint8x16x2_t left = vld2q_u8(window), right = vld2q_u8(window + WINDOW);
        const uint8x16x2_t low = {{left.val[0], right.val[0]}};
        const uint8x16x2_t high = {{left.val[1], right.val[1]}};
        const uint8x16_t codes = vld1q_u8(step->codes);
        add_slot(vld1q_u8(step->position[0]), vandq_u8(codes, vdupq_n_u8(15)), &low, &high,
                 codebook, &sums);
        add_slot(vld1q_u8(step->position[1]), vshrq_n_u8(codes, 4), &low, &high, codebook, &sums);
    }
    return sums;
}

/* Bias, activation, rounding (a shift to the left by a negative number rounds as eie_finish does),
 * and every row to its place. */
static inline void store_group(const struct group *group, const struct sums *sums, bool relu,
                               uint32_t shift, int16_t *y)
{
    int16_t value[GROUP];
    for (uint32_t i = 0; i < GROUP; i += 4) {
        int32x4_t sum = vaddq_s32(sums->of[i / 4], vld1q_s32(group->bias + i));
        if (relu) sum = vmaxq_s32(sum, vdupq_n_s32(0));
        vst1_s16(value + i, vqmovn_s32(vrshlq_s32(sum, vdupq_n_s32(-(int32_t)shift))));
    }
    for (uint32_t k = 0; k < group->rows; k++) y[group->row[k]] = value[k];
}

static struct codebook split_codebook(const int16_t *weights)
{
    const uint8x16x2_t planes = vld2q_u8((const uint8_t *)weights);
    return (struct codebook){planes.val[0], planes.val[1]};
}

static void work(void *context, uint32_t worker)
{
    const struct plan *plan = context;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    const char *copy = plan->base.copies[plan->copy];
    const struct step *steps = (const struct step *)copy;
    const uint16_t *firsts = (const uint16_t *)(copy + plan->shape.firsts_at);
    const struct group *groups = (const struct group *)(copy + plan->shape.groups_at);
    const struct codebook codebook = split_codebook(layer->codebook);
    const bool relu = layer->activation == EIE_ACTIVATION_RELU;
    const uint32_t shift = eie_layer_shift(layer);
    for (uint32_t b = 0; b < problem->batch; b++) {
        const int16_t *input = plan->base.inputs + (size_t)b * layer->inputs;
        int16_t *y = plan->base.outputs + (size_t)b * layer->outputs;
        for (uint32_t g = plan->first_group[worker]; g < plan->first_group[worker + 1]; g++) {
            const struct group *group = groups + g;
            const struct sums sums = sum_steps(steps + group->first_step, steps + group->end_step,
                                               firsts + group->first_step, input, &codebook);
            store_group(group, &sums, relu, shift, y);
        }
    }
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    (void)error;
    plan->copy = copy;
    eie_pool_run(plan->base.setup.pool, work, plan);
    return EIE_OK;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    eie_cpu_plan_cost(&plan->base, (uint64_t)plan->shape.step_count * GROUP * ROW_SLOTS,
                      plan->shape.bytes, cost);
}

const struct eie_kernel eie_kernel_neon_window_lookup = {
    .abi = EIE_KERNEL_ABI,
    .name = "neon_window_lookup",
    .summary = "row-wise: a sliding window of 32 inputs in registers, looked up by TBL",
    .isa = "neon",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT,
    .max_threads = UINT32_MAX,
    .cpu_features = EIE_CPU_NEON,
    .supports = supports,
    .prepare = prepare,
    .load = eie_cpu_plan_load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = eie_cpu_plan_read,
    .cost = cost,
    .destroy = destroy,
};
