/* Layers that nothing describes but their shape, for maps and advice: generated, and named by what
 * they are, so that equal names are equal layers on every machine. */
#ifndef EIE_HOST_LAYER_SHAPE_H
#define EIE_HOST_LAYER_SHAPE_H

#include "host/layer/generate.h"

#define EIE_SHAPE_SUITE  "shape" /* the suite that holds them */
#define EIE_SHAPE_PREFIX EIE_SHAPE_SUITE ":"

struct eie_shape {
    uint32_t inputs, outputs;
    double weights, activations; /* shares that are not 0, above 0 and at most 1 */
};

/* Densities as names have them, with four digits. */
double eie_shape_density(double density);

/* "4096x1000-w0.18-a0.35": inputs, outputs, densities of the weights and of the inputs. */
void eie_shape_name(const struct eie_shape *shape, char name[EIE_NAME_MAX]);

/* The shape that has exactly this name; false where there is none. */
bool eie_shape_parse(const char *name, struct eie_shape *shape);

/* EIE_USAGE: nothing to generate (0 inputs or outputs, 2^32 places and more, more outputs than
 * EIE_OUTPUTS_MAX, a density that is not above 0 and at most 1, or so low that no weight or no
 * input is left). */
EIE_MUST_USE enum eie_status eie_shape_check(const struct eie_shape *shape,
                                             struct eie_error *error);

/* What eie_generate makes of it: ReLU, non-negative 16-bit inputs, one sample (further ones are
 * drawn where a batch needs them). The shape has passed eie_shape_check. */
struct eie_layer_spec eie_shape_spec(const struct eie_shape *shape);

#endif
