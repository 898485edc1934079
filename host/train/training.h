/* Training by a recipe, epoch by epoch, from the first weights to shared ones (Deep Compression,
 * sections 2 and 3): dense training, pruning with retraining, weight sharing with codes that stay
 * and centroids that learn.
 *
 * All random numbers of an epoch come from the seed, the phase and the epoch (host/base/random.h):
 * one seed gives one result with the same sgemm, and a training that was saved after any epoch goes
 * on as if it had not been interrupted. */
#ifndef EIE_HOST_TRAIN_TRAINING_H
#define EIE_HOST_TRAIN_TRAINING_H

#include "host/train/recipe.h"

#include <jansson.h>

/* Images with labels; pixels 0 to 255 stand for 0 to 1. */
struct eie_samples {
    const uint8_t *pixels; /* [count][channels x height x width] */
    const uint8_t *labels; /* [count], below the network's classes */
    uint32_t count;
};

struct eie_training {
    const struct eie_network *network; /* these three are the caller's */
    const struct eie_recipe *recipe;
    struct eie_samples samples;
    uint64_t seed;
    uint32_t phase, epoch; /* done: phases, and epochs of the one under way */
    uint64_t steps;        /* of Adam in this phase */
    struct eie_passes *passes;
    uint32_t *learning, *validation; /* images' numbers: [count - validation], [validation] */
    uint32_t learning_count;
    float *values, *velocity, *gradient; /* [parameters]; values: the network as it is now */
    float *mask;                         /* [parameters], 1 or 0: weights of 0 stay 0 */
    float *snapshots; /* [phases][parameters]: what every phase that is done has left */
    double from[EIE_NODES_MAX], target[EIE_NODES_MAX]; /* kept shares of this phase, by part */
    /* Shared: codes [parameters], 0 where there is no weight; what learns, its gradient and the
       optimizer's two moments: [part_count][256] centroids, then all biases */
    uint8_t *codes;
    float *shared, *shared_gradient, *moment1, *moment2;
    size_t shared_count;
    uint32_t *members; /* places of weights that are left, part by part */
    uint32_t member_start[EIE_NODES_MAX + 1];
};

/* One epoch's. */
struct eie_epoch {
    uint32_t phase, epoch; /* 0 and up; epoch 1 and up */
    double loss;           /* mean over the epoch's images while they were learnt */
    uint32_t validation_errors;
    bool shared;            /* the phase has just shared the weights: */
    uint32_t shared_errors; /* validation errors before the centroids learnt */
};

/* Draws the first weights and deals the images: recipe->validation of them, drawn from the seed,
 * are never learnt. EIE_USAGE: not more images than that; EIE_MEMORY. To be freed also when it
 * fails. */
EIE_MUST_USE enum eie_status eie_training_make(const struct eie_network *network,
                                               const struct eie_recipe *recipe,
                                               const struct eie_samples *samples, uint64_t seed,
                                               eie_sgemm sgemm, struct eie_training *training,
                                               struct eie_error *error);
void eie_training_free(struct eie_training *training); /* all 0 is fine */

static inline bool eie_training_done(const struct eie_training *training)
{
    return training->phase == training->recipe->phase_count;
}

/* One epoch more. EIE_MISMATCH: the loss or a weight is no number any more, with epoch and rate;
 * EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_training_epoch(struct eie_training *training,
                                                struct eie_epoch *epoch, struct eie_error *error);

/* Images of `which` [count] (NULL: the first `count`) of `samples` that `values` puts into another
 * class than their label. `wrong` (or NULL): [count], true for those. */
uint32_t eie_training_errors(struct eie_training *training, const float *values,
                             const struct eie_samples *samples, const uint32_t *which,
                             uint32_t count, bool *wrong);

/* What phase number `phase` has left, [parameters]. */
static inline const float *eie_training_snapshot(const struct eie_training *training,
                                                 uint32_t phase)
{
    return training->snapshots + (size_t)phase * training->network->parameters;
}

/* Kept weights of a part: in the mask. */
size_t eie_training_kept(const struct eie_training *training, uint32_t part);

/* The gradient of the shared values from that of all parameters: a centroid's is the sum of its
 * members' (section 3.3). For tests, too. */
void eie_training_share_gradient(struct eie_training *training);

/* Fills members and member_start from the codes. */
void eie_training_list_members(struct eie_training *training);

/* ---- checkpoints (host/train/checkpoint.c) -----------------------------------------------------
 */

/* A safetensors file with all that is needed to go on, and `more`, an object of strings.
 * EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_training_save(const struct eie_training *training,
                                               const char *path, json_t *more,
                                               struct eie_error *error);

/* Into a training of the same network, recipe and seed that was just made. *more: the object of
 * strings, to be released. EIE_INPUT: no checkpoint, or of another one; then the training is as it
 * was. */
EIE_MUST_USE enum eie_status eie_training_load(struct eie_training *training, const char *path,
                                               json_t **more, struct eie_error *error);

/* Into a training that was just made, from a checkpoint of another one of the same network, seed
 * and images: what the phases at the beginning have left that both recipes have in the same words
 * and that are done there; *phases of them. None of those that share weights is taken. The rest
 * comes out as if all had been trained here. *more as above. EIE_INPUT: no checkpoint, of another
 * network, seed or images, or nothing in common; then the training is as it was. */
EIE_MUST_USE enum eie_status eie_training_take_over(struct eie_training *training, const char *path,
                                                    uint32_t *phases, json_t **more,
                                                    struct eie_error *error);

#endif
