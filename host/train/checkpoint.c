#include "host/layer/safetensors.h"
#include "host/train/training.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT "eie-checkpoint-2"

/* Everything that a training has beside what its network, recipe and seed give. */
enum { FIELDS = 10 };
struct field {
    const char *name;
    enum eie_dtype dtype;
    void *data;
    size_t count;
};

static void list_fields(const struct eie_training *training, struct field fields[FIELDS])
{
    struct eie_training *t = (struct eie_training *)(uintptr_t)training;
    const size_t parameters = t->network->parameters;
    const struct field all[FIELDS] = {
        {"values", EIE_F32, t->values, parameters},
        {"velocity", EIE_F32, t->velocity, parameters},
        {"mask", EIE_F32, t->mask, parameters},
        {"codes", EIE_U8, t->codes, parameters},
        {"shared", EIE_F32, t->shared, t->shared_count},
        {"moment1", EIE_F32, t->moment1, t->shared_count},
        {"moment2", EIE_F32, t->moment2, t->shared_count},
        {"from", EIE_F64, t->from, t->network->part_count},
        {"target", EIE_F64, t->target, t->network->part_count},
        {"snapshots", EIE_F32, t->snapshots, parameters * t->recipe->phase_count},
    };
    memcpy(fields, all, sizeof all);
}

static bool set_text(json_t *object, const char *key, const char *text)
{
    return json_object_set_new(object, key, json_string(text)) == 0;
}

static bool set_number(json_t *object, const char *key, uint64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return set_text(object, key, text);
}

enum eie_status eie_training_save(const struct eie_training *training, const char *path,
                                  json_t *more, struct eie_error *error)
{
    struct field fields[FIELDS];
    struct eie_tensor tensors[FIELDS];
    json_t *metadata = json_object();
    enum eie_status status;
    list_fields(training, fields);
    for (int i = 0; i < FIELDS; i++)
        tensors[i] = (struct eie_tensor){.name = fields[i].name,
                                         .dtype = fields[i].dtype,
                                         .rank = 1,
                                         .shape = {fields[i].count},
                                         .data = fields[i].data,
                                         .size = fields[i].count * eie_dtype_size(fields[i].dtype)};
    if ((more && json_object_update(metadata, more)) || !set_text(metadata, "format", FORMAT) ||
        !set_text(metadata, "network", training->network->sha256) ||
        !set_text(metadata, "recipe", training->recipe->sha256) ||
        !set_text(metadata, "recipe_text", training->recipe->text) ||
        !set_number(metadata, "images", training->samples.count) ||
        !set_number(metadata, "seed", training->seed) ||
        !set_number(metadata, "phase", training->phase) ||
        !set_number(metadata, "epoch", training->epoch) ||
        !set_number(metadata, "steps", training->steps))
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", path);
    else
        status = eie_safetensors_write(path, tensors, FIELDS, metadata, NULL, error);
    json_decref(metadata);
    return status;
}

/* ---- reading -----------------------------------------------------------------------------------
 */

static enum eie_status check_text(const struct eie_safetensors *file, const char *path,
                                  const char *key, const char *wanted, struct eie_error *error)
{
    const char *found = eie_safetensors_metadata(file, key);
    if (found && !strcmp(found, wanted)) return EIE_OK;
    if (!strcmp(key, "format"))
        return eie_fail(error, EIE_INPUT, "%s: not a checkpoint of eie train (format '%s')", path,
                        found ? found : "");
    return eie_fail(error, EIE_INPUT, "%s: a checkpoint of another training: its %s differs", path,
                    key);
}

static enum eie_status check_number(const struct eie_safetensors *file, const char *path,
                                    const char *key, uint64_t wanted, struct eie_error *error)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)wanted);
    return check_text(file, path, key, text, error);
}

static enum eie_status read_number(const struct eie_safetensors *file, const char *path,
                                   const char *key, uint64_t most, uint64_t *number,
                                   struct eie_error *error)
{
    const char *text = eie_safetensors_metadata(file, key);
    char *end = NULL;
    *number = text && *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : UINT64_MAX;
    if (end && !*end && *number <= most) return EIE_OK;
    return eie_fail(error, EIE_INPUT, "%s: damaged checkpoint: %s '%s'", path, key,
                    text ? text : "");
}

/* The tensors are there and as large as they must be. */
static enum eie_status check_fields(const struct eie_safetensors *file, const char *path,
                                    const struct field *fields, struct eie_error *error)
{
    for (int i = 0; i < FIELDS; i++) {
        const struct eie_tensor *tensor = eie_safetensors_find(file, fields[i].name);
        if (tensor && tensor->dtype == fields[i].dtype && tensor->rank == 1 &&
            tensor->shape[0] == fields[i].count)
            continue;
        return eie_fail(error, EIE_INPUT,
                        "%s: damaged checkpoint: tensor '%s' is missing or of "
                        "another size",
                        path, fields[i].name);
    }
    return EIE_OK;
}

