/* bench/check/check.h: the checker passes the kernels that are right and catches every one that was
 * broken on purpose. A checker that cannot fail would prove nothing. */
#include "bench/check/check.h"
#include "bench/check/references.h"
#include "host/layer/numbers.h"
#include "kernels/cpu_plan.h"
#include "tests/support/layers.h"
#include "tests/support/sealed.h"

#include <math.h>

/* ---- a kernel that can be broken ------------------------------------------------------------- */

enum fault {
    NOTHING,
    LAST_ROW_OFF_BY_ONE,
    IGNORES_BIAS,
    IGNORES_RELU,
    ROUNDS_TO_EVEN,
    ROUNDS_DOWN,
    ROUNDS_NEGATIVE_AWAY,
    DOES_NOT_SATURATE,
    SATURATES_AT_MINUS_32767,
    SATURATES_PARTIAL_SUMS,
    SUMS_IN_FLOAT,
    RELU_BEFORE_BIAS,
    DROPS_LAST_ENTRY,
    DROPS_LAST_COLUMN,
    TREATS_PADDING_AS_WEIGHT,
    PADDING_SPANS_15_ROWS,
    CUTS_RUNS_AT_8,
    SKIPS_NEGATIVE_INPUTS,
    LOSES_SIGN_OF_MINIMUM,
    STALE_ACCUMULATORS,
    STALE_ACTIVE_LIST,
    ONE_OUTPUT_TOO_FEW,
    WRITES_BEFORE_FIRST_OUTPUT,
    NATURAL_ORDER_MISSING,
    BATCH_READS_FIRST_INPUT,
    STATE_SHARED_BETWEEN_PLANS,
    COPY_1_HAS_STALE_WEIGHTS,
    COUNTS_PADDING_AS_USEFUL,
    COUNTS_ONE_MAC_TOO_MANY,
    COUNTS_FIRST_INPUT_ONLY,
    COUNTS_NO_BYTES_OF_WEIGHTS,
    COUNTS_NO_BYTES_OF_OUTPUTS,
    COUNTS_MORE_THAN_IT_HOLDS,
    MODIFIES_ITS_INPUTS,
    COMPUTES_ONCE,
    HALF_THE_ROWS_ONLY_ONCE,
    FOURTH_INPUT_IS_THE_THIRD,
    WRONG_BEHIND_16_INPUTS,
    WRONG_BEHIND_64_INPUTS,
    WRONG_BEHIND_32_INPUTS_OF_A_BLOCK,
    SKIPS_A_BLOCK_OF_INPUTS,
    COLUMNS_OF_16_BITS,
    PLACES_OF_16_BITS,
    FAULTS
};

static const char *const fault_names[FAULTS] = {
    "nothing",
    "last row off by one",
    "ignores bias",
    "ignores relu",
    "rounds halves to even",
    "rounds down",
    "rounds negative halves away from zero",
    "does not saturate",
    "saturates at -32767",
    "saturates partial sums",
    "sums in float",
    "applies relu before the bias",
    "drops the last entry",
    "drops the last column",
    "treats padding as a weight",
    "padding spans 15 rows",
    "cuts runs at 8",
    "skips negative inputs",
    "loses the sign of -32768",
    "stale accumulators",
    "stale list of active inputs",
    "one output too few",
    "writes before the first output",
    "outputs in the order of the PEs",
    "batch reads the first input only",
    "state shared between plans",
    "copy 1 has stale weights",
    "counts padding as useful",
    "counts one MAC too many",
    "counts the first input only",
    "counts no bytes of weights",
    "counts no bytes of outputs",
    "counts more bytes than it holds",
    "modifies its inputs",
    "computes only once",
    "computes half the rows only once",
    "fourth input of a call is the third again",
    "wrong behind 16 inputs of a call",
    "wrong behind 64 inputs of a call",
    "wrong behind 32 of each 64 inputs of a call",
    "leaves out every second block of 64 inputs",
    "columns of 16 bits",
    "products of a list numbered by 16 bits",
};

#define PLAN_BYTES (UINT64_C(1) << 20)

static enum fault fault;

struct plan {
    struct eie_cpu_plan base;
    struct eie_layer *copies[2]; /* the stream and its pointers, once a copy */
    int64_t *acc;                /* [outputs] */
    uint32_t runs;
    bool *active; /* [inputs] */
};

static int16_t shared_outputs[1 << 16];

static enum eie_status supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                struct eie_error *error)
{
    (void)problem, (void)error;
    *plan_bytes = PLAN_BYTES;
    return EIE_OK;
}

static void destroy(struct eie_plan *opaque)
{
    struct plan *plan = (struct plan *)opaque;
    if (!plan) return;
    eie_layer_free(plan->copies[0]);
    eie_layer_free(plan->copies[1]);
    free(plan->acc);
    free(plan->active);
    eie_cpu_plan_end(&plan->base);
}

