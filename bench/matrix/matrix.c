#include "bench/matrix/matrix.h"
#include "host/base/names.h"
#include "kernels/registry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUITES_MAX  64
#define DEVICES_MAX 1024
#define NAMES_MAX   4096

static bool is_path(const char *word)
{
    const size_t length = strlen(word);
    return strchr(word, '/') || (length > 5 && !strcmp(word + length - 5, ".json"));
}

/* ---- suites --------------------------------------------------------------------------------- */

static enum eie_status default_suites(char *words, size_t size, struct eie_error *error)
{
    struct eie_suite_names names = {0};
    enum eie_status status = eie_suite_list(&names, error);
    for (uint32_t i = 0; i < names.count; i++) {
        const size_t used = strlen(words);
        snprintf(words + used, size - used, "%s,", names.names[i]);
    }
    eie_suite_names_free(&names);
    return status;
}

static enum eie_status add_suite(struct eie_matrix *matrix, const char *word, bool named,
                                 struct eie_error *error)
{
    struct eie_suite *suite = &matrix->suites[matrix->suite_count];
    if (matrix->suite_count == SUITES_MAX)
        return eie_fail(error, EIE_USAGE, "more than %d suites", SUITES_MAX);
    enum eie_status status = eie_suite_read(word, suite, error);
    if (status) return status;
    bool unwanted =
        !named && (!suite->in_default_matrix || (suite->needs_models && !eie_models_dir()));
    for (uint32_t i = 0; i < matrix->suite_count && named; i++) {
        if (strcmp(matrix->suites[i].name, suite->name) != 0) continue;
        unwanted = true; /* named twice */
        if (strcmp(matrix->suites[i].hash.hex, suite->hash.hex) != 0)
            status = eie_fail(error, EIE_USAGE, "--suite: two different suites are called %s",
                              suite->name);
    }
    if (unwanted) {
        eie_suite_free(suite);
        return status;
    }
    matrix->suite_words[matrix->suite_count++] = strdup(word);
    return EIE_OK;
}

static enum eie_status make_room(struct eie_matrix *matrix, struct eie_error *error)
{
    matrix->suites = calloc(SUITES_MAX + 1, sizeof *matrix->suites);
    matrix->suite_words = calloc(SUITES_MAX + 1, sizeof *matrix->suite_words);
    if (matrix->suites && matrix->suite_words) return EIE_OK;
    return eie_fail(error, EIE_MEMORY, "out of memory for suites");
}

static enum eie_status read_suites(struct eie_matrix *matrix, struct eie_error *error)
{
    const char *given = matrix->options->suites;
    char copy[1024] = "", *rest = NULL;
    enum eie_status status = EIE_OK;
    if (given && strlen(given) >= sizeof copy)
        return eie_fail(error, EIE_USAGE, "--suite is too long");
    if (given)
        strcpy(copy, given);
    else
        status = default_suites(copy, sizeof copy, error);
    if (!status) status = make_room(matrix, error);
    if (status) return status;
    for (char *word = strtok_r(copy, ",", &rest); word && !status;
         word = strtok_r(NULL, ",", &rest))
        status = add_suite(matrix, word, given != NULL, error);
    if (!status && !matrix->suite_count) return eie_fail(error, EIE_USAGE, "no suite is named");
    return status;
}

/* ---- devices -------------------------------------------------------------------------------- */

static enum eie_status add_device_path(struct eie_matrix *matrix, const char *path,
                                       const char **name, struct eie_error *error)
{
    struct eie_device *device = &matrix->devices[matrix->device_count];
    if (matrix->device_count == DEVICES_MAX)
        return eie_fail(error, EIE_USAGE, "more than %d devices", DEVICES_MAX);
    enum eie_status status = eie_device_read(path, device, error);
    if (status) return status;
    for (uint32_t i = 0; i < matrix->device_count; i++)
        if (!strcmp(matrix->devices[i].name, device->name))
            return eie_fail(error, EIE_USAGE, "%s: there is a device %s already", path,
                            device->name);
    matrix->device_words[matrix->device_count++] = strdup(path);
    *name = device->name;
    return EIE_OK;
}