enum eie_status eie_training_load(struct eie_training *training, const char *path, json_t **more,
                                  struct eie_error *error)
{
    const struct eie_recipe *recipe = training->recipe;
    struct eie_safetensors file;
    struct field fields[FIELDS];
    uint64_t phase = 0, epoch = 0, steps = 0;
    enum eie_status status = eie_safetensors_read(path, &file, error);
    if (status) return status;
    list_fields(training, fields);
    if ((status = check_text(&file, path, "format", FORMAT, error)) ||
        (status = check_text(&file, path, "network", training->network->sha256, error)) ||
        (status = check_text(&file, path, "recipe", recipe->sha256, error)) ||
        (status = check_text(&file, path, "recipe_text", recipe->text, error)) ||
        (status = check_number(&file, path, "seed", training->seed, error)) ||
        (status = check_number(&file, path, "images", training->samples.count, error)) ||
        (status = read_number(&file, path, "phase", recipe->phase_count, &phase, error)) ||
        (status = read_number(&file, path, "epoch",
                              phase < recipe->phase_count ? recipe->phases[phase].epochs - 1 : 0,
                              &epoch, error)) ||
        (status = read_number(&file, path, "steps", UINT64_MAX - 1, &steps, error)) ||
        (status = check_fields(&file, path, fields, error)))
        goto end;
    for (int i = 0; i < FIELDS; i++) {
        const struct eie_tensor *tensor = eie_safetensors_find(&file, fields[i].name);
        memcpy(fields[i].data, tensor->data, (size_t)tensor->size);
    }
    training->phase = (uint32_t)phase;
    training->epoch = (uint32_t)epoch;
    training->steps = steps;
    eie_training_list_members(training);
    *more = json_incref(json_object_get(file.header, "__metadata__"));
end:
    eie_safetensors_free(&file);
    return status;
}

/* ---- the phases of another training -------------------------------------------------------------
 */

/* How many phases at the beginning both recipes have in the same words, before any that shares
 * weights. */
static uint32_t count_common(const struct eie_recipe *recipe, const char *text)
{
    json_t *own = json_loads(recipe->text, 0, NULL),
           *other = text ? json_loads(text, 0, NULL) : NULL;
    const json_t *ours = json_object_get(own, "phases"), *theirs = json_object_get(other, "phases");
    const uint32_t most = recipe->phase_count - recipe->controls;
    uint32_t count = 0;
    if (json_equal(json_object_get(own, "batch"), json_object_get(other, "batch")) &&
        json_equal(json_object_get(own, "validation"), json_object_get(other, "validation")))
        while (count < most && recipe->phases[count].kind != EIE_PHASE_SHARE &&
               json_equal(json_array_get(ours, count), json_array_get(theirs, count)))
            count++;
    json_decref(own);
    json_decref(other);
    return count;
}

/* Goes on behind phase number phases - 1 with what it has left. */
static void begin_behind(struct eie_training *training, uint32_t phases, const float *snapshots)
{
    const struct eie_network *network = training->network;
    const size_t parameters = network->parameters;
    const bool pruned = training->recipe->phases[phases - 1].kind == EIE_PHASE_PRUNE;
    memcpy(training->snapshots, snapshots, phases * parameters * sizeof *snapshots);
    memcpy(training->values, snapshots + (phases - 1) * parameters, parameters * sizeof *snapshots);
    for (size_t i = 0; i < parameters; i++) training->mask[i] = 1;
    for (uint32_t p = 0; pruned && p < network->part_count; p++) {
        const struct eie_node *node = eie_network_part(network, p);
        for (size_t i = node->weight_at; i < node->bias_at; i++)
            training->mask[i] = training->values[i] != 0.0f ? 1 : 0;
    }
    training->phase = phases;
}

enum eie_status eie_training_take_over(struct eie_training *training, const char *path,
                                       uint32_t *phases, json_t **more, struct eie_error *error)
{
    const struct eie_recipe *recipe = training->recipe;
    const size_t parameters = training->network->parameters;
    struct eie_safetensors file;
    uint64_t done = 0;
    enum eie_status status = eie_safetensors_read(path, &file, error);
    if (status) return status;
    if ((status = check_text(&file, path, "format", FORMAT, error)) ||
        (status = check_text(&file, path, "network", training->network->sha256, error)) ||
        (status = check_number(&file, path, "seed", training->seed, error)) ||
        (status = check_number(&file, path, "images", training->samples.count, error)) ||
        (status = read_number(&file, path, "phase", EIE_PHASES_MAX, &done, error)))
        goto end;
    const uint32_t common = count_common(recipe, eie_safetensors_metadata(&file, "recipe_text"));
    const struct eie_tensor *snapshots = eie_safetensors_find(&file, "snapshots");
    *phases = common < done ? common : (uint32_t)done;
    if (!*phases)
        status = eie_fail(error, EIE_INPUT,
                          "%s: has done no phase that recipe %s begins with in the same words",
                          path, recipe->name);
    else if (!snapshots || snapshots->dtype != EIE_F32 || snapshots->rank != 1 ||
             snapshots->shape[0] < *phases * parameters)
        status = eie_fail(
            error, EIE_INPUT,
            "%s: damaged checkpoint: tensor 'snapshots' is missing or of another size", path);
    if (status) goto end;
    begin_behind(training, *phases, snapshots->data);
    *more = json_incref(json_object_get(file.header, "__metadata__"));
end:
    eie_safetensors_free(&file);
    return status;
}
