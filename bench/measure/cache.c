#include "bench/measure/cache.h"
#include "host/machine/topology.h"

#include <string.h>

#define PRIVATE_TIMES 4u /* llc: so many times the private caches of the cores in use */
#define LAST_TIMES    2u /* dram: so many times the last-level cache */
#define COPIES_MAX    (UINT32_C(1) << 16)

static const char *const names[EIE_CACHES] = {"none", "hot", "llc", "dram"};

const char *eie_cache_name(enum eie_cache cache)
{
    return names[cache];
}

bool eie_cache_parse(const char *name, enum eie_cache *cache)
{
    for (int i = EIE_CACHE_HOT; i < EIE_CACHES; i++) {
        if (strcmp(names[i], name)) continue;
        *cache = (enum eie_cache)i;
        return true;
    }
    return false;
}

static enum eie_status llc_bytes(uint32_t threads, uint64_t *bytes, struct eie_error *error)
{
    const uint64_t last = eie_cache_bytes(3, threads);
    *bytes = PRIVATE_TIMES * eie_private_bytes(threads);
    if (last == 0)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "cache mode llc: this machine shows no last-level cache behind the private "
                        "ones");
    if (*bytes > last / 4 * 3)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "cache mode llc: %u times the private caches of %u cores (%.1f MiB) are "
                        "not well inside the last-level cache (%.1f MiB)",
                        PRIVATE_TIMES, threads, (double)*bytes / 0x1p20, (double)last / 0x1p20);
    return EIE_OK;
}

/* So many copies that together they have `wanted` bytes. */
static enum eie_status rotate(enum eie_cache cache, uint64_t wanted, uint32_t most,
                              uint64_t copy_bytes, uint32_t *copies, struct eie_error *error)
{
    *copies = 1;
    if (wanted <= copy_bytes) return EIE_OK;
    if (copy_bytes == 0)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "cache mode %s: the kernel states no bytes of its prepared form",
                        names[cache]);
    const uint64_t needed = (wanted + copy_bytes - 1) / copy_bytes;
    if (needed > most)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "cache mode %s: %llu copies of %llu bytes are too many to rotate",
                        names[cache], (unsigned long long)needed, (unsigned long long)copy_bytes);
    *copies = (uint32_t)needed;
    return EIE_OK;
}

enum eie_status eie_cache_rotate(enum eie_cache cache, uint64_t last_bytes, uint32_t most,
                                 uint64_t copy_bytes, uint32_t *copies, struct eie_error *error)
{
    return rotate(cache, LAST_TIMES * last_bytes, most, copy_bytes, copies, error);
}

enum eie_status eie_cache_copies(enum eie_cache cache, uint32_t threads, uint64_t copy_bytes,
                                 uint32_t *copies, struct eie_error *error)
{
    uint64_t wanted = 0;
    *copies = 1;
    if (cache == EIE_CACHE_LLC) {
        enum eie_status status = llc_bytes(threads, &wanted, error);
        if (status) return status;
    }
    if (cache == EIE_CACHE_DRAM) {
        const uint64_t last = eie_cache_bytes(3, threads);
        wanted = LAST_TIMES * (last ? last : eie_private_bytes(threads));
    }
    return rotate(cache, wanted, COPIES_MAX, copy_bytes, copies, error);
}
