/* Files that are none of ours, but known by their first bytes. */
#ifndef EIE_HOST_BASE_FOREIGN_H
#define EIE_HOST_BASE_FOREIGN_H

#include <stddef.h>
#include <stdint.h>

/* What the bytes are and what to do about it, as the end of a message ("is a Git LFS pointer, not
 * the file: run 'git lfs pull'"); NULL where they tell nothing. To be asked only once a reader has
 * refused them: some of the marks are short. `path`: its ending may tell more; the bytes need no 0
 * behind them. */
const char *eie_foreign_file(const char *path, const uint8_t *bytes, size_t size);

#endif
