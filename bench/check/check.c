#include "bench/check/check.h"
#include "host/base/clock.h"
#include "host/base/sealed.h"
#include "host/devices/design.h"
#include "host/layer/numbers.h"
#include "host/layer/recluster.h"
#include "kernels/scalar/ref_dense.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define UNIT_ROUNDOFF  0x1p-24 /* float32, to nearest */
#define CANARY_BYTES   64
#define CHECK_STEPS    4
#define PADDING_STRIDE 16 /* rows that one padding entry spans */

/* ---- the reference -------------------------------------------------------------------------- */

/* Padding entries of every column when the rows are dealt to pe_count PEs, counted from the dense
 * matrix: independent of any encoder. */
static enum eie_status count_padding(const struct eie_layer *layer, const uint8_t *dense,
                                     uint32_t pe_count, uint32_t *padding, struct eie_error *error)
{
    const size_t inputs = layer->inputs;
    uint32_t *next = calloc((size_t)pe_count * inputs, sizeof *next); /* local row after the last */
    if (!next) return eie_fail(error, EIE_MEMORY, "layer %s: out of memory", layer->name);
    for (uint32_t i = 0; i < layer->outputs; i++) {
        const uint8_t *row = dense + (size_t)i * inputs;
        uint32_t *pe_next = next + (size_t)(i % pe_count) * inputs;
        const uint32_t local = i / pe_count;
        for (size_t j = 0; j < inputs; j++) {
            if (!row[j]) continue;
            padding[j] += (local - pe_next[j]) / PADDING_STRIDE;
            pe_next[j] = local + 1;
        }
    }
    free(next);
    return EIE_OK;
}

/* Sums of one output, [batch] each. */
struct sums {
    int64_t *sum, *magnitude, *weights, *values, *products;
};

/* Adds a weight's products with its inputs of the whole batch, which lie beside each other so that
 * the compiler takes several at once. */
static void add_weight(struct sums *sums, int32_t weight, const int16_t *inputs, uint32_t batch)
{
    for (uint32_t b = 0; b < batch; b++) {
        const int32_t product = weight * inputs[b], is_one = product != 0;
        sums->sum[b] += product;
        sums->magnitude[b] += llabs((int64_t)product);
        sums->products[b] += is_one;
        sums->weights[b] += is_one * abs(weight);
        sums->values[b] += is_one * abs((int32_t)inputs[b]);
    }
}

static enum eie_status keep_output(const struct eie_layer *layer, const struct sums *sums,
                                   uint32_t b, uint32_t i, struct eie_reference *reference,
                                   struct eie_error *error)
{
    const size_t at = (size_t)b * layer->outputs + i;
    const int64_t sum = sums->sum[b] + (layer->bias ? layer->bias[i] : 0);
    reference->products[at] = (uint32_t)sums->products[b];
    reference->sum[at] = (double)sums->sum[b];
    reference->magnitude[at] = (double)sums->magnitude[b];
    reference->weights[at] = (double)sums->weights[b];
    reference->values[at] = (double)sums->values[b];
    if (sum < INT32_MIN || sum > INT32_MAX)
        return eie_fail(error, EIE_INPUT,
                        "layer %s, input %u: output %u sums to %" PRId64
                        ", which leaves int32: these inputs are too large for the layer",
                        layer->name, b, i, sum);
    reference->y[at] = eie_finish((int32_t)sum, layer->activation, eie_layer_shift(layer));
    return EIE_OK;
}

/* `turned` are the inputs as [inputs][batch], `active` how many of each are not 0, `room` five
 * times [batch]. */
