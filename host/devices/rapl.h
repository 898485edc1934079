/* RAPL, the energy counters of a processor, as Linux shows them: by powercap (files that have
 * microjoules, root's alone on most systems) and by perf_event (the events `energy-*` of the unit
 * `power`). What the files rapl*.c share, and for tests a way to put other calls in the place of
 * perf_event's.
 *
 * A zone is one counter of one package; zones of one name are a domain, whose energy is their sum.
 * Domains are never added up: core and uncore lie in the package, psys is the whole machine with
 * it, dram is apart from it. Which there are, and their names, the system says; no table of
 * processors is kept here. */
#ifndef EIE_HOST_DEVICES_RAPL_H
#define EIE_HOST_DEVICES_RAPL_H

#include "host/devices/meter.h"

#define EIE_RAPL_ZONES_MAX 128

struct eie_rapl_zone {
    char name[32];   /* as the system has it, "package-0" */
    char where[320]; /* the file of its counter, or its event and CPU: for messages, and to read */
    uint32_t domain;
    int counter; /* perf_event's, or -1, with its event and CPU */
    uint64_t config;
    int cpu;
    double unit_j;
    uint64_t range; /* the counter wraps there; 0: never, or nobody knows where */
    /* MEASURED where the zone can be read; else the reason stands in `why` */
    enum eie_energy_state state;
    char why[256];
    /* as it was read last */
    bool looked;
    uint64_t raw;
    double at_s, joules; /* CLOCK_MONOTONIC; all steps so far */
    uint32_t wraps;
};

struct eie_rapl {
    char root[224]; /* "/sys" */
    const char *way;
    enum eie_energy_state (*read)(const struct eie_rapl_zone *zone, uint64_t *raw,
                                  struct eie_error *why);
    struct eie_rapl_zone zones[EIE_RAPL_ZONES_MAX];
    uint32_t zone_count, domain_count;
    char domains[EIE_METER_PARTS_MAX][24]; /* the first is the package */
};

/* Finds the zones. EIE_ENERGY_MEASURED; else why there are none, and whether the system shows any
 * trace of them. */
enum eie_energy_state eie_rapl_find_powercap(struct eie_rapl *rapl, bool *there,
                                             struct eie_error *why);
enum eie_energy_state eie_rapl_find_perf(struct eie_rapl *rapl, bool *there, struct eie_error *why);
void eie_rapl_close_perf(struct eie_rapl *rapl);

/* A further zone of this name, with the domain that the name says, or NULL where there is no more
 * room: of zones then `why` says so, a domain too much is passed over. */
struct eie_rapl_zone *eie_rapl_add(struct eie_rapl *rapl, const char *domain, const char *name,
                                   bool *full, struct eie_error *why);

/* A small file as text, without the newline at its end. 0, or the error's number: EFBIG where it
 * has `size` bytes or more, EILSEQ where it is no text. */
int eie_rapl_text(const char *path, char *text, size_t size);

/* A whole number, decimal digits alone; false for anything else. */
bool eie_rapl_number(const char *text, uint64_t *number);

/* perf_event, as it is used here. Each returns a negative number with errno on failure. */
struct eie_rapl_perf {
    int (*open)(uint32_t type, uint64_t config, int cpu);
    int (*read)(int counter, uint64_t *value);
    void (*close)(int counter);
};

/* For tests: from the next `open` of the meter on, these calls instead of the system's; NULL: the
 * system's. Without them a tree that EIE_RAPL names is read by powercap alone. */
void eie_rapl_use(const struct eie_rapl_perf *perf);

#endif
