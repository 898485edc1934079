#include "bench/doctor/libraries.h"
#include "host/base/clock.h"
#include "host/base/isolate.h"
#include "host/layer/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_S   20
#define LEAST_S   0.05 /* with less none is started */
#define SIDE      64u
#define NAME_SIZE 64u
#define WEAK      "weak path"

/* ---- asking --------------------------------------------------------------------------------- */

struct asking {
    const struct eie_kernel *kernel;
    const struct eie_layer *layer;
    struct eie_device host;
    double deadline_s;
};

static void take(void *context, const char *key, const char *text, double number)
{
    struct eie_library_said *said = context;
    (void)number;
    if (!text) return;
    if (!strcmp(key, "eie_library")) snprintf(said->library, sizeof said->library, "%s", text);
    if (!strcmp(key, "eie_library_core")) snprintf(said->core, sizeof said->core, "%s", text);
    if (!strcmp(key, "eie_library_note")) snprintf(said->note, sizeof said->note, "%s", text);
}

static enum eie_status call_once(const struct asking *asking, struct eie_library_said *said,
                                 struct eie_error *error)
{
    const struct eie_kernel *kernel = asking->kernel;
    const uint32_t batch = kernel->batch_min > 1 ? kernel->batch_min : 1;
    struct eie_setup setup = {.problem = {asking->layer, &asking->host, batch, 1}, .copies = 1};
    struct eie_outcome outcome = {0};
    struct eie_plan *plan = NULL;
    uint64_t bytes;
    enum eie_status status = eie_kernel_probe(kernel, &asking->host, error);
    if (!status) status = eie_kernel_supports(kernel, &setup.problem, &bytes, error);
    if (!status) status = eie_pool_get(1, &setup.pool, error);
    if (!status) status = kernel->prepare(&setup, &plan, error);
    if (status) return status;
    status = kernel->load(plan, asking->layer->sample_inputs, error);
    if (!status) status = kernel->run(plan, 0, error);
    if (!status) status = kernel->wait(plan, &outcome, error);
    if (!status && kernel->describe) kernel->describe(plan, take, said);
    kernel->destroy(plan);
    return status;
}

static void ask(void *context, void *shared)
{
    struct eie_library_said *said = shared;
    struct eie_error error = {""};
    said->status = call_once(context, said, &error);
    snprintf(said->reason, sizeof said->reason, "%.250s", error.message);
}

/* ---- judging -------------------------------------------------------------------------------- */

/* "unset VARIABLE" where the note names a setting of the user's. */
static bool setting_of(const char *note, char *mend, size_t size)
{
    const char *equals = strchr(note, '=');
    const char *begin = equals;
    while (begin && begin > note && begin[-1] != ' ') begin--;
    if (!equals) return false;
    snprintf(mend, size, "unset %.*s", (int)(equals - begin), begin);
    return true;
}

