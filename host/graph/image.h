/* Images, and how one becomes the input of a graph. Read are PPM and PGM (P6 and P5, one byte a
 * value), and .npy of [height][width][3] or [height][width] with values from 0 to 255 in any type
 * that host/weights reads. "drawn:SEED" names no file: an image drawn from the seed, for scales and
 * bounds that are set before any photograph is looked at. */
#ifndef EIE_HOST_GRAPH_IMAGE_H
#define EIE_HOST_GRAPH_IMAGE_H

#include "host/base/file.h"
#include "host/graph/graph.h"

#define EIE_IMAGE_SIDE_MAX 16384u
#define EIE_IMAGE_DRAWN    "drawn:"

struct eie_image {
    uint32_t height, width;
    float *values; /* [height][width][3]: red, green, blue, 0 to 255; owned */
};

/* EIE_INPUT: no such file, another format, damaged, a value outside; EIE_USAGE: "drawn:" without a
 * number; EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_image_read(const char *path, struct eie_image *image,
                                            struct eie_error *error);
/* PPM or PGM from memory. */
EIE_MUST_USE enum eie_status eie_image_parse(const struct eie_bytes *bytes, const char *path,
                                             struct eie_image *image, struct eie_error *error);
/* 256 x 256: for each power of two from 2 to 128 a grid of random colours that wide apart, between
 * which colours run evenly; coarse ones weigh more, as in photographs. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_image_draw(uint64_t seed, struct eie_image *image,
                                            struct eie_error *error);
void eie_image_free(struct eie_image *image);

/* The graph's input, [height][width][3]: scaled with a triangle as wide as a pixel of the coarser
 * of both grids, so that none of the image is left out, the middle cut out, the mean taken away.
 * EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_image_prepare(const struct eie_image *image,
                                               const struct eie_graph *graph, float *input,
                                               struct eie_error *error);

#endif
