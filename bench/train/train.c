#include "bench/train/train.h"
#include "bench/train/seed.h"
#include "generated/revision.h"
#include "host/base/file.h"
#include "host/base/jsonset.h"
#include "host/machine/topology.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEEDS_MAX 1000u

/* ---- processes ---------------------------------------------------------------------------------
 */

/* One seed's process. What became of it stands in shared memory, its part of the ledger in a file
 * without a name. */
struct outcome {
    enum eie_status status;
    bool ended;
    struct eie_error error;
};

struct child {
    pid_t process; /* 0: not yet, or gone */
    FILE *ledger;
};

struct children {
    const struct eie_train_shared *shared;
    uint32_t count, started, running;
    struct child *all;        /* [count] */
    struct outcome *outcomes; /* [count] */
};

_Noreturn static void be_child(const struct children *children, uint32_t number, pid_t parent)
{
    const uint64_t seed = children->shared->options->first_seed + number;
    struct outcome *outcome = &children->outcomes[number];
    json_t *result = NULL;
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent) _exit(1);
    outcome->status = eie_train_seed(children->shared, seed, &result, &outcome->error);
    if (!outcome->status && (json_dumpf(result, children->all[number].ledger, JSON_COMPACT) ||
                             fflush(children->all[number].ledger)))
        outcome->status =
            eie_fail(&outcome->error, EIE_SYSTEM, "the ledger of seed %llu cannot be kept: %s",
                     (unsigned long long)seed, strerror(errno));
    outcome->ended = true;
    fflush(stdout);
    fflush(stderr);
    _exit(0); /* what waits at exit is the parent's */
}

static enum eie_status start(struct children *children, struct eie_error *error)
{
    const uint32_t number = children->started;
    struct child *child = &children->all[number];
    child->ledger = tmpfile();
    if (!child->ledger)
        return eie_fail(error, EIE_SYSTEM, "no file for a ledger: %s", strerror(errno));
    fflush(NULL); /* else the child could print it a second time */
    const pid_t parent = getpid();
    child->process = fork();
    if (child->process == 0) be_child(children, number, parent);
    if (child->process < 0) {
        child->process = 0;
        return eie_fail(error, EIE_SYSTEM, "no process for a seed: %s", strerror(errno));
    }
    children->started++;
    children->running++;
    return EIE_OK;
}

/* Waits for any of them. */
static enum eie_status await(struct children *children, struct eie_error *error)
{
    int code = 0;
    pid_t process;
    do process = waitpid(-1, &code, 0);
    while (process < 0 && errno == EINTR);
    if (process < 0)
        return eie_fail(error, EIE_SYSTEM, "how a seed's process ended cannot be told: %s",
                        strerror(errno));
    for (uint32_t i = 0; i < children->started; i++) {
        const struct outcome *outcome = &children->outcomes[i];
        if (children->all[i].process != process) continue;
        children->all[i].process = 0;
        children->running--;
        if (!outcome->ended)
            return eie_fail(error, EIE_SYSTEM, "the process of seed %llu ended before its time",
                            (unsigned long long)(children->shared->options->first_seed + i));
        if (!outcome->status) return EIE_OK;
        if (error) *error = outcome->error;
        return eie_error_prefix(error, outcome->status, "seed %llu",
                                (unsigned long long)(children->shared->options->first_seed + i));
    }
    return EIE_OK;
}

static void end_all(struct children *children)
{
    for (uint32_t i = 0; i < children->started; i++)
        if (children->all[i].process) kill(children->all[i].process, SIGTERM);
    for (uint32_t i = 0; i < children->started; i++)
        if (children->all[i].process) waitpid(children->all[i].process, NULL, 0);
}

static enum eie_status collect(struct children *children, json_t *seeds, struct eie_error *error)
{
    for (uint32_t i = 0; i < children->count; i++) {
        rewind(children->all[i].ledger);
        json_t *result = json_loadf(children->all[i].ledger, 0, NULL);
        if (!result) return eie_fail(error, EIE_SYSTEM, "a seed's ledger cannot be read back");
        json_array_append_new(seeds, result);
    }
    return EIE_OK;
}