static enum eie_status prepare(const struct eie_setup *setup, struct eie_plan **opaque,
                               struct eie_error *error)
{
    const struct eie_layer *layer = setup->problem.layer;
    struct eie_cpu_plan *base;
    enum eie_status status = eie_cpu_plan_begin(setup, sizeof(struct plan), 0, &base, error);
    if (status) return status;
    struct plan *plan = (struct plan *)base;
    plan->acc = calloc(layer->outputs, sizeof *plan->acc);
    plan->active = calloc(layer->inputs, sizeof *plan->active);
    for (uint32_t c = 0; c < setup->copies && c < 2 && !status; c++) {
        struct eie_layer parts = *layer;
        if (fault == COPY_1_HAS_STALE_WEIGHTS && c == 1)
            parts.codebook[5] = (int16_t)(parts.codebook[5] + 1);
        status = eie_layer_create(&parts, &plan->copies[c], error);
    }
    if (!plan->acc || !plan->active) status = EIE_MEMORY;
    if (status)
        destroy((struct eie_plan *)plan);
    else
        *opaque = (struct eie_plan *)plan;
    return status;
}

static enum eie_status load(struct eie_plan *opaque, const int16_t *inputs, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    enum eie_status status = eie_cpu_plan_load(opaque, inputs, error);
    const struct eie_problem *problem = &plan->base.setup.problem;
    const size_t count = (size_t)problem->batch * problem->layer->inputs;
    if (fault == MODIFIES_ITS_INPUTS) ((int16_t *)(uintptr_t)inputs)[count - 1] ^= 1;
    return status;
}

static int64_t add_product(int64_t acc, int16_t weight, int16_t input)
{
    if (fault == SUMS_IN_FLOAT) return (int64_t)((float)acc + (float)weight * (float)input);
    const int64_t sum = acc + (int64_t)weight * input;
    if (fault == SATURATES_PARTIAL_SUMS)
        return sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum;
    return (int32_t)eie_accumulate((uint32_t)acc, weight, input);
}

static void add_column(const struct plan *plan, const struct eie_layer *layer, uint32_t pe,
                       uint32_t column, int16_t input)
{
    const uint32_t *start = layer->column_start + (size_t)pe * (layer->inputs + 1u) + column;
    uint32_t row = 0;
    for (uint32_t e = start[0]; e < start[1]; e++) {
        const uint32_t code = layer->entries[e] >> 4, run = layer->entries[e] & 15u;
        int16_t weight = layer->codebook[code];
        if (fault == DROPS_LAST_ENTRY && e + 1 == layer->entry_count) continue;
        if (fault == TREATS_PADDING_AS_WEIGHT && !code) weight = layer->codebook[1];
        row += fault == CUTS_RUNS_AT_8 ? run & 7u : run;
        const size_t i = (size_t)row * layer->pe_count + pe;
        plan->acc[i] = add_product(plan->acc[i], weight, input);
        row += fault == PADDING_SPANS_15_ROWS && !code ? 0 : 1;
    }
}

static int16_t finish(const struct eie_layer *layer, int64_t sum, uint32_t i)
{
    const uint32_t shift = eie_layer_shift(layer);
    const int64_t half = shift ? INT64_C(1) << (shift - 1) : 0;
    const bool relu = layer->activation == EIE_ACTIVATION_RELU && fault != IGNORES_RELU;
    if (fault == RELU_BEFORE_BIAS && relu && sum < 0) sum = 0;
    if (layer->bias && fault != IGNORES_BIAS) sum = (int32_t)(sum + layer->bias[i]);
    if (relu && sum < 0 && fault != RELU_BEFORE_BIAS) sum = 0;
    int64_t y = (sum + half) >> shift;
    if (fault == ROUNDS_TO_EVEN && shift && (y & 1) && (sum & ((INT64_C(1) << shift) - 1)) == half)
        y--;
    if (fault == ROUNDS_DOWN) y = sum >> shift;
    if (fault == ROUNDS_NEGATIVE_AWAY && sum < 0) y = -((-sum + half) >> shift);
    if (fault == DOES_NOT_SATURATE) return (int16_t)y;
    const int least = fault == SATURATES_AT_MINUS_32767 ? -32767 : -32768;
    return (int16_t)(y < least ? least : y > 32767 ? 32767 : y);
}

