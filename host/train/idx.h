/* Images with labels as idx files, the format of MNIST (LeCun and Cortes): big-endian magic number
 * 0x803 (images) or 0x801 (labels), the sizes (count, rows, columns; or count), then a byte each.
 * gzip or plain, by content. In a folder the four files are NAME-images-idx3-ubyte and
 * NAME-labels-idx1-ubyte, NAME being train or t10k, or with '.' for the second '-', each with .gz
 * behind it or not.
 *
 * Training and test data have separate functions: the test data are to be opened once, after the
 * last choice is made. */
#ifndef EIE_HOST_TRAIN_IDX_H
#define EIE_HOST_TRAIN_IDX_H

#include "host/base/error.h"
#include "host/base/file.h"
#include "host/base/hash.h"

#include <stdint.h>

#define EIE_IDX_CLASSES 10u /* labels are below */

struct eie_images {
    uint32_t count, rows, columns;
    const uint8_t *pixels;                    /* [count][rows][columns], 0 is background */
    const uint8_t *labels;                    /* [count] */
    struct eie_hash pixels_hash, labels_hash; /* SHA-256 of the unpacked files */
    const char
        *data; /* "MNIST" where both hashes are those of MNIST's files, else "unknown data" */
    struct eie_bytes pixels_file, labels_file; /* what the pointers reach into */
};

/* The folder: `option` (of --data; NULL or "" is none), else that of the variable EIE_MNIST.
 * EIE_USAGE where there is neither. */
EIE_MUST_USE enum eie_status eie_idx_folder(const char *option, const char **folder,
                                            struct eie_error *error);

/* EIE_INPUT with the file and the byte, one line: a file that is not there, is cut, has bytes
 * behind its end, is of the other kind, counts that differ, no images, a label that is none of the
 * classes, MNIST's files of the other set under these names. EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_idx_read_training(const char *folder, struct eie_images *images,
                                                   struct eie_error *error);
EIE_MUST_USE enum eie_status eie_idx_read_test(const char *folder, struct eie_images *images,
                                               struct eie_error *error);

/* The two files as bytes, which are taken over. */
EIE_MUST_USE enum eie_status eie_idx_parse(struct eie_bytes *pixels, const char *pixels_path,
                                           struct eie_bytes *labels, const char *labels_path,
                                           struct eie_images *images, struct eie_error *error);

void eie_images_free(struct eie_images *images); /* all 0 is fine */

#endif
