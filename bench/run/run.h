/* Images through a network, from pixels to classes, by the kernels that `eie bench` measures, which
 * are checked on the first image (bench/run/verify.h), or in float32. */
#ifndef EIE_BENCH_RUN_RUN_H
#define EIE_BENCH_RUN_RUN_H

#include "host/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define EIE_RUN_BOUND 0.06 /* set on drawn images (results/NOTES.md) */

struct eie_run_options {
    const char *network;       /* a file of weights or layers (bench/run/parts.h) */
    const char *const *images; /* [image_count] (host/graph/image.h) */
    uint32_t image_count;      /* may be 0 with `save` */
    const char *graph;         /* name or path */
    const char *classes;       /* a file with a name a line, or NULL */
    const char *kernel;        /* NULL: the first of a list that this processor can run */
    const char *save;          /* where the layers go, or NULL */
    bool columns; /* their sample inputs are those of all positions of the (only) image */
    bool in_float;
    bool requantize;  /* cluster and scale again, even where the file has layers */
    double bound;     /* bench/run/share.h */
    uint32_t draws;   /* images for scales and choices */
    uint32_t threads; /* 0: the cores that there are */
    uint32_t block;   /* positions at a time; 0: as suits the arithmetic */
    uint32_t repeats; /* of each image, at least 1; the least time counts */
    uint32_t top;     /* classes that are printed */
};

/* *result: what was done, a new object also where there is a failure behind the first image; NULL
 * before. EIE_USAGE, EIE_INPUT, EIE_MISMATCH, EIE_UNSUPPORTED, EIE_MISSING, EIE_SYSTEM,
 * EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_run(const struct eie_run_options *options, json_t **result,
                                     struct eie_error *error);

/* The classes of each image and the time of each step. */
void eie_run_print(const json_t *result);

#endif