static void run_one(const struct plan *plan, const struct eie_layer *layer, const int16_t *input,
                    int16_t *y)
{
    uint32_t place = 0;
    if (fault != STALE_ACCUMULATORS) memset(plan->acc, 0, layer->outputs * sizeof *plan->acc);
    if (fault != STALE_ACTIVE_LIST) memset(plan->active, 0, layer->inputs);
    uint32_t listed = 0, entries = 0; /* since the list of products was worked off */
    const int16_t *restrict first = input;
    for (uint32_t j = 0; j < layer->inputs; j++) {
        int16_t value = input[j];
        if (fault == COLUMNS_OF_16_BITS) value = input[(uint16_t)j];
        if (fault == PLACES_OF_16_BITS && value) {
            if (entries > 1024) first = input + j, listed = entries = 0;
            entries += layer->column_start[j + 1] - layer->column_start[j]; /* of the first PE */
            if (listed++ >= 65536 / EIE_CODEBOOK_SIZE) value = *first;
        }
        if (fault == SKIPS_NEGATIVE_INPUTS && value < 0) value = 0;
        if (fault == LOSES_SIGN_OF_MINIMUM && value == INT16_MIN) value = INT16_MAX;
        if (fault == DROPS_LAST_COLUMN && j + 1 == layer->inputs) value = 0;
        /* a list that only grows is wrong where an old active input is 0 now and counts as 1 */
        if (fault == STALE_ACTIVE_LIST && plan->active[j] && !value) value = 1;
        plan->active[j] = plan->active[j] || value;
        for (uint32_t pe = 0; value && pe < layer->pe_count; pe++)
            add_column(plan, layer, pe, j, value);
    }
    for (uint32_t pe = 0; fault == NATURAL_ORDER_MISSING && pe < layer->pe_count; pe++)
        for (uint32_t i = pe; i < layer->outputs; i += layer->pe_count)
            y[place++] = finish(layer, plan->acc[i], i);
    for (uint32_t i = 0; fault != NATURAL_ORDER_MISSING && i < layer->outputs; i++)
        y[i] = finish(layer, plan->acc[i], i);
    if (fault == LAST_ROW_OFF_BY_ONE) y[layer->outputs - 1] ^= 1;
}

static enum eie_status run(struct eie_plan *opaque, uint32_t copy, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const struct eie_layer *layer = plan->copies[copy];
    const uint32_t batch = plan->base.setup.problem.batch;
    const size_t all = (size_t)batch * layer->outputs;
    (void)error;
    if (fault == COMPUTES_ONCE && plan->runs++) return EIE_OK;
    int16_t *before = malloc(all * sizeof *before);
    if (!before) return EIE_MEMORY;
    memcpy(before, plan->base.outputs, all * sizeof *before);
    for (uint32_t b = 0; b < batch; b++) {
        const uint32_t from = fault == BATCH_READS_FIRST_INPUT             ? 0
                              : fault == FOURTH_INPUT_IS_THE_THIRD         ? b - (b % 4 == 3)
                              : fault == WRONG_BEHIND_16_INPUTS            ? b % 16
                              : fault == WRONG_BEHIND_64_INPUTS            ? b % 64
                              : fault == WRONG_BEHIND_32_INPUTS_OF_A_BLOCK ? b - b % 64 + b % 32
                                                                           : b;
        if (fault == SKIPS_A_BLOCK_OF_INPUTS && b / 64 % 2) continue;
        run_one(plan, layer, plan->base.inputs + (size_t)from * layer->inputs,
                plan->base.outputs + (size_t)b * layer->outputs);
    }
    if (fault == HALF_THE_ROWS_ONLY_ONCE && plan->runs++)
        memcpy(plan->base.outputs, before, all / 2 * sizeof *before);
    free(before);
    if (fault == STATE_SHARED_BETWEEN_PLANS)
        memcpy(shared_outputs, plan->base.outputs,
               (size_t)batch * layer->outputs * sizeof(int16_t));
    return EIE_OK;
}

static enum eie_status read_outputs(struct eie_plan *opaque, void *y, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const size_t count = (size_t)problem->batch * problem->layer->outputs;
    (void)error;
    const int16_t *from = fault == STATE_SHARED_BETWEEN_PLANS ? shared_outputs : plan->base.outputs;
    memcpy(y, from, (count - (fault == ONE_OUTPUT_TOO_FEW)) * sizeof(int16_t));
    if (fault == WRITES_BEFORE_FIRST_OUTPUT) ((uint8_t *)y)[-1] = 0;
    return EIE_OK;
}

