#include "host/graph/graph.h"
#include "host/base/json.h"
#include "host/base/names.h"

#include <string.h>

#define FORMAT     "eie-graph-1"
#define VALUES_MAX (UINT64_C(1) << 24) /* of a tensor */
#define SIDE_MAX   4096u
#define INPUTS_MAX (1u << 20) /* of a convolution's window */

struct reading {
    const struct eie_json_file *file;
    struct eie_graph *graph;
    struct eie_error *error;
};

/* The step of this name, or UINT32_MAX. */
static uint32_t find(const struct eie_graph *graph, const char *name)
{
    for (uint32_t s = 0; s < graph->step_count; s++)
        if (!strcmp(graph->steps[s].name, name)) return s;
    return UINT32_MAX;
}

static enum eie_status read_name(const struct reading *in, const json_t *object,
                                 char name[EIE_STEP_NAME_MAX])
{
    const char *text;
    const enum eie_status status = eie_json_string(in->file, object, "name", &text, in->error);
    if (status) return status;
    if (!*text || strlen(text) >= EIE_STEP_NAME_MAX)
        return eie_json_fail_at(in->file, object, "name", in->error, "must have 1 to %d bytes",
                                EIE_STEP_NAME_MAX - 1);
    if (text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")])
        return eie_json_fail_at(in->file, object, "name", in->error,
                                "must be of letters, digits, '_', '.' and '-'");
    if (find(in->graph, text) != UINT32_MAX)
        return eie_json_fail_at(in->file, object, "name", in->error, "two steps are named '%s'",
                                text);
    strcpy(name, text);
    return EIE_OK;
}

static enum eie_status read_from(const struct reading *in, const json_t *object,
                                 struct eie_step *step)
{
    const json_t *from;
    const enum eie_status status = eie_json_array(in->file, object, "from", &from, in->error);
    if (status) return status;
    const size_t most = step->kind == EIE_STEP_CONCAT ? EIE_STEP_FROM_MAX : 1;
    step->from_count = (uint32_t)json_array_size(from);
    if (json_array_size(from) < 1 || json_array_size(from) > most)
        return eie_json_fail_at(in->file, object, "from", in->error,
                                "must have 1 to %zu names, not %zu", most, json_array_size(from));
    for (uint32_t f = 0; f < step->from_count; f++) {
        const char *name = json_string_value(json_array_get(from, f));
        step->from[f] = name ? find(in->graph, name) : UINT32_MAX;
        if (step->from[f] == UINT32_MAX)
            return eie_json_fail_at(in->file, object, "from", in->error,
                                    "'%s' is no step before this one", name ? name : "?");
        if (in->graph->steps[step->from[f]].kind == EIE_STEP_AVERAGE)
            return eie_json_fail_at(in->file, object, "from", in->error,
                                    "nothing comes behind the average");
    }
    step->in = in->graph->steps[step->from[0]].out;
    return EIE_OK;
}

/* ---- the kinds --------------------------------------------------------------------------------
 */

static enum eie_status no_window(const struct reading *in, const json_t *object,
                                 const struct eie_step *step)
{
    return eie_json_fail_at(in->file, object, "kernel", in->error,
                            "a window of %u x %u does not fit inputs of %u x %u", step->kernel,
                            step->kernel, step->in.height, step->in.width);
}

static enum eie_status read_conv(const struct reading *in, const json_t *object,
                                 struct eie_step *step)
{
    static const char *const keys[] = {"name",   "kind", "from",       "out", "kernel",
                                       "stride", "pad",  "activation", NULL};
    enum eie_status status = eie_json_only(in->file, object, keys, in->error);
    if (!status)
        status = eie_json_uint32(in->file, object, "out", 1, 1u << 16, &step->outputs, in->error);
    if (!status)
        status = eie_json_uint32(in->file, object, "kernel", 1, 64, &step->kernel, in->error);
    if (!status)
        status = eie_json_uint32(in->file, object, "stride", 1, 64, &step->stride, in->error);
    if (!status) status = eie_json_uint32(in->file, object, "pad", 0, 64, &step->pad, in->error);
    if (!status)
        status =
            eie_json_either(in->file, object, "activation", "none", "relu", &step->relu, in->error);
    if (status) return status;
    const uint32_t height = step->in.height + 2 * step->pad, width = step->in.width + 2 * step->pad;
    if (height < step->kernel || width < step->kernel) return no_window(in, object, step);
    const uint64_t inputs = (uint64_t)step->in.channels * step->kernel * step->kernel;
    if (inputs > INPUTS_MAX)
        return eie_json_fail_at(in->file, object, "kernel", in->error,
                                "a window has at most %u inputs", INPUTS_MAX);
    step->inputs = (uint32_t)inputs;
    step->out = (struct eie_extent){.channels = step->outputs,
                                    .height = (height - step->kernel) / step->stride + 1,
                                    .width = (width - step->kernel) / step->stride + 1};
    return EIE_OK;
}

/* As many windows as it takes to cover the side, each beginning inside. */
static uint32_t covering(uint32_t side, uint32_t kernel, uint32_t stride)
{
    return side <= kernel ? 1 : (side - kernel + stride - 1) / stride + 1;
}

static enum eie_status read_pool(const struct reading *in, const json_t *object,
                                 struct eie_step *step)
{
    static const char *const keys[] = {"name", "kind", "from", "kernel", "stride", NULL};
    enum eie_status status = eie_json_only(in->file, object, keys, in->error);
    if (!status)
        status = eie_json_uint32(in->file, object, "kernel", 1, 64, &step->kernel, in->error);
    if (!status)
        status = eie_json_uint32(in->file, object, "stride", 1, 64, &step->stride, in->error);
    if (status) return status;
    if (step->stride > step->kernel)
        return eie_json_fail_at(in->file, object, "stride", in->error,
                                "must not be more than the kernel, %u", step->kernel);
    if (step->kernel > step->in.height || step->kernel > step->in.width)
        return no_window(in, object, step);
    step->out = (struct eie_extent){.channels = step->in.channels,
                                    .height = covering(step->in.height, step->kernel, step->stride),
                                    .width = covering(step->in.width, step->kernel, step->stride)};
    return EIE_OK;
}

static enum eie_status read_concat(const struct reading *in, const json_t *object,
                                   struct eie_step *step)
{
    static const char *const keys[] = {"name", "kind", "from", NULL};
    const enum eie_status status = eie_json_only(in->file, object, keys, in->error);
    if (status) return status;
    step->out = step->in;
    for (uint32_t f = 1; f < step->from_count; f++) {
        const struct eie_extent *other = &in->graph->steps[step->from[f]].out;
        if (other->height != step->in.height || other->width != step->in.width)
            return eie_json_fail_at(in->file, object, "from", in->error,
                                    "tensors of %u x %u and of %u x %u positions", step->in.height,
                                    step->in.width, other->height, other->width);
        step->out.channels += other->channels;
    }
    return EIE_OK;
}

static enum eie_status read_average(const struct reading *in, const json_t *object,
                                    struct eie_step *step)
{
    static const char *const keys[] = {"name", "kind", "from", NULL};
    const enum eie_status status = eie_json_only(in->file, object, keys, in->error);
    if (status) return status;
    step->out = (struct eie_extent){step->in.channels, 1, 1};
    if (step->in.channels == in->graph->classes) return EIE_OK;
    return eie_json_fail_at(in->file, object, "from", in->error,
                            "%u channels, but the graph has %u classes", step->in.channels,
                            in->graph->classes);
}

static const struct {
    const char *name;
    enum eie_step_kind kind;
    enum eie_status (*read)(const struct reading *in, const json_t *object, struct eie_step *step);
} kinds[] = {
    {"conv", EIE_STEP_CONV, read_conv},
    {"pool", EIE_STEP_POOL, read_pool},
    {"concat", EIE_STEP_CONCAT, read_concat},
    {"average", EIE_STEP_AVERAGE, read_average},
};

/* ---- the file ---------------------------------------------------------------------------------
 */

static enum eie_status read_step(struct reading *in, const json_t *object)
{
    struct eie_graph *graph = in->graph;
    struct eie_step step = {.name = ""};
    const char *text;
    size_t k = 0;
    if (!json_is_object(object))
        return eie_json_fail(in->file, in->error, "steps", "every step must be an object");
    enum eie_status status = read_name(in, object, step.name);
    if (!status) status = eie_json_string(in->file, object, "kind", &text, in->error);
    if (status) return status;
    while (k < sizeof kinds / sizeof *kinds && strcmp(kinds[k].name, text)) k++;
    if (k == sizeof kinds / sizeof *kinds)
        return eie_json_fail_at(in->file, object, "kind", in->error,
                                "'%s' is none of conv, pool, concat, average", text);
    step.kind = kinds[k].kind;
    status = read_from(in, object, &step);
    if (!status) status = kinds[k].read(in, object, &step);
    if (status) return status;
    if ((uint64_t)step.out.height * step.out.width > VALUES_MAX / step.out.channels)
        return eie_json_fail_at(in->file, object, NULL, in->error, "a step has at most %llu values",
                                (unsigned long long)VALUES_MAX);
    if (step.kind == EIE_STEP_CONV) graph->conv[graph->conv_count++] = graph->step_count;
    graph->steps[graph->step_count++] = step;
    return EIE_OK;
}

static enum eie_status read_steps(struct reading *in)
{
    const json_t *steps;
    enum eie_status status = eie_json_array(in->file, in->file->root, "steps", &steps, in->error);
    if (status) return status;
    if (json_array_size(steps) > EIE_STEPS_MAX - 1)
        return eie_json_fail(in->file, in->error, "steps", "a graph has at most %d steps, not %zu",
                             EIE_STEPS_MAX - 1, json_array_size(steps));
    for (size_t i = 0; i < json_array_size(steps) && !status; i++)
        status = read_step(in, json_array_get(steps, i));
    if (status) return status;
    for (uint32_t s = 0; s < in->graph->step_count; s++)
        if ((in->graph->steps[s].kind == EIE_STEP_AVERAGE) != (s + 1 == in->graph->step_count))
            return eie_json_fail(in->file, in->error, "steps",
                                 "the last step, and no other, must be the average");
    return EIE_OK;
}

static enum eie_status read_mean(const struct reading *in, const json_t *image)
{
    const json_t *mean;
    const enum eie_status status = eie_json_array(in->file, image, "mean", &mean, in->error);
    if (status) return status;
    bool good = json_array_size(mean) == 3;
    for (size_t c = 0; good && c < 3; c++) {
        const double value = json_number_value(json_array_get(mean, c));
        good = json_is_number(json_array_get(mean, c)) && value >= 0 && value <= 255;
        in->graph->mean[c] = (float)value;
    }
    if (good) return EIE_OK;
    return eie_json_fail_at(in->file, image, "mean", in->error,
                            "must be three numbers from 0 to 255");
}

static enum eie_status read_image(struct reading *in)
{
    static const char *const keys[] = {"height", "width", "shorter_side", "order", "mean", NULL};
    struct eie_graph *graph = in->graph;
    struct eie_extent *out = &graph->steps[0].out;
    const json_t *image;
    const char *order;
    enum eie_status status = eie_json_object(in->file, in->file->root, "image", &image, in->error);
    if (!status) status = eie_json_only(in->file, image, keys, in->error);
    if (!status)
        status = eie_json_uint32(in->file, image, "height", 1, SIDE_MAX, &out->height, in->error);
    if (!status)
        status = eie_json_uint32(in->file, image, "width", 1, SIDE_MAX, &out->width, in->error);
    const uint32_t longer = out->height > out->width ? out->height : out->width;
    if (!status)
        status = eie_json_uint32(in->file, image, "shorter_side", longer, SIDE_MAX,
                                 &graph->shorter_side, in->error);
    if (!status) status = eie_json_string(in->file, image, "order", &order, in->error);
    if (!status) status = read_mean(in, image);
    if (status) return status;
    graph->blue_first = !strcmp(order, "bgr");
    if (!graph->blue_first && strcmp(order, "rgb"))
        return eie_json_fail_at(in->file, image, "order", in->error, "'%s' is neither bgr nor rgb",
                                order);
    if ((uint64_t)out->height * out->width > VALUES_MAX / 3)
        return eie_json_fail_at(in->file, image, NULL, in->error,
                                "an image has at most %llu values", (unsigned long long)VALUES_MAX);
    strcpy(graph->steps[0].name, "image");
    graph->steps[0].kind = EIE_STEP_IMAGE;
    out->channels = 3;
    graph->step_count = 1;
    return EIE_OK;
}

static enum eie_status read_all(struct reading *in)
{
    static const char *const keys[] = {"format", "summary", "classes", "image", "steps", NULL};
    const struct eie_json_file *file = in->file;
    const char *format, *summary;
    enum eie_status status = eie_json_string(file, file->root, "format", &format, in->error);
    if (status) return status;
    if (strcmp(format, FORMAT))
        return eie_json_fail(
            file, in->error, "format", "%sformat '%s', this program reads '" FORMAT "'",
            eie_names_newer(format, FORMAT) ? "written for a newer version: " : "", format);
    if ((status = eie_json_only(file, file->root, keys, in->error)) ||
        (status = eie_json_string(file, file->root, "summary", &summary, in->error)) ||
        (status = eie_json_uint32(in->file, file->root, "classes", 1, 1u << 16, &in->graph->classes,
                                  in->error)) ||
        (status = read_image(in)))
        return status;
    return read_steps(in);
}

static enum eie_status set_name(const char *path, struct eie_graph *graph, struct eie_error *error)
{
    const char *slash = strrchr(path, '/'), *stem = slash ? slash + 1 : path;
    size_t length = strlen(stem);
    if (length > 5 && !strcmp(stem + length - 5, ".json")) length -= 5;
    if (!length || length >= sizeof graph->name)
        return eie_fail(error, EIE_INPUT, "%s: a graph's name has 1 to %zu bytes", path,
                        sizeof graph->name - 1);
    memcpy(graph->name, stem, length);
    return EIE_OK;
}

enum eie_status eie_graph_read(const char *name, struct eie_graph *graph, struct eie_error *error)
{
    char path[4096];
    struct eie_json_file file;
    *graph = (struct eie_graph){.name = ""};
    enum eie_status status = eie_train_data_path("graphs", "graph", name, path, sizeof path, error);
    if (!status) status = eie_json_read(path, &file, error);
    if (status) return status;
    struct reading in = {.file = &file, .graph = graph, .error = error};
    status = set_name(path, graph, error);
    if (!status) status = read_all(&in);
    eie_json_free(&file);
    return status;
}
