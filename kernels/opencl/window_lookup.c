/* The gather as a register permute, for wide processors: 16 rows, one a lane, walk along the
 * columns together. In each step a window of 64 neighbouring inputs is looked at, and each row
 * takes up to four of its weights there: a place in the window (6 bits) and a code (4 bits). The
 * window follows the slowest row; a row with nothing to take multiplies by code 0. No column is
 * skipped: a processor pays for random access, not for products by 0.
 *
 * Three kernels, whose units hold the same in other places; their device code says where:
 *
 *   window_lookup   by permutes of 16-bit words
 *   byte_lookup     by permutes of bytes, from planes of the inputs' low and high bytes. Where this
 *                   processor has dot products of bytes and pocl's device is this processor, the
 *                   kernel is told so (EIE_VNNI); EIE_ISA_MASK takes that away again
 *   narrow_lookup   the same for processors with AVX2: a window of 32 inputs, two weights of a row
 *
 * Each has a form in plain OpenCL C, with a row a work-item, for devices whose compiler shows no
 * permutes. All rows are sorted by their weights, so that those of a group end together, and heavy
 * and light groups take turns, so that whatever part of the groups a core gets is like the whole.
 */
#include "host/machine/cpu.h"
#include "kernels/byte_digits.h"
#include "kernels/opencl/plan.h"
#include "kernels/row_lists.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW     64u /* the largest */
#define LINE_WORTH 6u  /* weights that a step may lose for a window that begins at a line */
#define GROUP      16u
#define NO_ROW     UINT32_MAX
#define INPUTS_MAX 65536u /* a step's first input is kept in 16 bits */
#define LANES      64u    /* work-items of a group where a row is one */

/* What one of the three kernels has of its own. */
struct kind {
    const char *name;
    uint32_t window, take; /* inputs that a step sees; weights that it takes of a row */
    uint32_t unit_steps, unit_bytes;
    uint32_t line;       /* inputs in a cache line; 1: windows begin anywhere */
    uint32_t unit_items; /* work-items of a compute unit where one has several groups */
    bool planes;         /* work-items split the inputs */
    bool dots;           /* there is a form with EIE_VNNI: the sum of a row's weights is kept */
    /* Enters the k-th weight of a lane's step into a zeroed unit. */
    void (*put)(void *unit, uint32_t step, uint32_t lane, uint32_t k, uint32_t place,
                uint32_t code);
};

/* A copy, in bytes from its beginning: units; first; end; row (the .cl files). */
struct form {
    const struct kind *kind;
    uint64_t first_at, end_at, row_at, bytes;
    uint32_t groups, units;
};

struct plan {
    struct opencl_plan base;
    struct form form;
    bool wide, dots; /* work-items have several groups; and their products are vpdpbusd's */
};

static void put_word(void *unit, uint32_t step, uint32_t lane, uint32_t k, uint32_t place,
                     uint32_t code)
{
    uint16_t *word = (uint16_t *)unit + 2 * lane + k % 2;
    if (k < 2) {
        word[step * 32] |= (uint16_t)(place | code << 6);
    } else {
        word[step * 32] |= (uint16_t)(place << 10);
        word[4 * 32] |= (uint16_t)(code << 4 * step);
    }
}

static void put_byte(void *unit, uint32_t step, uint32_t lane, uint32_t k, uint32_t place,
                     uint32_t code)
{
    uint8_t *byte = (uint8_t *)unit + 4 * lane + k;
    byte[step * 64] |= (uint8_t)place;
    if (step < 2) {
        byte[4 * 64] |= (uint8_t)(code << 4 * step);
    } else {
        byte[(2 * step - 4) * 64] |= (uint8_t)((code & 12u) << 4);
        byte[(2 * step - 3) * 64] |= (uint8_t)((code & 3u) << 6);
    }
}

static void put_narrow(void *unit, uint32_t step, uint32_t lane, uint32_t k, uint32_t place,
                       uint32_t code)
{
    uint8_t *byte = (uint8_t *)unit + 2 * lane + k;
    byte[step * 32] |= (uint8_t)(place % 16 | place / 16 << 7);
    byte[2 * 32] |= (uint8_t)(code << 4 * step);
}

