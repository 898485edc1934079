#include "host/train/network.h"
#include "host/base/file.h"
#include "host/base/json.h"
#include "host/base/names.h"
#include "host/base/random.h"
#include "host/base/sha256.h"
#include "host/layer/network_file.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT      "eie-network-1"
#define EXTENT_MAX  4096u
#define WEIGHTS_MAX EIE_NETWORK_PLACES_MAX /* else its file could not be written */
#define VALUES_MAX  (UINT64_C(1) << 24)    /* of one image between two layers */

/* ---- names ----------------------------------------------------------------------------------- */

static int is_json(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && dot != entry->d_name && !strcmp(dot, ".json");
}

static enum eie_status unknown_name(const char *folder, const char *what, const char *name,
                                    struct eie_error *error)
{
    struct dirent **entries;
    const char *names[64];
    char list[512] = "";
    unsigned count = 0;
    const int found = scandir(folder, &entries, is_json, alphasort);
    if (found < 0) return eie_fail(error, EIE_INPUT, "%s: cannot be listed", folder);
    for (int i = 0; i < found && count < 64; i++) {
        const size_t used = strlen(list);
        *strrchr(entries[i]->d_name, '.') = 0;
        names[count++] = entries[i]->d_name;
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", entries[i]->d_name);
    }
    const struct eie_hint hint = eie_names_hint(name, names, count);
    for (int i = 0; i < found; i++) free(entries[i]);
    free(entries);
    return eie_fail(error, EIE_USAGE, "unknown %s '%s'; there are: %s%s", what, name, list,
                    hint.text);
}

static enum eie_status too_long(const char *what, const char *path, struct eie_error *error)
{
    return eie_fail(error, EIE_USAGE, "the path of a %s is too long: %.60s...", what, path);
}

