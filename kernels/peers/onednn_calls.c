#include "kernels/peers/onednn_calls.h"
#include "host/base/library.h"
#include "kernels/cpu_plan.h"

#include <math.h>
#include <stdlib.h>

static struct onednn_calls dnnl;

enum eie_status onednn_check(int code, const char *where, struct eie_error *error)
{
    if (!code) return EIE_OK;
    return eie_fail(error, EIE_SYSTEM, "oneDNN's %s fails with its code %d", where, code);
}

static enum eie_status load_library(struct eie_error *error)
{
    static const struct eie_library_need needs[] = {
        {"dnnl_engine_create", &dnnl.engine_create},
        {"dnnl_stream_create", &dnnl.stream_create},
        {"dnnl_memory_desc_init_by_tag", &dnnl.describe},
        {"dnnl_memory_desc_init_by_strides", &dnnl.describe_strides},
        {"dnnl_memory_desc_get_size", &dnnl.bytes},
        {"dnnl_memory_create", &dnnl.memory_create},
        {"dnnl_memory_destroy", &dnnl.memory_destroy},
        {"dnnl_matmul_desc_init", &dnnl.matmul},
        {"dnnl_convolution_forward_desc_init", &dnnl.convolution},
        {"dnnl_primitive_attr_create", &dnnl.attributes_create},
        {"dnnl_primitive_attr_destroy", &dnnl.attributes_destroy},
        {"dnnl_primitive_attr_set_output_scales", &dnnl.set_scales},
        {"dnnl_primitive_desc_create", &dnnl.plan},
        {"dnnl_reorder_primitive_desc_create", &dnnl.plan_reorder},
        {"dnnl_primitive_desc_destroy", &dnnl.plan_destroy},
        {"dnnl_primitive_desc_query_md", &dnnl.query_memory},
        {"dnnl_primitive_desc_query", &dnnl.query},
        {"dnnl_primitive_create", &dnnl.primitive_create},
        {"dnnl_primitive_destroy", &dnnl.primitive_destroy},
        {"dnnl_primitive_execute", &dnnl.execute},
        {"dnnl_stream_wait", &dnnl.finish},
        {NULL, NULL},
    };
    const struct onednn *library;
    enum eie_status status = onednn_load(&library, error);
    if (!status) status = eie_library_symbols(library->handle, needs, error);
    if (!status)
        status = onednn_check(dnnl.engine_create(&dnnl.engine, DNNL_CPU, 0), "dnnl_engine_create",
                              error);
    if (!status)
        status = onednn_check(dnnl.stream_create(&dnnl.stream, dnnl.engine, DNNL_IN_ORDER),
                              "dnnl_stream_create", error);
    if (!status) dnnl.library = library;
    return status;
}

enum eie_status onednn_calls_load(const struct onednn_calls **calls, struct eie_error *error)
{
    const enum eie_status status = dnnl.library ? EIE_OK : load_library(error);
    *calls = status ? NULL : &dnnl;
    return status;
}

enum eie_status onednn_calls_for_int8(const struct onednn_calls **calls, struct eie_error *error)
{
    static const char *const variables[] = {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"};
    const enum eie_status status = onednn_calls_load(calls, error);
    if (status || (dnnl.library->isa() & DNNL_ISA_VNNI) == DNNL_ISA_VNNI) return status;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i]);
        if (value && *value)
            return eie_fail(error, EIE_UNSUPPORTED,
                            "%s=%s takes VNNI from %s, which would round further without",
                            variables[i], value, dnnl.library->version);
    }
    return eie_fail(error, EIE_UNSUPPORTED, "%s does not use VNNI here and would round further",
                    dnnl.library->version);
}

enum eie_status onednn_pack(const struct onednn_description *plain,
                            const struct onednn_description *packed, void *dense, void *copy,
                            void **weights, struct eie_error *error)
{
    void *memory = NULL, *plan = NULL, *reorder = NULL;
    int code = dnnl.memory_create(weights, packed, dnnl.engine, copy);
    if (!code) code = dnnl.memory_create(&memory, plain, dnnl.engine, dense);
    if (!code) code = dnnl.plan_reorder(&plan, plain, dnnl.engine, packed, dnnl.engine, NULL);
    if (!code) code = dnnl.primitive_create(&reorder, plan);
    if (!code) {
        const struct onednn_argument arguments[] = {{DNNL_SOURCE, memory},
                                                    {DNNL_DESTINATION, *weights}};
        code = dnnl.execute(reorder, dnnl.stream, 2, arguments);
    }
    if (!code) code = dnnl.finish(dnnl.stream);
    if (reorder) dnnl.primitive_destroy(reorder);
    if (plan) dnnl.plan_destroy(plan);
    if (memory) dnnl.memory_destroy(memory);
    return onednn_check(code, "reorder of the weights", error);
}

double onednn_step_of(const struct eie_layer *layer, bool *exact)
{
    int largest = 0, divisor = 0;
    for (int c = 0; c < EIE_CODEBOOK_SIZE; c++) {
        int rest = abs(layer->codebook[c]);
        if (rest > largest) largest = rest;
        while (rest) {
            const int next = divisor % rest;
            divisor = rest;
            rest = next;
        }
    }
    *exact = largest <= ONEDNN_STEPS * divisor;
    return *exact ? divisor : (double)largest / ONEDNN_STEPS;
}

int8_t *onednn_round_weights(const struct eie_layer *layer, const struct eie_sparse_codes *codes,
                             double step)
{
    int8_t *dense = eie_aligned_zeroed((size_t)layer->outputs * layer->inputs);
    int8_t value[EIE_CODEBOOK_SIZE];
    if (!dense) return NULL;
    for (int c = 0; c < EIE_CODEBOOK_SIZE; c++)
        value[c] = step > 0 ? (int8_t)lrint(layer->codebook[c] / step) : 0;
    for (uint32_t j = 0; j < layer->inputs; j++)
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++)
            dense[(size_t)codes->row[e] * layer->inputs + j] = value[codes->code[e]];
    return dense;
}