static enum eie_status sum_outputs(const struct eie_layer *layer, const uint8_t *dense,
                                   const int16_t *turned, const uint32_t *active, int64_t *room,
                                   struct eie_reference *reference, struct eie_error *error)
{
    const uint32_t batch = reference->batch;
    struct sums sums = {room, room + batch, room + 2 * (size_t)batch, room + 3 * (size_t)batch,
                        room + 4 * (size_t)batch};
    enum eie_status status = EIE_OK;
    for (uint32_t i = 0; i < layer->outputs && !status; i++) {
        const uint8_t *row = dense + (size_t)i * layer->inputs;
        memset(room, 0, 5 * (size_t)batch * sizeof *room);
        for (uint32_t j = 0; j < layer->inputs; j++) {
            if (!row[j] || !active[j]) continue;
            reference->macs_useful += active[j];
            reference->weights_useful++;
            add_weight(&sums, layer->codebook[row[j]], turned + (size_t)j * batch, batch);
        }
        for (uint32_t b = 0; b < batch && !status; b++)
            status = keep_output(layer, &sums, b, i, reference, error);
    }
    return status;
}

static enum eie_status sum_rows(const struct eie_layer *layer, const uint8_t *dense,
                                const int16_t *inputs, struct eie_reference *reference,
                                struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    const uint32_t batch = reference->batch;
    int16_t *turned = calloc((size_t)layer->inputs * batch, sizeof *turned);
    uint32_t *active = calloc(layer->inputs, sizeof *active);
    int64_t *room = calloc(5 * (size_t)batch, sizeof *room);
    if (!turned || !active || !room)
        status =
            eie_fail(error, EIE_MEMORY, "layer %s: out of memory for the reference", layer->name);
    for (size_t k = 0; k < (size_t)batch * layer->inputs && !status; k++) {
        const size_t b = k / layer->inputs, j = k % layer->inputs;
        turned[j * batch + b] = inputs[k];
        active[j] += inputs[k] != 0;
    }
    if (!status) status = sum_outputs(layer, dense, turned, active, room, reference, error);
    free(turned);
    free(active);
    free(room);
    return status;
}

static void find_largest(const struct eie_layer *layer, const int16_t *inputs,
                         struct eie_reference *reference)
{
    reference->largest_weight = eie_largest_magnitude(layer->codebook, EIE_CODEBOOK_SIZE);
    for (uint32_t b = 0; b < reference->batch; b++, inputs += layer->inputs) {
        reference->largest_input[b] = eie_largest_magnitude(inputs, layer->inputs);
        if (reference->largest_input[b] > reference->largest_of_all)
            reference->largest_of_all = reference->largest_input[b];
    }
}

/* Its arrays in one block, which eie_seal closes once they are filled in; the widest come first. */
static enum eie_status reference_begin(const struct eie_layer *layer, uint32_t batch,
                                       struct eie_reference *made, struct eie_error *error)
{
    const size_t outputs = (size_t)batch * layer->outputs;
    double *room = eie_sealed_new((4 * outputs + batch) * sizeof(double) +
                                  outputs * (sizeof *made->products + sizeof *made->y));
    if (!room)
        return eie_fail(error, EIE_MEMORY, "layer %s: out of memory for the reference",
                        layer->name);
    double *largest = room + 4 * outputs;
    uint32_t *products = (uint32_t *)(void *)(largest + batch);
    *made = (struct eie_reference){
        .batch = batch,
        .inputs = layer->inputs,
        .outputs = layer->outputs,
        .sum = room,
        .magnitude = room + outputs,
        .weights = room + 2 * outputs,
        .values = room + 3 * outputs,
        .largest_input = largest,
        .products = products,
        .y = (int16_t *)(void *)(products + outputs),
        .shift = eie_layer_shift(layer),
    };
    return EIE_OK;
}

enum eie_status eie_reference_make(const struct eie_layer *layer, const int16_t *inputs,
                                   uint32_t batch, uint32_t pe_count,
                                   struct eie_reference *reference, struct eie_error *error)
{
    *reference = (struct eie_reference){0};
    enum eie_status status = reference_begin(layer, batch, reference, error);
    uint8_t *dense = calloc((size_t)layer->outputs, layer->inputs);
    uint32_t *padding = calloc(layer->inputs, sizeof *padding);
    if (!status && (!dense || !padding))
        status =
            eie_fail(error, EIE_MEMORY, "layer %s: out of memory for the reference", layer->name);
    if (status) goto done;
    /* where no input is active, no weight counts */
    if (eie_largest_magnitude(inputs, (size_t)batch * layer->inputs) > 0) {
        eie_ref_decode(layer, dense);
        status = count_padding(layer, dense, pe_count ? pe_count : layer->pe_count, padding, error);
    }
    if (!status) status = sum_rows(layer, dense, inputs, reference, error);
    find_largest(layer, inputs, reference);
    for (size_t k = 0; k < (size_t)batch * layer->inputs; k++)
        reference->active_padding += inputs[k] ? padding[k % layer->inputs] : 0;
    if (!status) status = eie_seal(reference->sum, error);
done:
    free(dense);
    free(padding);
    if (status) eie_reference_free(reference);
    return status;
}

