/* Rows as groups of four weights that share a code. Since the weights of a row take 15 values, the
 * inputs of each code can be added first and multiplied once (the paper's shared weights turned
 * round): a group costs one look-up and one multiplication.
 *
 * A group is 8 bytes, four 16-bit words. The upper 15 bits of each are a column, one of the zeros
 * behind the inputs where the code's columns are no multiple of four; the lowest bits of words 0,
 * 2, 1 and 3 are bits 0 to 3 of the code (of .x & 0x10001 | (.y & 0x10001) << 1, folded by 14).
 *
 * Rows, sorted by their number of groups, make tasks of `rows` rows; a row is shared by `lanes`
 * lanes. In step s the lane l of row r reads group [task's first + s][r][l]. Tasks with equal
 * numbers of steps are a class, so that a warp finds its work without reading anything.
 *
 * Codes apart (`apart`, for tasks of 32 lanes) is the same in chunks of four steps, whose 1088
 * bytes take less to decode: uint4 [2][32], the columns of two steps each, shifted left by one,
 * then uint16 [32], the four codes, that of the first step lowest. Steps that are left, up to
 * three, lie behind the chunks as groups.
 *
 * Lanes of one step look up shared memory together, and those that meet in one bank wait for each
 * other. Which column of a code stands where is free: each place takes a column whose bank is least
 * asked for so far, then columns are exchanged where that helps, and the zeros take what is left.
 * Look-ups of 8 bytes are made by one half of the warp after the other; only lanes of one half wait
 * for each other (`halves`).
 *
 * Who fills the shared memory eight inputs at a time meets itself in a bank, unless neighbouring
 * eights begin at different places: `turned` columns are those places, cuda_groups_turned(column).
 */
#ifndef EIE_KERNELS_CUDA_GROUPS_H
#define EIE_KERNELS_CUDA_GROUPS_H

#include "host/base/error.h"
#include "kernels/row_lists.h"

#include <stdbool.h>

#define CUDA_CLASSES       24u
#define CUDA_GROUP_COLUMNS 4u
#define CUDA_ZEROS         64u    /* behind the inputs: one in every bank */
#define CUDA_COLUMNS_MAX   32704u /* inputs, so that a column and the zeros fit in 15 bits */
#define CUDA_NO_ROW        0xffffffffu

#define CUDA_CHUNK_STEPS 4u
#define CUDA_CHUNK_UNITS 17u /* of 64 bytes: of a chunk, */
#define CUDA_STEP_UNITS  4u  /* and of a step behind the chunks */

struct cuda_class {
    uint32_t first_task, end_task; /* the next class begins at end_task */
    uint32_t steps;
    uint32_t first_step; /* of its first task: in units of rows x lanes groups; with codes apart
                            in units of 64 bytes */
};

/* The tasks of a layer, as kernels are given them. */
struct cuda_tasks {
    uint64_t row_at; /* bytes from the beginning of a copy: uint32 [tasks][rows], or CUDA_NO_ROW */
    uint32_t count, class_count;
    struct cuda_class classes[CUDA_CLASSES];
};

struct cuda_groups_form {
    uint32_t rows, lanes;       /* of a task; their product is at most 32 */
    uint32_t bank_shift, banks; /* a column lies in bank (column >> bank_shift) % banks */
    uint32_t halves;            /* 1 or 2; banks x halves is at most 32 */
    bool apart, turned;
};

/* Exact counts. */
struct cuda_groups_counts {
    uint64_t padding;    /* columns that are a zero */
    uint64_t look_ups;   /* of all lanes of a warp, of all tasks; */
    uint64_t wavefronts; /* and the passes that they take, by bank */
};

struct cuda_groups {
    struct cuda_groups_form form;
    struct cuda_groups_counts counts;
    struct cuda_tasks tasks;
    uint32_t steps;  /* of all tasks */
    uint64_t *group; /* [steps][rows][lanes] */
    uint32_t *row;   /* [tasks][rows] */
};

/* EIE_MEMORY; EIE_UNSUPPORTED for more columns than CUDA_COLUMNS_MAX. Free with cuda_groups_free.
 */
EIE_MUST_USE enum eie_status cuda_groups_make(const struct eie_layer *layer,
                                              const struct eie_row_lists *rows,
                                              const struct cuda_groups_form *form,
                                              struct cuda_groups *groups, struct eie_error *error);
void cuda_groups_free(struct cuda_groups *groups);

/* No form takes more bytes: before anything is packed. */
uint64_t cuda_groups_bound(const struct eie_layer *layer);

/* The bytes of a copy, the groups and then the rows, with malloc(); NULL when out of memory.
 * `tasks`: as they lie there, whose row_at and first_step differ from the groups' own with codes
 * apart. */
void *cuda_groups_copy(const struct cuda_groups *groups, struct cuda_tasks *tasks, uint64_t *bytes);

/* Where a column lies that is turned: among its eight; the same of that place is the column. */
static inline uint32_t cuda_groups_turned(uint32_t column)
{
    return column ^ (column >> 3 & 7u);
}

#endif
