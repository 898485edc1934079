#include "host/base/random.h"

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

void eie_random_seed(struct eie_random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++) random->state[i] = splitmix64(&seed);
}

uint64_t eie_random_seed_of(uint64_t base, const char *name)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        hash = (hash ^ *c) * UINT64_C(0x100000001B3);
    hash ^= base;
    return splitmix64(&hash);
}