static const struct kind words_kind = {
    .name = "window_lookup",
    .window = 64,
    .take = 4,
    .unit_steps = 4,
    .unit_bytes = 320,
    .line = 32,
    .unit_items = 8,
    .put = put_word,
};
static const struct kind bytes_kind = {
    .name = "byte_lookup",
    .window = 64,
    .take = 4,
    .unit_steps = 4,
    .unit_bytes = 320,
    .line = 64,
    .unit_items = 4,
    .planes = true,
    .dots = true,
    .put = put_byte,
};
static const struct kind narrow_kind = {
    .name = "narrow_lookup",
    .window = 32,
    .take = 2,
    .unit_steps = 2,
    .unit_bytes = 96,
    .line = 1,
    .unit_items = 4,
    .planes = true,
    .put = put_narrow,
};

/* Words that are kept of each lane: its row, its bias, the sum of its weights. */
static uint32_t lane_words(const struct kind *kind)
{
    return kind->dots ? 3 : 2;
}

static uint64_t lines(uint64_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static void lay_out(struct form *form)
{
    form->first_at = lines((uint64_t)form->units * form->kind->unit_bytes);
    form->end_at =
        form->first_at + lines((uint64_t)form->units * form->kind->unit_steps * sizeof(uint16_t));
    form->row_at = form->end_at + lines((uint64_t)form->groups * sizeof(uint32_t));
    form->bytes =
        form->row_at + (uint64_t)form->groups * lane_words(form->kind) * GROUP * sizeof(uint32_t);
}

static uint32_t group_count(const struct eie_layer *layer)
{
    return (layer->outputs - 1) / GROUP + 1;
}

/* A step takes a weight at least; and 64 inputs are done with after 16 steps. */
static enum eie_status supports(const struct eie_problem *problem, const struct kind *kind,
                                uint64_t *plan_bytes, struct eie_error *error)
{
    const struct eie_layer *layer = problem->layer;
    struct form form = {.kind = kind, .groups = group_count(layer)};
    if (layer->inputs > INPUTS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "%u inputs: windows begin at 16-bit columns",
                        layer->inputs);
    const uint64_t dense = (uint64_t)form.groups * (layer->inputs / 32 + 1) * (32 / kind->take + 1);
    const uint64_t steps = layer->entry_count < dense ? layer->entry_count : dense;
    if (steps / kind->unit_steps + form.groups > UINT32_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "more steps than 32 bits can number");
    form.units = (uint32_t)(steps / kind->unit_steps + form.groups);
    lay_out(&form);
    *plan_bytes = 2 * form.bytes + 5 * (uint64_t)layer->entry_count +
                  16 * (uint64_t)layer->outputs + opencl_plan_vector_bytes(problem, false);
    return EIE_OK;
}

/* ---- packing -------------------------------------------------------------------------------- */

/* A group on its way: the next weight of each row, and where its weights end. */
struct walk {
    const struct kind *kind;
    const struct eie_row_lists *rows;
    uint32_t at[GROUP], end[GROUP], last_first;
};

/* What each row takes of a window that begins at `first`; returns the sum. */
static uint32_t look(const struct walk *walk, uint32_t first, uint32_t take[GROUP])
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < GROUP; i++) {
        take[i] = 0;
        while (take[i] < walk->kind->take && walk->at[i] + take[i] < walk->end[i] &&
               walk->rows->column[walk->at[i] + take[i]] - first < walk->kind->window)
            take[i]++;
        sum += take[i];
    }
    return sum;
}

/* The next step; false at the end. */
static bool next_step(const struct walk *walk, uint32_t *first, uint32_t take[GROUP])
{
    uint32_t slowest = UINT32_MAX, other[GROUP];
    for (uint32_t i = 0; i < GROUP; i++)
        if (walk->at[i] < walk->end[i] && walk->rows->column[walk->at[i]] < slowest)
            slowest = walk->rows->column[walk->at[i]];
    if (slowest == UINT32_MAX) return false;
    *first = slowest < walk->last_first ? slowest : walk->last_first;
    const uint32_t line = *first / walk->kind->line * walk->kind->line,
                   sum = look(walk, *first, take);
    if (slowest - line < walk->kind->window && look(walk, line, other) + LINE_WORTH >= sum) {
        *first = line;
        memcpy(take, other, sizeof other);
    }
    return true;
}

