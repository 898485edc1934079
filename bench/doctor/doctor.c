#include "bench/doctor/doctor.h"
#include "bench/doctor/libraries.h"
#include "bench/doctor/system.h"
#include "bench/doctor/trials.h"
#include "bench/measure/devices.h"
#include "generated/revision.h"
#include "host/base/clock.h"
#include "host/machine/cpu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Shares of the budget, in their order; devices and libraries have what is left. */
#define CACHES_SHARE 0.4
#define QUIET_SHARE  0.2

/* The command that the words name ("..., or sudo sysctl kernel.x=0, which ..."), or `other`. */
static void command_of(const char *words, const char *other, char *text, size_t size)
{
    const char *found = strstr(words, "sudo ");
    snprintf(text, size, "%.*s", (int)strcspn(found ? found : other, ","), found ? found : other);
}

void eie_check_energy(const char *words, struct eie_checkup *checkup)
{
    static const char name[] = "energy", good[] = "measured: ", locked[] = "no permission";
    static const char meter[] = "measure on the machine itself, or read a meter at its socket: eie "
                                "bench --power WATTS";
    static const char off[] = "unset EIE_RAPL";
    char command[sizeof checkup->all->mend];
    command_of(words, "run eie as root", command, sizeof command);
    if (!strncmp(words, good, sizeof good - 1))
        eie_checkup_add(checkup, name, EIE_HEALTH_GOOD, "", "%s", words);
    else
        eie_checkup_add(checkup, name, EIE_HEALTH_WARNING,
                        strstr(words, off)                          ? off
                        : strncmp(words, locked, sizeof locked - 1) ? meter
                                                                    : command,
                        "%s", words);
}

void eie_check_instructions(const char *mask, struct eie_checkup *checkup)
{
    char text[128];
    uint32_t features;
    struct eie_error error;
    if (eie_cpu_features(&features, &error)) {
        eie_checkup_add(checkup, "instructions", EIE_HEALTH_BAD, "unset EIE_ISA_MASK", "%s",
                        error.message);
        return;
    }
    eie_cpu_feature_names(features, text, sizeof text);
    if (mask && *mask)
        eie_checkup_add(checkup, "instructions", EIE_HEALTH_WARNING, "unset EIE_ISA_MASK",
                        "EIE_ISA_MASK=%.100s leaves %s", mask, text);
    else
        eie_checkup_add(checkup, "instructions", EIE_HEALTH_GOOD, "", "%s", text);
}

static void add_energy(struct eie_checkup *checkup)
{
    struct eie_device host;
    struct eie_error error;
    char words[640];
    if (eie_device_host(&host, &error))
        snprintf(words, sizeof words, "unavailable: %.600s", error.message);
    else
        eie_device_energy_words(&host, words, sizeof words);
    eie_check_energy(words, checkup);
}

void eie_doctor_quick(const char *root, struct eie_checkup *checkup)
{
    const bool here = !root || !*root;
    struct eie_timer timer = {.cost_ns = NAN, .step_ns = NAN};
    if (here) eie_try_timer(&timer);
    eie_check_virtual(root, checkup);
    eie_check_governor(root, checkup);
    eie_check_turbo(root, checkup);
    eie_check_smt(root, checkup);
    eie_check_load(root, checkup);
    eie_check_pinning(root, here ? eie_try_binding() : NULL, checkup);
    eie_check_huge_pages(root, here ? eie_try_huge_pages() : (double)NAN, checkup);
    eie_check_timer(root, &timer, checkup);
    eie_check_counters(root, here ? eie_try_counters() : -1, checkup);
    if (here) add_energy(checkup);
    if (here) eie_check_instructions(getenv("EIE_ISA_MASK"), checkup);
    eie_check_caches(root, NULL, checkup);
}

/* What the quick look said of the caches gives way to what was measured. */
static void measure_caches(double deadline_s, struct eie_checkup *checkup)
{
    struct eie_cache_reach reach;
    bool late;
    struct eie_checkup *one = calloc(1, sizeof *one);
    if (!one) return;
    eie_try_caches(deadline_s, &reach, &late);
    if (late)
        eie_checkup_add_late(one, "caches");
    else
        eie_check_caches(NULL, &reach, one);
    for (uint32_t i = 0; i < checkup->count && one->count; i++)
        if (!strcmp(checkup->all[i].name, one->all[0].name)) checkup->all[i] = one->all[0];
    free(one);
}

static void check_quietness(double deadline_s, struct eie_checkup *checkup)
{
    struct eie_quiet_totals *totals = calloc(1, sizeof *totals);
    if (!totals) return;
    eie_try_quiet(deadline_s, totals);
    eie_check_quiet(totals, checkup);
    free(totals);
}

static void check_build(struct eie_checkup *checkup)
{
    const bool slow = !strcmp(EIE_BUILD_TYPE, "Debug") || strstr(EIE_FLAGS, "-fsanitize=");
    eie_checkup_add(checkup, "build", slow ? EIE_HEALTH_BAD : EIE_HEALTH_GOOD,
                    "cmake --preset release && cmake --build --preset release, and take "
                    "build/release/eie",
                    "%s, %s, revision %s%s", EIE_BUILD_TYPE, EIE_COMPILER, EIE_REVISION,
                    slow ? ": its times are no kernel's" : "");
}

static enum eie_status check_devices(struct eie_checkup *checkup, struct eie_error *error)
{
    struct eie_found_devices found;
    enum eie_status status = eie_devices_find(EIE_RUNTIMES_ALL, NULL, &found, error);
    if (status) return status;
    for (uint32_t i = 0; i < found.count; i++) {
        const struct eie_found_device *one = &found.all[i];
        char name[96];
        snprintf(name, sizeof name, "device %.80s", one->device.name);
        if (one->device.found.absent)
            eie_checkup_add(checkup, name, EIE_HEALTH_WARNING,
                            "where there is such a device: ./run reproduce installs what it needs",
                            "%s", one->device.title);
        else
            eie_checkup_add(checkup, name, EIE_HEALTH_GOOD, "", "%s%s%s", one->device.title,
                            *one->ability ? ": " : "", one->ability);
    }
    eie_devices_free(&found);
    return EIE_OK;
}

enum eie_status eie_doctor_further(double budget_s, struct eie_checkup *checkup,
                                   struct eie_error *error)
{
    const double begin_s = eie_now_s(), end_s = begin_s + budget_s;
    enum eie_status status = EIE_OK;
    /* before anything of a library runs: its threads may stay */
    measure_caches(begin_s + CACHES_SHARE * budget_s, checkup);
    check_quietness(eie_now_s() + QUIET_SHARE * budget_s, checkup);
    check_build(checkup);
    if (eie_now_s() < end_s)
        status = check_devices(checkup, error);
    else
        eie_checkup_add_late(checkup, "devices");
    return status ? status : eie_check_libraries(end_s, checkup, error);
}
