/* What the system is set to, or shows, that changes how fast programs run and how well that can be
 * measured: by the files of Linux in /proc and /sys. Facts only; bench/doctor judges them.
 *
 * `root` stands before every path, so that a tree that was copied from another machine, or made by
 * hand, can be read; NULL or "" is this machine. Files are hostile: what is no value that such a
 * file can have is kept as what it is, printable and cut short, and nothing else is made of it. */
#ifndef EIE_HOST_MACHINE_SETTINGS_H
#define EIE_HOST_MACHINE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum eie_setting_state {
    EIE_SETTING_ABSENT,  /* no such file: `path` is the one that was looked for */
    EIE_SETTING_LOCKED,  /* it is there and cannot be read: `text` says why */
    EIE_SETTING_GARBAGE, /* it holds none of the values that it may have: `text` is what it holds */
    EIE_SETTING_KNOWN    /* `text` is the value */
};

struct eie_setting {
    enum eie_setting_state state;
    char text[160];
    char path[160]; /* without the root */
};

/* The whole file as one line: printable ASCII, at least one character. */
void eie_setting_read(const char *root, const char *path, struct eie_setting *setting);

/* The same where it must be a whole number within [low, high]. */
void eie_setting_number(const char *root, const char *path, long low, long high,
                        struct eie_setting *setting, long *value);

/* Of all CPUs, each governor once: "performance", "performance, schedutil". One of `powersave`
 * whose driver knows no other meaning keeps the lowest clock: "powersave (lowest clock)". */
void eie_setting_governor(const char *root, struct eie_setting *setting);

/* "on" or "off"; `off` is what must be written to the file to turn it off. */
void eie_setting_turbo(const char *root, struct eie_setting *setting, const char **off);

/* Threads that share a core: "on" or "off". */
void eie_setting_smt(const char *root, struct eie_setting *setting);

/* Is this a virtual machine? "yes" or "no", by the processor's own word. */
void eie_setting_virtual(const char *root, struct eie_setting *setting);

/* Transparent huge pages: "always", "madvise" or "never". */
void eie_setting_huge_pages(const char *root, struct eie_setting *setting);

/* ---- CPUs ----------------------------------------------------------------------------------- */

#define EIE_SETTING_CPUS 4096u

struct eie_cpu_list {
    uint32_t count;
    bool has[EIE_SETTING_CPUS];
};

/* "0-1,4"; false where it is anything else, or names a CPU beyond the limit. */
bool eie_cpu_list_parse(const char *text, struct eie_cpu_list *list);

/* Those that run at all. */
void eie_setting_online(const char *root, struct eie_setting *setting, struct eie_cpu_list *list);

/* Those that this process may use, by its own status. */
void eie_setting_allowed(const char *root, struct eie_setting *setting, struct eie_cpu_list *list);

/* ---- load ----------------------------------------------------------------------------------- */

/* Threads that wanted to run, mean of the last minute. NaN unless KNOWN. */
void eie_setting_load(const char *root, struct eie_setting *setting, double *mean);

/* Share of the last ten seconds in which some thread waited for a CPU, 0 to 1 (pressure stall
 * information). NaN unless KNOWN. */
void eie_setting_pressure(const char *root, struct eie_setting *setting, double *share);

/* Share of the CPUs' time since the system began that a hypervisor gave to others, 0 to 1. NaN
 * unless KNOWN. */
void eie_setting_stolen(const char *root, struct eie_setting *setting, double *share);

/* ---- the last cache ------------------------------------------------------------------------- */

struct eie_last_cache {
    uint32_t level;
    uint64_t bytes;
    struct eie_cpu_list shared; /* by whom */
};

/* Of the first CPU, by what the system is told: a hypervisor may tell what it likes. `text` is the
 * list of those who share it. All of *cache is 0 unless KNOWN. */
void eie_setting_last_cache(const char *root, struct eie_setting *setting,
                            struct eie_last_cache *cache);

/* Share of the L3 that this process's group of resctrl may fill, 0 to 1, the least of all L3s; NaN
 * unless KNOWN. ABSENT: nothing is divided. */
void eie_setting_cache_share(const char *root, struct eie_setting *setting, double *share);

#endif