static void cost(const struct eie_plan *opaque, struct eie_cost *result)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_layer *layer = plan->base.setup.problem.layer;
    eie_cpu_plan_count(&plan->base, &result->macs_useful, &result->macs_padding);
    const uint64_t batch = plan->base.setup.problem.batch;
    result->prepared_bytes = fault == COUNTS_MORE_THAN_IT_HOLDS ? PLAN_BYTES + 1 : 1;
    result->bytes_read = batch * layer->inputs * sizeof(int16_t);
    if (fault != COUNTS_NO_BYTES_OF_WEIGHTS) result->bytes_read += layer->entry_count;
    if (fault != COUNTS_NO_BYTES_OF_OUTPUTS)
        result->bytes_written = batch * layer->outputs * sizeof(float); /* some return these */
    if (fault == COUNTS_PADDING_AS_USEFUL) result->macs_useful += result->macs_padding;
    if (fault == COUNTS_ONE_MAC_TOO_MANY) result->macs_useful++;
    if (fault == COUNTS_FIRST_INPUT_ONLY) {
        struct eie_layer_counts counts;
        eie_layer_count(layer, plan->base.inputs, &counts);
        result->macs_useful = counts.active_nonzeros;
    }
}

static const struct eie_kernel kernel = {
    .abi = EIE_KERNEL_ABI,
    .name = "test_breakable",
    .summary = "a kernel that can be broken",
    .isa = "any",
    .device_kind = EIE_DEVICE_CPU,
    .flags = EIE_KERNEL_EXACT,
    .max_threads = 1,
    .supports = supports,
    .prepare = prepare,
    .load = load,
    .run = run,
    .wait = eie_cpu_plan_wait,
    .read = read_outputs,
    .cost = cost,
    .destroy = destroy,
};

/* ---- the checker can fail -------------------------------------------------------------------- */

static struct eie_device host_device(void)
{
    struct eie_device device;
    struct eie_error error = {""};
    assert_good(eie_device_host(&device, &error), error);
    return device;
}

#define RANDOM_CASES 12

static const struct eie_check_options all_cases = {
    .seed = 5, .random_cases = RANDOM_CASES, .only_case = -1, .threads = 1};

static void the_kernel_that_is_not_broken_passes(void **state)
{
    const struct eie_device device = host_device();
    struct eie_check_count count;
    struct eie_error error = {""};
    (void)state;
    fault = NOTHING;
    assert_good(eie_check_kernel(&kernel, &device, &all_cases, &count, &error), error);
    uint32_t runs = 0;
    for (uint32_t i = 0; i < eie_check_fixed_cases() + RANDOM_CASES; i++)
        runs += eie_check_case_batches(i);
    assert_true(runs >
                2 * (eie_check_fixed_cases() + RANDOM_CASES)); /* two batches each, or more */
    assert_int_equal(count.ran, runs);
    assert_int_equal(count.unsupported, 0);
    assert_string_equal(count.reproducer.line, "");
}

/* A limit that a kernel states is counted, and passes for nothing else. */
static enum eie_status supports_16_bits(const struct eie_problem *problem, uint64_t *plan_bytes,
                                        struct eie_error *error)
{
    if (problem->layer->inputs > 65536 || problem->batch > 64)
        return eie_fail(error, EIE_UNSUPPORTED, "too many inputs");
    return supports(problem, plan_bytes, error);
}

static void what_a_kernel_refuses_is_counted(void **state)
{
    const struct eie_device device = host_device();
    const uint32_t wide = 74; /* 65536 columns, then two with more */
    struct eie_kernel limited = kernel;
    struct eie_check_options options = all_cases;
    struct eie_check_count count;
    struct eie_error error = {""};
    uint32_t all = 0, refused = 0;
    (void)state;
    fault = NOTHING;
    options.random_cases = 0;
    limited.supports = supports_16_bits;
    assert_good(eie_check_kernel(&limited, &device, &options, &count, &error), error);
    for (uint32_t i = 0; i < eie_check_fixed_cases(); i++) all += eie_check_case_batches(i);
    assert_int_equal(count.ran + count.unsupported, all);
    assert_int_equal(count.unsupported, 2 * 2 + 6 * 2); /* layers too wide; batches 65 and 258 */
    fault = COLUMNS_OF_16_BITS;                         /* right within its limit */
    for (uint32_t i = wide; i < wide + 3; i++) {
        options.only_case = i;
        assert_good(eie_check_kernel(&limited, &device, &options, &count, &error), error);
        refused += count.unsupported;
    }
    assert_int_equal(refused, 2 * 2); /* and the first of them ran */
    fault = NOTHING;
}