enum eie_status eie_train_data_path(const char *folder, const char *what, const char *name,
                                    char *path, size_t size, struct eie_error *error)
{
    const size_t length = strlen(name);
    const char *data;
    char all[4096];
    if (strchr(name, '/') || (length > 5 && !strcmp(name + length - 5, ".json"))) {
        if (length >= size) return too_long(what, name, error);
        memcpy(path, name, length + 1);
        return EIE_OK;
    }
    enum eie_status status = eie_data_dir(&data, error);
    if (status) return status;
    if ((size_t)snprintf(all, sizeof all, "%s/%s", data, folder) >= sizeof all)
        return too_long("data folder", data, error);
    struct dirent **entries;
    const int found = scandir(all, &entries, is_json, NULL);
    bool known = false;
    for (int i = 0; i < found; i++) {
        *strrchr(entries[i]->d_name, '.') = 0;
        known = known || !strcmp(entries[i]->d_name, name);
        free(entries[i]);
    }
    if (found >= 0) free(entries);
    if (!known) return unknown_name(all, what, name, error);
    return (size_t)snprintf(path, size, "%s/%s.json", all, name) < size
               ? EIE_OK
               : too_long(what, all, error);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reading {
    const struct eie_json_file *file;
    struct eie_network *network;
    struct eie_extent at; /* what the next layer gets */
    struct eie_error *error;
};

static enum eie_status read_name(const struct reading *in, const json_t *object,
                                 char name[EIE_NODE_NAME_MAX])
{
    const char *text;
    const enum eie_status status = eie_json_string(in->file, object, "name", &text, in->error);
    if (status) return status;
    if (!*text || strlen(text) >= EIE_NODE_NAME_MAX)
        return eie_json_fail_at(in->file, object, "name", in->error, "must have 1 to %d bytes",
                                EIE_NODE_NAME_MAX - 1);
    if (text[strspn(text, EIE_NODE_NAME_CHARACTERS)])
        return eie_json_fail_at(in->file, object, "name", in->error,
                                "must be of letters, digits, _ and -");
    for (uint32_t i = 0; i < in->network->node_count; i++)
        if (!strcmp(in->network->nodes[i].name, text))
            return eie_json_fail_at(in->file, object, "name", in->error,
                                    "two layers are named '%s'", text);
    strcpy(name, text);
    return EIE_OK;
}

static bool read_side(const json_t *value, uint32_t *side)
{
    const json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    *side = (uint32_t)number;
    return number >= 0 && number <= 64;
}

static bool read_sides(const json_t *array, struct eie_pads *pads)
{
    return json_is_array(array) && json_array_size(array) == 4 &&
           read_side(json_array_get(array, 0), &pads->top) &&
           read_side(json_array_get(array, 1), &pads->bottom) &&
           read_side(json_array_get(array, 2), &pads->left) &&
           read_side(json_array_get(array, 3), &pads->right);
}

static enum eie_status read_pads(const struct reading *in, const json_t *object,
                                 struct eie_node *node)
{
    const json_t *pad;
    const enum eie_status status = eie_json_array(in->file, object, "pad", &pad, in->error);
    if (status) return status;
    const size_t size = json_array_size(pad);
    const bool grouped = json_is_array(json_array_get(pad, 0));
    bool good = grouped ? size <= EIE_PAD_GROUPS && node->in.channels % size == 0
                        : read_sides(pad, &node->pads[0]);
    node->pad_groups = grouped ? (uint32_t)size : 1;
    for (size_t g = 0; grouped && good && g < size; g++) {
        const struct eie_pads *first = &node->pads[0], *here = &node->pads[g];
        good = read_sides(json_array_get(pad, g), &node->pads[g]) &&
               here->top + here->bottom == first->top + first->bottom &&
               here->left + here->right == first->left + first->right;
    }
    if (good) return EIE_OK;
    return eie_json_fail_at(in->file, object, "pad", in->error,
                            "must be [top, bottom, left, right], each 0 to 64, or up to %d of "
                            "these of equal sums for equal groups of the input channels",
                            EIE_PAD_GROUPS);
}

/* The windows' number along one side; 0 where none fits. */
static uint32_t windows(uint32_t extent, uint32_t kernel, uint32_t stride)
{
    return extent < kernel ? 0 : (extent - kernel) / stride + 1;
}

static enum eie_status read_windows(const struct reading *in, const json_t *object,
                                    struct eie_node *node)
{
    enum eie_status status =
        eie_json_uint32(in->file, object, "kernel", 1, 64, &node->kernel, in->error);
    if (!status)
        status = eie_json_uint32(in->file, object, "stride", 1, 64, &node->stride, in->error);
    if (!status && node->kind == EIE_NODE_CONV) status = read_pads(in, object, node);
    if (status) return status;
    const struct eie_pads *pads = &node->pads[0];
    node->out.height =
        windows(node->in.height + pads->top + pads->bottom, node->kernel, node->stride);
    node->out.width =
        windows(node->in.width + pads->left + pads->right, node->kernel, node->stride);
    if (node->out.height && node->out.width) return EIE_OK;
    return eie_json_fail_at(in->file, object, "kernel", in->error,
                            "a window of %u x %u does not fit inputs of %u x %u", node->kernel,
                            node->kernel, node->in.height, node->in.width);
}

static enum eie_status read_size(const struct reading *in, const json_t *object,
                                 struct eie_node *node, uint32_t wanted)
{
    uint32_t stated;
    enum eie_status status =
        eie_json_uint32(in->file, object, "in", 1, 1u << 24, &stated, in->error);
    if (!status)
        status = eie_json_uint32(in->file, object, "out", 1, 1u << 20, &node->outputs, in->error);
    if (status) return status;
    node->out.channels = node->outputs;
    if (stated == wanted) return EIE_OK;
    return eie_json_fail_at(in->file, object, "in", in->error,
                            "what comes before gives %u inputs, not %u", wanted, stated);
}

static enum eie_status read_conv(struct reading *in, const json_t *object, struct eie_node *node)
{
    static const char *const keys[] = {"name",   "kind", "in",         "out", "kernel",
                                       "stride", "pad",  "activation", NULL};
    node->kind = EIE_NODE_CONV;
    enum eie_status status = eie_json_only(in->file, object, keys, in->error);
    if (!status) status = read_size(in, object, node, node->in.channels);
    if (!status) status = read_windows(in, object, node);
    if (!status)
        status =
            eie_json_either(in->file, object, "activation", "none", "relu", &node->relu, in->error);
    if (status) return status;
    const uint64_t inputs = (uint64_t)node->in.channels * node->kernel * node->kernel;
    node->inputs = (uint32_t)inputs;
    if (inputs <= VALUES_MAX) return EIE_OK;
    return eie_json_fail_at(in->file, object, "kernel", in->error,
                            "a window has at most %llu inputs", (unsigned long long)VALUES_MAX);
}

static enum eie_status read_pool(struct reading *in, const json_t *object, struct eie_node *node)
{
    static const char *const keys[] = {"name", "kind", "kernel", "stride", NULL};
    node->kind = EIE_NODE_POOL;
    node->out.channels = node->in.channels;
    const enum eie_status status = eie_json_only(in->file, object, keys, in->error);
    return status ? status : read_windows(in, object, node);
}

static enum eie_status read_fc(struct reading *in, const json_t *object, struct eie_node *node)
{
    static const char *const keys[] = {"name", "kind", "in", "out", "activation", NULL};
    node->kind = EIE_NODE_FC;
    node->inputs = node->in.channels * node->in.height * node->in.width;
    node->out.height = node->out.width = 1;
    enum eie_status status = eie_json_only(in->file, object, keys, in->error);
    if (!status) status = read_size(in, object, node, node->inputs);
    if (!status)
        status =
            eie_json_either(in->file, object, "activation", "none", "relu", &node->relu, in->error);
    return status;
}

/* Gives a layer its place among the parameters. */
static enum eie_status place(const struct reading *in, const json_t *object, struct eie_node *node)
{
    struct eie_network *network = in->network;
    if (node->kind == EIE_NODE_POOL) return EIE_OK;
    const uint64_t weights = (uint64_t)node->outputs * node->inputs;
    if (network->weights + weights > WEIGHTS_MAX)
        return eie_json_fail_at(in->file, object, "out", in->error,
                                "a network has at most %llu weights",
                                (unsigned long long)WEIGHTS_MAX);
    node->weight_at = network->parameters;
    node->bias_at = network->parameters + (size_t)weights;
    network->parameters = node->bias_at + node->outputs;
    network->weights += (size_t)weights;
    network->macs += weights * node->out.height * node->out.width;
    network->part[network->part_count++] = network->node_count;
    return EIE_OK;
}

static enum eie_status read_node(struct reading *in, const json_t *object)
{
    struct eie_network *network = in->network;
    struct eie_node *node = &network->nodes[network->node_count];
    const char *kind;
    if (!json_is_object(object))
        return eie_json_fail(in->file, in->error, "layers", "every layer must be an object");
    *node = (struct eie_node){.in = in->at};
    enum eie_status status = read_name(in, object, node->name);
    if (!status) status = eie_json_string(in->file, object, "kind", &kind, in->error);
    if (status) return status;
    const bool flat = network->node_count && node[-1].kind == EIE_NODE_FC;
    if (!strcmp(kind, "fc"))
        status = read_fc(in, object, node);
    else if (strcmp(kind, "conv") && strcmp(kind, "pool"))
        status = eie_json_fail_at(in->file, object, "kind", in->error,
                                  "'%s' is none of conv, pool, fc", kind);
    else if (flat)
        status = eie_json_fail_at(in->file, object, "kind", in->error,
                                  "behind a fully-connected layer there is only fc");
    else if (!strcmp(kind, "conv"))
        status = read_conv(in, object, node);
    else
        status = read_pool(in, object, node);
    if (!status) status = place(in, object, node);
    if (status) return status;
    if ((uint64_t)node->out.channels * node->out.height * node->out.width > VALUES_MAX)
        return eie_json_fail_at(in->file, object, NULL, in->error,
                                "a layer has at most %llu outputs", (unsigned long long)VALUES_MAX);
    in->at = node->out;
    network->node_count++;
    return EIE_OK;
}

static enum eie_status read_nodes(struct reading *in, const json_t *layers)
{
    struct eie_network *network = in->network;
    const size_t count = json_array_size(layers);
    if (!count || count > EIE_NODES_MAX)
        return eie_json_fail(in->file, in->error, "layers", "a network has 1 to %d layers, not %zu",
                             EIE_NODES_MAX, count);
    for (size_t i = 0; i < count; i++) {
        const enum eie_status status = read_node(in, json_array_get(layers, i));
        if (status) return status;
    }
    const struct eie_node *last = &network->nodes[network->node_count - 1];
    if (last->kind == EIE_NODE_FC && last->outputs == network->classes && !last->relu)
        return EIE_OK;
    return eie_json_fail(in->file, in->error, "layers",
                         "the last layer must be fc with %u outputs, as many as classes, and "
                         "activation none",
                         network->classes);
}

static enum eie_status read_input(struct reading *in)
{
    static const char *const keys[] = {"channels", "height", "width", NULL};
    const json_t *input;
    enum eie_status status = eie_json_object(in->file, in->file->root, "input", &input, in->error);
    if (!status) status = eie_json_only(in->file, input, keys, in->error);
    if (!status)
        status = eie_json_uint32(in->file, input, "channels", 1, 64, &in->at.channels, in->error);
    if (!status)
        status =
            eie_json_uint32(in->file, input, "height", 1, EXTENT_MAX, &in->at.height, in->error);
    if (!status)
        status = eie_json_uint32(in->file, input, "width", 1, EXTENT_MAX, &in->at.width, in->error);
    in->network->input = in->at;
    if (!status && (uint64_t)in->at.channels * in->at.height * in->at.width > VALUES_MAX)
        return eie_json_fail_at(in->file, input, NULL, in->error,
                                "an image has at most %llu values", (unsigned long long)VALUES_MAX);
    return status;
}

static enum eie_status read_all(struct reading *in)
{
    static const char *const keys[] = {"format", "summary", "input", "classes", "layers", NULL};
    const struct eie_json_file *file = in->file;
    const char *format, *summary;
    const json_t *layers;
    enum eie_status status = eie_json_string(file, file->root, "format", &format, in->error);
    if (status) return status;
    if (strcmp(format, FORMAT))
        return eie_json_fail(
            file, in->error, "format", "%sformat '%s', this program reads '" FORMAT "'",
            eie_names_newer(format, FORMAT) ? "written for a newer version: " : "", format);
    if ((status = eie_json_only(file, file->root, keys, in->error)) ||
        (status = eie_json_string(file, file->root, "summary", &summary, in->error)) ||
        (status = read_input(in)) ||
        (status = eie_json_uint32(in->file, file->root, "classes", 2, 256, &in->network->classes,
                                  in->error)) ||
        (status = eie_json_array(file, file->root, "layers", &layers, in->error)))
        return status;
    return read_nodes(in, layers);
}

static enum eie_status set_name(const char *path, struct eie_network *network,
                                struct eie_error *error)
{
    const char *slash = strrchr(path, '/'), *stem = slash ? slash + 1 : path;
    size_t length = strlen(stem);
    if (length > 5 && !strcmp(stem + length - 5, ".json")) length -= 5;
    if (!length || length >= sizeof network->name)
        return eie_fail(error, EIE_INPUT, "%s: a network's name has 1 to %zu bytes", path,
                        sizeof network->name - 1);
    if (strspn(stem, EIE_NODE_NAME_CHARACTERS ".") < length)
        return eie_fail(error, EIE_INPUT,
                        "%s: a network's name, that of its file, is of letters, digits, '-', '_' "
                        "and '.'",
                        path);
    memcpy(network->name, stem, length);
    return EIE_OK;
}

enum eie_status eie_network_read(const char *name, struct eie_network *network,
                                 struct eie_error *error)
{
    char path[4096];
    struct eie_json_file file;
    struct eie_hash hash;
    *network = (struct eie_network){0};
    enum eie_status status =
        eie_train_data_path("networks", "network", name, path, sizeof path, error);
    if (!status) status = eie_json_read(path, &file, error);
    if (status) return status;
    struct reading in = {.file = &file, .network = network, .error = error};
    status = set_name(path, network, error);
    if (!status) status = read_all(&in);
    if (!status) status = eie_sha256_of(file.text, strlen(file.text), &hash, error);
    if (!status) memcpy(network->sha256, hash.hex, sizeof network->sha256);
    eie_json_free(&file);
    return status;
}

/* ---- first weights -----------------------------------------------------------------------------
 */

/* Two normal numbers of deviation 1 (Box and Muller 1958). */
static void draw_normals(struct eie_random *random, double normals[2])
{
    const double pi = 3.14159265358979323846;
    const double u = ((double)(eie_random_next(random) >> 11) + 1) * 0x1p-53;
    const double turn = (double)(eie_random_next(random) >> 11) * 0x1p-53;
    const double length = sqrt(-2 * log(u));
    normals[0] = length * cos(2 * pi * turn);
    normals[1] = length * sin(2 * pi * turn);
}

void eie_network_draw(const struct eie_network *network, uint64_t seed, float *values)
{
    for (uint32_t p = 0; p < network->part_count; p++) {
        const struct eie_node *node = eie_network_part(network, p);
        const size_t weights = (size_t)node->outputs * node->inputs;
        const double deviation = sqrt((node->relu ? 2.0 : 1.0) / node->inputs);
        struct eie_random random;
        eie_random_seed(&random, eie_random_seed_of(seed, node->name));
        for (size_t i = 0; i < weights; i += 2) {
            double normals[2];
            draw_normals(&random, normals);
            values[node->weight_at + i] = (float)(deviation * normals[0]);
            if (i + 1 < weights) values[node->weight_at + i + 1] = (float)(deviation * normals[1]);
        }
        memset(values + node->bias_at, 0, node->outputs * sizeof *values);
    }
}