/* Adds the descriptions that --device names by path, and puts their names in the place of the
 * paths. */
static enum eie_status read_device_paths(struct eie_matrix *matrix, struct eie_error *error)
{
    const char *given = matrix->options->devices;
    char copy[sizeof matrix->device_names], *rest = NULL;
    if (!given) return EIE_OK;
    if (strlen(given) >= sizeof copy) return eie_fail(error, EIE_USAGE, "--device is too long");
    strcpy(copy, given);
    for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        const size_t used = strlen(matrix->device_names);
        const char *name = word;
        enum eie_status status =
            is_path(word) ? add_device_path(matrix, word, &name, error) : EIE_OK;
        if (status) return status;
        snprintf(matrix->device_names + used, sizeof matrix->device_names - used, "%s%s",
                 used ? "," : "", name);
    }
    return EIE_OK;
}

static const char *kernels_of(const struct eie_matrix *matrix, const struct eie_suite *suite)
{
    return matrix->options->kernels ? matrix->options->kernels : suite->default_kernels;
}

/* A batch of the list for this layer. */
static uint32_t batch_of(const struct eie_suite_layer *layer, uint32_t value)
{
    return value != EIE_BATCH_POSITIONS ? value
                                        : (uint32_t)eie_window_positions(&layer->spec.window);
}

/* Where the layer is not known: positions are many. */
static uint32_t batch_like(uint32_t value)
{
    return value != EIE_BATCH_POSITIONS ? value : UINT32_MAX;
}

/* At any of the batches. */
static bool is_chosen(const struct eie_matrix *matrix, const struct eie_suite *suite,
                      const struct eie_kernel *kernel)
{
    const struct eie_list *batches = &matrix->options->batches;
    for (uint32_t i = 0; i < batches->count; i++)
        if (eie_kernel_is_chosen(kernels_of(matrix, suite), kernel, batch_like(batches->values[i])))
            return true;
    return false;
}

static uint32_t runtimes_of_kernels(const struct eie_matrix *matrix)
{
    uint32_t runtimes = 0;
    for (uint32_t k = 0; k < eie_kernel_count(); k++)
        for (uint32_t s = 0; s < matrix->suite_count; s++)
            if (is_chosen(matrix, &matrix->suites[s], eie_kernel_at(k)))
                runtimes |= eie_runtimes_for(eie_kernel_at(k));
    return runtimes;
}

static enum eie_status find_devices(struct eie_matrix *matrix, struct eie_error *error)
{
    enum eie_status status = eie_devices_find(runtimes_of_kernels(matrix), matrix->options->devices,
                                              &matrix->found, error);
    for (uint32_t i = 0; i < matrix->found.count && matrix->device_count < DEVICES_MAX; i++)
        matrix->devices[matrix->device_count++] = matrix->found.all[i].device;
    return status;
}

static enum eie_status read_devices(struct eie_matrix *matrix, struct eie_error *error)
{
    struct eie_device *described;
    uint32_t count;
    enum eie_status status = eie_device_list(&described, &count, error);
    if (status) return status;
    matrix->devices = calloc(DEVICES_MAX + 1, sizeof *matrix->devices);
    matrix->device_words = calloc(DEVICES_MAX + 1, sizeof *matrix->device_words);
    if (!matrix->devices || !matrix->device_words || count >= DEVICES_MAX) {
        free(described);
        return eie_fail(error, EIE_MEMORY, "no room for %u devices", count);
    }
    status = eie_device_host(&matrix->devices[0], error);
    memcpy(matrix->devices + 1, described, count * sizeof *described);
    matrix->device_count = count + 1;
    free(described);
    if (!status) status = find_devices(matrix, error);
    return status ? status : read_device_paths(matrix, error);
}

/* ---- names ---------------------------------------------------------------------------------- */

