#include "host/train/recipe.h"
#include "host/base/json.h"
#include "host/base/names.h"
#include "host/base/sha256.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT "eie-recipe-1"

struct reading {
    const struct eie_json_file *file;
    const struct eie_network *network;
    const struct eie_recipe_changes *changes; /* or NULL */
    struct eie_recipe *recipe;
    struct eie_error *error;
};

static enum eie_status read_number(const struct reading *in, const json_t *object, const char *key,
                                   double low, double high, double *value)
{
    return eie_json_number(in->file, object, key, low, high, value, in->error);
}

static enum eie_status read_bool(const struct reading *in, const json_t *object, const char *key,
                                 bool *value)
{
    const json_t *found = json_object_get(object, key);
    if (!json_is_boolean(found))
        return eie_json_fail_at(in->file, object, key, in->error, "\"%s\" must be true or false",
                                key);
    *value = json_is_true(found);
    return EIE_OK;
}

/* The number of the word in a NULL-terminated list. */
static enum eie_status read_word(const struct reading *in, const json_t *object, const char *key,
                                 const char *const *words, int *which)
{
    const char *text;
    char list[128] = "";
    const enum eie_status status = eie_json_string(in->file, object, key, &text, in->error);
    if (status) return status;
    for (*which = 0; words[*which]; ++*which) {
        const size_t used = strlen(list);
        if (!strcmp(words[*which], text)) return EIE_OK;
        snprintf(list + used, sizeof list - used, "%s%s", *which ? ", " : "", words[*which]);
    }
    return eie_json_fail_at(in->file, object, key, in->error, "'%s' is none of %s", text, list);
}

/* One number for every part, or an array of one each. */
static enum eie_status read_each(const struct reading *in, const json_t *object, const char *key,
                                 double low, double high, bool whole, double *values)
{
    const json_t *found = json_object_get(object, key);
    const uint32_t parts = in->network->part_count;
    if (!json_is_array(found)) {
        double value = 0;
        const enum eie_status status = read_number(in, object, key, low, high, &value);
        for (uint32_t p = 0; p < parts; p++) values[p] = value;
        if (status || !whole || json_is_integer(found)) return status;
        return eie_json_fail_at(in->file, object, key, in->error, "must be a whole number");
    }
    if (json_array_size(found) != parts)
        return eie_json_fail_at(in->file, object, key, in->error,
                                "has %zu numbers; network %s has %u layers with weights",
                                json_array_size(found), in->network->name, parts);
    for (uint32_t p = 0; p < parts; p++) {
        const json_t *value = json_array_get(found, p);
        values[p] = json_number_value(value);
        if ((whole ? json_is_integer(value) : json_is_number(value)) && values[p] >= low &&
            values[p] <= high)
            continue;
        return eie_json_fail_at(in->file, object, key, in->error, "number %u must be %s%g to %g",
                                p + 1, whole ? "a whole number from " : "", low, high);
    }
    return EIE_OK;
}

#define COMMON                                                                                     \
    "name", "kind", "epochs", "rate", "schedule", "momentum", "decay", "dropout",                  \
        "dropout_scaled", "shift"

static enum eie_status read_common(const struct reading *in, const json_t *object,
                                   struct eie_phase *phase)
{
    static const char *const schedules[] = {"constant", "cosine", "step", NULL};
    const char *name;
    int schedule = 0;
    enum eie_status status;
    if ((status = eie_json_string(in->file, object, "name", &name, in->error))) return status;
    if (!*name || strlen(name) >= sizeof phase->name)
        return eie_json_fail_at(in->file, object, "name", in->error, "must have 1 to %zu bytes",
                                sizeof phase->name - 1);
    if (name[strspn(name, EIE_NODE_NAME_CHARACTERS " ")])
        return eie_json_fail_at(in->file, object, "name", in->error,
                                "must be of letters, digits, spaces, _ and -");
    strcpy(phase->name, name);
    for (const struct eie_phase *before = in->recipe->phases; before < phase; before++)
        if (!strcmp(before->name, name))
            return eie_json_fail_at(in->file, object, "name", in->error,
                                    "two phases are named '%s'", name);
    if ((status =
             eie_json_uint32(in->file, object, "epochs", 1, 10000, &phase->epochs, in->error)) ||
        (status = read_number(in, object, "rate", 1e-9, 100, &phase->rate)) ||
        (status = read_word(in, object, "schedule", schedules, &schedule)) ||
        (status = read_number(in, object, "momentum", 0, 0.9999, &phase->momentum)) ||
        (status = read_number(in, object, "decay", 0, 1, &phase->decay)) ||
        (status = read_number(in, object, "dropout", 0, 0.95, &phase->dropout)) ||
        (status = read_bool(in, object, "dropout_scaled", &phase->dropout_scaled)))
        return status;
    phase->schedule = (enum eie_schedule)schedule;
    return eie_json_uint32(in->file, object, "shift", 0, 8, &phase->shift, in->error);
}

