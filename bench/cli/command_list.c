#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "bench/measure/devices.h"
#include "host/base/isolate.h"
#include "host/base/jsonset.h"
#include "host/layer/suite.h"
#include "host/machine/cpu.h"
#include "kernels/plugin_load.h"
#include "kernels/registry.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERB          "list"
#define PROBE_LIMIT_S 60

static const char help[] =
    "eie list: what there is\n\n"
    "usage: eie list kernels | layers | suites | devices  [--json] [--plugin FILE]...\n\n"
    "  kernels   every implementation, whether it can run on this machine, and whether eie bench\n"
    "            --kernel default takes it for one input a call, for several, or for both\n"
    "  layers    the layers of every suite\n"
    "  suites    named lists of layers (data/suites)\n"
    "  devices   this host, its devices of every runtime (%s), and the descriptions in\n"
    "            data/devices\n\n"
    "  --json         as JSON\n"
    "  --plugin FILE  also the kernels of this shared object; may be given several times\n\n"
    "example: eie list kernels --json\n";

static void print_help(void)
{
    char titles[EIE_RUNTIMES_TEXT_MAX];
    eie_runtime_titles(titles);
    printf(help, titles);
}

struct probing {
    const struct eie_kernel *kernel;
    const struct eie_device *device;
};
struct probed {
    enum eie_status status;
    struct eie_error reason;
};

static void probe(void *context, void *shared)
{
    const struct probing *probing = context;
    struct probed *probed = shared;
    probed->status = eie_kernel_probe(probing->kernel, probing->device, &probed->reason);
}

/* Can the kernel run on the device? The word for it, and why not. Probes run in processes of their
 * own: a plug-in may crash, and a library ends the process where it lacks another. */
static const char *try_kernel(const struct eie_kernel *kernel, const struct eie_device *device,
                              struct eie_error *reason)
{
    struct probing probing = {kernel, device};
    struct probed probed = {EIE_OK, {""}};
    struct eie_ending ending = {.end = EIE_END_RETURNED};
    if (eie_isolate(probe, &probing, &probed, sizeof probed, PROBE_LIMIT_S, &ending, reason))
        return "error";
    *reason = probed.reason;
    if (ending.end != EIE_END_RETURNED) {
        eie_ending_text(&ending, reason->message, sizeof reason->message);
        return ending.end == EIE_END_HUNG ? "hung" : "crashed";
    }
    return probed.status == EIE_OK        ? "ok"
           : probed.status == EIE_MISSING ? "skipped"
                                          : "unsupported";
}

/* What `eie bench --kernel default` takes it for. */
static const char *default_word(const struct eie_kernel *kernel)
{
    const uint32_t batch = kernel->batch_min > 2 ? kernel->batch_min : 2;
    const bool one = eie_kernel_in_default(kernel, 1),
               several = eie_kernel_in_default(kernel, batch);
    return one && several ? "both" : one ? "one" : several ? "several" : "no";
}

/* Lists are built as JSON and printed from it, so that both forms say the same. A failure leaves
 * none. */
static enum eie_status kernels(json_t **list, struct eie_error *error)
{
    struct eie_device host;
    struct eie_found_devices found;
    uint32_t features;
    enum eie_status failed = eie_device_host(&host, error);
    if (!failed) failed = eie_cpu_features(&features, error);
    if (!failed) failed = eie_devices_find(EIE_RUNTIMES_ALL, NULL, &found, error);
    if (failed) return failed;
    *list = json_array();
    for (uint32_t i = 0; i < eie_kernel_count(); i++) {
        const struct eie_kernel *kernel = eie_kernel_at(i);
        const struct eie_found_device *one = eie_devices_first(&found, kernel);
        struct eie_device device = one ? one->device : host;
        struct eie_error reason = {""};
        if (kernel->device_kind == EIE_DEVICE_EIE) device.kind = EIE_DEVICE_EIE;
        const char *status = try_kernel(kernel, &device, &reason);
        const struct eie_plugin_file *plugin = eie_plugin_of(kernel);
        json_array_append_new(
            *list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s?}", "name", kernel->name, "isa",
                             kernel->isa, "status", status, "default", default_word(kernel),
                             "reason", strcmp(status, "ok") ? reason.message : "", "summary",
                             kernel->summary, "plugin", plugin ? plugin->path : NULL));
    }
    eie_devices_free(&found);
    return EIE_OK;
}

static json_t *device_object(const struct eie_device *device)
{
    json_t *object = json_object();
    eie_set(object, "name", device->name);
    eie_set(object, "kind", eie_device_kind_word(device));
    eie_set(object, "title", device->title);
    return object;
}

static json_t *found_object(const struct eie_found_device *one)
{
    json_t *object = device_object(&one->device);
    json_object_update(object, one->facts);
    eie_set(object, "status", one->device.found.absent ? "skipped" : "ok");
    if (*one->ability) eie_set(object, "ability", one->ability);
    return object;
}

static enum eie_status devices(json_t **list, struct eie_error *error)
{
    struct eie_device host, *described = NULL;
    struct eie_found_devices found = {NULL, 0};
    uint32_t count = 0;
    enum eie_status status = eie_device_host(&host, error);
    if (!status) status = eie_device_list(&described, &count, error);
    if (!status) status = eie_devices_find(EIE_RUNTIMES_ALL, NULL, &found, error);
    if (!status) {
        *list = json_array();
        json_array_append_new(*list, device_object(&host));
        for (uint32_t i = 0; i < found.count; i++)
            json_array_append_new(*list, found_object(&found.all[i]));
        for (uint32_t i = 0; i < count; i++)
            json_array_append_new(*list, device_object(&described[i]));
    }
    eie_devices_free(&found);
    free(described);
    return status;
}

