/* Which kind of kernel wins at one point of a map, read from rows as they stand in a results file.
 */
#ifndef EIE_BENCH_MAP_VERDICT_H
#define EIE_BENCH_MAP_VERDICT_H

#include "host/base/error.h"
#include "host/layer/shape.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What competes. All but the last run here. */
enum eie_family {
    EIE_FAMILY_DENSE,      /* float32, every weight: libraries and our own */
    EIE_FAMILY_INT8,       /* every weight, rounded to 8 bits: libraries */
    EIE_FAMILY_SPARSE,     /* float32, weights that are not 0 (CSR): libraries and our own */
    EIE_FAMILY_COMPRESSED, /* our exact kernels on shared weights */
    EIE_FAMILY_EIE,        /* the accelerator as it is modelled */
    EIE_FAMILIES
};

#define EIE_FAMILIES_HERE EIE_FAMILY_EIE /* so many compete for winning */

/* "dense float32", "dense int8", "sparse float32", "compressed", "EIE (modelled)". */
const char *eie_family_name(enum eie_family family);

struct eie_point {
    struct eie_shape shape;
    uint32_t batch; /* inputs per call */
};

bool eie_point_equal(const struct eie_point *one, const struct eie_point *other);

/* The fastest of a family; nanoseconds a call of the whole batch, NaN where there is none. */
struct eie_best {
    double ns, low_ns, high_ns; /* median and its 95 % interval */
    const json_t *row;          /* borrowed */
};

struct eie_verdict {
    struct eie_point point;
    struct eie_best best[EIE_FAMILIES];
};

/* Of all points that rows tell of; in the order in which they came. */
struct eie_verdicts {
    struct eie_verdict *all; /* [count], owned */
    uint32_t count, room;
};

/* A verdict without any row. */
struct eie_verdict eie_verdict_none(const struct eie_point *point);

/* Adds the row to `verdict` where it has a number and belongs to a family, whatever layer it is of.
 */
void eie_verdict_take(struct eie_verdict *verdict, const json_t *row);

/* Adds the row to its point's verdict, where it is of a layer that is named by its shape and of
 * this thread count and cache mode (models have neither); all others are passed over. EIE_MEMORY;
 * EIE_INPUT: the row claims to be one and contradicts itself. */
EIE_MUST_USE enum eie_status eie_verdicts_take(struct eie_verdicts *verdicts, const json_t *row,
                                               uint32_t threads, const char *cache,
                                               struct eie_error *error);
void eie_verdicts_free(struct eie_verdicts *verdicts);

/* The point's verdict, or NULL. */
const struct eie_verdict *eie_verdicts_find(const struct eie_verdicts *verdicts,
                                            const struct eie_point *point);

/* The fastest family here; EIE_FAMILIES where none has a number. */
enum eie_family eie_verdict_winner(const struct eie_verdict *verdict);

/* The faster of the two that leave weights out: compressed, sparse float32. */
enum eie_family eie_verdict_leaver(const struct eie_verdict *verdict);

/* How many times faster leaving weights out is than the best dense float32; NaN where one of the
 * two is missing. */
double eie_verdict_gain(const struct eie_verdict *verdict);

/* The same of sparse float32 alone: what sharing weights and skipping inputs bring is not in it. */
double eie_verdict_sparse_gain(const struct eie_verdict *verdict);

/* How one side stands to dense float32. */
enum eie_standing {
    EIE_STANDING_UNKNOWN, /* one of the two is missing */
    EIE_STANDING_SLOWER,
    EIE_STANDING_TIE, /* less than EIE_TIE_TIMES apart, or their 95 % intervals meet */
    EIE_STANDING_FASTER,
};
#define EIE_TIE_TIMES 1.1 /* also for plots/map */

/* Of leaving weights out, as eie_verdict_gain; `sparse_alone`: as eie_verdict_sparse_gain. */
enum eie_standing eie_verdict_standing(const struct eie_verdict *verdict, bool sparse_alone);

/* Is EIE, as modelled, faster than all that runs here? */
bool eie_verdict_eie_leads(const struct eie_verdict *verdict);

/* "cpu_auto (avx512_word_lookup)": what a kernel chose stands behind it. */
void eie_best_kernel(const struct eie_best *best, char *text, size_t size);

#endif
