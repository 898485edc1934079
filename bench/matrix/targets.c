#include "bench/matrix/targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGETS_MAX     256u
#define BATCHES_MAX     16u
#define REFERENCE_BYTES 120u /* of an output of one input, in three sets of vectors */

struct kept {
    struct eie_target target;
    uint64_t asked; /* counts up */
    uint32_t count, batches[BATCHES_MAX];
    struct eie_references *references[BATCHES_MAX];
    int16_t *drawn[BATCHES_MAX]; /* inputs, where the layer's own are too few, else NULL */
};

struct eie_targets {
    uint64_t room_bytes, asked;
    struct kept *all[TARGETS_MAX];
    uint32_t count;
};

enum eie_status eie_targets_begin(uint64_t room_bytes, struct eie_targets **targets,
                                  struct eie_error *error)
{
    struct eie_targets *made = calloc(1, sizeof *made);
    if (!made) return eie_fail(error, EIE_MEMORY, "out of memory for layers");
    made->room_bytes = room_bytes;
    *targets = made;
    return EIE_OK;
}

/* The last one. */
static void drop_batch(struct kept *kept)
{
    eie_references_free(kept->references[--kept->count]);
    free(kept->drawn[kept->count]);
}

static void free_kept(struct kept *kept)
{
    while (kept->count) drop_batch(kept);
    eie_layer_free(kept->target.layer);
    free(kept);
}

void eie_targets_free(struct eie_targets *targets)
{
    for (uint32_t i = 0; targets && i < targets->count; i++) free_kept(targets->all[i]);
    free(targets);
}

static uint64_t bytes_of(const struct kept *kept)
{
    const struct eie_layer *layer = kept->target.layer;
    if (!layer) return sizeof *kept;
    uint64_t bytes = layer->entry_count + (uint64_t)layer->inputs * layer->pe_count * 4 +
                     (uint64_t)layer->sample_count * layer->inputs * 2;
    for (uint32_t i = 0; i < kept->count; i++)
        bytes += (uint64_t)kept->batches[i] * ((uint64_t)layer->outputs * REFERENCE_BYTES +
                                               (kept->drawn[i] ? (uint64_t)layer->inputs * 2 : 0));
    return bytes;
}

static void drop(struct eie_targets *targets, uint32_t index)
{
    free_kept(targets->all[index]);
    targets->all[index] = targets->all[--targets->count];
}

/* Makes room for one more. */
static void make_room(struct eie_targets *targets)
{
    for (;;) {
        uint64_t bytes = 0;
        uint32_t oldest = 0;
        for (uint32_t i = 0; i < targets->count; i++) {
            bytes += bytes_of(targets->all[i]);
            if (targets->all[i]->asked < targets->all[oldest]->asked) oldest = i;
        }
        if (!targets->count || (bytes <= targets->room_bytes && targets->count < TARGETS_MAX))
            return;
        drop(targets, oldest);
    }
}

static bool is_same(const struct eie_target *target, const struct eie_suite *suite, uint32_t index)
{
    return !strcmp(target->suite->layers[target->index].spec.name,
                   suite->layers[index].spec.name) &&
           !strcmp(target->suite->name, suite->name) &&
           !strcmp(target->suite->hash.hex, suite->hash.hex);
}

const struct eie_target *eie_targets_find(struct eie_targets *targets,
                                          const struct eie_suite *suite, uint32_t index)
{
    for (uint32_t i = 0; i < targets->count; i++) {
        if (!is_same(&targets->all[i]->target, suite, index)) continue;
        targets->all[i]->asked = ++targets->asked;
        return &targets->all[i]->target;
    }
    return NULL;
}

enum eie_status eie_targets_build(struct eie_targets *targets, const struct eie_suite *suite,
                                  uint32_t index, const char *broken,
                                  const struct eie_target **found, struct eie_error *error)
{
    make_room(targets);
    struct kept *kept = calloc(1, sizeof *kept);
    if (!kept) return eie_fail(error, EIE_MEMORY, "out of memory for layers");
    struct eie_target *target = &kept->target;
    target->suite = suite;
    target->index = index;
    snprintf(target->name, sizeof target->name, "%s/%s", suite->name,
             suite->layers[index].spec.name);
    target->status = broken ? eie_fail(&target->error, EIE_SYSTEM, "%s", broken)
                            : eie_suite_build(suite, index, 0, &target->layer, &target->error);
    if (!target->status)
        target->status = eie_layer_hash(target->layer, &target->hash, &target->error);
    if (!target->status) eie_layer_count(target->layer, NULL, &target->counts);
    kept->asked = ++targets->asked;
    targets->all[targets->count++] = kept;
    *found = target;
    return EIE_OK;
}

/* ---- references ----------------------------------------------------------------------------- */

static void count_facts(const struct eie_target *target, const int16_t *inputs, uint32_t batch,
                        struct eie_work_facts *facts)
{
    const struct eie_layer *layer = target->layer;
    const struct eie_window *window = &layer->window;
    *facts = (struct eie_work_facts){
        .inputs = layer->inputs,
        .outputs = layer->outputs,
        .positions = eie_window_is(window) ? (uint32_t)eie_window_positions(window) : 0,
        .nonzeros = target->counts.nonzeros,
        .entries = target->counts.nonzeros + target->counts.padding,
        .least_input = INT16_MAX,
        .largest_input = INT16_MIN};
    for (size_t i = 0; i < (size_t)batch * layer->inputs; i++) {
        const int16_t input = inputs[i];
        facts->active_inputs += input != 0;
        if (input < facts->least_input) facts->least_input = input;
        if (input > facts->largest_input) facts->largest_input = input;
    }
}

static struct kept *kept_of(struct eie_targets *targets, const struct eie_target *target)
{
    for (uint32_t i = 0; i < targets->count; i++)
        if (&targets->all[i]->target == target) return targets->all[i];
    return NULL;
}

/* At the place behind the last. */
static enum eie_status add_batch(struct kept *kept, uint32_t batch, struct eie_error *error)
{
    const struct eie_target *target = &kept->target;
    int16_t *drawn;
    if (kept->count == BATCHES_MAX) drop_batch(kept);
    enum eie_status status =
        eie_suite_inputs(target->suite, target->index, target->layer, batch, &drawn, error);
    if (status) return status;
    status = eie_references_begin(target->layer, drawn ? drawn : target->layer->sample_inputs,
                                  batch, &kept->references[kept->count], error);
    if (status) {
        free(drawn);
        return status;
    }
    kept->drawn[kept->count] = drawn;
    kept->batches[kept->count++] = batch;
    return EIE_OK;
}

enum eie_status eie_targets_references(struct eie_targets *targets, const struct eie_target *target,
                                       uint32_t batch, const int16_t **inputs,
                                       struct eie_references **references,
                                       struct eie_work_facts *facts, struct eie_error *error)
{
    struct kept *kept = kept_of(targets, target);
    uint32_t place = 0;
    *references = NULL;
    while (place < kept->count && kept->batches[place] != batch) place++;
    if (place == kept->count) {
        enum eie_status status = add_batch(kept, batch, error);
        if (status) return status;
        place = kept->count - 1;
    }
    *inputs = kept->drawn[place] ? kept->drawn[place] : target->layer->sample_inputs;
    *references = kept->references[place];
    count_facts(target, *inputs, batch, facts);
    return EIE_OK;
}
