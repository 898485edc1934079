#include "bench/train/seed.h"
#include "bench/train/stored.h"
#include "host/base/clock.h"
#include "host/base/jsonset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECKPOINT ".checkpoint"
#define RESULT     "result"

struct run {
    const struct eie_train_shared *shared;
    struct eie_training training;
    char path[EIE_TRAIN_PATH], checkpoint[EIE_TRAIN_PATH];
    json_t *phases; /* of the ledger: those that are done and the one under way */
    bool resumed;
    double begin_s;
    uint32_t epochs; /* since then */
};

/* The file of a seed where -o was `out`, and `ending` behind it. */
static enum eie_status path_of(const struct eie_train_options *options, const char *out,
                               uint64_t seed, const char *ending, char path[EIE_TRAIN_PATH],
                               struct eie_error *error)
{
    const char *slash = strrchr(out, '/'), *dot = strrchr(slash ? slash : out, '.');
    const bool one = options->first_seed == options->last_seed;
    if (!dot || dot == out || dot[-1] == '/') dot = out + strlen(out);
    const int length = one ? snprintf(path, EIE_TRAIN_PATH, "%s%s", out, ending)
                           : snprintf(path, EIE_TRAIN_PATH, "%.*s-%llu%s%s", (int)(dot - out), out,
                                      (unsigned long long)seed, dot, ending);
    if (length > 0 && length < EIE_TRAIN_PATH) return EIE_OK;
    return eie_fail(error, EIE_USAGE, "the name of the %s is too long",
                    *ending ? "checkpoint" : "file to write");
}

enum eie_status eie_train_path(const struct eie_train_options *options, uint64_t seed,
                               char path[EIE_TRAIN_PATH], struct eie_error *error)
{
    return path_of(options, options->out, seed, "", path, error);
}

enum eie_status eie_train_checkpoint_path(const struct eie_train_options *options, uint64_t seed,
                                          char path[EIE_TRAIN_PATH], struct eie_error *error)
{
    return path_of(options, options->out, seed, CHECKPOINT, path, error);
}

enum eie_status eie_train_check_images(const struct eie_network *network,
                                       const struct eie_images *images, const char *what,
                                       struct eie_error *error)
{
    if (network->input.channels != 1 || network->input.height != images->rows ||
        network->input.width != images->columns)
        return eie_fail(error, EIE_INPUT,
                        "%s: images of 1 x %u x %u do not go into network %s, which takes "
                        "%u x %u x %u",
                        what, images->rows, images->columns, network->name, network->input.channels,
                        network->input.height, network->input.width);
    for (uint32_t i = 0; i < images->count; i++)
        if (images->labels[i] >= network->classes)
            return eie_fail(error, EIE_INPUT, "%s: label %u of image %u; network %s has %u classes",
                            what, images->labels[i], i, network->name, network->classes);
    return EIE_OK;
}

static struct eie_samples samples_of(const struct eie_images *images)
{
    return (struct eie_samples){images->pixels, images->labels, images->count};
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100 * (double)part / (double)whole : 0;
}

/* ---- phases ------------------------------------------------------------------------------------
 */

static const char *kind_name(enum eie_phase_kind kind)
{
    return kind == EIE_PHASE_DENSE ? "dense" : kind == EIE_PHASE_PRUNE ? "prune" : "share";
}

static void add_number(json_t *object, const char *key, double more)
{
    eie_set_number(object, key, json_real_value(json_object_get(object, key)) + more);
}

/* The phase's member of the ledger after one epoch more. */
static void note_epoch(struct run *run, const struct eie_epoch *epoch, double seconds,
                       double cpu_seconds)
{
    const struct eie_recipe *recipe = run->shared->recipe;
    const struct eie_phase *phase = &recipe->phases[epoch->phase];
    if (json_array_size(run->phases) == epoch->phase)
        json_array_append_new(run->phases, json_object());
    json_t *noted = json_array_get(run->phases, epoch->phase);
    eie_set(noted, "name", phase->name);
    eie_set(noted, "kind", kind_name(phase->kind));
    eie_set_integer(noted, "epochs", epoch->epoch);
    add_number(noted, "seconds", seconds);
    add_number(noted, "cpu_seconds", cpu_seconds);
    eie_set_number(noted, "loss", epoch->loss);
    if (epoch->shared) {
        eie_set_integer(noted, "shared_validation_errors", epoch->shared_errors);
        eie_set_number(noted, "shared_validation_error_pct",
                       percent(epoch->shared_errors, recipe->validation));
    }
    eie_set_integer(noted, "validation_errors", epoch->validation_errors);
    eie_set_number(noted, "validation_error_pct",
                   percent(epoch->validation_errors, recipe->validation));
}