/* Weights of the network that shares by part leave, over all of them. */
static double share_of_all(const struct eie_network *network, const double *kept)
{
    double left = 0, all = 0;
    for (uint32_t p = 0; p < network->part_count; p++) {
        const struct eie_node *node = eie_network_part(network, p);
        const double weights = (double)node->outputs * node->inputs;
        left += kept[p] * weights;
        all += weights;
    }
    return all > 0 ? left / all : 1;
}

/* What was pruned stays away: a later phase must not ask for more. */
static enum eie_status check_kept(const struct reading *in, const json_t *object,
                                  const struct eie_phase *phase)
{
    const struct eie_network *network = in->network;
    const struct eie_phase *before = phase - 1;
    const bool by_part = !(phase->total > 0);
    if (before->kind != EIE_PHASE_PRUNE) return EIE_OK;
    if (by_part && !(before->total > 0)) {
        for (uint32_t p = 0; p < network->part_count; p++)
            if (phase->kept[p] > before->kept[p])
                return eie_json_fail_at(in->file, object, "kept", in->error,
                                        "%g of layer %s, of which phase '%s' leaves %g: what was "
                                        "pruned comes back in a dense phase only",
                                        phase->kept[p], eie_network_part(network, p)->name,
                                        before->name, before->kept[p]);
        return EIE_OK;
    }
    const double here = by_part ? share_of_all(network, phase->kept) : phase->total;
    const double left = before->total > 0 ? before->total : share_of_all(network, before->kept);
    if (here <= left * (1 + 1e-9)) return EIE_OK;
    return eie_json_fail_at(in->file, object, by_part ? "kept" : "total", in->error,
                            "%g of all weights, of which phase '%s' leaves %g: what was pruned "
                            "comes back in a dense phase only",
                            here, before->name, left);
}

static enum eie_status read_prune(const struct reading *in, const json_t *object,
                                  struct eie_phase *phase)
{
    static const char *const by_part[] = {COMMON, "kept", "ramp", "cuts", NULL};
    static const char *const by_total[] = {COMMON, "total", "ramp", "cuts", NULL};
    const bool total = json_object_get(object, "total") != NULL;
    enum eie_status status = eie_json_only(in->file, object, total ? by_total : by_part, in->error);
    if (!status)
        status = total ? read_number(in, object, "total", 1e-6, 1, &phase->total)
                       : read_each(in, object, "kept", 1e-6, 1, false, phase->kept);
    if (!status) status = read_number(in, object, "ramp", 0, 1, &phase->ramp);
    if (!status)
        status = eie_json_uint32(in->file, object, "cuts", 1, 1000, &phase->cuts, in->error);
    return status ? status : check_kept(in, object, phase);
}

static enum eie_status read_share(const struct reading *in, const json_t *object,
                                  struct eie_phase *phase)
{
    static const char *const keys[] = {COMMON,      "bits",  "optimizer", "centroids",
                                       "bias_bits", "int16", NULL};
    static const char *const optimizers[] = {"sgd", "adam", NULL};
    static const char *const starts[] = {"linear", "density", "random", NULL};
    double bits[EIE_NODES_MAX] = {0};
    int optimizer = 0, start = 0;
    enum eie_status status = eie_json_only(in->file, object, keys, in->error);
    if (!status) status = read_each(in, object, "bits", 2, 8, true, bits);
    if (!status) status = read_word(in, object, "optimizer", optimizers, &optimizer);
    if (!status) status = read_word(in, object, "centroids", starts, &start);
    if (!status)
        status =
            eie_json_uint32(in->file, object, "bias_bits", 2, 16, &phase->bias_bits, in->error);
    if (!status) status = read_bool(in, object, "int16", &phase->int16);
    for (uint32_t p = 0; p < in->network->part_count && !status; p++) {
        phase->bits[p] = (uint32_t)bits[p];
        if (phase->int16 && bits[p] > 4)
            status = eie_json_fail_at(in->file, object, "bits", in->error,
                                      "int16 with codes of %g bits: the integer kernels read 4",
                                      bits[p]);
    }
    phase->adam = optimizer == 1;
    phase->centroids = (enum eie_centroids)start;
    return status;
}