void eie_reference_free(struct eie_reference *reference)
{
    eie_sealed_free(reference->sum); /* where the block of all arrays begins */
    *reference = (struct eie_reference){0};
}

enum eie_status eie_reference_make_on(const struct eie_device *device,
                                      const struct eie_layer *layer, const int16_t *inputs,
                                      uint32_t batch, struct eie_reference *reference,
                                      struct eie_error *error)
{
    if (device->kind != EIE_DEVICE_EIE)
        return eie_reference_make(layer, inputs, batch, 0, reference, error);
    const struct eie_design *design = device->design;
    if (eie_layer_codes_fit(layer, design->code_bits))
        return eie_reference_make(layer, inputs, batch, design->pe_count, reference, error);
    struct eie_layer *reclustered;
    struct eie_reclustering report;
    enum eie_status status =
        eie_layer_recluster(layer, design->code_bits, &reclustered, &report, error);
    if (status) return status;
    status = eie_reference_make(reclustered, inputs, batch, design->pe_count, reference, error);
    eie_layer_free(reclustered);
    return status == EIE_INPUT
               ? eie_fail(error, EIE_UNSUPPORTED,
                          "with its weights reclustered for %u-bit codes, sums leave int32",
                          design->code_bits)
               : status;
}

/* ---- comparing ------------------------------------------------------------------------------ */

static enum eie_status compare_exact(const struct eie_reference *reference, const int16_t *y,
                                     struct eie_error *error)
{
    const size_t count = (size_t)reference->batch * reference->outputs;
    size_t bad = 0, first = 0;
    for (size_t i = count; i-- > 0;) {
        if (y[i] == reference->y[i]) continue;
        bad++;
        first = i;
    }
    if (!bad) return EIE_OK;
    return eie_fail(error, EIE_MISMATCH,
                    "output %zu of input %zu is %d, must be %d (%zu of %zu outputs differ)",
                    first % reference->outputs, first / reference->outputs, y[first],
                    reference->y[first], bad, count);
}

/* Of k products; adding one of 0 rounds nothing. `more` operations beside them. */
static double float_bound(double k, double more, double magnitude)
{
    const double gamma = (k + more) * UNIT_ROUNDOFF / (1 - (k + more) * UNIT_ROUNDOFF);
    return 2 * gamma * magnitude;
}

/* How far a sum may be off (check.h). */
static double sum_bound(const struct eie_kernel *kernel, const struct eie_reference *reference,
                        size_t at)
{
    const struct eie_rounding weight = kernel->weight_rounding, input = kernel->input_rounding;
    const double k = reference->products[at], magnitude = reference->magnitude[at];
    if (!(kernel->flags & EIE_KERNEL_APPROXIMATE)) return float_bound(k, 0, magnitude);
    const double weight_most = weight.of_largest * reference->largest_weight;
    const double input_most =
        input.of_largest * (kernel->flags & EIE_KERNEL_ONE_SCALE
                                ? reference->largest_of_all
                                : reference->largest_input[at / reference->outputs]);
    const double rounding =
        (weight.relative + input.relative + weight.relative * input.relative) * magnitude +
        (1 + weight.relative) * input_most * reference->weights[at] +
        (1 + input.relative) * weight_most * reference->values[at] + k * weight_most * input_most;
    /* scaling back takes two operations more where there is anything to scale */
    return rounding + float_bound(k, k > 0 ? 2 : 0, magnitude + rounding);
}

