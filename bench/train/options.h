/* What `eie train` was asked for. */
#ifndef EIE_BENCH_TRAIN_OPTIONS_H
#define EIE_BENCH_TRAIN_OPTIONS_H

#include "host/train/recipe.h"

#include <stdbool.h>
#include <stdint.h>

struct eie_train_options {
    const char *network, *recipe; /* names or paths */
    struct eie_recipe_changes changes;
    const char *begin_with; /* NULL, or what was `out` of another training with these seeds, whose
                               checkpoints are there: what both begin with is not trained again */
    const char *data;       /* the folder; NULL: that of EIE_MNIST */
    const char *out;        /* the file; with several seeds "-SEED" stands before its ending */
    uint64_t first_seed, last_seed;
    uint32_t threads; /* of the library, for each seed */
    uint32_t jobs;    /* seeds at a time, a process each; 0: as many as there are cores for */
    bool resume;      /* go on with the checkpoints that are there */
    bool no_test;     /* leave the test set closed: for the choice of a recipe */
};

#endif