static enum eie_status read_phase(const struct reading *in, const json_t *object, uint32_t number)
{
    static const char *const kinds[] = {"dense", "prune", "share", NULL};
    static const char *const dense_keys[] = {COMMON, NULL};
    struct eie_phase *phase = &in->recipe->phases[number];
    int kind = 0;
    if (!json_is_object(object))
        return eie_json_fail(in->file, in->error, "phases", "every phase must be an object");
    enum eie_status status = read_word(in, object, "kind", kinds, &kind);
    if (status) return status;
    *phase = (struct eie_phase){.kind = (enum eie_phase_kind)kind, .random = number};
    if (!number && phase->kind != EIE_PHASE_DENSE)
        return eie_json_fail_at(in->file, object, "kind", in->error,
                                "the first phase must be dense");
    if (number && phase[-1].kind == EIE_PHASE_SHARE)
        return eie_json_fail_at(in->file, object, "kind", in->error,
                                "nothing can follow a phase of kind share");
    if (phase->kind == EIE_PHASE_DENSE)
        status = eie_json_only(in->file, object, dense_keys, in->error);
    else if (phase->kind == EIE_PHASE_PRUNE)
        status = read_prune(in, object, phase);
    else
        status = read_share(in, object, phase);
    return status ? status : read_common(in, object, phase);
}

/* The phases but the first once more, without a mask. */
static enum eie_status add_controls(const struct reading *in, const json_t *object)
{
    struct eie_recipe *recipe = in->recipe;
    const uint32_t own = recipe->phase_count;
    if (own < 2 || 2 * own - 1 > EIE_PHASES_MAX)
        return eie_json_fail_at(in->file, object, "phases", in->error,
                                "with a control there are 2 to %d phases, not %u",
                                (EIE_PHASES_MAX + 1) / 2, own);
    for (uint32_t i = 1; i < own; i++) {
        struct eie_phase *copy = &recipe->phases[recipe->phase_count++];
        *copy = recipe->phases[i];
        if (copy->kind == EIE_PHASE_SHARE)
            return eie_json_fail_at(in->file, object, "phases", in->error,
                                    "with a control there is no phase of kind share");
        if (strlen(copy->name) + sizeof " control" > sizeof copy->name)
            return eie_json_fail_at(in->file, object, "phases", in->error,
                                    "with a control a phase's name has at most %zu bytes",
                                    sizeof copy->name - sizeof " control");
        strcat(copy->name, " control");
        copy->kind = EIE_PHASE_DENSE;
        copy->restart = i == 1;
        copy->random = i;
    }
    recipe->controls = own - 1;
    return EIE_OK;
}

static enum eie_status read_network(const struct reading *in, const json_t *object, bool control)
{
    static const char *const keys[] = {"batch", "validation", "phases", NULL};
    struct eie_recipe *recipe = in->recipe;
    const json_t *phases;
    enum eie_status status;
    if ((status = eie_json_only(in->file, object, keys, in->error)) ||
        (status = eie_json_uint32(in->file, object, "batch", 1, 4096, &recipe->batch, in->error)) ||
        (status = eie_json_uint32(in->file, object, "validation", 1, 1u << 30, &recipe->validation,
                                  in->error)) ||
        (status = eie_json_array(in->file, object, "phases", &phases, in->error)))
        return status;
    const size_t count = json_array_size(phases);
    if (!count || count > EIE_PHASES_MAX)
        return eie_json_fail_at(in->file, object, "phases", in->error,
                                "there are 1 to %d phases, not %zu", EIE_PHASES_MAX, count);
    for (uint32_t i = 0; i < count; i++, recipe->phase_count++)
        if ((status = read_phase(in, json_array_get(phases, i), i))) return status;
    if (control) status = add_controls(in, object);
    if (status) return status;
    recipe->text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(10));
    return recipe->text ? EIE_OK : eie_fail(in->error, EIE_MEMORY, "out of memory");
}

static json_t *numbers_of(uint32_t count, const double *shares, const uint32_t *bits)
{
    json_t *numbers = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(numbers, shares ? json_real(shares[i]) : json_integer(bits[i]));
    return numbers;
}

