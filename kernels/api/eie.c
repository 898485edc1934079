#include "kernels/api/eie.h"
#include "host/layer/layer_file.h"
#include "host/machine/own_pool.h"
#include "host/machine/pages.h"
#include "host/machine/topology.h"
#include "kernels/kernel.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PE_COUNT 64 /* the chip's (ISCA 2016, section V); layers in arrays are cut for as many */

static const char library_default[] = "cpu_auto";

_Static_assert(EIE_DONE == (int)EIE_OK && EIE_BAD_CALL == (int)EIE_USAGE &&
                   EIE_BAD_DATA == (int)EIE_INPUT && EIE_CANNOT == (int)EIE_UNSUPPORTED &&
                   EIE_ABSENT == (int)EIE_MISSING && EIE_FAILED == (int)EIE_SYSTEM &&
                   EIE_NO_MEMORY == (int)EIE_MEMORY,
               "results are statuses");

static _Thread_local struct eie_error last;

/* What kernels share between plans (float weights, what cpu_auto remembers) is for one at a time.
 */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local bool makes; /* this thread has it */

static void begin_making(void)
{
    pthread_mutex_lock(&making);
    makes = true;
}

static void end_making(void)
{
    makes = false;
    pthread_mutex_unlock(&making);
}

/* A child must not begin while another thread is half-way: nobody would go on there. A thread that
 * forks while it makes (OpenBLAS's trial) goes on in both. */
static void before_fork(void)
{
    if (!makes) pthread_mutex_lock(&making);
}

static void after_fork(void)
{
    if (!makes) pthread_mutex_unlock(&making);
}

/* Before anything can be made: a fork that began earlier would not know of these. */
__attribute__((constructor)) static void watch_forks(void)
{
    (void)pthread_atfork(before_fork, after_fork, after_fork);
}

struct eie_product {
    const struct eie_kernel *kernel;
    struct eie_plan *plan;
    struct eie_pool *pool;
    struct eie_device device;
    const char *computes; /* the name of the kernel that does */
};

int eie_api_version(void)
{
    return EIE_API_VERSION;
}

const char *eie_message(void)
{
    return last.message;
}

/* ---- layers --------------------------------------------------------------------------------- */

/* The layer that is meant, taken out of the set; NULL and a message where none is. */
static struct eie_layer *take(struct eie_layer_set *set, const char *path, const char *name)
{
    for (uint32_t i = 0; i < set->count; i++) {
        struct eie_layer *layer = set->layers[i];
        if (name ? strcmp(layer->name, name) != 0 : set->count > 1) continue;
        set->layers[i] = NULL;
        return layer;
    }
    const char *first = set->count ? set->layers[0]->name : "";
    if (name)
        eie_fail(&last, EIE_USAGE, "%s: no layer '%s' among its %u, of which the first is '%s'",
                 path, name, set->count, first);
    else
        eie_fail(&last, EIE_USAGE, "%s: %u layers, of which the first is '%s': name the one", path,
                 set->count, first);
    return NULL;
}

int eie_layer_open(const char *path, const char *name, struct eie_layer **layer)
{
    struct eie_layer_set set;
    *layer = NULL;
    const enum eie_status status = eie_layer_file_read(path, &set, &last);
    if (status) return (int)status;
    *layer = take(&set, path, name);
    eie_layer_set_free(&set);
    return *layer ? EIE_DONE : EIE_BAD_CALL;
}

/* Where the values of row `row` begin; of the row behind the last, where they end. */
static uint64_t row_begin(const struct eie_arrays *arrays, uint32_t row)
{
    return arrays->row_start ? arrays->row_start[row] : (uint64_t)row * arrays->inputs;
}

static uint32_t column_of(const struct eie_arrays *arrays, uint32_t row, uint64_t at)
{
    return arrays->column ? arrays->column[at] : (uint32_t)(at - row_begin(arrays, row));
}

/* A code for each of the 65,536 values, 0 for those that are not there; codes in the order in which
 * values come. */
struct sharing {
    uint8_t code[UINT16_MAX + 1];
    int16_t codebook[EIE_CODEBOOK_SIZE];
    uint32_t codes; /* how many, with that of 0 */
};