/* Caught by the fixed cases alone, and the command in the message reproduces it. */
static void every_broken_kernel_is_caught(void **state)
{
    const struct eie_device device = host_device();
    (void)state;
    for (fault = NOTHING + 1; fault < FAULTS; fault++) {
        struct eie_check_options options = all_cases;
        struct eie_check_count count;
        struct eie_error error = {""};
        options.random_cases = 0;
        enum eie_status status = eie_check_kernel(&kernel, &device, &options, &count, &error);
        if (status != EIE_MISMATCH)
            fail_msg("%s: status %d after %u runs: %s", fault_names[fault], (int)status, count.ran,
                     error.message);
        const char *again = strstr(error.message, "again: eie check --kernel test_breakable");
        if (!again) fail_msg("%s: no reproducer in: %s", fault_names[fault], error.message);
        const char *number = strstr(again, "--case ");
        assert_non_null(number);
        assert_non_null(strstr(again, "--seed 5"));
        options.only_case = strtol(number + strlen("--case "), NULL, 10);
        status = eie_check_kernel(&kernel, &device, &options, &count, &error);
        if (status != EIE_MISMATCH)
            fail_msg("%s: case %d alone does not fail", fault_names[fault], (int)options.only_case);
    }
    fault = NOTHING;
}

/* ---- float kernels and estimates ------------------------------------------------------------- */

/* A bound is one output's, whatever the batch: the largest, which cost the most, add nothing to it.
 */
static enum eie_status supports_small_batches(const struct eie_problem *problem,
                                              uint64_t *plan_bytes, struct eie_error *error)
{
    if (problem->batch > 17) return eie_fail(error, EIE_UNSUPPORTED, "too many inputs at once");
    return supports(problem, plan_bytes, error);
}

static const struct eie_check_options bound_cases = {
    .seed = 5, .random_cases = 0, .only_case = -1, .threads = 1};

static double float_error;
static bool float_nan;

static enum eie_status read_float(struct eie_plan *opaque, void *y, struct eie_error *error)
{
    struct plan *plan = (struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    struct eie_reference reference;
    enum eie_status status =
        eie_reference_make(problem->layer, plan->base.inputs, problem->batch, 0, &reference, error);
    if (status) return status;
    for (size_t i = 0; i < (size_t)problem->batch * problem->layer->outputs; i++) {
        const float sum = (float)(reference.sum[i] + reference.magnitude[i] * float_error);
        ((float *)y)[i] = float_nan && i % 7 == 3 ? NAN : sum;
    }
    eie_reference_free(&reference);
    return EIE_OK;
}

static void float_kernels_are_held_to_their_bound(void **state)
{
    const struct eie_device device = host_device();
    struct eie_kernel floating = kernel;
    struct eie_check_count count;
    struct eie_error error = {""};
    (void)state;
    fault = NOTHING;
    floating.flags = EIE_KERNEL_FLOAT32;
    floating.read = read_float;
    floating.supports = supports_small_batches;
    float_error = 0, float_nan = false;
    assert_good(eie_check_kernel(&floating, &device, &bound_cases, &count, &error), error);
    float_error = 1e-3;
    assert_bad(eie_check_kernel(&floating, &device, &bound_cases, &count, &error), EIE_MISMATCH,
               error, "within");
    float_error = -1e-5;
    assert_bad(eie_check_kernel(&floating, &device, &bound_cases, &count, &error), EIE_MISMATCH,
               error, "within");
    float_error = 0, float_nan = true;
    assert_bad(eie_check_kernel(&floating, &device, &bound_cases, &count, &error), EIE_MISMATCH,
               error, "nan");
}

/* ---- kernels that round their operands --------------------------------------------------------
 */

/* Integers up to `steps` for the largest operand, or significant bits where `steps` is 0. */
struct rounding {
    double steps;
    int bits;
};
static struct rounding weights_as, inputs_as;
static double sum_factor; /* of every sum: 1 where it is right */

static double rounded(double value, struct rounding as, double largest)
{
    if (value == 0 || (!(as.steps > 0) && !as.bits)) return value;
    if (as.steps > 0) return nearbyint(value / largest * as.steps) * largest / as.steps;
    int exponent;
    const double fraction = frexp(value, &exponent);
    return ldexp(nearbyint(ldexp(fraction, as.bits)), exponent - as.bits);
}

/* [outputs], of the operands as they are kept. */
static void sum_rounded(const struct eie_layer *layer, const struct eie_sparse_codes *codes,
                        const int16_t *input, double *sum)
{
    const double largest_weight = eie_largest_magnitude(layer->codebook, EIE_CODEBOOK_SIZE);
    const double largest_input = eie_largest_magnitude(input, layer->inputs);
    double weights[EIE_CODEBOOK_SIZE];
    for (int c = 0; c < EIE_CODEBOOK_SIZE; c++)
        weights[c] = rounded(layer->codebook[c], weights_as, largest_weight);
    for (uint32_t i = 0; i < layer->outputs; i++) sum[i] = 0;
    for (uint32_t j = 0; j < layer->inputs; j++) {
        const double value = rounded(input[j], inputs_as, largest_input);
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++)
            sum[codes->row[e]] += weights[codes->code[e]] * value;
    }
}

