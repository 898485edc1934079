/* Dense weights from a user's file, or drawn. INPUT is a path, or "normal:OUTPUTSxINPUTS": a matrix
 * drawn from a stated seed. Each format has a reader (host/weights/reader.h); whoever adds one puts
 * read_FORMAT.c there and its name into the table of weight_file.c. */
#ifndef EIE_HOST_WEIGHTS_WEIGHT_FILE_H
#define EIE_HOST_WEIGHTS_WEIGHT_FILE_H

#include "host/weights/reader.h"

/* All readers in the order in which they are asked; NULL behind the last. */
extern const struct eie_weight_reader *const eie_weight_readers[];

/* Opens by content: the first bytes, or the name's end. EIE_INPUT says what is wrong and where;
 * EIE_SYSTEM, EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_weight_file_open(const char *path, struct eie_weight_file *file,
                                                  struct eie_error *error);
/* The same from memory; matrices of more than `limit` elements are refused. */
EIE_MUST_USE enum eie_status eie_weight_file_parse(struct eie_bytes *bytes, /* taken over */
                                                   const char *path, uint64_t limit,
                                                   struct eie_weight_file *file,
                                                   struct eie_error *error);
void eie_weight_file_close(struct eie_weight_file *file);

/* Whether it can be loaded and has elements. */
bool eie_weight_entry_usable(const struct eie_weight_entry *entry);

/* Loads one tensor as float32. With `last` the file's own memory may become the matrix, and no
 * other tensor can be loaded. Values of a pattern are drawn from `seed`. EIE_INPUT: a type that is
 * not read, a value that is not finite, or too large for float32 (with its place), damaged data. */
EIE_MUST_USE enum eie_status eie_weight_file_load(struct eie_weight_file *file, uint32_t index,
                                                  uint64_t seed, bool last,
                                                  struct eie_weights *weights,
                                                  struct eie_error *error);

#endif