/* What came, what must have come, and the bound between them. */
struct compared {
    double got, expected, bound;
};

static struct compared compared_at(const struct eie_kernel *kernel,
                                   const struct eie_reference *reference, const void *y, size_t at)
{
    const double bound = sum_bound(kernel, reference, at);
    if (kernel->flags & EIE_KERNEL_FLOAT32)
        return (struct compared){((const float *)y)[at], reference->sum[at], bound};
    return (struct compared){((const int16_t *)y)[at], reference->y[at],
                             ldexp(bound, -(int)reference->shift) + 1};
}

static enum eie_status compare_bounded(const struct eie_kernel *kernel,
                                       const struct eie_reference *reference, const void *y,
                                       double *median_relative_error, struct eie_error *error)
{
    const size_t count = (size_t)reference->batch * reference->outputs;
    double *relative = malloc(count * sizeof *relative);
    enum eie_status status = EIE_OK;
    if (!relative) return eie_fail(error, EIE_MEMORY, "out of memory for a comparison");
    for (size_t i = 0; i < count && !status; i++) {
        const struct compared now = compared_at(kernel, reference, y, i);
        const double off = fabs(now.got - now.expected);
        relative[i] = now.expected != 0 ? off / fabs(now.expected) : off;
        if (!(off <= now.bound)) /* nor may it be NaN */
            status = eie_fail(
                error, EIE_MISMATCH, "output %zu of input %zu is %.9g, must be %.17g within %.3g",
                i % reference->outputs, i / reference->outputs, now.got, now.expected, now.bound);
    }
    if (!status && median_relative_error)
        *median_relative_error = eie_middle(relative, (uint32_t)count);
    free(relative);
    return status;
}

enum eie_status eie_compare(const struct eie_kernel *kernel, const struct eie_reference *reference,
                            const void *y, double *median_relative_error, struct eie_error *error)
{
    if (median_relative_error) *median_relative_error = 0;
    if (kernel->flags & EIE_KERNEL_EXACT) return compare_exact(reference, y, error);
    if (kernel->flags & (EIE_KERNEL_FLOAT32 | EIE_KERNEL_APPROXIMATE))
        return compare_bounded(kernel, reference, y, median_relative_error, error);
    return eie_fail(error, EIE_UNSUPPORTED, "kernel %s states no way to compare it", kernel->name);
}

/* ---- guarded buffers ------------------------------------------------------------------------ */

/* `size` bytes that end at an unmapped page, so that one byte too many crashes, with canaries
 * before. The start is aligned to no more than the element. */
struct guarded {
    uint8_t *map, *data;
    size_t map_size, size;
};

static enum eie_status guarded_begin(size_t size, struct guarded *buffer, struct eie_error *error)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t usable = (size + CANARY_BYTES + page - 1) / page * page;
    *buffer = (struct guarded){.map_size = usable + page, .size = size};
    void *map =
        mmap(NULL, buffer->map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect((uint8_t *)map + usable, page, PROT_NONE)) {
        if (map != MAP_FAILED) munmap(map, buffer->map_size);
        return eie_fail(error, EIE_MEMORY, "out of memory for a guarded buffer");
    }
    buffer->map = map;
    buffer->data = buffer->map + usable - size;
    return EIE_OK;
}

static void poison(struct guarded *buffer, uint8_t value)
{
    memset(buffer->data - CANARY_BYTES, 0xFF - value, CANARY_BYTES);
    memset(buffer->data, value, buffer->size);
}

static bool canary_alive(const struct guarded *buffer, uint8_t value)
{
    const uint8_t canary = (uint8_t)(0xFF - value);
    for (size_t i = 1; i <= CANARY_BYTES; i++)
        if (buffer->data[-(ptrdiff_t)i] != canary) return false;
    return true;
}

static void guarded_end(struct guarded *buffer)
{
    if (buffer->map) munmap(buffer->map, buffer->map_size);
    buffer->map = NULL;
}

/* ---- one plan ------------------------------------------------------------------------------- */

