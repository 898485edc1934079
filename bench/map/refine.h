/* Where the next points of a map belong: halfway between neighbours that have different winners, or
 * between which leaving weights out ceases to pay. */
#ifndef EIE_BENCH_MAP_REFINE_H
#define EIE_BENCH_MAP_REFINE_H

#include "bench/map/verdict.h"

/* Neighbours are two points that differ in one of the two densities and have none between them.
 * Where the winner differs, or whether EIE leads, or, along the weights, where sparse float32 or
 * the faster one of it and compressed is clearly faster than dense float32 on one side and clearly
 * slower on the other (eie_verdict_standing), and their densities differ by more than `closest`
 * times (above 1), the point at the geometric mean of the densities is named, unless it has a
 * winner already or is in `tried` ([tried_count]). Widest gaps first, of equal ones those between
 * winners, then small layers and batches. `points` ([*count]) is the caller's to free. EIE_MEMORY.
 */
EIE_MUST_USE enum eie_status eie_map_refine(const struct eie_verdicts *verdicts, double closest,
                                            const struct eie_point *tried, uint32_t tried_count,
                                            struct eie_point **points, uint32_t *count,
                                            struct eie_error *error);

#endif
