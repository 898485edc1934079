#include "host/layer/shape.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED 2016

double eie_shape_density(double density)
{
    char text[32];
    snprintf(text, sizeof text, "%.4g", density);
    return strtod(text, NULL);
}

void eie_shape_name(const struct eie_shape *shape, char name[EIE_NAME_MAX])
{
    snprintf(name, EIE_NAME_MAX, "%" PRIu32 "x%" PRIu32 "-w%.4g-a%.4g", shape->inputs,
             shape->outputs, shape->weights, shape->activations);
}

bool eie_shape_parse(const char *name, struct eie_shape *shape)
{
    struct eie_shape found;
    char again[EIE_NAME_MAX];
    if (sscanf(name, "%" SCNu32 "x%" SCNu32 "-w%lf-a%lf", &found.inputs, &found.outputs,
               &found.weights, &found.activations) != 4 ||
        !(found.weights > 0 && found.weights <= 1) ||
        !(found.activations > 0 && found.activations <= 1))
        return false;
    eie_shape_name(&found, again);
    if (strcmp(again, name) != 0) return false;
    *shape = found;
    return true;
}

static uint64_t places_of(const struct eie_shape *shape)
{
    return (uint64_t)shape->inputs * shape->outputs;
}

enum eie_status eie_shape_check(const struct eie_shape *shape, struct eie_error *error)
{
    const uint64_t places = places_of(shape);
    if (!shape->inputs || !shape->outputs || places > UINT32_MAX ||
        shape->outputs > EIE_OUTPUTS_MAX)
        return eie_fail(error, EIE_USAGE,
                        "%u inputs and %u outputs: a layer has 1 to 2^32 - 1 places and at most "
                        "2^26 outputs",
                        shape->inputs, shape->outputs);
    if (!(shape->weights > 0 && shape->weights <= 1) ||
        !(shape->activations > 0 && shape->activations <= 1))
        return eie_fail(error, EIE_USAGE, "densities are above 0 and at most 1, not %g and %g",
                        shape->weights, shape->activations);
    if (llround(shape->weights * (double)places) < 1)
        return eie_fail(error, EIE_USAGE, "a density of %g leaves none of %" PRIu64 " weights",
                        shape->weights, places);
    if (llround(shape->activations * shape->inputs) < 1)
        return eie_fail(error, EIE_USAGE, "a density of %g leaves none of %u inputs",
                        shape->activations, shape->inputs);
    return EIE_OK;
}

struct eie_layer_spec eie_shape_spec(const struct eie_shape *shape)
{
    struct eie_layer_spec spec = {
        .seed = SEED,
        .inputs = shape->inputs,
        .outputs = shape->outputs,
        .activation = EIE_ACTIVATION_RELU,
        .active_inputs = (uint32_t)llround(shape->activations * shape->inputs),
        .nonzeros_active = (uint64_t)llround(shape->weights * (double)places_of(shape)),
        .sample_count = 1,
    };
    eie_shape_name(shape, spec.name);
    return spec;
}
