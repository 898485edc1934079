#include "bench/explore/precision.h"
#include "host/layer/numbers.h"

#include <math.h>
#include <stdlib.h>

struct problem {
    const struct eie_layer *layer;
    struct eie_sparse_codes codes;
    const int16_t *input;
    double weight_unit, input_unit; /* value of the last place as stored */
    double *exact, *found;          /* [outputs] */
    double largest_weight, largest_input, largest_output;
    double largest_sum; /* partial ones too */
};

static double activated(const struct problem *problem, double value)
{
    return problem->layer->activation == EIE_ACTIVATION_RELU && value < 0 ? 0 : value;
}

static double bias_of(const struct problem *problem, uint32_t i)
{
    const int32_t *bias = problem->layer->bias;
    return bias ? bias[i] * problem->weight_unit * problem->input_unit : 0;
}

/* Sums of integers below 2^53: exact. */
static void find_exact(struct problem *problem)
{
    const struct eie_sparse_codes *codes = &problem->codes;
    const int16_t *codebook = problem->layer->codebook;
    for (uint32_t i = 0; i < codes->outputs; i++)
        problem->exact[i] = problem->layer->bias ? problem->layer->bias[i] : 0;
    problem->largest_input = eie_largest_magnitude(problem->input, codes->inputs);
    for (uint32_t j = 0; j < codes->inputs; j++)
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++) {
            double *sum = &problem->exact[codes->row[e]];
            *sum += (double)codebook[codes->code[e]] * problem->input[j];
            problem->largest_sum = fmax(problem->largest_sum, fabs(*sum));
        }
    problem->largest_weight = eie_largest_magnitude(codebook, EIE_CODEBOOK_SIZE);
    for (uint32_t i = 0; i < codes->outputs; i++) {
        problem->exact[i] *= problem->weight_unit * problem->input_unit;
        problem->largest_output = fmax(problem->largest_output, fabs(problem->exact[i]));
    }
    problem->largest_sum *= problem->weight_unit * problem->input_unit;
    problem->largest_sum = fmax(problem->largest_sum, problem->largest_output);
    problem->largest_input *= problem->input_unit;
    problem->largest_weight *= problem->weight_unit;
}

/* Most binary places with which `largest` fits a signed number of `bits`. */
static int places_of(double largest, int bits)
{
    const double most = ldexp(1, bits - 1) - 1;
    int places = 0;
    if (largest <= 0) return 0;
    while (rint(ldexp(largest, places + 1)) <= most && places < 60) places++;
    while (rint(ldexp(largest, places)) > most) places--;
    return places;
}

static double clamp(double value, int bits)
{
    const double most = ldexp(1, bits - 1) - 1;
    return fmax(-most - 1, fmin(most, value));
}

/* Doubles hold all these integers: products have at most 62 bits but those of 32-bit operands come
 * from 16-bit numbers. */
static void run_fixed(struct problem *problem, int bits, bool wide)
{
    const struct eie_sparse_codes *codes = &problem->codes;
    const int w = places_of(problem->largest_weight, bits);
    const int a = places_of(problem->largest_input, bits);
    const int o = places_of(wide ? problem->largest_output : problem->largest_sum, bits);
    double weight[EIE_CODEBOOK_SIZE];
    for (int c = 0; c < EIE_CODEBOOK_SIZE; c++)
        weight[c] = rint(ldexp(problem->layer->codebook[c] * problem->weight_unit, w));
    for (uint32_t i = 0; i < codes->outputs; i++) {
        const double bias = ldexp(bias_of(problem, i), wide ? w + a : o);
        problem->found[i] = wide ? bias : clamp(rint(bias), bits);
    }
    for (uint32_t j = 0; j < codes->inputs; j++) {
        const double input = rint(ldexp(problem->input[j] * problem->input_unit, a));
        if (input == 0) continue;
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++) {
            double *sum = &problem->found[codes->row[e]];
            const double product = weight[codes->code[e]] * input;
            *sum = wide ? *sum + product : clamp(*sum + rint(ldexp(product, o - w - a)), bits);
        }
    }
    for (uint32_t i = 0; i < codes->outputs; i++) {
        const double sum = problem->found[i];
        problem->found[i] = ldexp(wide ? clamp(rint(ldexp(sum, o - w - a)), bits) : sum, -o);
    }
}

static void run_float(struct problem *problem)
{
    const struct eie_sparse_codes *codes = &problem->codes;
    float weight[EIE_CODEBOOK_SIZE];
    for (int c = 0; c < EIE_CODEBOOK_SIZE; c++)
        weight[c] = (float)(problem->layer->codebook[c] * problem->weight_unit);
    for (uint32_t i = 0; i < codes->outputs; i++) problem->found[i] = (float)bias_of(problem, i);
    for (uint32_t j = 0; j < codes->inputs; j++) {
        const float input = (float)(problem->input[j] * problem->input_unit);
        if (input == 0) continue;
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++) {
            double *sum = &problem->found[codes->row[e]];
            const float product = weight[codes->code[e]] * input;
            *sum = (float)*sum + product;
            *sum = (float)*sum;
        }
    }
}

static void judge(const struct problem *problem, const char *arithmetic,
                  struct eie_precision *result)
{
    double squares = 0, errors = 0, largest = 0, worst = 0;
    for (uint32_t i = 0; i < problem->codes.outputs; i++) {
        const double exact = activated(problem, problem->exact[i]);
        const double off = fabs(activated(problem, problem->found[i]) - exact);
        squares += exact * exact;
        errors += off * off;
        largest = fmax(largest, fabs(exact));
        worst = fmax(worst, off);
    }
    *result = (struct eie_precision){arithmetic, squares > 0 ? sqrt(errors / squares) : 0,
                                     largest > 0 ? worst / largest : 0};
}

enum eie_status eie_precision_of(const struct eie_layer *layer,
                                 struct eie_precision results[EIE_ARITHMETICS],
                                 struct eie_error *error)
{
    static const struct {
        const char *name;
        int bits;
        bool wide;
    } fixed[] = {{"fixed32", 32, false},     {"fixed16", 16, false},     {"fixed8", 8, false},
                 {"fixed32-wide", 32, true}, {"fixed16-wide", 16, true}, {"fixed8-wide", 8, true}};
    struct problem problem = {
        .layer = layer,
        .input = layer->sample_inputs,
        .weight_unit = ldexp(1, -(int)layer->weight_fraction_bits),
        .input_unit = ldexp(1, -(int)layer->input_fraction_bits),
    };
    if (!layer->sample_count)
        return eie_fail(error, EIE_INPUT, "layer %s has no sample input", layer->name);
    enum eie_status status = eie_layer_decode(layer, &problem.codes, error);
    if (status) return status;
    problem.exact = calloc((size_t)layer->outputs * 2, sizeof *problem.exact);
    if (problem.exact) {
        problem.found = problem.exact + layer->outputs;
        find_exact(&problem);
        run_float(&problem);
        judge(&problem, "float32", &results[0]);
        for (int k = 0; k < EIE_ARITHMETICS - 1; k++) {
            run_fixed(&problem, fixed[k].bits, fixed[k].wide);
            judge(&problem, fixed[k].name, &results[k + 1]);
        }
    } else {
        status = eie_fail(error, EIE_MEMORY, "layer %s: out of memory", layer->name);
    }
    free(problem.exact);
    eie_sparse_codes_free(&problem.codes);
    return status;
}