static size_t output_bytes(const struct eie_kernel *kernel, const struct eie_reference *reference)
{
    const size_t width = kernel->flags & EIE_KERNEL_FLOAT32 ? sizeof(float) : sizeof(int16_t);
    return (size_t)reference->batch * reference->outputs * width;
}

/* Weights are indices of 4 bits and have places; what compresses both halves that, and no more. Of
 * each input a byte is left, where its form for the kernel is rounded. */
static enum eie_status check_bytes(const struct eie_kernel *kernel, const struct eie_cost *cost,
                                   const struct eie_reference *reference, struct eie_error *error)
{
    const uint64_t inputs = (uint64_t)reference->batch * reference->inputs;
    const uint64_t read = reference->weights_useful / 4 + inputs,
                   written = output_bytes(kernel, reference);
    if (cost->bytes_read < read)
        return eie_fail(error, EIE_MISMATCH,
                        "kernel counts %" PRIu64 " bytes read, the least for %" PRIu64
                        " weights and %" PRIu64 " inputs is %" PRIu64,
                        cost->bytes_read, reference->weights_useful, inputs, read);
    if (cost->bytes_written < written)
        return eie_fail(error, EIE_MISMATCH,
                        "kernel counts %" PRIu64 " bytes written, its outputs are %" PRIu64,
                        cost->bytes_written, written);
    return EIE_OK;
}

static enum eie_status check_counts(const struct eie_kernel *kernel, const struct eie_plan *plan,
                                    const struct eie_reference *reference, struct eie_error *error)
{
    struct eie_cost cost = {0};
    kernel->cost(plan, &cost);
    if (cost.macs_useful != reference->macs_useful)
        return eie_fail(error, EIE_MISMATCH,
                        "kernel counts %" PRIu64 " useful MACs, the reference %" PRIu64,
                        cost.macs_useful, reference->macs_useful);
    if (cost.adds > cost.macs_useful && cost.adds - cost.macs_useful > cost.macs_padding)
        return eie_fail(error, EIE_MISMATCH,
                        "kernel counts %" PRIu64 " additions one by one, of %" PRIu64
                        " useful MACs and %" PRIu64 " of padding",
                        cost.adds, cost.macs_useful, cost.macs_padding);
    if ((kernel->flags & EIE_KERNEL_ESTIMATE) && cost.macs_padding != reference->active_padding)
        return eie_fail(error, EIE_MISMATCH,
                        "kernel counts %" PRIu64 " padding entries, the reference %" PRIu64,
                        cost.macs_padding, reference->active_padding);
    return kernel->flags & EIE_KERNEL_ESTIMATE ? EIE_OK
                                               : check_bytes(kernel, &cost, reference, error);
}

enum eie_status eie_check_prepared(const struct eie_kernel *kernel, const struct eie_layer *layer,
                                   const struct eie_cost *cost, uint64_t plan_bytes,
                                   struct eie_error *error)
{
    uint64_t most = plan_bytes;
    /* weights that plans share are not in it: at most a value and an index for each place */
    if (kernel->flags & EIE_KERNEL_FLOAT32)
        most += (UINT64_C(1) + layer->inputs) * (UINT64_C(1) + layer->outputs) * 8;
    /* a model's are in the machine that it models */
    if (kernel->device_kind == EIE_DEVICE_EIE || cost->prepared_bytes <= most) return EIE_OK;
    return eie_fail(error, EIE_MISMATCH,
                    "kernel counts %" PRIu64 " bytes of a copy, where a plan with one can hold "
                    "%" PRIu64 " at most by what it said before",
                    cost->prepared_bytes, most);
}

static enum eie_status run_once(const struct eie_kernel *kernel, struct eie_plan *plan,
                                uint32_t copy, struct eie_error *error)
{
    struct eie_outcome outcome = {NAN, NAN, NAN, NULL};
    enum eie_status status = kernel->run(plan, copy, error);
    return status ? status : kernel->wait(plan, &outcome, error);
}