static enum eie_status read_rounded(struct eie_plan *opaque, void *y, bool to_int16,
                                    struct eie_error *error)
{
    const struct plan *plan = (const struct plan *)opaque;
    const struct eie_problem *problem = &plan->base.setup.problem;
    const struct eie_layer *layer = problem->layer;
    struct eie_sparse_codes codes;
    double *sum = calloc(layer->outputs, sizeof *sum);
    assert_non_null(sum);
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    for (uint32_t b = 0; !status && b < problem->batch; b++) {
        sum_rounded(layer, &codes, plan->base.inputs + (size_t)b * layer->inputs, sum);
        for (uint32_t i = 0; i < layer->outputs; i++) {
            const size_t at = (size_t)b * layer->outputs + i;
            const double all = sum[i] * sum_factor;
            /* `finish` adds the bias; what leaves int32 saturates */
            const double bias = layer->bias ? layer->bias[i] : 0;
            const double held = fmin(fmax(all + bias, INT32_MIN), INT32_MAX) - bias;
            if (to_int16)
                ((int16_t *)y)[at] = finish(layer, llrint(held), i);
            else
                ((float *)y)[at] = (float)all;
        }
    }
    if (!status) eie_sparse_codes_free(&codes);
    free(sum);
    return status;
}

static enum eie_status read_rounded_sums(struct eie_plan *plan, void *y, struct eie_error *error)
{
    return read_rounded(plan, y, false, error);
}

static enum eie_status read_rounded_outputs(struct eie_plan *plan, void *y, struct eie_error *error)
{
    return read_rounded(plan, y, true, error);
}

/* Every third case, from `turn` on. */
static enum eie_status check_a_third(const struct eie_kernel *approximate,
                                     const struct eie_device *device, size_t turn,
                                     struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    for (uint32_t i = (uint32_t)(turn % 3); i < eie_check_fixed_cases() && !status; i += 3) {
        struct eie_check_options options = bound_cases;
        struct eie_check_count count;
        options.only_case = i;
        status = eie_check_kernel(approximate, device, &options, &count, error);
    }
    return status;
}

static void rounding_kernels_are_held_to_what_they_state(void **state)
{
    static const struct {
        struct rounding weights, inputs;                     /* what the kernel does */
        struct eie_rounding weight_rounding, input_rounding; /* what it states */
        double factor;
        bool caught;
    } kernels[] = {
        {{0, 0}, {0, 0}, {0, 0}, {0, 0}, 1, false},
        {{127, 0}, {127, 0}, {0, 0.5 / 127}, {0, 0.5 / 127}, 1, false}, /* int8 */
        {{0, 8}, {0, 8}, {0x1p-8, 0}, {0x1p-8, 0}, 1, false},           /* bfloat16 */
        {{7, 0}, {0, 8}, {0, 0.5 / 7}, {0x1p-8, 0}, 1, false},          /* 4 bits */
        {{127, 0}, {0, 0}, {0, 0.5 / 127}, {0, 0}, 1, false},
        {{0, 0}, {127, 0}, {0, 0}, {0, 0.5 / 127}, 1, false},
        /* less exact than stated, in one operand */
        {{31, 0}, {127, 0}, {0, 0.5 / 127}, {0, 0.5 / 127}, 1, true},
        {{127, 0}, {31, 0}, {0, 0.5 / 127}, {0, 0.5 / 127}, 1, true},
        {{0, 6}, {0, 8}, {0x1p-8, 0}, {0x1p-8, 0}, 1, true},
        {{0, 8}, {0, 6}, {0x1p-8, 0}, {0x1p-8, 0}, 1, true},
        {{127, 0}, {0, 0}, {0, 0}, {0, 0.5 / 127 / 8}, 1, true},
        {{0, 0}, {127, 0}, {0, 0.5 / 127 / 8}, {0, 0}, 1, true},
        /* operands as stated, sums a little off or not there */
        {{127, 0}, {127, 0}, {0, 0.5 / 127}, {0, 0.5 / 127}, 1.1, true},
        {{0, 8}, {0, 8}, {0x1p-8, 0}, {0x1p-8, 0}, 1.02, true},
        {{127, 0}, {127, 0}, {0, 0.5 / 127}, {0, 0.5 / 127}, 0, true},
        {{127, 0}, {127, 0}, {0, 0.5 / 127}, {0, 0.5 / 127}, NAN, true},
    };
    const struct eie_device device = host_device();
    (void)state;
    fault = NOTHING;
    for (size_t i = 0; i < 2 * TEST_COUNT(kernels); i++) {
        const size_t at = i / 2;
        struct eie_kernel approximate = kernel;
        struct eie_check_count count;
        struct eie_error error = {""};
        if (i % 2 && isnan(kernels[at].factor)) continue; /* there is no NaN in int16 */
        approximate.supports = supports_small_batches;
        approximate.flags = EIE_KERNEL_APPROXIMATE | (i % 2 ? 0u : EIE_KERNEL_FLOAT32);
        approximate.read = i % 2 ? read_rounded_outputs : read_rounded_sums;
        approximate.weight_rounding = kernels[at].weight_rounding;
        approximate.input_rounding = kernels[at].input_rounding;
        weights_as = kernels[at].weights, inputs_as = kernels[at].inputs;
        sum_factor = kernels[at].factor;
        /* those that pass run to the end: two of them on each case, in either form */
        enum eie_status status =
            kernels[at].caught
                ? eie_check_kernel(&approximate, &device, &bound_cases, &count, &error)
                : check_a_third(&approximate, &device, at, &error);
        if (status != (kernels[at].caught ? EIE_MISMATCH : EIE_OK))
            fail_msg("kernel %zu, %s: status %d: %s", at, i % 2 ? "int16" : "float", (int)status,
                     error.message);
    }
}