/* Packs a group from unit `unit` on (copy NULL: only counts); returns the unit behind it. */
static uint32_t pack(const struct eie_row_lists *rows, const struct form *form, const uint32_t *row,
                     uint32_t inputs, uint32_t unit, char *copy)
{
    const struct kind *kind = form->kind;
    struct walk walk = {.kind = kind,
                        .rows = rows,
                        .last_first = inputs > kind->window ? inputs - kind->window : 0};
    uint32_t first, take[GROUP], n = 0;
    for (uint32_t i = 0; i < GROUP; i++) {
        walk.at[i] = row[i] == NO_ROW ? 0 : rows->start[row[i]];
        walk.end[i] = row[i] == NO_ROW ? 0 : rows->start[row[i] + 1];
    }
    for (; next_step(&walk, &first, take); n++) {
        const size_t u = unit + (size_t)n / kind->unit_steps;
        if (copy)
            ((uint16_t *)(void *)(copy +
                                  form->first_at))[u * kind->unit_steps + n % kind->unit_steps] =
                (uint16_t)first;
        for (uint32_t i = 0; i < GROUP; i++)
            for (uint32_t k = 0; k < take[i]; k++, walk.at[i]++)
                if (copy)
                    kind->put(copy + u * kind->unit_bytes, n % kind->unit_steps, i, k,
                              rows->column[walk.at[i]] - first, rows->code[walk.at[i]]);
    }
    return unit + (n + kind->unit_steps - 1) / kind->unit_steps;
}

/* The sorted rows of the g-th group that is worked on: from both ends in turn. */
static void group_rows(const uint32_t *order, const struct eie_layer *layer, uint32_t groups,
                       uint32_t g, uint32_t row[GROUP])
{
    const uint32_t sorted = g % 2 ? groups - 1 - g / 2 : g / 2;
    for (uint32_t i = 0; i < GROUP; i++)
        row[i] = sorted * GROUP + i < layer->outputs ? order[sorted * GROUP + i] : NO_ROW;
}

/* What is kept of the rows of a group: [lane_words][GROUP]. */
static void keep_rows(const struct eie_layer *layer, const struct eie_row_lists *rows,
                      const struct kind *kind, const uint32_t row[GROUP], uint32_t *kept)
{
    memcpy(kept, row, GROUP * sizeof *row);
    for (uint32_t i = 0; i < GROUP && row[i] != NO_ROW; i++) {
        if (layer->bias) kept[GROUP + i] = (uint32_t)layer->bias[row[i]];
        if (!kind->dots) continue;
        int64_t sum = 0;
        for (uint32_t e = rows->start[row[i]]; e < rows->start[row[i] + 1]; e++)
            sum += layer->codebook[rows->code[e]];
        kept[2 * GROUP + i] = (uint32_t)sum;
    }
}

/* form->kind is set. */
static enum eie_status make_copy(const struct eie_layer *layer, struct form *form, char **copy,
                                 struct eie_error *error)
{
    struct eie_row_lists rows;
    uint32_t row[GROUP];
    enum eie_status status = eie_row_lists_make(layer, &rows, error);
    if (status) return status;
    uint32_t *order = malloc(layer->outputs * sizeof *order);
    if (!order) {
        status = eie_fail(error, EIE_MEMORY, "out of memory for layer %s", layer->name);
        goto end;
    }
    eie_row_lists_sort(&rows, 0, layer->outputs, order);
    form->groups = group_count(layer);
    for (uint32_t g = 0; g < form->groups; g++) {
        group_rows(order, layer, form->groups, g, row);
        form->units = pack(&rows, form, row, layer->inputs, form->units, NULL);
    }
    lay_out(form);
    *copy = calloc(form->bytes, 1);
    if (!*copy) {
        status = eie_fail(error, EIE_MEMORY, "out of memory for layer %s", layer->name);
        goto end;
    }
    for (uint32_t g = 0, unit = 0; g < form->groups; g++) {
        uint32_t *end = (uint32_t *)(void *)(*copy + form->end_at);
        uint32_t *kept =
            (uint32_t *)(void *)(*copy + form->row_at) + (size_t)g * lane_words(form->kind) * GROUP;
        group_rows(order, layer, form->groups, g, row);
        unit = pack(&rows, form, row, layer->inputs, unit, *copy);
        end[g] = unit;
        keep_rows(layer, &rows, form->kind, row, kept);
    }
end:
    free(order);
    eie_row_lists_free(&rows);
    return status;
}

/* ---- the plan ------------------------------------------------------------------------------- */

