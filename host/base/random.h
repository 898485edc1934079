/* The documented random generator behind every generated layer and input: xoshiro256** 1.0
 * (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021), seeded by
 * SplitMix64 from a 64-bit seed. Integers only, so that every machine draws the same numbers. */
#ifndef EIE_HOST_BASE_RANDOM_H
#define EIE_HOST_BASE_RANDOM_H

#include <stdint.h>

struct eie_random {
    uint64_t state[4];
};

void eie_random_seed(struct eie_random *random, uint64_t seed);

/* A seed that depends on a base seed and a name: FNV-1a over the name's bytes, mixed by SplitMix64.
 */
uint64_t eie_random_seed_of(uint64_t base, const char *name);

static inline uint64_t eie_random_next(struct eie_random *random)
{
    uint64_t *s = random->state;
    const uint64_t x = s[1] * 5, result = ((x << 7) | (x >> 57)) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* Uniform over 0..limit-1 without bias (Lemire, "Fast random integer generation in an interval",
 * ACM TOMACS 2019, on the upper 32 bits); limit is at least 1. */
static inline uint32_t eie_random_below(struct eie_random *random, uint32_t limit)
{
    uint64_t product = (eie_random_next(random) >> 32) * limit;
    if ((uint32_t)product < limit) {
        const uint32_t threshold = -limit % limit;
        while ((uint32_t)product < threshold) product = (eie_random_next(random) >> 32) * limit;
    }
    return (uint32_t)(product >> 32);
}

#endif