static void estimates_are_held_to_their_counts(void **state)
{
    struct eie_device device;
    struct eie_kernel estimate = kernel;
    struct eie_check_count count;
    struct eie_error error = {""};
    const struct eie_kernel *model = eie_kernel_find("model_eie_analytic");
    struct eie_check_options options = all_cases;
    (void)state;
    fault = NOTHING;
    assert_non_null(model);
    assert_good(eie_device_read("eie-64pe-45nm", &device, &error), error);
    for (options.only_case = 0; options.only_case < 64; options.only_case += 9) {
        /* check.model_eie_analytic does all of them */
        assert_good(eie_check_kernel(model, &device, &options, &count, &error), error);
        assert_int_equal(count.ran, 2);
    }
    options.only_case = -1;
    options.random_cases = 0;
    /* counts at the layer's own number of PEs, where the design's is asked for */
    estimate.flags = EIE_KERNEL_ESTIMATE;
    estimate.device_kind = EIE_DEVICE_EIE;
    estimate.max_threads = 0;
    estimate.read = NULL;
    assert_bad(eie_check_kernel(&estimate, &device, &options, &count, &error), EIE_MISMATCH, error,
               "padding entries");
    fault = COUNTS_ONE_MAC_TOO_MANY;
    assert_bad(eie_check_kernel(&estimate, &device, &options, &count, &error), EIE_MISMATCH, error,
               "useful MACs");
    fault = NOTHING;
}

static void a_kernel_of_another_device_is_not_run(void **state)
{
    struct eie_device device = host_device();
    struct eie_kernel other = kernel;
    struct eie_check_count count;
    struct eie_error error = {""};
    (void)state;
    other.device_kind = EIE_DEVICE_FOUND;
    other.runtime = "cuda";
    assert_bad(eie_check_kernel(&other, &device, &all_cases, &count, &error), EIE_UNSUPPORTED,
               error, "does not run on device cpu");
    assert_int_equal(count.ran, 0);
    other = kernel;
    other.abi++;
    assert_bad(eie_check_kernel(&other, &device, &all_cases, &count, &error), EIE_UNSUPPORTED,
               error, "interface");
}

/* Weights that plans share are not in what a plan says that it holds. */
static void bytes_of_a_copy_are_bounded(void **state)
{
    const struct eie_layer layer = {.inputs = 9, .outputs = 9};
    struct eie_kernel other = kernel;
    struct eie_error error = {""};
    (void)state;
    assert_good(
        eie_check_prepared(&other, &layer, &(struct eie_cost){.prepared_bytes = 50}, 50, &error),
        error);
    assert_bad(
        eie_check_prepared(&other, &layer, &(struct eie_cost){.prepared_bytes = 51}, 50, &error),
        EIE_MISMATCH, error, "51 bytes of a copy");
    other.flags = EIE_KERNEL_FLOAT32;
    assert_good(
        eie_check_prepared(&other, &layer, &(struct eie_cost){.prepared_bytes = 850}, 50, &error),
        error);
    assert_bad(
        eie_check_prepared(&other, &layer, &(struct eie_cost){.prepared_bytes = 851}, 50, &error),
        EIE_MISMATCH, error, "851 bytes of a copy");
}

/* ---- the reference --------------------------------------------------------------------------- */

