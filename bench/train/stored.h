/* A trained network as a file, and back: what is tested is what was written. */
#ifndef EIE_BENCH_TRAIN_STORED_H
#define EIE_BENCH_TRAIN_STORED_H

#include "host/layer/safetensors.h"
#include "host/train/training.h"

/* Writes what the recipe's last phase has left: codes in the form `network`, or floats where it
 * shares no weights. *layers and *parts: the members "layers" and "file_parts" of a seed's ledger;
 * *bytes: of the file. EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_trained_write(struct eie_training *training, const char *path,
                                               json_t **layers, json_t **parts, uint64_t *bytes,
                                               struct eie_error *error);

/* values: [parameters], from the file. EIE_INPUT: it holds another network. */
EIE_MUST_USE enum eie_status eie_trained_read(const struct eie_training *training, const char *path,
                                              float *values, struct eie_error *error);

/* The same of floats in an open file, for any who know the network. EIE_INPUT with `path`: other
 * tensors, or one with a value that is not finite. */
EIE_MUST_USE enum eie_status eie_trained_floats(const struct eie_safetensors *file,
                                                const char *path, const struct eie_network *network,
                                                float *values, struct eie_error *error);

#endif