/* The arguments of byte_lookup and narrow_lookup behind window_lookup's. */
static enum eie_status set_planes(struct plan *plan, cl_uint at, struct eie_error *error)
{
    struct opencl_plan *base = &plan->base;
    const struct eie_layer *layer = base->setup.problem.layer;
    const cl_uint plane = ((layer->inputs - 1) / WINDOW + 1) * WINDOW;
    const uint64_t bytes = plan->wide ? 2 * (uint64_t)plane : 1;
    if (bytes > base->opencl->facts.local_bytes)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "planes of the inputs take %llu bytes, and the device has %llu of local "
                        "memory",
                        (unsigned long long)bytes,
                        (unsigned long long)base->opencl->facts.local_bytes);
    enum eie_status status = opencl_plan_set(base, at++, sizeof plane, &plane, error);
    if (!status) status = opencl_plan_set(base, at++, bytes, NULL, error);
    if (status || !plan->form.kind->dots) return status;
    bool negated; /* a codebook that has no digits is left to the form that needs none */
    const cl_uint turned = !eie_byte_digits_sign(layer, &negated, NULL) && negated;
    return opencl_plan_set(base, at, sizeof turned, &turned, error);
}

static enum eie_status set_arguments(struct plan *plan, struct eie_error *error)
{
    struct opencl_plan *base = &plan->base;
    const struct eie_layer *layer = base->setup.problem.layer;
    const uint32_t items = base->opencl->facts.compute_units * plan->form.kind->unit_items;
    const cl_uint share = (plan->form.groups - 1) / items + 1;
    const cl_uint numbers[] = {layer->inputs, layer->outputs, plan->form.groups,
                               layer->activation == EIE_ACTIVATION_RELU, eie_layer_shift(layer)};
    const cl_ulong places[] = {plan->form.first_at, plan->form.end_at, plan->form.row_at};
    cl_uint at = 3;
    enum eie_status status = opencl_plan_set(base, at++, sizeof(cl_mem), &base->constants, error);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !status; i++)
        status = opencl_plan_set(base, at++, sizeof numbers[i], &numbers[i], error);
    for (size_t i = 0; i < sizeof places / sizeof *places && !status; i++)
        status = opencl_plan_set(base, at++, sizeof places[i], &places[i], error);
    if (!status) status = opencl_plan_set(base, at++, sizeof share, &share, error);
    plan->wide = opencl_plan_requires(base) == 1;
    if (!status && plan->form.kind->planes) status = set_planes(plan, at, error);
    if (status) return status;
    return plan->wide ? opencl_plan_shape(base, (plan->form.groups - 1) / share + 1, 1, error)
                      : opencl_plan_shape(base, (uint64_t)plan->form.groups * GROUP,
                                          opencl_plan_group(base, LANES), error);
}

/* Whether the device is this processor by way of pocl, and has dot products of bytes: pocl's
 * compiler does not always know the processor. */
static enum eie_status find_dots(const struct eie_problem *problem, bool *dots,
                                 struct eie_error *error)
{
    static const char *const drivers[] = {"pthread-", "basic-", "cpu-"};
    const uint32_t needed = EIE_CPU_AVX512 | EIE_CPU_AVX512VBMI | EIE_CPU_VNNI;
    struct eie_opencl *opencl;
    uint32_t features = 0;
    bool here = false;
    enum eie_status status = eie_opencl_open(problem->device, &opencl, error);
    if (!status) status = eie_cpu_features(&features, error);
    if (status) return status;
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
        here = here || !strncmp(opencl->facts.name, drivers[i], strlen(drivers[i]));
    *dots = here && !strcmp(opencl->facts.platform, "Portable Computing Language") &&
            (features & needed) == needed;
    return EIE_OK;
}