static enum eie_status share(struct sharing *sharing, uint32_t row, uint32_t column, int16_t value)
{
    uint8_t *code = &sharing->code[(uint16_t)value];
    if (!value || *code) return EIE_OK;
    if (sharing->codes == EIE_CODEBOOK_SIZE)
        return eie_fail(&last, EIE_INPUT,
                        "weight %d of row %u, column %u is the 16th value beside 0: weights share "
                        "at most 15 (eie compress makes such layers)",
                        value, row, column);
    *code = (uint8_t)sharing->codes;
    sharing->codebook[sharing->codes++] = value;
    return EIE_OK;
}

/* Counts the weights of every column in start[column + 1], and gives each value its code. seen
 * [inputs], zeroed: behind which row a column has been met last. */
static enum eie_status look_through(const struct eie_arrays *arrays, struct sharing *sharing,
                                    uint32_t *start, uint32_t *seen, uint64_t *count)
{
    enum eie_status status = EIE_OK;
    for (uint32_t i = 0; i < arrays->outputs; i++) {
        const uint64_t end = row_begin(arrays, i + 1);
        if (end < row_begin(arrays, i))
            return eie_fail(&last, EIE_INPUT, "row_start falls behind row %u", i);
        for (uint64_t e = row_begin(arrays, i); !status && e < end; e++) {
            const uint32_t column = column_of(arrays, i, e);
            if (column >= arrays->inputs)
                return eie_fail(&last, EIE_INPUT, "row %u has column %u of %u", i, column,
                                arrays->inputs);
            if (seen[column] == i + 1)
                return eie_fail(&last, EIE_INPUT, "row %u has column %u twice", i, column);
            seen[column] = i + 1;
            status = share(sharing, i, column, arrays->value[e]);
            start[column + 1] += arrays->value[e] != 0;
            *count += arrays->value[e] != 0;
        }
    }
    if (!status && *count > UINT32_MAX)
        status = eie_fail(&last, EIE_INPUT, "%llu weights are more than 2^32 - 1",
                          (unsigned long long)*count);
    return status;
}

/* By columns; row by row, so that rows ascend in each. */
static void transpose(const struct eie_arrays *arrays, const struct sharing *sharing,
                      const uint32_t *start, uint32_t *next, uint32_t *row, uint8_t *code)
{
    memcpy(next, start, arrays->inputs * sizeof *next);
    for (uint32_t i = 0; i < arrays->outputs; i++)
        for (uint64_t e = row_begin(arrays, i); e < row_begin(arrays, i + 1); e++) {
            if (!arrays->value[e]) continue;
            const uint32_t at = next[column_of(arrays, i, e)]++;
            row[at] = i;
            code[at] = sharing->code[(uint16_t)arrays->value[e]];
        }
}

static enum eie_status encode(const struct eie_arrays *arrays, const struct sharing *sharing,
                              const struct eie_sparse_codes *codes, struct eie_layer **layer)
{
    struct eie_layer parts = {
        .name = "layer",
        .source = "arrays",
        .inputs = arrays->inputs,
        .outputs = arrays->outputs,
        .pe_count = arrays->outputs < PE_COUNT ? arrays->outputs : PE_COUNT,
        .activation = arrays->relu ? EIE_ACTIVATION_RELU : EIE_ACTIVATION_NONE,
        .weight_fraction_bits = arrays->weight_fraction_bits,
        .input_fraction_bits = arrays->input_fraction_bits,
        .output_fraction_bits = arrays->output_fraction_bits,
        .bias = arrays->bias,
        .sample_count = arrays->sample_count,
        .sample_inputs = arrays->samples,
    };
    memcpy(parts.codebook, sharing->codebook, sizeof parts.codebook);
    return eie_layer_encode(&parts, codes, layer, &last);
}