static enum eie_status check_positions(const struct eie_matrix *matrix, struct eie_error *error)
{
    const struct eie_matrix_options *options = matrix->options;
    bool asked = false;
    for (uint32_t b = 0; b < options->batches.count; b++)
        asked = asked || options->batches.values[b] == EIE_BATCH_POSITIONS;
    for (uint32_t s = 0; s < matrix->suite_count && asked; s++)
        for (uint32_t i = 0; i < matrix->suites[s].layer_count; i++) {
            const struct eie_suite_layer *layer = &matrix->suites[s].layers[i];
            if (eie_names_match(options->layers, layer->spec.name) &&
                !eie_window_is(&layer->spec.window))
                return eie_fail(error, EIE_USAGE,
                                "--batch positions: layer %s of suite %s is no convolution",
                                layer->spec.name, matrix->suites[s].name);
        }
    return EIE_OK;
}

/* Every pattern of every option must match something. */
static enum eie_status check_names(const struct eie_matrix *matrix, struct eie_error *error)
{
    const struct eie_matrix_options *options = matrix->options;
    const char *names[NAMES_MAX];
    char unmatched[256];
    struct eie_hint hint;
    unsigned count = 0;
    if (eie_kernels_unmatched(options->kernels, unmatched, sizeof unmatched, &hint))
        return eie_fail(error, EIE_USAGE, "no kernel matches '%s' (eie list kernels)%s", unmatched,
                        hint.text);
    for (uint32_t i = 0; i < matrix->device_count && count < NAMES_MAX; i++)
        names[count++] = matrix->devices[i].name;
    if (eie_names_unmatched(matrix->device_names, names, count, unmatched, sizeof unmatched))
        return eie_fail(error, EIE_USAGE, "no device matches '%s' (eie list devices)%s", unmatched,
                        eie_names_hint(unmatched, names, count).text);
    count = 0;
    for (uint32_t s = 0; s < matrix->suite_count; s++)
        for (uint32_t i = 0; i < matrix->suites[s].layer_count && count < NAMES_MAX; i++)
            names[count++] = matrix->suites[s].layers[i].spec.name;
    if (eie_names_unmatched(options->layers, names, count, unmatched, sizeof unmatched))
        return eie_fail(error, EIE_USAGE, "no layer matches '%s' (eie list layers)%s", unmatched,
                        eie_names_hint(unmatched, names, count).text);
    return check_positions(matrix, error);
}

enum eie_status eie_matrix_begin(const struct eie_matrix_options *options,
                                 struct eie_matrix *matrix, struct eie_error *error)
{
    *matrix = (struct eie_matrix){.options = options};
    enum eie_status status = read_suites(matrix, error);
    if (!status) status = read_devices(matrix, error);
    if (!status) status = check_names(matrix, error);
    if (status) eie_matrix_end(matrix);
    return status;
}

enum eie_status eie_matrix_begin_with(const struct eie_matrix_options *options,
                                      struct eie_suite *suite, const char *word,
                                      struct eie_matrix *matrix, struct eie_error *error)
{
    *matrix = (struct eie_matrix){.options = options};
    enum eie_status status = make_room(matrix, error);
    if (status) {
        eie_suite_free(suite);
    } else {
        matrix->suites[0] = *suite;
        matrix->suite_words[0] = strdup(word);
        matrix->suite_count = 1;
        status = read_devices(matrix, error);
    }
    if (!status) status = check_names(matrix, error);
    if (status) eie_matrix_end(matrix);
    return status;
}

void eie_matrix_end(struct eie_matrix *matrix)
{
    for (uint32_t s = 0; s < matrix->suite_count; s++) {
        eie_suite_free(&matrix->suites[s]);
        free(matrix->suite_words[s]);
    }
    free(matrix->suites);
    free(matrix->suite_words);
    for (uint32_t d = 0; d < matrix->device_count && matrix->device_words; d++)
        free(matrix->device_words[d]);
    free(matrix->device_words);
    free(matrix->devices);
    eie_devices_free(&matrix->found);
    *matrix = (struct eie_matrix){0};
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* A kernel stands at every thread count of the list that it can take; where the list has none,
 * once, at the first, to say that it is unsupported. */
static bool takes_threads(const struct eie_kernel *kernel, uint32_t threads,
                          const struct eie_list *list)
{
    if (!kernel->max_threads || !threads) return !kernel->max_threads && !threads;
    if (threads <= kernel->max_threads) return true;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->values[i] <= kernel->max_threads) return false;
    return threads == list->values[0];
}

