#include "bench/doctor/checkup.h"
#include "host/base/jsonset.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void clean(char *text)
{
    for (; *text; text++)
        if (iscntrl((unsigned char)*text)) *text = '?';
}

void eie_checkup_add(struct eie_checkup *checkup, const char *name, enum eie_health health,
                     const char *mend, const char *format, ...)
{
    if (checkup->count == EIE_CHECKS_MAX) return;
    struct eie_check *check = &checkup->all[checkup->count++];
    va_list arguments;
    *check = (struct eie_check){.health = health};
    snprintf(check->name, sizeof check->name, "%s", name);
    snprintf(check->mend, sizeof check->mend, "%s", health == EIE_HEALTH_GOOD ? "" : mend);
    va_start(arguments, format);
    vsnprintf(check->seen, sizeof check->seen, format, arguments);
    va_end(arguments);
    clean(check->name);
    clean(check->seen);
    clean(check->mend);
}

void eie_checkup_add_late(struct eie_checkup *checkup, const char *name)
{
    eie_checkup_add(checkup, name, EIE_HEALTH_WARNING,
                    "wait for a quieter hour, or give it more time: eie doctor --budget 1m",
                    "not measured: the machine is busy, and its share of the time was over");
}

const char *eie_health_word(enum eie_health health)
{
    static const char *const words[] = {"good", "warning", "bad"};
    return words[health];
}

enum eie_health eie_checkup_worst(const struct eie_checkup *checkup)
{
    enum eie_health worst = EIE_HEALTH_GOOD;
    for (uint32_t i = 0; i < checkup->count; i++)
        if (checkup->all[i].health > worst) worst = checkup->all[i].health;
    return worst;
}

uint32_t eie_checkup_count(const struct eie_checkup *checkup, enum eie_health health)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < checkup->count; i++) count += checkup->all[i].health == health;
    return count;
}

json_t *eie_checkup_json(const struct eie_checkup *checkup)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < checkup->count; i++) {
        const struct eie_check *check = &checkup->all[i];
        json_t *one = json_object();
        eie_set(one, "check", check->name);
        eie_set(one, "state", eie_health_word(check->health));
        eie_set(one, "seen", check->seen);
        if (*check->mend) eie_set(one, "mend", check->mend);
        json_array_append_new(list, one);
    }
    return list;
}