static uint32_t epochs_left(const struct eie_training *training)
{
    uint32_t left = 0;
    for (uint32_t i = training->phase; i < training->recipe->phase_count; i++)
        left += training->recipe->phases[i].epochs;
    return left - training->epoch;
}

static void print_epoch(const struct run *run, const struct eie_epoch *epoch, double seconds)
{
    const struct eie_recipe *recipe = run->shared->recipe;
    const struct eie_phase *phase = &recipe->phases[epoch->phase];
    const double eta = (eie_now_s() - run->begin_s) / run->epochs * epochs_left(&run->training);
    char shared[64] = "";
    if (epoch->shared)
        snprintf(shared, sizeof shared, " (shared: %.2f %%)",
                 percent(epoch->shared_errors, recipe->validation));
    printf("seed %llu  %s %u/%u  loss %.5f  validation %.2f %%%s  %.1f s  ETA %.0f s\n",
           (unsigned long long)run->training.seed, phase->name, epoch->epoch, phase->epochs,
           epoch->loss, percent(epoch->validation_errors, recipe->validation), shared, seconds,
           eta);
    fflush(stdout);
}

/* ---- checkpoints -------------------------------------------------------------------------------
 */

/* `result` (or NULL): of a seed that is done, for the ledger. */
static enum eie_status save(struct run *run, const json_t *result, struct eie_error *error)
{
    const struct eie_train_shared *shared = run->shared;
    char *history = json_dumps(run->phases, JSON_COMPACT);
    char *done = result ? json_dumps(result, JSON_COMPACT) : NULL;
    char threads[16];
    snprintf(threads, sizeof threads, "%u", shared->options->threads);
    json_t *more = history && (done || !result)
                       ? json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*}", "history", history,
                                   "core", shared->blas->core, "library", shared->blas->library,
                                   "threads", threads, "pixels", shared->images->pixels_hash.hex,
                                   "labels", shared->images->labels_hash.hex, RESULT, done)
                       : NULL;
    free(history);
    free(done);
    const enum eie_status status =
        more ? eie_training_save(&run->training, run->checkpoint, more, error)
             : eie_fail(error, EIE_MEMORY, "%s: out of memory", run->checkpoint);
    json_decref(more);
    return status;
}

/* What decides beside the seed which result comes out. */
static bool is_same_library(const struct run *run, const json_t *more)
{
    const struct eie_train_shared *shared = run->shared;
    const char *core = json_string_value(json_object_get(more, "core"));
    const char *library = json_string_value(json_object_get(more, "library"));
    const char *threads = json_string_value(json_object_get(more, "threads"));
    return core && library && threads && !strcmp(core, shared->blas->core) &&
           !strcmp(library, shared->blas->library) &&
           strtoul(threads, NULL, 10) == shared->options->threads;
}

/* The images that the checkpoint was trained on are those that are here. */
static enum eie_status check_hashes(const struct run *run, const char *path, const json_t *more,
                                    struct eie_error *error)
{
    const struct eie_images *images = run->shared->images;
    const char *pixels = json_string_value(json_object_get(more, "pixels"));
    const char *labels = json_string_value(json_object_get(more, "labels"));
    const bool same = pixels && !strcmp(pixels, images->pixels_hash.hex);
    if (same && labels && !strcmp(labels, images->labels_hash.hex)) return EIE_OK;
    return eie_fail(error, EIE_INPUT, "%s: a checkpoint of another training: its %s differ", path,
                    same ? "labels" : "images");
}

/* What a checkpoint says beside the training: checked, and its first `count` phases into
 * run->phases. */
static enum eie_status read_history(struct run *run, const char *path, const json_t *more,
                                    size_t least, size_t most, struct eie_error *error)
{
    const char *history = json_string_value(json_object_get(more, "history"));
    json_t *phases = history ? json_loads(history, 0, NULL) : NULL;
    enum eie_status status = check_hashes(run, path, more, error);
    if (!status && (!json_is_array(phases) || json_array_size(phases) < least ||
                    json_array_size(phases) > most))
        status =
            eie_fail(error, EIE_INPUT, "%s: damaged checkpoint: its history does not fit", path);
    if (!status && !is_same_library(run, more))
        fprintf(stderr,
                "eie: note: %s is of another OpenBLAS, code path or number of threads: the "
                "result is not the one of a single run\n",
                path);
    if (!status) {
        json_decref(run->phases);
        run->phases = json_incref(phases);
    }
    json_decref(phases);
    return status;
}