static bool in_batch_range(const struct eie_kernel *kernel, uint32_t batch)
{
    return batch >= kernel->batch_min && (!kernel->batch_max || batch <= kernel->batch_max);
}

/* At batches that it does not take a kernel has no row; but where the list has none that it takes
 * and it was asked for by name, it stands at the first, to say so. */
static bool takes_batch(const struct eie_kernel *kernel, uint32_t batch,
                        const struct eie_matrix_options *options)
{
    const struct eie_list *list = &options->batches;
    if (in_batch_range(kernel, batch)) return true;
    if (!options->kernels || !eie_names_exact(options->kernels, kernel->name)) return false;
    for (uint32_t i = 0; i < list->count; i++)
        if (in_batch_range(kernel, batch_like(list->values[i]))) return false;
    return batch == list->values[0] || list->values[0] == EIE_BATCH_POSITIONS;
}

/* As a command line would name it: one that came by path has no other name. */
static const char *device_word(const struct eie_matrix *matrix, const struct eie_device *device)
{
    const char *path = matrix->device_words[device - matrix->devices];
    return path ? path : device->name;
}

static void write_again(const struct eie_matrix *matrix, const struct eie_group_key *group,
                        struct eie_row *row)
{
    char word[sizeof EIE_SHAPE_PREFIX + EIE_NAME_MAX];
    snprintf(word, sizeof word, EIE_SHAPE_PREFIX "%.*s", EIE_NAME_MAX, row->layer);
    eie_reproducer_begin(&row->reproducer, "bench", row->kernel);
    eie_reproducer_word(&row->reproducer, "--suite",
                        matrix->suites[group->suite].by_shape ? word
                                                              : matrix->suite_words[group->suite]);
    eie_reproducer_word(&row->reproducer, "--layer", row->layer);
    eie_reproducer_word(&row->reproducer, "--device", device_word(matrix, row->device));
    eie_reproducer_number(&row->reproducer, "--batch", row->batch);
    if (group->cache == EIE_CACHE_NONE) return;
    if (row->threads) eie_reproducer_number(&row->reproducer, "--threads", row->threads);
    eie_reproducer_word(&row->reproducer, "--cache", row->cache);
}

static void set_key(const struct eie_matrix *matrix, const struct eie_group_key *group,
                    struct eie_row *row)
{
    const struct eie_suite *suite = &matrix->suites[group->suite];
    row->suite = suite->name;
    row->layer = suite->layers[group->layer].spec.name;
    row->layer_basis = suite->basis;
    row->batch = group->batch;
    row->threads = group->threads;
    row->cache = eie_cache_name(group->cache);
    const bool model = group->cache == EIE_CACHE_NONE;
    row->time_source = model ? "model" : "wall";
    row->provenance = !model                                     ? "measured"
                      : row->kernel->flags & EIE_KERNEL_ESTIMATE ? "modelled"
                                                                 : "simulated";
    row->outcome = (struct eie_outcome){NAN, NAN, NAN, NULL};
    write_again(matrix, group, row);
}

/* One row, or one for each clock; how many. */
static uint32_t add_rows(const struct eie_matrix *matrix, const struct eie_group_key *group,
                         const struct eie_kernel *kernel, const struct eie_device *device,
                         struct eie_row *rows)
{
    struct eie_row row = {.kernel = kernel, .device = device};
    static const enum eie_clock order[EIE_CLOCKS] = {EIE_CLOCK_DEVICE, EIE_CLOCK_WALL,
                                                     EIE_CLOCK_CHAIN};
    const uint32_t count = eie_row_clocks(&row);
    for (uint32_t i = 0; rows && i < count; i++) {
        rows[i] = row;
        set_key(matrix, group, &rows[i]);
        if (count > 1) rows[i].time_source = eie_clock_name(order[i]);
    }
    return count;
}

/* Devices that were found at run time have groups of their own, without threads. */
static bool in_kind(const struct eie_kernel *kernel, const struct eie_group_key *group)
{
    if (kernel->device_kind == EIE_DEVICE_CPU) return group->threads > 0;
    return !group->threads &&
           (kernel->device_kind == EIE_DEVICE_EIE) == (group->cache == EIE_CACHE_NONE);
}