/* All seeds, `jobs` at a time. */
static enum eie_status train_side_by_side(const struct eie_train_shared *shared, uint32_t count,
                                          uint32_t jobs, json_t *seeds, struct eie_error *error)
{
    struct children children = {.shared = shared, .count = count};
    const size_t size = count * sizeof *children.outcomes;
    enum eie_status status = EIE_OK;
    children.all = calloc(count, sizeof *children.all);
    children.outcomes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!children.all || children.outcomes == MAP_FAILED) {
        if (children.outcomes != MAP_FAILED) munmap(children.outcomes, size);
        free(children.all);
        return eie_fail(error, EIE_MEMORY, "out of memory for seeds' processes");
    }
    while (!status && (children.started < count || children.running)) {
        while (!status && children.started < count && children.running < jobs)
            status = start(&children, error);
        if (!status) status = await(&children, error);
    }
    if (status) end_all(&children);
    if (!status) status = collect(&children, seeds, error);
    for (uint32_t i = 0; i < count; i++)
        if (children.all[i].ledger) fclose(children.all[i].ledger);
    munmap(children.outcomes, size);
    free(children.all);
    return status;
}

/* ---- summary -----------------------------------------------------------------------------------
 */

/* Of seed number i; false where it has none. */
static bool find(const json_t *seed, const char *object, const char *key, double *value)
{
    const json_t *found = json_object_get(object ? json_object_get(seed, object) : seed, key);
    *value = json_number_value(found);
    return json_is_number(found);
}

static void summarize(json_t *summary, const char *name, const double *values, size_t count)
{
    double sum = 0, squares = 0, least = HUGE_VAL, most = -HUGE_VAL;
    if (!count) return;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
        least = fmin(least, values[i]);
        most = fmax(most, values[i]);
    }
    const double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) squares += (values[i] - mean) * (values[i] - mean);
    const double deviation = count > 1 ? sqrt(squares / (double)(count - 1)) : (double)NAN;
    json_t *object = json_object();
    eie_set_integer(object, "seeds", count);
    eie_set_number(object, "mean", mean);
    eie_set_number(object, "least", least);
    eie_set_number(object, "most", most);
    eie_set_number(object, "deviation", deviation);
    eie_set_number(object, "standard_error", deviation / sqrt((double)count));
    json_object_set_new(summary, name, object);
}

static void summarize_member(json_t *summary, const char *name, const json_t *seeds,
                             const char *object, const char *key, const char *less)
{
    const size_t count = json_array_size(seeds);
    double *values = calloc(count + 1, sizeof *values), other = 0;
    size_t found = 0;
    for (size_t i = 0; values && i < count; i++) {
        const json_t *seed = json_array_get(seeds, i);
        if (!find(seed, object, key, &values[found])) continue;
        if (less && find(seed, object, less, &other)) values[found] -= other;
        found++;
    }
    if (values) summarize(summary, name, values, found);
    free(values);
}

static json_t *make_summary(const json_t *seeds)
{
    json_t *summary = json_object();
    summarize_member(summary, "rate_x", seeds, NULL, "rate_x", NULL);
    summarize_member(summary, "file_bytes", seeds, NULL, "file_bytes", NULL);
    summarize_member(summary, "file_validation_error_pct", seeds, NULL, "file_validation_error_pct",
                     NULL);
    summarize_member(summary, "dense_error_pct", seeds, "test", "dense_error_pct", NULL);
    summarize_member(summary, "file_error_pct", seeds, "test", "file_error_pct", NULL);
    summarize_member(summary, "file_less_dense_pct", seeds, "test", "file_error_pct",
                     "dense_error_pct");
    summarize_member(summary, "control_error_pct", seeds, "control_test", "control_error_pct",
                     NULL);
    summarize_member(summary, "file_less_control_pct", seeds, "control_test", "file_error_pct",
                     "control_error_pct");
    return summary;
}

/* A number that one seed alone does not have. */
static void print_spread(const json_t *summary, const char *key)
{
    const json_t *number = json_object_get(summary, key);
    if (number)
        printf(" %10.3f", json_number_value(number));
    else
        printf(" %10s", "");
}

/* Discordant pairs of all seeds. */
static void print_pairs(const json_t *seeds)
{
    long long images = 0, dense = 0, file = 0;
    for (size_t i = 0; i < json_array_size(seeds); i++) {
        const json_t *test = json_object_get(json_array_get(seeds, i), "test");
        images += json_integer_value(json_object_get(test, "images"));
        dense += json_integer_value(json_object_get(test, "only_dense_wrong"));
        file += json_integer_value(json_object_get(test, "only_file_wrong"));
    }
    if (images)
        printf("of %lld tests the dense network alone is wrong in %lld, the file alone in %lld\n",
               images, dense, file);
}

