#include "bench/check/references.h"
#include "bench/check/audit.h"
#include "host/base/sealed.h"
#include "host/devices/design.h"

#include <stdlib.h>
#include <string.h>

#define HALVINGS_MAX 16 /* of 16-bit inputs */

struct pair {
    uint32_t pe_count, code_bits; /* of an EIE design; the layer's own elsewhere */
    struct eie_reference of[2];
    int16_t *turned; /* [batch][inputs], or NULL: not asked for */
    struct eie_reference of_turned;
};

struct eie_references {
    const struct eie_layer *layer;
    const int16_t *inputs;
    int16_t *zeros; /* [batch][inputs] */
    uint32_t batch, count;
    int32_t divisor;     /* 0: not known yet */
    struct pair **pairs; /* each in its own allocation: what was handed out stays where it is */
};

enum eie_status eie_references_begin(const struct eie_layer *layer, const int16_t *inputs,
                                     uint32_t batch, struct eie_references **references,
                                     struct eie_error *error)
{
    const size_t zeros = (size_t)batch * layer->inputs * sizeof(int16_t);
    struct eie_references *made = calloc(1, sizeof *made);
    if (made) made->zeros = eie_sealed_new(zeros);
    enum eie_status status =
        made && made->zeros
            ? eie_seal(memset(made->zeros, 0, zeros), error)
            : eie_fail(error, EIE_MEMORY, "layer %s: out of memory for references", layer->name);
    if (status) {
        eie_references_free(made);
        return status;
    }
    made->layer = layer;
    made->inputs = inputs;
    made->batch = batch;
    *references = made;
    return EIE_OK;
}

static void pair_free(struct pair *pair)
{
    if (!pair) return;
    eie_reference_free(&pair->of[0]);
    eie_reference_free(&pair->of[1]);
    eie_reference_free(&pair->of_turned);
    eie_sealed_free(pair->turned);
    free(pair);
}

void eie_references_free(struct eie_references *references)
{
    if (!references) return;
    for (uint32_t i = 0; i < references->count; i++) pair_free(references->pairs[i]);
    free(references->pairs);
    eie_sealed_free(references->zeros);
    free(references);
}

static uint32_t pes_on(const struct eie_device *device, const struct eie_layer *layer)
{
    return device->kind == EIE_DEVICE_EIE ? device->design->pe_count : layer->pe_count;
}

/* Codes of 4 bits and more hold every layer. */
static uint32_t code_bits_on(const struct eie_device *device)
{
    return device->kind == EIE_DEVICE_EIE && device->design->code_bits < 4
               ? device->design->code_bits
               : 4;
}

static enum eie_status add_pair(struct eie_references *all, const struct eie_device *device,
                                struct eie_error *error)
{
    const struct eie_layer *layer = all->layer;
    struct pair **grown = realloc(all->pairs, ((size_t)all->count + 1) * sizeof(struct pair *));
    if (grown) all->pairs = grown;
    struct pair *pair = grown ? calloc(1, sizeof *pair) : NULL;
    if (!pair)
        return eie_fail(error, EIE_MEMORY, "layer %s: out of memory for references", layer->name);
    pair->pe_count = pes_on(device, layer);
    pair->code_bits = code_bits_on(device);
    enum eie_status status =
        eie_reference_make_on(device, layer, all->inputs, all->batch, &pair->of[0], error);
    if (!status)
        status = eie_reference_make_on(device, layer, all->zeros, all->batch, &pair->of[1], error);
    if (status)
        pair_free(pair);
    else
        all->pairs[all->count++] = pair;
    return status;
}

static enum eie_status find_pair(struct eie_references *references, const struct eie_device *device,
                                 struct pair **pair, struct eie_error *error)
{
    const uint32_t pes = pes_on(device, references->layer), bits = code_bits_on(device);
    uint32_t at = 0;
    while (at < references->count &&
           (references->pairs[at]->pe_count != pes || references->pairs[at]->code_bits != bits))
        at++;
    enum eie_status status = at < references->count ? EIE_OK : add_pair(references, device, error);
    if (!status) *pair = references->pairs[at];
    return status;
}

