/* One seed of a training: from the first weights to the file and its test. */
#ifndef EIE_BENCH_TRAIN_SEED_H
#define EIE_BENCH_TRAIN_SEED_H

#include "bench/train/blas.h"
#include "bench/train/options.h"
#include "host/train/idx.h"
#include "host/train/training.h"

#include <jansson.h>

/* What all seeds share; only read. */
struct eie_train_shared {
    const struct eie_train_options *options;
    const char *folder; /* of the data */
    const struct eie_network *network;
    const struct eie_recipe *recipe;
    const struct eie_images *images; /* of training */
    const struct eie_blas *blas;
};

#define EIE_TRAIN_PATH 4096

/* The file of this seed, and its checkpoint. EIE_USAGE: too long a name. */
EIE_MUST_USE enum eie_status eie_train_path(const struct eie_train_options *options, uint64_t seed,
                                            char path[EIE_TRAIN_PATH], struct eie_error *error);
EIE_MUST_USE enum eie_status eie_train_checkpoint_path(const struct eie_train_options *options,
                                                       uint64_t seed, char path[EIE_TRAIN_PATH],
                                                       struct eie_error *error);

/* Do the images go into the network? EIE_INPUT with `what` in front. */
EIE_MUST_USE enum eie_status eie_train_check_images(const struct eie_network *network,
                                                    const struct eie_images *images,
                                                    const char *what, struct eie_error *error);

/* *result: the seed's member of the ledger (bench/train/train.h). The checkpoint stays, with that
 * in it: resumed again, a seed that is done trains nothing and leaves the test set closed. */
EIE_MUST_USE enum eie_status eie_train_seed(const struct eie_train_shared *shared, uint64_t seed,
                                            json_t **result, struct eie_error *error);

#endif