/* Puts one of the changes into the last phase of its kind. */
static enum eie_status change(const struct reading *in, json_t *phases, const char *kind,
                              const char *key, uint32_t count, const double *shares,
                              const uint32_t *bits)
{
    if (count > 1 && count != in->network->part_count)
        return eie_fail(in->error, EIE_USAGE, "%u numbers for %s; network %s has %u layers", count,
                        key, in->network->name, in->network->part_count);
    for (size_t i = json_array_size(phases); i-- > 0;) {
        json_t *phase = json_array_get(phases, i), *value;
        const char *found = json_string_value(json_object_get(phase, "kind"));
        if (!found || strcmp(found, kind)) continue;
        value = count == 1 ? (shares ? json_real(shares[0]) : json_integer(bits[0]))
                           : numbers_of(count, shares, bits);
        if (shares) json_object_del(phase, "total");
        return json_object_set_new(phase, key, value)
                   ? eie_fail(in->error, EIE_MEMORY, "out of memory")
                   : EIE_OK;
    }
    return eie_fail(in->error, EIE_USAGE, "%s has no phase of kind %s, whose %s could be changed",
                    in->file->path, kind, key);
}

static enum eie_status apply_changes(const struct reading *in, const json_t *network)
{
    const struct eie_recipe_changes *changes = in->changes;
    json_t *phases = json_object_get(network, "phases");
    enum eie_status status = EIE_OK;
    if (changes && changes->kept_count)
        status = change(in, phases, "prune", "kept", changes->kept_count, changes->kept, NULL);
    if (!status && changes && changes->bits_count)
        status = change(in, phases, "share", "bits", changes->bits_count, NULL, changes->bits);
    return status;
}

static enum eie_status read_all(const struct reading *in)
{
    static const char *const keys[] = {"format", "summary", "control", "networks", NULL};
    const struct eie_json_file *file = in->file;
    const char *format, *summary;
    const json_t *networks, *found = NULL;
    bool control = false;
    enum eie_status status = eie_json_string(file, file->root, "format", &format, in->error);
    if (status) return status;
    if (strcmp(format, FORMAT))
        return eie_json_fail(
            file, in->error, "format", "%sformat '%s', this program reads '" FORMAT "'",
            eie_names_newer(format, FORMAT) ? "written for a newer version: " : "", format);
    if ((status = eie_json_only(file, file->root, keys, in->error)) ||
        (status = eie_json_string(file, file->root, "summary", &summary, in->error)) ||
        (status = read_bool(in, file->root, "control", &control)) ||
        (status = eie_json_object(file, file->root, "networks", &networks, in->error)))
        return status;
    const char *key = json_object_get(networks, in->network->name) ? in->network->name : "*";
    if (!json_object_get(networks, key))
        return eie_json_fail_at(file, file->root, "networks", in->error,
                                "nothing for network %s, and no \"*\" for any", in->network->name);
    status = eie_json_object(file, networks, key, &found, in->error);
    if (!status) status = apply_changes(in, found);
    return status ? status : read_network(in, found, control);
}

static enum eie_status set_name(const char *path, struct eie_recipe *recipe,
                                struct eie_error *error)
{
    const char *slash = strrchr(path, '/'), *stem = slash ? slash + 1 : path;
    size_t length = strlen(stem);
    if (length > 5 && !strcmp(stem + length - 5, ".json")) length -= 5;
    if (!length || length >= sizeof recipe->name)
        return eie_fail(error, EIE_INPUT, "%s: a recipe's name has 1 to %zu bytes", path,
                        sizeof recipe->name - 1);
    memcpy(recipe->name, stem, length);
    return EIE_OK;
}

enum eie_status eie_recipe_read(const char *name, const struct eie_network *network,
                                const struct eie_recipe_changes *changes, struct eie_recipe *recipe,
                                struct eie_error *error)
{
    char path[4096];
    struct eie_json_file file;
    struct eie_hash hash;
    *recipe = (struct eie_recipe){0};
    enum eie_status status =
        eie_train_data_path("recipes", "recipe", name, path, sizeof path, error);
    if (!status) status = eie_json_read(path, &file, error);
    if (status) return status;
    const struct reading in = {
        .file = &file, .network = network, .changes = changes, .recipe = recipe, .error = error};
    status = set_name(path, recipe, error);
    if (!status) status = read_all(&in);
    if (!status) status = eie_sha256_of(file.text, strlen(file.text), &hash, error);
    if (!status) memcpy(recipe->sha256, hash.hex, sizeof recipe->sha256);
    if (status) eie_recipe_free(recipe);
    eie_json_free(&file);
    return status;
}

void eie_recipe_free(struct eie_recipe *recipe)
{
    free(recipe->text);
    *recipe = (struct eie_recipe){0};
}