void eie_check_library(const char *name, const struct eie_library_said *said,
                       struct eie_checkup *checkup)
{
    char mend[160] = "none: rows over this library say so, and over others they are as they were";
    const bool weak = !strncmp(said->note, WEAK, sizeof WEAK - 1);
    const bool set = weak && setting_of(said->note, mend, sizeof mend);
    if (said->status == EIE_MISSING)
        eie_checkup_add(checkup, name, EIE_HEALTH_WARNING,
                        "./run reproduce installs it; EIE_LIBRARY_PATH names its folder",
                        "not to be had: %s", said->reason);
    else if (said->status)
        eie_checkup_add(checkup, name, EIE_HEALTH_WARNING, "eie list kernels has all of it",
                        "not used: %s", said->reason);
    else if (weak)
        eie_checkup_add(checkup, name, set ? EIE_HEALTH_BAD : EIE_HEALTH_WARNING, mend, "%s: %s",
                        said->library, said->note);
    else
        eie_checkup_add(checkup, name, EIE_HEALTH_GOOD, "", "%s%s%s%s%s", said->library,
                        *said->core ? ", runs " : "", said->core, *said->note ? "; " : "",
                        said->note);
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* "library peers_mkl" of peers_mkl_sgemv: FOLDER_LIBRARY. */
static void name_of(const struct eie_kernel *kernel, char name[NAME_SIZE])
{
    const char *second = strchr(kernel->name, '_');
    second = second ? strchr(second + 1, '_') : NULL;
    const int length = second ? (int)(second - kernel->name) : (int)strlen(kernel->name);
    snprintf(name, NAME_SIZE, "library %.*s", length, kernel->name);
}

static bool is_there(const struct eie_checkup *checkup, const char *name)
{
    for (uint32_t i = 0; i < checkup->count; i++)
        if (!strcmp(checkup->all[i].name, name)) return true;
    return false;
}

/* `only`: no other kernel is left to speak for the library, so that one that does not take the
 * layer (a convolution's, say) is listed. */
static void check_one(struct asking *asking, const char *name, bool only,
                      struct eie_checkup *checkup)
{
    struct eie_library_said said = {.status = EIE_SYSTEM};
    struct eie_ending ending = {.end = EIE_END_RETURNED};
    struct eie_error error;
    const double left_s = asking->deadline_s - eie_now_s();
    if (left_s < LEAST_S) {
        eie_checkup_add_late(checkup, name);
        return;
    }
    if (eie_isolate(ask, asking, &said, sizeof said, left_s < LIMIT_S ? left_s : LIMIT_S, &ending,
                    &error))
        snprintf(said.reason, sizeof said.reason, "%.250s", error.message);
    else if (ending.end == EIE_END_HUNG && left_s < LIMIT_S) {
        eie_checkup_add_late(checkup, name);
        return;
    } else if (ending.end != EIE_END_RETURNED) {
        said.status = EIE_SYSTEM;
        eie_ending_text(&ending, said.reason, sizeof said.reason);
    }
    if (only || said.status != EIE_UNSUPPORTED) eie_check_library(name, &said, checkup);
}

/* Those that have all of `flags` and none of `others`. */
static void check_all(struct asking *asking, uint32_t flags, uint32_t others, bool only,
                      struct eie_checkup *checkup)
{
    for (uint32_t i = 0; i < eie_kernel_count(); i++) {
        char name[NAME_SIZE];
        asking->kernel = eie_kernel_at(i);
        if (asking->kernel->device_kind != EIE_DEVICE_CPU || !asking->kernel->probe ||
            (asking->kernel->flags & (flags | others)) != flags)
            continue;
        name_of(asking->kernel, name);
        if (!is_there(checkup, name)) check_one(asking, name, only, checkup);
    }
}

enum eie_status eie_check_libraries(double deadline_s, struct eie_checkup *checkup,
                                    struct eie_error *error)
{
    const struct eie_layer_spec spec = {.name = "doctor",
                                        .seed = 1,
                                        .inputs = SIDE,
                                        .outputs = SIDE,
                                        .active_inputs = SIDE / 2,
                                        .nonzeros_active = SIDE * SIDE / 8,
                                        .sample_count = 2};
    struct eie_layer *layer = NULL;
    struct asking asking = {.deadline_s = deadline_s};
    enum eie_status status = eie_device_host(&asking.host, error);
    if (!status) status = eie_generate(&spec, 1, &layer, error);
    asking.layer = layer;
    /* dense float32 kernels speak for their library before others do */
    if (!status)
        check_all(&asking, EIE_KERNEL_FLOAT32 | EIE_KERNEL_DENSE, EIE_KERNEL_APPROXIMATE, false,
                  checkup);
    for (int only = 0; only < 2 && !status; only++)
        check_all(&asking, EIE_KERNEL_FLOAT32, 0, only, checkup);
    eie_layer_free(layer);
    return status;
}
