#include "bench/run/verify.h"
#include "host/graph/tensor.h"
#include "host/layer/numbers.h"
#include "kernels/scalar/ref_dense.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct verifying {
    const struct eie_step *step;
    const struct eie_part *part;
    size_t positions[EIE_VERIFY_POSITIONS];
    uint32_t count;    /* of the positions */
    int16_t *columns;  /* [count][inputs] */
    int16_t *outputs;  /* [EIE_TERMS_MAX][count][outputs] */
    uint8_t *codes;    /* [outputs][inputs] */
    const int16_t *to; /* what the pass put out */
};

static void choose_positions(struct verifying *in)
{
    const size_t all = eie_step_positions(in->step);
    in->count = all < EIE_VERIFY_POSITIONS ? (uint32_t)all : EIE_VERIFY_POSITIONS;
    for (uint32_t p = 0; p < in->count; p++)
        in->positions[p] = in->count > 1 ? p * (all - 1) / (in->count - 1) : 0;
}

static void multiply(const struct verifying *in, const struct eie_layer *layer, int16_t *outputs)
{
    const size_t inputs = in->step->inputs;
    memset(in->codes, 0, in->step->outputs * inputs);
    eie_ref_decode(layer, in->codes);
    for (uint32_t i = 0; i < in->step->outputs; i++) {
        const uint8_t *code = in->codes + i * inputs;
        for (uint32_t p = 0; p < in->count; p++) {
            const int16_t *column = in->columns + p * inputs;
            int64_t sum = layer->bias ? layer->bias[i] : 0;
            for (size_t j = 0; j < inputs; j++)
                if (code[j]) sum += (int32_t)layer->codebook[code[j]] * column[j];
            outputs[(size_t)p * in->step->outputs + i] =
                eie_finish((int32_t)sum, layer->activation, eie_layer_shift(layer));
        }
    }
}

/* What the terms add up to (bench/run/parts.h). */
static int16_t wanted(const struct verifying *in, size_t at)
{
    const int32_t one = in->outputs[at];
    if (in->part->term_count == 1) return (int16_t)one;
    int32_t sum = one + in->outputs[(size_t)in->count * in->step->outputs + at];
    if (in->step->relu && sum < 0) sum = 0;
    return (int16_t)(sum < INT16_MIN ? INT16_MIN : sum > INT16_MAX ? INT16_MAX : sum);
}

static enum eie_status compare(const struct verifying *in, struct eie_error *error)
{
    const uint32_t outputs = in->step->outputs;
    for (uint32_t p = 0; p < in->count; p++)
        for (uint32_t i = 0; i < outputs; i++) {
            const int16_t found = in->to[in->positions[p] * outputs + i];
            const int16_t must = wanted(in, (size_t)p * outputs + i);
            if (found != must)
                return eie_fail(error, EIE_MISMATCH,
                                "%s: output %" PRIu32 " of position %zu is %d, must be %d",
                                in->step->name, i, in->positions[p], found, must);
        }
    return EIE_OK;
}

static enum eie_status verify_conv(const struct eie_step *step, const struct eie_part *part,
                                   const int16_t *from, const int16_t *to, struct eie_error *error)
{
    struct verifying in = {.step = step, .part = part, .to = to};
    const size_t inputs = step->inputs;
    choose_positions(&in);
    in.columns = malloc(in.count * inputs * sizeof *in.columns);
    in.outputs = malloc((size_t)EIE_TERMS_MAX * in.count * step->outputs * sizeof *in.outputs);
    in.codes = malloc(step->outputs * inputs);
    enum eie_status status =
        in.columns && in.outputs && in.codes
            ? EIE_OK
            : eie_fail(error, EIE_MEMORY, "%s: out of memory to check it", step->name);
    for (uint32_t p = 0; p < in.count && !status; p++)
        eie_columns_int16(step, from, in.positions[p], 1, in.columns + p * inputs);
    for (uint32_t t = 0; t < part->term_count && !status; t++)
        multiply(&in, part->terms[t], in.outputs + (size_t)t * in.count * step->outputs);
    if (!status) status = compare(&in, error);
    free(in.columns);
    free(in.outputs);
    free(in.codes);
    return status;
}

enum eie_status eie_pass_verify(const struct eie_graph *graph, const struct eie_parts *parts,
                                const struct eie_pass *pass, struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    for (uint32_t c = 0; c < graph->conv_count && !status; c++) {
        const struct eie_step *step = eie_conv_step(graph, c);
        status = verify_conv(step, &parts->part[c], eie_pass_tensor_int16(pass, step->from[0]),
                             eie_pass_tensor_int16(pass, graph->conv[c]), error);
    }
    return status;
}
