/* What the kernels share that work straight on the EIE stream (ISCA 2016, section III.C): a copy is
 * the layer's own column_start and entries and nothing else. A worker thread plays a range of PEs,
 * one PE after the other, so that each PE's stream is read front to back and its accumulators stay
 * in the first-level cache. A kernel brings the function that plays one PE. */
#ifndef EIE_KERNELS_STREAM_PLAN_H
#define EIE_KERNELS_STREAM_PLAN_H

#include "kernels/cpu_plan.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EIE_STREAM_SPARE 64u /* bytes that may be read behind the last entry */

/* A non-zero input. */
struct eie_active {
    uint32_t column;
    int32_t value;
};

/* One PE's part of one product. */
struct eie_stream {
    const uint32_t *start;           /* [inputs + 1] of this PE: absolute indices into entries */
    const uint8_t *entries;          /* of all PEs, EIE_STREAM_SPARE readable bytes behind */
    const struct eie_active *active; /* [active_count], columns ascending */
    const int16_t *codebook;         /* [16] */
    const uint32_t *products; /* [active_count][16]: input times weight; NULL if not wanted */
    uint32_t active_count;
    uint32_t rows;   /* of this PE */
    bool all_active; /* active [k] is column k */
};

/* Adds all products of the PE's active columns to acc [rows], which is 0 before. */
typedef void (*eie_stream_play)(const struct eie_stream *stream, uint32_t *restrict acc);

/* For the kernel's table; prepare is the kernel's own and ends in eie_stream_prepare. Costs count
 * each entry of an active column once, padding entries too. */
enum eie_status eie_stream_supports(const struct eie_problem *problem, uint64_t *plan_bytes,
                                    struct eie_error *error);
enum eie_status eie_stream_prepare(const struct eie_setup *setup, eie_stream_play play,
                                   bool want_products, struct eie_plan **plan,
                                   struct eie_error *error);
enum eie_status eie_stream_run(struct eie_plan *plan, uint32_t copy, struct eie_error *error);
void eie_stream_cost(const struct eie_plan *plan, struct eie_cost *cost);
void eie_stream_destroy(struct eie_plan *plan);

/* Mean number of entries that a PE has in a column. */
static inline double eie_stream_mean_length(const struct eie_layer *layer)
{
    return layer->entry_count / ((double)layer->inputs * layer->pe_count);
}

/* Any number of rows and entries: one entry after the other. */
static inline void eie_stream_play_plain(const struct eie_stream *stream, uint32_t *restrict acc)
{
    for (uint32_t k = 0; k < stream->active_count; k++) {
        const uint32_t column = stream->active[k].column;
        const uint8_t *entry = stream->entries + stream->start[column];
        const uint8_t *end = stream->entries + stream->start[column + 1];
        for (uint32_t *row = acc; entry < end; entry++, row++) {
            row += *entry & 15;
            *row += (uint32_t)(stream->codebook[*entry >> 4] * stream->active[k].value);
        }
    }
}

#ifdef __cplusplus
}
#endif

#endif