void eie_train_print(const json_t *ledger)
{
    static const struct {
        const char *key, *words, *unit;
    } lines[] = {
        {"file_validation_error_pct", "validation error of the file", "%"},
        {"dense_error_pct", "test error, dense", "%"},
        {"file_error_pct", "test error of the file", "%"},
        {"file_less_dense_pct", "file less dense", "points"},
        {"control_error_pct", "test error, control", "%"},
        {"file_less_control_pct", "file less control", "points"},
        {"file_bytes", "bytes of the file", "B"},
        {"rate_x", "rate, 4 x parameters / bytes of the file", "x"},
    };
    const json_t *summary = json_object_get(ledger, "summary");
    const json_t *rate = json_object_get(summary, "rate_x");
    const size_t seeds = json_array_size(json_object_get(ledger, "seeds"));
    printf("\n%s, recipe %s, %zu seed%s\n", json_string_value(json_object_get(ledger, "network")),
           json_string_value(json_object_get(ledger, "recipe")), seeds, seeds == 1 ? "" : "s");
    if (!rate) return;
    printf("%-42s %10s %10s %10s %10s %10s\n", "", "mean", "least", "most", "deviation",
           "std. err.");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const json_t *found = json_object_get(summary, lines[i].key);
        if (!found) continue;
        printf("%-42s %10.3f %10.3f %10.3f", lines[i].words,
               json_number_value(json_object_get(found, "mean")),
               json_number_value(json_object_get(found, "least")),
               json_number_value(json_object_get(found, "most")));
        print_spread(found, "deviation");
        print_spread(found, "standard_error");
        printf(" %s\n", lines[i].unit);
    }
    print_pairs(json_object_get(ledger, "seeds"));
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

/* A file can be made where it is wanted, before hours are spent; nothing of it stays. */
static enum eie_status check_outputs(const struct eie_train_options *options,
                                     struct eie_error *error)
{
    for (uint64_t seed = options->first_seed; seed <= options->last_seed; seed++) {
        char path[EIE_TRAIN_PATH], checkpoint[EIE_TRAIN_PATH];
        struct eie_output output;
        enum eie_status status = eie_train_path(options, seed, path, error);
        if (!status) status = eie_train_checkpoint_path(options, seed, checkpoint, error);
        if (!status && !options->resume && access(checkpoint, F_OK) == 0)
            status = eie_fail(error, EIE_USAGE,
                              "%s is there: --resume continues it; to start over, remove it",
                              checkpoint);
        if (!status && eie_output_is_direct(path))
            status = eie_fail(error, EIE_USAGE,
                              "%s: is no regular file: it is read back for its "
                              "test",
                              path);
        if (!status) status = eie_output_begin(path, &output, error);
        if (status) return status;
        eie_output_abandon(&output);
    }
    return EIE_OK;
}

enum eie_status eie_train_finish(const struct eie_train_options *options, struct eie_error *error)
{
    for (uint64_t seed = options->first_seed; seed <= options->last_seed; seed++) {
        char path[EIE_TRAIN_PATH];
        const enum eie_status status = eie_train_checkpoint_path(options, seed, path, error);
        if (status) return status;
        if (unlink(path) && errno != ENOENT)
            return eie_fail(error, EIE_SYSTEM, "%s: cannot be removed: %s", path, strerror(errno));
    }
    return EIE_OK;
}

/* What stands in recipe_text and not in the recipe's file. */
static void set_changes(json_t *ledger, const struct eie_recipe_changes *changes)
{
    json_t *its = json_object(), *kept = json_array(), *bits = json_array();
    for (uint32_t i = 0; i < changes->kept_count; i++)
        json_array_append_new(kept, json_real(changes->kept[i]));
    for (uint32_t i = 0; i < changes->bits_count; i++)
        json_array_append_new(bits, json_integer(changes->bits[i]));
    if (changes->kept_count) json_object_set(its, "kept", kept);
    if (changes->bits_count) json_object_set(its, "bits", bits);
    if (json_object_size(its)) json_object_set(ledger, "recipe_changes", its);
    json_decref(its);
    json_decref(kept);
    json_decref(bits);
}

