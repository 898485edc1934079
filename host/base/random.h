/* The random generator behind every generated layer, input and drawn weight: xoshiro256** 1.0
 * (Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 2021), seeded by
 * SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014)
 * from 64 bits. Integers only: a seed gives the same numbers on every machine, and layer hashes
 * depend on them, so none of this may change.
 *
 * Not for secrets. Nothing allocates, nothing fails, and there is no global state: one generator
 * belongs to one thread at a time. */
#ifndef EIE_HOST_BASE_RANDOM_H
#define EIE_HOST_BASE_RANDOM_H

#include <stdint.h>

/* A copy continues with the same numbers. */
struct eie_random {
    uint64_t state[4]; /* never all 0, which would stay so; seeding sees to that */
};

/* Any seed will do, 0 too. */
void eie_random_seed(struct eie_random *random, uint64_t seed);

/* A seed of its own for each purpose: FNV-1a (64 bits) of the name's bytes, exclusive-or the base
 * seed, mixed by SplitMix64. What is drawn for one name does not move when another one is added.
 * `name` ends with a zero byte and is not kept. */
uint64_t eie_random_seed_of(uint64_t base, const char *name);

/* The next 64 bits, all of them equally good. */
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

/* Uniform over 0 .. limit - 1 without bias, by the upper 32 bits (Lemire, "Fast random integer
 * generation in an interval", ACM TOMACS 2019). `limit` is at least 1. Takes one number of the
 * sequence, and rarely more: with a probability below limit / 2^32. */
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