int eie_layer_make(const struct eie_arrays *arrays, struct eie_layer **layer)
{
    *layer = NULL;
    if (!arrays->inputs || !arrays->outputs || arrays->outputs > EIE_OUTPUTS_MAX)
        return (int)eie_fail(&last, EIE_INPUT,
                             "%u inputs and %u outputs: 1 and more are possible, and 2^26 outputs",
                             arrays->inputs, arrays->outputs);
    if (!arrays->row_start != !arrays->column)
        return (int)eie_fail(&last, EIE_INPUT, "row_start and column: both or neither");
    if (arrays->row_start && arrays->row_start[0])
        return (int)eie_fail(&last, EIE_INPUT, "row_start begins with %u, not 0",
                             arrays->row_start[0]);

    enum eie_status status = EIE_OK;
    uint32_t *row = NULL;
    uint64_t count = 0;
    struct sharing *sharing = calloc(1, sizeof *sharing);
    uint32_t *start = calloc(2 * (size_t)arrays->inputs + 1, sizeof *start);
    uint32_t *next = start ? start + arrays->inputs + 1 : NULL; /* [inputs] */
    if (sharing && start) {
        sharing->codes = 1;
        status = look_through(arrays, sharing, start, next, &count);
        row = status ? NULL : malloc(count * (sizeof *row + 1) + 1);
    }
    if (status) goto done;
    if (!row) {
        status = eie_fail(&last, EIE_MEMORY, "out of memory for a layer of %llu weights",
                          (unsigned long long)count);
        goto done;
    }
    for (uint32_t j = 0; j < arrays->inputs; j++) start[j + 1] += start[j];
    uint8_t *code = (uint8_t *)(row + count);
    transpose(arrays, sharing, start, next, row, code);
    const struct eie_sparse_codes codes = {arrays->inputs, arrays->outputs, start, row, code};
    status = encode(arrays, sharing, &codes, layer);
done:
    free(sharing);
    free(start);
    free(row);
    return (int)status;
}

void eie_layer_about(const struct eie_layer *layer, struct eie_layer_facts *facts)
{
    struct eie_layer_counts counts;
    eie_layer_count(layer, NULL, &counts);
    *facts = (struct eie_layer_facts){
        .name = layer->name,
        .inputs = layer->inputs,
        .outputs = layer->outputs,
        .weights = counts.nonzeros,
        .relu = layer->activation == EIE_ACTIVATION_RELU,
        .weight_fraction_bits = layer->weight_fraction_bits,
        .input_fraction_bits = layer->input_fraction_bits,
        .output_fraction_bits = layer->output_fraction_bits,
        .sample_count = layer->sample_count,
        .samples = layer->sample_inputs,
    };
}

void eie_layer_close(struct eie_layer *layer)
{
    eie_layer_free(layer);
}

/* ---- kernels -------------------------------------------------------------------------------- */

/* NULL and a message where there is none. */
static const struct eie_kernel *find(const char *name)
{
    const struct eie_kernel *kernel = eie_kernel_find(name);
    if (!kernel)
        eie_fail(&last, EIE_USAGE, "there is no kernel '%s' (eie_kernel_about has them all)", name);
    return kernel;
}

static bool gives_sums(const struct eie_kernel *kernel)
{
    return (kernel->flags & EIE_KERNEL_FLOAT32) != 0;
}

int eie_kernel_about(uint32_t index, struct eie_kernel_facts *facts)
{
    if (index >= eie_kernel_count())
        return (int)eie_fail(&last, EIE_USAGE, "there are %u kernels", eie_kernel_count());
    const struct eie_kernel *kernel = eie_kernel_at(index);
    *facts = (struct eie_kernel_facts){
        .name = kernel->name,
        .summary = kernel->summary,
        .gives_sums = gives_sums(kernel),
        .approximate = (kernel->flags & EIE_KERNEL_APPROXIMATE) != 0,
    };
    return EIE_DONE;
}

int eie_kernel_try(const char *name)
{
    struct eie_device device;
    const struct eie_kernel *kernel = find(name);
    if (!kernel) return EIE_BAD_CALL;
    begin_making();
    enum eie_status status = eie_device_host(&device, &last);
    if (!status) status = eie_kernel_probe(kernel, &device, &last);
    end_making();
    return (int)status;
}

/* ---- products ------------------------------------------------------------------------------- */

/* cpu_auto says whom it chose; names of kernels are static. */
static void note_chosen(void *context, const char *key, const char *text, double number)
{
    const char **computes = context;
    (void)number;
    if (text && !strcmp(key, "eie_chosen_kernel")) *computes = text;
}

/* Inside the pool; what could not be bound leaves its status. */
static void bind_worker(void *context, uint32_t worker)
{
    _Atomic int *failed = context;
    const enum eie_status status = eie_bind_thread(worker, NULL);
    if (status) *failed = (int)status;
}

static enum eie_status bind(struct eie_pool *pool)
{
    const struct eie_topology *topology;
    const uint32_t threads = eie_pool_threads(pool);
    _Atomic int failed = EIE_OK;
    const enum eie_status status = eie_topology_get(&topology, &last);
    if (status) return status;
    if (threads > topology->cores)
        return eie_fail(&last, EIE_USAGE, "%u threads cannot have a core each: there are %u",
                        threads, topology->cores);
    eie_pool_run(pool, bind_worker, &failed);
    if (!failed) return EIE_OK;
    return eie_fail(&last, (enum eie_status)failed, "a thread cannot be bound to its core");
}

