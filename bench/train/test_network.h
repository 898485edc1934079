/* `eie train --test`: the error of a stored network on the test images, from the file on disk: in
 * float32, and, where the file states how to compute in 16 bits (recipe `eie`), on every exact
 * kernel of the processor. A convolution is one product for each output position, with as many
 * inputs in a batch. What a recipe without shared weights has left (dsd) is tested in float32. */
#ifndef EIE_BENCH_TRAIN_TEST_NETWORK_H
#define EIE_BENCH_TRAIN_TEST_NETWORK_H

#include "host/base/error.h"

#include <jansson.h>
#include <stdint.h>

struct eie_test_options {
    const char *file;
    const char *network; /* name or path of its topology; NULL: the name that the file has, which
                            one of floats has not */
    const char *data;    /* the folder; NULL: that of EIE_MNIST */
    const char *kernels; /* names and globs, comma-separated; NULL: all */
    /* NULL, or told after every group of images how many of `all` are done, the last time `all` */
    void (*progress)(void *its, uint32_t done, uint32_t all);
    void *progress_its;
};

/* Opens the test images, and only these. *result, to be released:
 *
 * eie_format "eie-network-test-1"; file, network, data ("MNIST" or "unknown data"), images;
 * float_errors, float_error_pct;
 * int16_reason: why there is no int16, else, summed in 64 bits beside all kernels:
 *   int16_errors, int16_error_pct, other_class_than_float (images), saturated (outputs);
 *   kernels: name, status "ok", "mismatch", "unsupported" or "missing", reason (of the last two),
 *     other_outputs, other_classes (outputs and images that differ from those sums; 0 if ok)
 *
 * EIE_INPUT: a file that is none, another network than its topology, images of another size, sums
 * that leave 32 bits. EIE_MISMATCH: a kernel differs; *result is there. EIE_USAGE: no such network,
 * floats and no network's name;
 * EIE_MISSING: none of the kernels that are named runs here; EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_test_network(const struct eie_test_options *options,
                                              json_t **result, struct eie_error *error);

/* The result as text. */
void eie_test_network_print(const json_t *result);

#endif