/* A device that was found at run time rotates copies where its cache is known. */
static bool has_cache(const struct eie_device *device, const struct eie_group_key *group)
{
    return device->kind != EIE_DEVICE_FOUND || group->cache == EIE_CACHE_HOT ||
           (device->found.runtime->levels && !device->found.absent);
}

uint32_t eie_matrix_rows(const struct eie_matrix *matrix, const struct eie_group_key *group,
                         struct eie_row *rows)
{
    const struct eie_matrix_options *options = matrix->options;
    uint32_t count = 0;
    for (uint32_t k = 0; k < eie_kernel_count(); k++) {
        const struct eie_kernel *kernel = eie_kernel_at(k);
        if (!eie_kernel_is_chosen(kernels_of(matrix, &matrix->suites[group->suite]), kernel,
                                  group->batch) ||
            (kernel->flags & EIE_KERNEL_REFERENCE && !options->kernels) ||
            !in_kind(kernel, group) || !takes_threads(kernel, group->threads, &options->threads) ||
            !takes_batch(kernel, group->batch, options))
            continue;
        for (uint32_t d = 0; d < matrix->device_count; d++) {
            const struct eie_device *device = &matrix->devices[d];
            if (!eie_kernel_is_for(kernel, device) || !has_cache(device, group) ||
                !eie_names_match(matrix->device_names, device->name))
                continue;
            count += add_rows(matrix, group, kernel, device, rows ? rows + count : NULL);
        }
    }
    return count;
}

/* The groups of one layer at one batch; false when the visitor has had enough. */
static bool each_of_layer(const struct eie_matrix *matrix, struct eie_group_key *group,
                          bool (*visit)(void *context, const struct eie_group_key *group),
                          void *context)
{
    const struct eie_list *threads = &matrix->options->threads, *caches = &matrix->options->caches;
    group->threads = 0;
    group->cache = EIE_CACHE_NONE;
    if (eie_matrix_rows(matrix, group, NULL) && !visit(context, group)) return false;
    group->cache = EIE_CACHE_HOT;
    if (eie_matrix_rows(matrix, group, NULL) && !visit(context, group)) return false;
    for (uint32_t c = 0; c < caches->count; c++) {
        group->cache = EIE_CACHE_DRAM;
        if (caches->values[c] == EIE_CACHE_DRAM && eie_matrix_rows(matrix, group, NULL) &&
            !visit(context, group))
            return false;
    }
    for (uint32_t t = 0; t < threads->count; t++) {
        for (uint32_t c = 0; c < caches->count; c++) {
            group->threads = threads->values[t];
            group->cache = (enum eie_cache)caches->values[c];
            if (eie_matrix_rows(matrix, group, NULL) && !visit(context, group)) return false;
        }
    }
    return true;
}

/* A layer may have as many positions as another batch of the list. */
static bool is_first(const struct eie_suite_layer *layer, const struct eie_list *batches,
                     uint32_t index)
{
    const uint32_t batch = batch_of(layer, batches->values[index]);
    for (uint32_t b = 0; b < index; b++)
        if (batch_of(layer, batches->values[b]) == batch) return false;
    return true;
}

void eie_matrix_each_group(const struct eie_matrix *matrix,
                           bool (*visit)(void *context, const struct eie_group_key *group),
                           void *context)
{
    const struct eie_matrix_options *options = matrix->options;
    struct eie_group_key group;
    for (group.suite = 0; group.suite < matrix->suite_count; group.suite++) {
        const struct eie_suite *suite = &matrix->suites[group.suite];
        for (uint32_t b = 0; b < options->batches.count; b++) {
            for (group.layer = 0; group.layer < suite->layer_count; group.layer++) {
                const struct eie_suite_layer *layer = &suite->layers[group.layer];
                group.batch = batch_of(layer, options->batches.values[b]);
                if (eie_names_match(options->layers, layer->spec.name) &&
                    is_first(layer, &options->batches, b) &&
                    !each_of_layer(matrix, &group, visit, context))
                    return;
            }
        }
    }
}