/* *result: where the checkpoint is of a seed that is done, its member of the ledger, else NULL. */
static enum eie_status load(struct run *run, json_t **result, struct eie_error *error)
{
    json_t *more = NULL;
    enum eie_status status = eie_training_load(&run->training, run->checkpoint, &more, error);
    if (status) return status;
    const uint32_t wanted = run->training.phase + (run->training.epoch > 0);
    status = read_history(run, run->checkpoint, more, wanted, wanted, error);
    if (!status) {
        const char *done = json_string_value(json_object_get(more, RESULT));
        run->resumed = true;
        *result = done && eie_training_done(&run->training) ? json_loads(done, 0, NULL) : NULL;
    }
    json_decref(more);
    return status;
}

/* Begins with the phases of another training. Of its ledger the times stay, with where they are
 * from; its test does not. */
static enum eie_status take_over(struct run *run, struct eie_error *error)
{
    const struct eie_train_options *options = run->shared->options;
    char path[EIE_TRAIN_PATH];
    json_t *more = NULL, *phase;
    uint32_t phases = 0;
    size_t i;
    enum eie_status status =
        path_of(options, options->begin_with, run->training.seed, CHECKPOINT, path, error);
    if (!status) status = eie_training_take_over(&run->training, path, &phases, &more, error);
    if (!status) status = read_history(run, path, more, phases, SIZE_MAX, error);
    while (!status && json_array_size(run->phases) > phases)
        json_array_remove(run->phases, json_array_size(run->phases) - 1);
    json_array_foreach(run->phases, i, phase)
    {
        const char *slash = strrchr(path, '/');
        json_object_del(phase, "test_errors");
        json_object_del(phase, "test_error_pct");
        eie_set(phase, "taken_from", slash ? slash + 1 : path);
    }
    if (!status)
        printf("seed %llu  goes on behind phase %s of %s\n", (unsigned long long)run->training.seed,
               run->shared->recipe->phases[phases - 1].name, path);
    json_decref(more);
    return status;
}

static enum eie_status train(struct run *run, struct eie_error *error)
{
    enum eie_status status = EIE_OK;
    run->begin_s = eie_now_s();
    while (!eie_training_done(&run->training) && !status) {
        const double begin_s = eie_now_s(), begin_cpu_s = eie_cpu_s();
        struct eie_epoch epoch;
        status = eie_training_epoch(&run->training, &epoch, error);
        if (status) return status;
        const double seconds = eie_now_s() - begin_s;
        note_epoch(run, &epoch, seconds, eie_cpu_s() - begin_cpu_s);
        status = save(run, NULL, error);
        run->epochs++;
        print_epoch(run, &epoch, seconds);
    }
    return status;
}

/* ---- the test set ------------------------------------------------------------------------------
 */

/* How often one, the other, or both are wrong. */
static void set_pairs(json_t *object, const char *first, const bool *first_wrong,
                      const char *second, const bool *second_wrong, uint32_t count)
{
    uint64_t only_first = 0, only_second = 0, both = 0;
    char key[64];
    for (uint32_t i = 0; i < count; i++) {
        only_first += first_wrong[i] && !second_wrong[i];
        only_second += second_wrong[i] && !first_wrong[i];
        both += first_wrong[i] && second_wrong[i];
    }
    eie_set_integer(object, "images", count);
    snprintf(key, sizeof key, "%s_errors", first);
    eie_set_integer(object, key, only_first + both);
    snprintf(key, sizeof key, "%s_errors", second);
    eie_set_integer(object, key, only_second + both);
    eie_set_integer(object, "both_wrong", both);
    snprintf(key, sizeof key, "only_%s_wrong", first);
    eie_set_integer(object, key, only_first);
    snprintf(key, sizeof key, "only_%s_wrong", second);
    eie_set_integer(object, key, only_second);
    snprintf(key, sizeof key, "%s_error_pct", first);
    eie_set_number(object, key, percent(only_first + both, count));
    snprintf(key, sizeof key, "%s_error_pct", second);
    eie_set_number(object, key, percent(only_second + both, count));
}

/* `file`: the parameters that were read back. */
static enum eie_status test_all(struct run *run, const struct eie_images *images, const float *file,
                                json_t *result, struct eie_error *error)
{
    const struct eie_recipe *recipe = run->shared->recipe;
    const struct eie_samples samples = samples_of(images);
    const uint32_t count = images->count;
    bool *wrong = calloc((size_t)count * (recipe->phase_count + 1), sizeof *wrong);
    if (!wrong) return eie_fail(error, EIE_MEMORY, "out of memory for the test");
    for (uint32_t i = 0; i < recipe->phase_count; i++) {
        const uint32_t errors =
            eie_training_errors(&run->training, eie_training_snapshot(&run->training, i), &samples,
                                NULL, count, wrong + (size_t)i * count);
        eie_set_integer(json_array_get(run->phases, i), "test_errors", errors);
        eie_set_number(json_array_get(run->phases, i), "test_error_pct", percent(errors, count));
    }
    bool *file_wrong = wrong + (size_t)recipe->phase_count * count;
    (void)eie_training_errors(&run->training, file, &samples, NULL, count, file_wrong);
    json_t *test = json_object();
    set_pairs(test, "dense", wrong, "file", file_wrong, count);
    json_object_set_new(result, "test", test);
    if (recipe->controls) {
        json_t *control = json_object();
        set_pairs(control, "control", wrong + (size_t)(recipe->phase_count - 1) * count, "file",
                  file_wrong, count);
        json_object_set_new(result, "control_test", control);
    }
    free(wrong);
    return EIE_OK;
}