static enum eie_status prepare(const struct eie_setup *setup, const struct kind *kind,
                               struct eie_plan **opaque, struct eie_error *error)
{
    struct opencl_needs needs = {.name = kind->name, .options = "", .x_spare = WINDOW};
    struct form form = {.kind = kind};
    struct opencl_plan *base;
    char *copy;
    bool dots = false, negated;
    enum eie_status status = kind->dots ? find_dots(&setup->problem, &dots, error) : EIE_OK;
    if (!status && dots) /* the other form takes any codebook */
        dots = !eie_byte_digits_sign(setup->problem.layer, &negated, NULL);
    if (!status) status = make_copy(setup->problem.layer, &form, &copy, error);
    if (status) return status;
    needs.copy_bytes = form.bytes;
    if (dots) needs.options = "-D EIE_VNNI";
    status = opencl_plan_begin(setup, sizeof(struct plan), &needs, &base, error);
    if (status && dots) { /* a compiler that has other builtins, perhaps */
        dots = false;
        needs.options = "";
        status = opencl_plan_begin(setup, sizeof(struct plan), &needs, &base, error);
    }
    if (status) goto end;
    struct plan *plan = (struct plan *)base;
    plan->form = form;
    plan->dots = dots;
    status = opencl_plan_fill(base, copy, error);
    if (!status) status = set_arguments(plan, error);
    if (!status) status = opencl_plan_first(base, error);
    if (status)
        opencl_plan_end(base);
    else
        *opaque = (struct eie_plan *)plan;
end:
    free(copy);
    return status;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *cost)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    uint64_t padding;
    opencl_plan_count(&plan->base, &cost->macs_useful, &padding);
    cost->macs_padding = (uint64_t)plan->form.units * plan->form.kind->unit_steps *
                             plan->form.kind->take * GROUP * problem->batch -
                         cost->macs_useful;
    cost->prepared_bytes = plan->form.bytes;
    cost->bytes_read =
        plan->form.bytes + (uint64_t)problem->batch * problem->layer->inputs * sizeof(int16_t);
    cost->bytes_written = (uint64_t)problem->batch * problem->layer->outputs * sizeof(int16_t);
}

static void describe(const struct eie_plan *opaque, eie_column column, void *context)
{
    const struct plan *plan = (const struct plan *)opaque;
    const char *form = "a row a work-item";
    if (plan->wide && plan->form.kind->planes)
        form = plan->dots ? "512-bit permutes, dot products" : "256-bit permutes";
    else if (plan->wide)
        form = "512-bit permutes";
    opencl_plan_describe(opaque, column, context);
    column(context, "eie_opencl_form", form, 0);
}

/* ---- the three kernels ---------------------------------------------------------------------- */

static enum eie_status supports_words(const struct eie_problem *problem, uint64_t *plan_bytes,
                                      struct eie_error *error)
{
    return supports(problem, &words_kind, plan_bytes, error);
}

static enum eie_status prepare_words(const struct eie_setup *setup, struct eie_plan **plan,
                                     struct eie_error *error)
{
    return prepare(setup, &words_kind, plan, error);
}

static enum eie_status supports_bytes(const struct eie_problem *problem, uint64_t *plan_bytes,
                                      struct eie_error *error)
{
    return supports(problem, &bytes_kind, plan_bytes, error);
}

static enum eie_status prepare_bytes(const struct eie_setup *setup, struct eie_plan **plan,
                                     struct eie_error *error)
{
    return prepare(setup, &bytes_kind, plan, error);
}

static enum eie_status supports_narrow(const struct eie_problem *problem, uint64_t *plan_bytes,
                                       struct eie_error *error)
{
    return supports(problem, &narrow_kind, plan_bytes, error);
}

static enum eie_status prepare_narrow(const struct eie_setup *setup, struct eie_plan **plan,
                                      struct eie_error *error)
{
    return prepare(setup, &narrow_kind, plan, error);
}

#define ALL                                                                                        \
    .abi = EIE_KERNEL_ABI, .isa = "any", .device_kind = EIE_DEVICE_FOUND, .runtime = "opencl",     \
    .flags = EIE_KERNEL_EXACT | EIE_KERNEL_SKIP_ONE | EIE_KERNEL_SKIP_SEVERAL, .max_threads = 0,   \
    .load = opencl_plan_load, .run = opencl_plan_run, .wait = opencl_plan_wait,                    \
    .read = opencl_plan_read, .cost = cost, .describe = describe, .destroy = opencl_plan_destroy

const struct eie_kernel eie_kernel_opencl_window_lookup = {
    ALL,
    .name = "opencl_window_lookup",
    .summary = "for wide processors: rows in lanes, a sliding window of inputs in registers",
    .supports = supports_words,
    .prepare = prepare_words,
};

const struct eie_kernel eie_kernel_opencl_byte_lookup = {
    ALL,
    .name = "opencl_byte_lookup",
    .summary = "the same on bytes, for processors with AVX-512's dot products",
    .supports = supports_bytes,
    .prepare = prepare_bytes,
};

const struct eie_kernel eie_kernel_opencl_narrow_lookup = {
    ALL,
    .name = "opencl_narrow_lookup",
    .summary = "the same on bytes with half the window, for processors with AVX2",
    .supports = supports_narrow,
    .prepare = prepare_narrow,
};
