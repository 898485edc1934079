/* RAPL by powercap: class/powercap has a folder intel-rapl:N for each package (and for psys, the
 * whole machine), intel-rapl:N:M for what lies in it or apart from it, of AMD's processors too. In
 * each `name`, `energy_uj`, which counts microjoules, and `max_energy_range_uj`, at which it wraps.
 * Other folders (intel-rapl-mmio) show the same counters once more. From the kernel's
 * Documentation/power/powercap/powercap.rst. */
#include "host/devices/rapl.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "class/powercap"
#define PREFIX "intel-rapl:"

/* "intel-rapl:0", "intel-rapl:0:1" */
static bool is_zone(const char *name)
{
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0) return false;
    bool digit = false;
    for (name += strlen(PREFIX); *name; name++) {
        if (*name == ':' && !digit) return false;
        digit = *name != ':';
        if (digit && (*name < '0' || *name > '9')) return false;
    }
    return digit;
}

static int choose(const struct dirent *entry)
{
    return is_zone(entry->d_name);
}

static bool is_top(const char *folder)
{
    return !strchr(folder + strlen(PREFIX), ':');
}

static enum eie_energy_state judge(int code, const char *path, struct eie_error *why)
{
    if (code == EACCES || code == EPERM) {
        eie_fail(why, EIE_SYSTEM,
                 "%.120s: %s: most systems let root alone read it, since energy can tell secrets: "
                 "sudo chmod a+r /sys/" FOLDER "/" PREFIX "*/energy_uj, which lasts until the next "
                 "boot",
                 path, strerror(code));
        return EIE_ENERGY_NO_PERMISSION;
    }
    eie_fail(why, EIE_SYSTEM, "%.120s: %s: is its module still loaded (intel_rapl_msr)?", path,
             strerror(code));
    return EIE_ENERGY_UNAVAILABLE;
}

static enum eie_energy_state read_file(const struct eie_rapl_zone *zone, uint64_t *raw,
                                       struct eie_error *why)
{
    char text[32];
    const int code = eie_rapl_text(zone->where, text, sizeof text);
    if (code && code != EFBIG && code != EILSEQ) return judge(code, zone->where, why);
    if (!code && eie_rapl_number(text, raw)) return EIE_ENERGY_MEASURED;
    eie_fail(why, EIE_SYSTEM,
             "%s holds no number but '%.20s': see what dmesg says of rapl, or reload its module",
             zone->where, code ? "..." : text);
    return EIE_ENERGY_UNAVAILABLE;
}

/* Two folders of one package would count it twice. */
static bool is_known(const struct eie_rapl *rapl, const char *name)
{
    for (uint32_t i = 0; i < rapl->zone_count; i++)
        if (!strcmp(rapl->zones[i].name, name)) return true;
    return false;
}

/* A package without a name would be missing in the sum; any other zone without one is a domain of
 * its own that has no number. */
static enum eie_energy_state add_zone(struct eie_rapl *rapl, const char *folder,
                                      struct eie_error *why)
{
    char path[sizeof rapl->zones[0].where], text[32];
    struct eie_error reason = {""};
    enum eie_energy_state state = EIE_ENERGY_MEASURED;
    bool full;
    snprintf(path, sizeof path, "%s/" FOLDER "/%.30s/name", rapl->root, folder);
    const int code = eie_rapl_text(path, text, sizeof text);
    if (code || !*text) {
        state = judge(code ? code : ENODATA, path, &reason);
        snprintf(text, sizeof text, "%.31s", folder);
        if (is_top(folder)) {
            if (why) *why = reason;
            return state;
        }
    }
    if (is_top(folder) && is_known(rapl, text)) return EIE_ENERGY_MEASURED;
    const bool package = is_top(folder) && !strncmp(text, "package", strlen("package"));
    struct eie_rapl_zone *zone = eie_rapl_add(rapl, package ? "package" : text, text, &full, why);
    if (!zone) return full ? EIE_ENERGY_UNAVAILABLE : EIE_ENERGY_MEASURED;
    zone->unit_j = 1e-6;
    zone->state = state;
    snprintf(zone->why, sizeof zone->why, "%.255s", reason.message);
    snprintf(path, sizeof path, "%s/" FOLDER "/%.30s/max_energy_range_uj", rapl->root, folder);
    snprintf(zone->where, sizeof zone->where, "%s/" FOLDER "/%.30s/energy_uj", rapl->root, folder);
    if (eie_rapl_text(path, text, sizeof text) || !eie_rapl_number(text, &zone->range))
        zone->range = 0;
    return EIE_ENERGY_MEASURED;
}

enum eie_energy_state eie_rapl_find_powercap(struct eie_rapl *rapl, bool *there,
                                             struct eie_error *why)
{
    char path[sizeof rapl->root + sizeof FOLDER];
    struct dirent **list;
    enum eie_energy_state state = EIE_ENERGY_MEASURED;
    snprintf(path, sizeof path, "%s/" FOLDER, rapl->root);
    const int count = scandir(path, &list, choose, alphasort);
    *there = count > 0 || (count < 0 && (errno == EACCES || errno == EPERM));
    if (count < 0) return judge(errno, path, why);
    rapl->way = "powercap";
    rapl->read = read_file;
    for (int i = 0; i < count; i++) {
        if (state == EIE_ENERGY_MEASURED) state = add_zone(rapl, list[i]->d_name, why);
        free(list[i]);
    }
    free(list);
    if (count) return state;
    eie_fail(why, EIE_MISSING, "no zone of RAPL in %s", path);
    return EIE_ENERGY_UNAVAILABLE;
}
