/* A map as its file has it, for who asks it: from this machine or another. */
#ifndef EIE_BENCH_MAP_MAP_FILE_H
#define EIE_BENCH_MAP_MAP_FILE_H

#include "bench/map/verdict.h"

struct eie_map_file {
    json_t *root;
    const json_t *context;        /* borrowed from root */
    struct eie_verdicts verdicts; /* whose rows are borrowed from root */
    uint32_t threads;
    const char *cache; /* borrowed */
};

/* EIE_INPUT, with `path` in the message: no file, no results file of eie bench, none of this
 * version, no map, a row that contradicts itself, no point with a number; EIE_SYSTEM, EIE_MEMORY.
 */
EIE_MUST_USE enum eie_status eie_map_file_read(const char *path, struct eie_map_file *file,
                                               struct eie_error *error);
void eie_map_file_free(struct eie_map_file *file);

/* Is the map of another machine than `here` (eie_context_make)? Then says in `text` (one line) what
 * differs first: processor, its features, cores, caches. */
bool eie_map_file_is_foreign(const struct eie_map_file *file, const json_t *here, char *text,
                             size_t size);

#endif