static enum eie_status open_and_test(struct run *run, const float *file, json_t *result,
                                     struct eie_error *error)
{
    struct eie_images images;
    enum eie_status status = eie_idx_read_test(run->shared->folder, &images, error);
    if (status) return status;
    status = eie_train_check_images(run->shared->network, &images, "test data", error);
    if (!status) status = test_all(run, &images, file, result, error);
    if (!status) eie_set(result, "test_data", images.data);
    eie_images_free(&images);
    return status;
}

static enum eie_status write_and_test(struct run *run, json_t *result, struct eie_error *error)
{
    const struct eie_network *network = run->shared->network;
    struct eie_training *training = &run->training;
    float *file = malloc(network->parameters * sizeof *file);
    json_t *layers = NULL, *parts = NULL;
    uint64_t bytes = 0;
    enum eie_status status =
        file ? eie_trained_write(training, run->path, &layers, &parts, &bytes, error)
             : eie_fail(error, EIE_MEMORY, "out of memory for the file's weights");
    json_object_set_new(result, "layers", layers);
    json_object_set_new(result, "file_parts", parts);
    if (!status) status = eie_trained_read(training, run->path, file, error);
    if (!status) {
        const uint32_t errors =
            eie_training_errors(training, file, &training->samples, training->validation,
                                run->shared->recipe->validation, NULL);
        eie_set_integer(result, "file_bytes", bytes);
        eie_set_number(result, "rate_x", 4 * (double)network->parameters / (double)bytes);
        eie_set_integer(result, "file_validation_errors", errors);
        eie_set_number(result, "file_validation_error_pct",
                       percent(errors, run->shared->recipe->validation));
    }
    if (!status && !run->shared->options->no_test) status = open_and_test(run, file, result, error);
    free(file);
    return status;
}

/* ---- a seed ------------------------------------------------------------------------------------
 */

/* What is left to do of this seed, and its member of the ledger. */
static enum eie_status run_seed(struct run *run, json_t *result, struct eie_error *error)
{
    enum eie_status status = train(run, error);
    if (status) return status;
    eie_set_integer(result, "seed", run->training.seed);
    eie_set(result, "file", run->path);
    json_object_set_new(result, "resumed", json_boolean(run->resumed));
    json_object_set(result, "phases", run->phases);
    status = write_and_test(run, result, error);
    return status ? status : save(run, result, error);
}

/* A seed that is done already: its file as it was, the test set stays closed. */
static enum eie_status restore_file(struct run *run, struct eie_error *error)
{
    json_t *layers = NULL, *parts = NULL;
    uint64_t bytes;
    const enum eie_status status =
        eie_trained_write(&run->training, run->path, &layers, &parts, &bytes, error);
    json_decref(layers);
    json_decref(parts);
    return status;
}

enum eie_status eie_train_seed(const struct eie_train_shared *shared, uint64_t seed,
                               json_t **result, struct eie_error *error)
{
    const struct eie_train_options *options = shared->options;
    struct run run = {.shared = shared, .phases = json_array()};
    const struct eie_samples samples = samples_of(shared->images);
    json_t *done = NULL;
    shared->blas->set_threads((int)options->threads);
    *result = NULL;
    enum eie_status status = eie_training_make(shared->network, shared->recipe, &samples, seed,
                                               shared->blas->sgemm, &run.training, error);
    if (!status) status = eie_train_path(options, seed, run.path, error);
    if (!status) status = eie_train_checkpoint_path(options, seed, run.checkpoint, error);
    if (!status && options->resume && access(run.checkpoint, F_OK) == 0)
        status = load(&run, &done, error);
    else if (!status && options->begin_with)
        status = take_over(&run, error);
    if (!status && json_is_object(done) && (options->no_test || json_object_get(done, "test"))) {
        *result = json_incref(done);
        eie_set(*result, "file", run.path);
        status = restore_file(&run, error);
    } else if (!status) {
        *result = json_object();
        status = run_seed(&run, *result, error);
    }
    json_decref(done);
    json_decref(run.phases);
    eie_training_free(&run.training);
    if (!status) return EIE_OK;
    json_decref(*result);
    *result = NULL;
    return status;
}
