/* Weight sharing: k-means in one dimension (Deep Compression, section 3), Lloyd's iteration on
 * every weight, no sample and no histogram in their place. A weight belongs to the nearest
 * centroid, the lower one of two equally near; a centroid is the mean of its weights, one without
 * weights stays until no weight changes its cluster, and is then moved beside the mean of the
 * cluster with the most weights times extent, at most 16 times in all. It ends when no weight
 * changes its cluster, or after the stated number of rounds.
 *
 * The weights are dealt into narrow intervals first, whose counts and sums are kept: a round looks
 * at single weights only where a boundary runs through an interval. Sums have a fixed order, so
 * that the result is the same bit for bit for any number of threads. */
#ifndef EIE_HOST_WEIGHTS_KMEANS_H
#define EIE_HOST_WEIGHTS_KMEANS_H

#include "host/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EIE_CLUSTERS_MAX 256

/* Where the centroids begin (Deep Compression, section 3.2). */
enum eie_centroids {
    EIE_CENTROIDS_LINEAR,  /* evenly from the least to the greatest weight */
    EIE_CENTROIDS_DENSITY, /* at evenly spaced places of the sorted weights */
    EIE_CENTROIDS_RANDOM,  /* weights at random places (Forgy), drawn from the seed */
};

struct eie_kmeans {
    uint32_t clusters;                 /* that have weights; at most those asked for */
    double centroid[EIE_CLUSTERS_MAX]; /* [clusters], ascending */
    float boundary[EIE_CLUSTERS_MAX];  /* [clusters - 1]: the greatest float of each cluster but the
                                          last */
    uint64_t members[EIE_CLUSTERS_MAX]; /* [clusters] */
    uint32_t rounds;
    bool converged;
};

/* `values`: finite; with `skip_zeros` those that are 0 take no part. `threads` workers. Needs
 * memory for a copy of the weights that take part. No weights: no clusters. EIE_USAGE, EIE_MEMORY.
 */
EIE_MUST_USE enum eie_status eie_kmeans(const float *values, size_t count, bool skip_zeros,
                                        uint32_t clusters, enum eie_centroids start, uint64_t seed,
                                        uint32_t rounds_max, uint32_t threads,
                                        struct eie_kmeans *result, struct eie_error *error);

/* code[i] = the number of the cluster of values[i], from `first_code` on; with `skip_zeros` 0 for a
 * weight of 0. `codebook`: [first_code + clusters] floats, filled from first_code on. Returns the
 * sum of squared differences between values and codebook in *error_squares. */
EIE_MUST_USE enum eie_status eie_kmeans_assign(const struct eie_kmeans *kmeans, const float *values,
                                               size_t count, bool skip_zeros, uint32_t first_code,
                                               uint32_t threads, uint8_t *code, float *codebook,
                                               double *error_squares, struct eie_error *error);
/* The same for a matrix of which only some places are given, zeros skipped and codes from 1 on. */
struct eie_values;
EIE_MUST_USE enum eie_status eie_kmeans_assign_places(const struct eie_kmeans *kmeans,
                                                      const struct eie_values *values,
                                                      uint32_t threads, uint8_t *code,
                                                      float *codebook, double *error_squares,
                                                      struct eie_error *error);

/* The paper's compression rate of sharing alone (section 3): n connections of b bits, k clusters:
 * n b / (n log2 k + k b). */
double eie_sharing_rate(double connections, double bits, double clusters);

#endif