static enum eie_status read_and_compare(const struct eie_kernel *kernel, struct eie_plan *plan,
                                        const struct eie_reference *reference, struct guarded *y,
                                        uint8_t value, double *relative, struct eie_error *error)
{
    if (!kernel->read) return EIE_OK;
    poison(y, value);
    enum eie_status status = kernel->read(plan, y->data, error);
    if (!status && !canary_alive(y, value))
        status = eie_fail(error, EIE_MISMATCH, "kernel wrote before the first output");
    return status ? status : eie_compare(kernel, reference, y->data, relative, error);
}

/* From a guarded buffer that is gone afterwards: load must have copied. */
static enum eie_status load_guarded(const struct eie_kernel *kernel, struct eie_plan *plan,
                                    const struct eie_check_vectors *vectors,
                                    struct eie_error *error)
{
    const size_t bytes =
        (size_t)vectors->reference->batch * vectors->reference->inputs * sizeof *vectors->inputs;
    struct guarded x;
    enum eie_status status = guarded_begin(bytes, &x, error);
    if (status) return status;
    memcpy(x.data, vectors->inputs, bytes);
    status = kernel->load(plan, (const int16_t *)(const void *)x.data, error);
    if (!status && memcmp(x.data, vectors->inputs, bytes))
        status = eie_fail(error, EIE_MISMATCH, "kernel changed its inputs");
    guarded_end(&x);
    return status;
}

/* From the step `from` on; the last two are the least that tells an old output from a new one. */
static enum eie_status check_from(const struct eie_kernel *kernel, struct eie_plan *plan,
                                  uint32_t first, uint32_t copies, size_t from,
                                  const struct eie_check_vectors vectors[2], double *relative,
                                  struct eie_error *error)
{
    static const struct {
        int vectors;
        bool load;
        uint8_t poison;
    } steps[CHECK_STEPS] = {{1, true, 0x5A}, {0, true, 0xA5}, {0, false, 0x5A}, {1, true, 0xA5}};
    struct guarded y;
    enum eie_status status = guarded_begin(output_bytes(kernel, vectors[0].reference), &y, error);
    if (status) return status;
    for (uint32_t c = first; c < first + copies; c++) {
        for (size_t i = from; i < CHECK_STEPS && !status; i++) {
            const struct eie_check_vectors *now = &vectors[steps[i].vectors];
            if (steps[i].load) status = load_guarded(kernel, plan, now, error);
            if (!status) status = run_once(kernel, plan, c, error);
            if (!status)
                status = read_and_compare(kernel, plan, now->reference, &y, steps[i].poison,
                                          now == &vectors[0] ? relative : NULL, error);
        }
        if (!status) status = load_guarded(kernel, plan, &vectors[0], error);
        /* a model counts as it runs, and nothing of it is timed */
        if (!status && kernel->device_kind == EIE_DEVICE_EIE)
            status = run_once(kernel, plan, c, error);
    }
    if (!status && !first) status = check_counts(kernel, plan, vectors[0].reference, error);
    guarded_end(&y);
    return status;
}

enum eie_status eie_check_plan(const struct eie_kernel *kernel, struct eie_plan *plan,
                               uint32_t first, uint32_t copies,
                               const struct eie_check_vectors vectors[2], double *relative,
                               struct eie_error *error)
{
    return check_from(kernel, plan, first, copies, 0, vectors, relative, error);
}

enum eie_status eie_check_copy(const struct eie_kernel *kernel, struct eie_plan *plan,
                               uint32_t copy, const struct eie_check_vectors vectors[2],
                               double *relative, struct eie_error *error)
{
    enum eie_status status = load_guarded(kernel, plan, &vectors[0], error);
    return status ? status
                  : check_from(kernel, plan, copy, 1, CHECK_STEPS - 2, vectors, relative, error);
}

enum eie_status eie_check_outputs(const struct eie_kernel *kernel, struct eie_plan *plan,
                                  const struct eie_reference *reference, double *relative,
                                  struct eie_error *error)
{
    struct guarded y;
    enum eie_status status = guarded_begin(output_bytes(kernel, reference), &y, error);
    if (status) return status;
    status = read_and_compare(kernel, plan, reference, &y, 0xA5, relative, error);
    guarded_end(&y);
    return status;
}