static json_t *make_ledger(const struct eie_train_shared *shared, json_t *seeds)
{
    const struct eie_network *network = shared->network;
    const struct eie_recipe *recipe = shared->recipe;
    json_t *ledger = json_object();
    eie_set(ledger, "eie_format", "eie-training-1");
    eie_set(ledger, "network", network->name);
    eie_set_integer(ledger, "parameters", network->parameters);
    eie_set_integer(ledger, "weights", network->weights);
    eie_set_integer(ledger, "macs", network->macs);
    eie_set_integer(ledger, "dense_bytes", 4 * network->parameters);
    eie_set(ledger, "recipe", recipe->name);
    eie_set(ledger, "recipe_sha256", recipe->sha256);
    json_object_set_new(ledger, "recipe_text", json_loads(recipe->text, 0, NULL));
    set_changes(ledger, &shared->options->changes);
    eie_set(ledger, "data", shared->images->data);
    eie_set_integer(ledger, "images", shared->images->count - recipe->validation);
    eie_set_integer(ledger, "validation", recipe->validation);
    eie_set(ledger, "library", shared->blas->library);
    eie_set(ledger, "library_core", shared->blas->core);
    eie_set_integer(ledger, "threads", shared->options->threads);
    eie_set(ledger, "revision", EIE_REVISION);
    json_object_set(ledger, "seeds", seeds);
    json_object_set_new(ledger, "summary", make_summary(seeds));
    return ledger;
}

static enum eie_status train_all(const struct eie_train_shared *shared, json_t *seeds,
                                 struct eie_error *error)
{
    const struct eie_train_options *options = shared->options;
    const struct eie_topology *topology;
    const uint32_t count = (uint32_t)(options->last_seed - options->first_seed + 1);
    uint32_t jobs = options->jobs;
    if (count == 1) {
        json_t *result = NULL;
        const enum eie_status status = eie_train_seed(shared, options->first_seed, &result, error);
        if (!status) json_array_append_new(seeds, result);
        return status;
    }
    if (!jobs) {
        const enum eie_status status = eie_topology_get(&topology, error);
        if (status) return status;
        jobs = topology->cores > options->threads ? topology->cores / options->threads : 1;
    }
    return train_side_by_side(shared, count, jobs, seeds, error);
}

enum eie_status eie_train(const struct eie_train_options *options, json_t **ledger,
                          struct eie_error *error)
{
    struct eie_network *network = calloc(1, sizeof *network);
    struct eie_recipe *recipe = calloc(1, sizeof *recipe);
    struct eie_images images = {0};
    struct eie_blas blas;
    json_t *seeds = json_array();
    struct eie_train_shared shared = {
        .options = options, .network = network, .recipe = recipe, .images = &images, .blas = &blas};
    enum eie_status status = EIE_OK;
    *ledger = NULL;
    if (!network || !recipe)
        status = eie_fail(error, EIE_MEMORY, "out of memory");
    else if (options->last_seed < options->first_seed ||
             options->last_seed - options->first_seed >= SEEDS_MAX)
        status = eie_fail(error, EIE_USAGE, "1 to %u seeds, not %llu..%llu", SEEDS_MAX,
                          (unsigned long long)options->first_seed,
                          (unsigned long long)options->last_seed);
    if (!status) status = eie_network_read(options->network, network, error);
    if (!status)
        status = eie_recipe_read(options->recipe, network, &options->changes, recipe, error);
    if (!status) status = check_outputs(options, error);
    if (!status) status = eie_idx_folder(options->data, &shared.folder, error);
    if (!status) status = eie_idx_read_training(shared.folder, &images, error);
    if (!status) status = eie_train_check_images(network, &images, "training data", error);
    if (!status && images.count <= recipe->validation)
        status = eie_fail(error, EIE_INPUT,
                          "training data: %u images, of which recipe %s sets %u apart: none is "
                          "left to learn",
                          images.count, recipe->name, recipe->validation);
    if (!status) status = eie_blas_open(options->threads, &blas, error);
    if (!status) status = train_all(&shared, seeds, error);
    if (!status) *ledger = make_ledger(&shared, seeds);
    json_decref(seeds);
    eie_images_free(&images);
    if (recipe) eie_recipe_free(recipe);
    free(recipe);
    free(network);
    return status;
}