static void sums_beyond_int32_are_an_error(void **state)
{
    struct test_matrix matrix = test_matrix_empty(3, 2);
    struct eie_layer parts = test_parts("large", 1);
    struct eie_reference reference;
    struct eie_error error = {""};
    const int16_t inputs[] = {INT16_MIN, 0, 0, INT16_MIN, INT16_MIN, 0};
    (void)state;
    parts.codebook[1] = INT16_MIN;
    for (uint32_t j = 0; j < 3; j++) *test_at(&matrix, 1, j) = 1;
    struct eie_layer *layer = test_encode(&matrix, &parts);
    assert_good(eie_reference_make(layer, inputs, 1, 0, &reference, &error), error);
    assert_true(reference.sum[1] == 0x1p30);
    assert_int_equal(reference.y[0], 0);
    assert_int_equal(reference.y[1], INT16_MAX);
    assert_int_equal(reference.macs_useful, 1);
    eie_reference_free(&reference);
    assert_bad(eie_reference_make(layer, inputs, 2, 0, &reference, &error), EIE_INPUT, error,
               "layer large, input 1: output 1 sums to 2147483648");
    assert_null(reference.y);
    eie_layer_free(layer);
    test_matrix_free(&matrix);
}

static void what_must_come_out_is_read_only(void **state)
{
    enum { INPUTS = 30, OUTPUTS = 50, BATCH = 3, COUNT = BATCH * OUTPUTS };
    const struct eie_device device = host_device();
    struct eie_layer *layer = test_layer_draw("sealed", INPUTS, OUTPUTS, 4, 0.3, 2);
    static const int16_t inputs[BATCH * INPUTS] = {1, 0, 5};
    struct eie_references *references;
    struct eie_check_vectors vectors[3];
    struct eie_error error = {""};
    (void)state;
    assert_good(eie_references_begin(layer, inputs, BATCH, &references, &error), error);
    assert_good(eie_references_get(references, &device, vectors, &error), error);
    assert_good(eie_references_fresh(references, &device, &vectors[2], &error), error);
    assert_read_only(vectors[1].inputs, sizeof inputs);
    assert_read_only(vectors[2].inputs, sizeof inputs);
    for (int i = 0; i < 3; i++) {
        const struct eie_reference *reference = vectors[i].reference;
        assert_read_only(reference->y, COUNT * sizeof *reference->y);
        assert_read_only(reference->sum, COUNT * sizeof *reference->sum);
        assert_read_only(reference->magnitude, COUNT * sizeof *reference->magnitude);
        assert_read_only(reference->products, COUNT * sizeof *reference->products);
        assert_read_only(reference->weights, COUNT * sizeof *reference->weights);
        assert_read_only(reference->values, COUNT * sizeof *reference->values);
        assert_read_only(reference->largest_input, BATCH * sizeof *reference->largest_input);
    }
    eie_references_free(references);
    eie_layer_free(layer);
}

/* ---- all kernels of this build --------------------------------------------------------------- */

static void the_kernels_of_this_build_pass(void **state)
{
    const struct eie_device device = host_device();
    const uint32_t fixed = eie_check_fixed_cases();
    const uint32_t cases[] = {0, 8, 24, 48, 49, 54, 56, 60, 64, fixed - 3, fixed, fixed + 1};
    uint32_t checked = 0;
    (void)state;
    fault = NOTHING;
    for (uint32_t k = 0; k < eie_kernel_count(); k++) {
        struct eie_error error = {""};
        uint32_t ran = 0;
        /* `eie check` does all of them, each as a test of its own: here the oracle and the stream
         */
        const char *name = eie_kernel_at(k)->name;
        if (strcmp(name, "scalar_ref_dense") != 0 && strcmp(name, "scalar_eie_stream") != 0)
            continue;
        if (eie_kernel_probe(eie_kernel_at(k), &device, &error)) {
            printf("  not checked: %s: %s\n", eie_kernel_at(k)->name, error.message);
            continue;
        }
        for (size_t i = 0; i < TEST_COUNT(cases); i++) {
            const struct eie_check_options options = {
                .seed = 5, .random_cases = 2, .only_case = cases[i]};
            struct eie_check_count count;
            assert_good(eie_check_kernel(eie_kernel_at(k), &device, &options, &count, &error),
                        error);
            ran += count.ran;
        }
        printf("  %s: %u runs\n", eie_kernel_at(k)->name, ran);
        assert_true(ran > 0);
        checked++;
    }
    assert_int_equal(checked, 2); /* they run everywhere */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_that_is_not_broken_passes),
        cmocka_unit_test(what_a_kernel_refuses_is_counted),
        cmocka_unit_test(every_broken_kernel_is_caught),
        cmocka_unit_test(float_kernels_are_held_to_their_bound),
        cmocka_unit_test(rounding_kernels_are_held_to_what_they_state),
        cmocka_unit_test(estimates_are_held_to_their_counts),
        cmocka_unit_test(a_kernel_of_another_device_is_not_run),
        cmocka_unit_test(bytes_of_a_copy_are_bounded),
        cmocka_unit_test(sums_beyond_int32_are_an_error),
        cmocka_unit_test(what_must_come_out_is_read_only),
        cmocka_unit_test(the_kernels_of_this_build_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