enum eie_status eie_references_get(struct eie_references *references,
                                   const struct eie_device *device,
                                   struct eie_check_vectors vectors[2], struct eie_error *error)
{
    struct pair *pair;
    enum eie_status status = find_pair(references, device, &pair, error);
    if (status) return status;
    vectors[0] = (struct eie_check_vectors){references->inputs, &pair->of[0]};
    vectors[1] = (struct eie_check_vectors){references->zeros, &pair->of[1]};
    return EIE_OK;
}

/* They differ from the inputs also where these are all alike, but for an image's: those of an image
 * of one value are left. */
static enum eie_status turn(const struct eie_references *all, int16_t *turned,
                            struct eie_error *error)
{
    const struct eie_layer *layer = all->layer;
    const size_t bytes = (size_t)all->batch * layer->inputs * sizeof *turned;
    const enum eie_status status =
        eie_audit_turn_of(layer, all->inputs, all->batch, layer->inputs / 2, turned, error);
    if (!status && !eie_window_is(&layer->window) && !memcmp(turned, all->inputs, bytes))
        *turned = *turned ? 0 : 1;
    return status;
}

static enum eie_status add_turned(const struct eie_references *all, const struct eie_device *device,
                                  struct pair *pair, struct eie_error *error)
{
    const size_t count = (size_t)all->batch * all->layer->inputs;
    int16_t *turned = eie_sealed_new(count * sizeof *turned);
    if (!turned)
        return eie_fail(error, EIE_MEMORY, "layer %s: out of memory for references",
                        all->layer->name);
    enum eie_status status = turn(all, turned, error);
    if (status) {
        eie_sealed_free(turned);
        return status;
    }
    status = eie_reference_make_on(device, all->layer, turned, all->batch, &pair->of_turned, error);
    for (int i = 0; i < HALVINGS_MAX && (status == EIE_INPUT || status == EIE_UNSUPPORTED); i++) {
        for (size_t k = 0; k < count; k++) turned[k] /= 2;
        status =
            eie_reference_make_on(device, all->layer, turned, all->batch, &pair->of_turned, error);
    }
    if (!status) status = eie_seal(turned, error);
    if (!status) {
        pair->turned = turned;
        return EIE_OK;
    }
    eie_sealed_free(turned);
    eie_reference_free(&pair->of_turned);
    return status;
}

enum eie_status eie_references_divisor(struct eie_references *references, int32_t *divisor,
                                       struct eie_error *error)
{
    const struct eie_layer *layer = references->layer;
    uint64_t bound; /* of the largest inputs, 2^15 */
    int largest = 0;
    *divisor = references->divisor;
    if (*divisor) return EIE_OK;
    enum eie_status status = eie_layer_sum_bound(layer, &bound, error);
    if (status) return status;
    for (size_t k = 0; k < (size_t)references->batch * layer->inputs; k++)
        if (abs(references->inputs[k]) > largest) largest = abs(references->inputs[k]);
    /* half the range is left to the bias */
    const double times = (double)bound / 32768 * largest / (INT32_MAX / 2);
    *divisor = references->divisor = times < INT16_MAX ? (int32_t)times + 1 : INT16_MAX;
    return EIE_OK;
}

enum eie_status eie_references_fresh(struct eie_references *references,
                                     const struct eie_device *device,
                                     struct eie_check_vectors *fresh, struct eie_error *error)
{
    struct pair *pair;
    enum eie_status status = find_pair(references, device, &pair, error);
    if (!status && !pair->turned) status = add_turned(references, device, pair, error);
    if (!status) *fresh = (struct eie_check_vectors){pair->turned, &pair->of_turned};
    return status;
}
