/* The loops that find out what this machine can do at most: reading memory, multiplying, adding
 * where the data say. Those that the processor cannot run are not offered. */
#ifndef EIE_BENCH_MEASURE_LOOPS_H
#define EIE_BENCH_MEASURE_LOOPS_H

#include <stddef.h>
#include <stdint.h>

/* Reads every 64-byte line of `data` (64-byte aligned) once; `bytes` is a multiple of 1024. What
 * comes back depends on every byte, so that nothing is left out. */
struct eie_read_loop {
    const char *name; /* "avx512, 4 streams, prefetch": static */
    uint64_t (*run)(const uint8_t *data, size_t bytes);
};
/* `loops` receives up to EIE_READ_LOOPS_MAX, those with the widest loads last; returns how many. */
#define EIE_READ_LOOPS_MAX   12
#define EIE_READ_LOOPS_WIDTH 4 /* of each width */
uint32_t eie_read_loops(struct eie_read_loop *loops);

/* `rounds` rounds of multiply-accumulates in registers; returns what they add up to. */
struct eie_mac_loop {
    const char *name;      /* "vpdpwssd zmm" */
    const char *operation; /* "int16", "int8" (products of such integers, summed in 32 bits) or
                              "float32" */
    uint32_t macs;         /* of one round */
    uint64_t (*run)(uint64_t rounds);
};
#define EIE_MAC_LOOPS_MAX 12
uint32_t eie_mac_loops(struct eie_mac_loop *loops);

/* Adds to one of EIE_ADD_SUMS sums after the other (16 KiB) as the list of places says, `rounds`
 * times from its begin; returns what depends on the sums. This is what a kernel does that goes
 * through columns: one read, addition and write an entry, at a row that the entry chooses. */
#define EIE_ADD_SUMS   4096u
#define EIE_ADD_PLACES 4096u
struct eie_add_loop {
    const char *name; /* "4 places a word" */
    uint64_t (*run)(uint32_t *sums, const uint16_t *places, uint64_t rounds);
};
#define EIE_ADD_LOOPS_MAX 4
uint32_t eie_add_loops(struct eie_add_loop *loops);

/* A list for them, the same each time: random places, of each 16 in a row no two the same. */
void eie_add_places(uint16_t places[EIE_ADD_PLACES]);

#endif