static json_t *layer_object(const struct eie_suite *suite, const struct eie_suite_layer *layer)
{
    const struct eie_layer_spec *spec = &layer->spec;
    if (*layer->import_folder)
        return json_pack("{s:s, s:s, s:s, s:I, s:s}", "suite", suite->name, "name", spec->name,
                         "shape", "in the imported data", "outputs",
                         (json_int_t)layer->import_outputs, "source", layer->source);
    char shape[64];
    snprintf(shape, sizeof shape, "%u x %u", spec->outputs, spec->inputs);
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s}", "suite", suite->name, "name",
                     spec->name, "shape", shape, "inputs", (json_int_t)spec->inputs, "outputs",
                     (json_int_t)spec->outputs, "nonzeros",
                     (json_int_t)(spec->nonzeros_active + spec->nonzeros_inactive), "active_inputs",
                     (json_int_t)spec->active_inputs, "source", layer->source);
}

static enum eie_status suites(bool layers, json_t **list, struct eie_error *error)
{
    struct eie_suite_names names;
    enum eie_status status = eie_suite_list(&names, error);
    if (status) return status;
    *list = json_array();
    for (uint32_t i = 0; i < names.count && !status; i++) {
        struct eie_suite suite;
        status = eie_suite_read(names.names[i], &suite, error);
        if (status) break;
        if (!layers)
            json_array_append_new(*list, json_pack("{s:s, s:s, s:I, s:b, s:s}", "name", suite.name,
                                                   "basis", suite.basis, "layers",
                                                   (json_int_t)suite.layer_count, "default_matrix",
                                                   (int)suite.in_default_matrix, "summary",
                                                   suite.summary));
        for (uint32_t k = 0; layers && k < suite.layer_count; k++)
            json_array_append_new(*list, layer_object(&suite, &suite.layers[k]));
        eie_suite_free(&suite);
    }
    eie_suite_names_free(&names);
    if (!status) return EIE_OK;
    json_decref(*list);
    *list = NULL;
    return status;
}

static void print_table(const json_t *list, const char *const *columns)
{
    size_t index;
    json_t *object;
    int widths[8] = {0};
    for (int c = 0; columns[c]; c++) {
        widths[c] = (int)strlen(columns[c]);
        json_array_foreach(list, index, object)
        {
            const int length = (int)json_string_length(json_object_get(object, columns[c]));
            if (length > widths[c]) widths[c] = length;
        }
    }
    for (int c = 0; columns[c]; c++)
        printf("%-*s%s", columns[c + 1] ? widths[c] : 0, columns[c], columns[c + 1] ? "  " : "\n");
    json_array_foreach(list, index, object)
    {
        for (int c = 0; columns[c]; c++) {
            const char *text = json_string_value(json_object_get(object, columns[c]));
            printf("%-*s%s", columns[c + 1] ? widths[c] : 0, text ? text : "",
                   columns[c + 1] ? "  " : "\n");
        }
    }
}

int eie_command_list(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"plugin", required_argument, NULL, 'p'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    static const char *const kernel_columns[] = {"name",    "isa",    "status", "default",
                                                 "summary", "reason", NULL};
    static const char *const plugin_columns[] = {"name",   "isa",     "status", "default",
                                                 "plugin", "summary", "reason", NULL};
    static const char *const layer_columns[] = {"suite", "name", "shape", "source", NULL};
    static const char *const suite_columns[] = {"name", "basis", "summary", NULL};
    static const char *const device_columns[] = {"name", "kind", "title", "ability", NULL};
    const char *const *columns;
    bool as_json = false;
    struct eie_error error;
    json_t *list = NULL;
    enum eie_status status;
    for (int option; (option = eie_command_option(argc, argv, VERB, options)) != -1;) {
        if (option == '?') return eie_exit_code(EIE_USAGE);
        if (option == 'h') return print_help(), 0;
        if (option == 'j') as_json = true;
        if (option == 'p') {
            const int code = eie_command_plugin(optarg);
            if (code >= 0) return code;
        }
    }
    if (optind + 1 != argc)
        return eie_command_usage(VERB, "name one of kernels, layers, suites, devices");
    const char *what = argv[optind];
    if (!strcmp(what, "kernels")) {
        status = kernels(&list, &error);
        columns = eie_plugin_count() ? plugin_columns : kernel_columns;
    } else if (!strcmp(what, "layers")) {
        status = suites(true, &list, &error);
        columns = layer_columns;
    } else if (!strcmp(what, "suites")) {
        status = suites(false, &list, &error);
        columns = suite_columns;
    } else if (!strcmp(what, "devices")) {
        status = devices(&list, &error);
        columns = device_columns;
    } else {
        return eie_command_usage(VERB, "'%s' is none of kernels, layers, suites, devices", what);
    }
    if (status) return eie_command_fail(status, &error);
    if (as_json) {
        json_dumpf(list, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        print_table(list, columns);
    }
    json_decref(list);
    return 0;
}
