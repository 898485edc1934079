#include "bench/rows/row.h"

#include <stdio.h>
#include <string.h>

void eie_row_free(struct eie_row *row)
{
    eie_samples_free(&row->samples);
    json_decref(row->columns);
    row->columns = NULL;
}

enum eie_status eie_row_take(struct eie_row *row, const json_t *earlier, struct eie_error *error)
{
    char name[512];
    enum eie_status status = eie_samples_take(&row->samples, earlier, error);
    if (status) {
        eie_row_name(row, name, sizeof name);
        return eie_error_prefix(error, status, "%s", name);
    }
    row->chosen = json_string_value(json_object_get(earlier, "eie_chosen_kernel"));
    row->cpu_ns = json_number_value(json_object_get(earlier, "cpu_time"));
    row->assumed_power_w = json_number_value(json_object_get(earlier, "eie_assumed_power_w"));
    return status;
}

static const char *const clocks[EIE_CLOCKS] = {"wall", "device", "chain"};

const char *eie_clock_name(enum eie_clock clock)
{
    return clocks[clock];
}

enum eie_clock eie_row_clock(const struct eie_row *row)
{
    for (int i = EIE_CLOCK_WALL + 1; i < EIE_CLOCKS; i++)
        if (!strcmp(row->time_source, clocks[i])) return (enum eie_clock)i;
    return EIE_CLOCK_WALL;
}

const char *eie_row_status_name(enum eie_row_status status)
{
    static const char *const names[] = {"ok",       "unsupported", "skipped",
                                        "mismatch", "suspect",     "error"};
    return names[status];
}

void eie_row_fail(struct eie_row *row, enum eie_status status, const struct eie_error *error)
{
    if (status == EIE_OK) return;
    row->error_status = status;
    row->status = status == EIE_UNSUPPORTED ? EIE_ROW_UNSUPPORTED
                  : status == EIE_MISSING   ? EIE_ROW_SKIPPED
                  : status == EIE_MISMATCH  ? EIE_ROW_MISMATCH
                                            : EIE_ROW_ERROR;
    snprintf(row->reason, sizeof row->reason, "%s", error->message);
}

void eie_row_name(const struct eie_row *row, char *name, unsigned size)
{
    snprintf(name, size, "%s/%s/%s/%s/batch:%u/threads:%u/cache:%s/time:%s", row->suite, row->layer,
             row->kernel->name, row->device->name, row->batch, row->threads, row->cache,
             row->time_source);
}