static enum eie_status prepare(const struct eie_layer *layer, uint32_t batch, uint32_t threads,
                               struct eie_product *product)
{
    const struct eie_kernel *kernel = product->kernel;
    struct eie_setup setup = {
        .problem = {layer, &product->device, batch, threads}, .pool = product->pool, .copies = 1};
    uint64_t plan_bytes;
    enum eie_status status = eie_kernel_probe(kernel, &product->device, &last);
    if (!status) status = eie_kernel_supports(kernel, &setup.problem, &plan_bytes, &last);
    if (!status) status = kernel->prepare(&setup, &product->plan, &last);
    if (status) return status;
    product->computes = kernel->name;
    if (kernel->describe) kernel->describe(product->plan, note_chosen, &product->computes);
    return EIE_OK;
}

static enum eie_status make(const struct eie_layer *layer, uint32_t batch, uint32_t threads,
                            enum eie_places places, struct eie_product *product)
{
    cpu_set_t before;
    enum eie_status status = eie_pages_check(&last);
    if (!status) status = eie_device_host(&product->device, &last);
    if (!status) status = eie_own_pool_make(threads, &product->pool, &last);
    if (status) return status;
    const bool binds = places == EIE_OWN_CORES;
    const bool known = binds && !sched_getaffinity(0, sizeof before, &before);
    if (binds) status = bind(product->pool);
    if (!status) status = prepare(layer, batch, threads, product);
    if (status && known) (void)sched_setaffinity(0, sizeof before, &before);
    return status;
}

int eie_product_make(const struct eie_layer *layer, const char *kernel, uint32_t batch,
                     uint32_t threads, enum eie_places places, struct eie_product **product)
{
    *product = NULL;
    const struct eie_kernel *found = find(kernel ? kernel : library_default);
    if (!found) return EIE_BAD_CALL;
    if (places != EIE_ANYWHERE && places != EIE_OWN_CORES)
        return (int)eie_fail(&last, EIE_USAGE, "places %d: EIE_ANYWHERE or EIE_OWN_CORES",
                             (int)places);
    if (!batch) return (int)eie_fail(&last, EIE_USAGE, "batch 0: 1 and more are possible");
    struct eie_product *made = calloc(1, sizeof *made);
    if (!made) return (int)eie_fail(&last, EIE_MEMORY, "out of memory for a product");
    made->kernel = found;
    begin_making();
    const enum eie_status status = make(layer, batch, threads, places, made);
    end_making();
    if (!status) {
        *product = made;
    } else {
        eie_own_pool_free(made->pool);
        free(made);
    }
    return (int)status;
}

static int load_run_read(const struct eie_product *product, const int16_t *inputs, void *y)
{
    const struct eie_kernel *kernel = product->kernel;
    struct eie_plan *plan = product->plan;
    struct eie_outcome outcome = {NAN, NAN, NAN, NULL};
    enum eie_status status = kernel->load(plan, inputs, &last);
    if (!status) status = kernel->run(plan, 0, &last);
    if (!status) status = kernel->wait(plan, &outcome, &last);
    if (!status) status = kernel->read(plan, y, &last);
    return (int)status;
}

static int refuse(const struct eie_product *product, const char *other)
{
    return (int)eie_fail(&last, EIE_USAGE, "kernel %s is for %s", product->kernel->name, other);
}

int eie_product_run(struct eie_product *product, const int16_t *inputs, int16_t *outputs)
{
    if (gives_sums(product->kernel)) return refuse(product, "eie_product_run_sums");
    return load_run_read(product, inputs, outputs);
}

int eie_product_run_sums(struct eie_product *product, const int16_t *inputs, float *sums)
{
    if (!gives_sums(product->kernel)) return refuse(product, "eie_product_run");
    return load_run_read(product, inputs, sums);
}

const char *eie_product_kernel(const struct eie_product *product)
{
    return product->computes;
}

void eie_product_close(struct eie_product *product)
{
    if (!product) return;
    begin_making();
    product->kernel->destroy(product->plan);
    end_making();
    eie_own_pool_free(product->pool);
    free(product);
}
