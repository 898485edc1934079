/* Any bytes as the journal that `eie explore --resume` continues. A line that begins with '@' is
 * given what it must have for the rest of it to be looked at: the first one is the head, the others
 * get their hash. What is accepted leaves whole units, and the journal can be gone on with. */
#include "bench/explore/explore_write.h"
#include "host/base/sha256.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>

#define UNITS 4u /* one layer, two numbers of PEs, two index widths */

static struct eie_device device = {.name = "fuzz"};
static struct eie_sweep_layer layer = {.samples = 1};
static struct eie_sweep sweep = {
    .device = &device,
    .pes = {2, {1, 4}},
    .groups = {1, {1}},
    .depths = {2, {2, 8}},
    .lines = {2, {64, 128}},
    .index_bits = {2, {2, 4}},
    .code_bits = {1, {4}},
};

static void make_units(struct eie_unit units[UNITS])
{
    memset(units, 0, UNITS * sizeof *units);
    for (uint32_t u = 0; u < UNITS; u++) {
        units[u].pes = (uint32_t)sweep.pes.values[u / 2];
        units[u].groups = 1;
        units[u].index_bits = (uint32_t)sweep.index_bits.values[u % 2];
        eie_unit_lines(&sweep, &units[u]);
    }
}

static struct eie_sweep_run run_of(struct eie_unit *units)
{
    snprintf(device.hash.hex, sizeof device.hash.hex, "%064d", 1);
    snprintf(layer.hash.hex, sizeof layer.hash.hex, "%064d", 2);
    return (struct eie_sweep_run){.sweep = &sweep,
                                  .command = "fuzz",
                                  .layer_count = 1,
                                  .layers = &layer,
                                  .unit_count = UNITS,
                                  .units = units};
}

static void write_head(const char *path, FILE *out)
{
    struct eie_unit units[UNITS];
    struct eie_sweep_run run = run_of(units);
    struct eie_journal journal;
    uint32_t taken;
    char head[512] = "";
    FUZZ_MUST(!eie_journal_begin(&run, path, false, &journal, &taken, NULL) && !taken);
    FILE *file = fopen(journal.path, "r");
    FUZZ_MUST(file && fgets(head, sizeof head, file) && strchr(head, '\n'));
    fclose(file);
    eie_journal_end(&journal, true);
    head[strcspn(head, "\n")] = 0;
    fputs(head, out);
}

static void write_line(const char *text, size_t size, FILE *out)
{
    json_t *row = json_loadb(text, size, 0, NULL);
    char *plain = json_is_object(row) ? json_dumps(row, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    struct eie_hash hash;
    if (plain) {
        FUZZ_MUST(!eie_sha256_of(plain, strlen(plain), &hash, NULL));
        json_object_set_new(row, "sha256", json_string(hash.hex));
        json_dumpf(row, out, JSON_COMPACT);
    } else {
        fwrite(text, 1, size, out);
    }
    free(plain);
    json_decref(row);
}

static void write_journal(const char *path, const uint8_t *data, size_t size)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    FUZZ_MUST(out);
    for (size_t at = 0, next; at < size; at = next) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        next = end ? (size_t)(end - data) : size;
        if (data[at] != '@')
            fwrite(data + at, 1, next - at, out);
        else if (at)
            write_line((const char *)data + at + 1, next - at - 1, out);
        else
            write_head(path, out);
        if (end) fputc('\n', out);
        next += end != NULL;
    }
    FUZZ_MUST(!fclose(out));
    fuzz_file("fuzz.json.part", (const uint8_t *)text, bytes);
    free(text);
}

static void check_units(const struct eie_unit units[UNITS], uint32_t taken)
{
    struct eie_unit untouched[UNITS];
    uint32_t done = 0;
    make_units(untouched);
    for (uint32_t u = 0; u < UNITS; u++) {
        done += units[u].done;
        if (!units[u].done) FUZZ_MUST(!memcmp(&units[u], &untouched[u], sizeof units[u]));
        for (uint32_t d = 0; units[u].done && d < sweep.depths.count; d++)
            FUZZ_MUST(units[u].depth[d].cycles);
        FUZZ_MUST(units[u].pes == untouched[u].pes && units[u].line_count);
    }
    FUZZ_MUST(done == taken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eie_unit units[UNITS], again[UNITS];
    struct eie_sweep_run run = run_of(units);
    struct eie_journal journal;
    struct eie_error error = {""};
    uint32_t taken, taken_again;
    char path[sizeof fuzz_path];
    snprintf(path, sizeof path, "%s", fuzz_file("fuzz.json.part", data, size));
    path[strlen(path) - strlen(".part")] = 0;
    unlink(fuzz_path);
    write_journal(path, data, size);
    make_units(units);
    const enum eie_status status = eie_journal_begin(&run, path, true, &journal, &taken, &error);
    if (status) {
        fuzz_refused(status, &error);
        FUZZ_MUST(!journal.file);
        return 0;
    }
    check_units(units, taken);
    uint32_t added = 0;
    while (added < UNITS && units[added].done) added++;
    if (added < UNITS) {
        units[added].samples = layer.samples;
        for (uint32_t d = 0; d < sweep.depths.count; d++) units[added].depth[d].cycles = 1;
        FUZZ_MUST(!eie_journal_add(&journal, &run, &units[added], &error));
    }
    eie_journal_end(&journal, false);
    make_units(again);
    run.units = again;
    FUZZ_MUST(!eie_journal_begin(&run, path, true, &journal, &taken_again, &error));
    eie_journal_end(&journal, false);
    check_units(again, taken_again);
    FUZZ_MUST(taken_again == taken + (added < UNITS));
    return 0;
}
