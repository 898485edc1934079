#include "kernels/peers/openblas_core.h"
#include "host/base/clock.h"
#include "host/base/isolate.h"
#include "host/machine/cpu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 }; /* the CBLAS standard's constants */

#define VARIABLE "OPENBLAS_CORETYPE"
#define ROWS     512 /* of the matrix of a trial, which is twice 1 MiB */
#define COLUMNS  1024
#define VECTORS  32
#define CALLS    5
#define ROUNDS   2
#define LEAD     0.95
#define LIMIT_S  10.0 /* for a path that hangs */

/* What a path needs, and how high it lies: 2 and 3 are AVX2 and AVX-512. */
struct path {
    const char *name;
    int level;
    uint32_t features;
};

/* In the order in which equals are preferred. */
static const struct path paths[] = {
    {"SkylakeX", 3, EIE_CPU_AVX512},
    {"Cooperlake", 3, EIE_CPU_AVX512 | EIE_CPU_BF16},
    {"SapphireRapids", 3, EIE_CPU_AVX512 | EIE_CPU_BF16},
    {"Zen", 2, EIE_CPU_AVX2},
    {"Haswell", 2, EIE_CPU_AVX2},
};
enum { PATHS = sizeof paths / sizeof *paths };

static int level_of(const char *core)
{
    static const char *const sse[] = {
        "Unknown",      "Katmai",  "Coppermine", "Northwood",  "Prescott", "Banias",
        "Atom",         "Core2",   "Penryn",     "Dunnington", "Nehalem",  "Athlon",
        "Opteron_SSE3", "Opteron", "Nano",       "Barcelona",  "Bobcat"};
    static const char *const avx[] = {"Sandybridge", "Bulldozer", "Piledriver", "Steamroller"};
    if (!strcasecmp(core, "Excavator")) return 2;
    for (int i = 0; i < PATHS; i++)
        if (!strcasecmp(core, paths[i].name)) return paths[i].level;
    for (size_t i = 0; i < sizeof sse / sizeof *sse; i++)
        if (!strcasecmp(core, sse[i])) return 0;
    for (size_t i = 0; i < sizeof avx / sizeof *avx; i++)
        if (!strcasecmp(core, avx[i])) return 1;
    return 3; /* a later one's */
}

/* ---- one path, in a process of its own ------------------------------------------------------- */

struct data {
    float *w, *x, *y; /* [ROWS][COLUMNS], [VECTORS][COLUMNS], [VECTORS][ROWS] */
    float *sums;      /* what must come out: small integers, so that no order of sums rounds */
};

struct trial {
    struct openblas blas;    /* not yet loaded */
    const struct path *path; /* NULL: as it is */
    const struct data *data; /* NULL: ask for its name alone */
};

struct outcome {
    enum eie_status status;
    struct eie_error error;
    char core[24];
    bool right;
    double sgemv_s, sgemm_s;
};

static bool equal(const float *y, const float *sums, size_t count)
{
    bool good = true;
    for (size_t i = 0; i < count; i++) good &= y[i] == sums[i];
    return good;
}

static bool time_sgemv(const struct openblas *blas, const struct data *data, double *least_s)
{
    *least_s = INFINITY;
    for (int i = 0; i < CALLS; i++) {
        const double begin = eie_now_s();
        blas->sgemv(ROW_MAJOR, NO_TRANSPOSE, ROWS, COLUMNS, 1.0f, data->w, COLUMNS, data->x, 1,
                    0.0f, data->y, 1);
        *least_s = fmin(*least_s, eie_now_s() - begin);
    }
    return equal(data->y, data->sums, ROWS);
}

static bool time_sgemm(const struct openblas *blas, const struct data *data, double *least_s)
{
    *least_s = INFINITY;
    for (int i = 0; i < CALLS; i++) {
        const double begin = eie_now_s();
        blas->sgemm(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, VECTORS, ROWS, COLUMNS, 1.0f, data->x,
                    COLUMNS, data->w, COLUMNS, 0.0f, data->y, ROWS);
        *least_s = fmin(*least_s, eie_now_s() - begin);
    }
    return equal(data->y, data->sums, (size_t)VECTORS * ROWS);
}

static void try(void *context, void *shared)
{
    struct trial *trial = context;
    struct outcome *outcome = shared;
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    if (trial->path) setenv(VARIABLE, trial->path->name, 1);
    outcome->status = openblas_load(&trial->blas, &outcome->error);
    if (outcome->status) return;
    snprintf(outcome->core, sizeof outcome->core, "%s", trial->blas.core());
    if (!trial->data || (trial->path && strcasecmp(outcome->core, trial->path->name))) return;
    if (!trial->blas.sgemv || !trial->blas.sgemm) return;
    outcome->right = time_sgemv(&trial->blas, trial->data, &outcome->sgemv_s);
    outcome->right = time_sgemm(&trial->blas, trial->data, &outcome->sgemm_s) && outcome->right;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void data_free(struct data *data)
{
    free(data->w);
    free(data->x);
    free(data->y);
    free(data->sums);
}

static enum eie_status data_make(struct data *data, struct eie_error *error)
{
    uint32_t seed = 1;
    data->w = eie_aligned_zeroed(sizeof(float) * ROWS * COLUMNS);
    data->x = eie_aligned_zeroed(sizeof(float) * VECTORS * COLUMNS);
    data->y = eie_aligned_zeroed(sizeof(float) * VECTORS * ROWS);
    data->sums = eie_aligned_zeroed(sizeof(float) * VECTORS * ROWS);
    if (!data->w || !data->x || !data->y || !data->sums) {
        data_free(data);
        return eie_fail(error, EIE_MEMORY, "out of memory to try OpenBLAS's code paths");
    }
    for (int i = 0; i < ROWS * COLUMNS + VECTORS * COLUMNS; i++) {
        seed = seed * 1664525 + 1013904223;
        *(i < ROWS * COLUMNS ? data->w + i : data->x + i - ROWS * COLUMNS) =
            (float)((int)(seed >> 24) % 17 - 8);
    }
    for (int v = 0; v < VECTORS; v++)
        for (int i = 0; i < ROWS; i++) {
            const float *w = data->w + i * COLUMNS, *x = data->x + v * COLUMNS;
            float sums[16] = {0};
            for (int j = 0; j < COLUMNS; j += 16)
                for (int k = 0; k < 16; k++) sums[k] += w[j + k] * x[j + k];
            for (int k = 0; k < 16; k++) data->sums[v * ROWS + i] += sums[k];
        }
    return EIE_OK;
}

/* How one path did; its time, INFINITY where it is out. */
static double one_path(const struct openblas *blas, const struct path *path,
                       const struct data *data, char *words, size_t size)
{
    struct trial trial = {*blas, path, data};
    struct outcome outcome = {.status = EIE_OK};
    struct eie_ending ending;
    struct eie_error error;
    words[0] = 0;
    if (eie_isolate(try, &trial, &outcome, sizeof outcome, LIMIT_S, &ending, &error))
        snprintf(words, size, "not tried");
    else if (ending.end != EIE_END_RETURNED)
        eie_ending_text(&ending, words, size);
    else if (outcome.status)
        snprintf(words, size, "not loaded");
    else if (path && strcasecmp(outcome.core, path->name))
        snprintf(words, size, "not in this library");
    else if (!outcome.right)
        snprintf(words, size, "wrong");
    return words[0] ? (double)INFINITY : sqrt(outcome.sgemv_s * outcome.sgemm_s);
}

/* The library's own path first; it stays where no other is faster. */
static enum eie_status try_all(const struct openblas *blas, uint32_t features,
                               struct openblas_choice *choice, struct eie_error *error)
{
    const char *names[1 + PATHS];
    char words[1 + PATHS][64];
    double times[1 + PATHS], best = INFINITY;
    const struct path *chosen[1 + PATHS];
    struct data data;
    int tried = 0, taken = 0;
    enum eie_status status = data_make(&data, error);
    if (status) return status;
    for (int i = -1; i < PATHS; i++) {
        const struct path *path = i < 0 ? NULL : &paths[i];
        if (path && (path->features & ~features)) continue;
        chosen[tried] = path;
        names[tried] = path ? path->name : choice->detected;
        times[tried++] = INFINITY;
    }
    /* in turn: a core has slow phases */
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < tried; i++) {
            if (round && words[i][0]) continue;
            const double time = one_path(blas, chosen[i], &data, words[i], sizeof words[i]);
            times[i] = words[i][0] ? (double)INFINITY : fmin(times[i], time);
        }
    for (int i = 0; i < tried; i++) {
        if (times[i] >= LEAD * best) continue;
        best = times[i];
        taken = i;
    }
    data_free(&data);
    if (taken) snprintf(choice->set, sizeof choice->set, "%s", names[taken]);
    for (int i = 0, at = 0; i < tried && at < (int)sizeof choice->tried; i++) {
        if (!words[i][0]) snprintf(words[i], sizeof words[i], "%.2f", times[i] / best);
        at += snprintf(choice->tried + at, sizeof choice->tried - (size_t)at, "%s%s %s",
                       i ? ", " : "", names[i], words[i]);
    }
    return EIE_OK;
}

static enum eie_status decide(const struct openblas *blas, struct openblas_choice *choice,
                              struct eie_error *error)
{
    struct trial trial = {*blas, NULL, NULL};
    struct outcome outcome = {.status = EIE_OK};
    struct eie_ending ending;
    uint32_t features;
    char words[64];
    enum eie_status status = eie_cpu_features(&features, error);
    if (!status)
        status = eie_isolate(try, &trial, &outcome, sizeof outcome, LIMIT_S, &ending, error);
    if (status) return status;
    if (ending.end != EIE_END_RETURNED) {
        eie_ending_text(&ending, words, sizeof words);
        return eie_fail(error, EIE_MISSING, "this OpenBLAS cannot be loaded: %s", words);
    }
    if (outcome.status) {
        if (error) *error = outcome.error;
        return outcome.status;
    }
    memcpy(choice->detected, outcome.core, sizeof choice->detected);
    const int offered = features & EIE_CPU_AVX512 ? 3 : features & EIE_CPU_AVX2 ? 2 : 0;
    return level_of(outcome.core) < offered ? try_all(blas, features, choice, error) : EIE_OK;
}

/* ---- once for all processes ------------------------------------------------------------------ */

struct board {
    struct openblas_choice system, scipy;
};

static struct board *board; /* shared memory */

/* Workers are forked, and each loads the library itself: what one has found out must be there
 * before the first of them, whichever it is. */
__attribute__((constructor)) static void hang_up_board(void)
{
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED) board = NULL;
}

enum eie_status openblas_choose(const struct openblas *blas, struct openblas_choice *choice,
                                struct eie_error *error)
{
    struct openblas_choice *seen = !board                    ? NULL
                                   : blas == &openblas_scipy ? &board->scipy
                                                             : &board->system;
    const char *preset = getenv(VARIABLE);
    enum eie_status status = EIE_OK;
    *choice = (struct openblas_choice){.known = true};
    if (preset && preset[0]) return EIE_OK;
    if (seen && __atomic_load_n(&seen->known, __ATOMIC_ACQUIRE)) {
        *choice = *seen;
        return EIE_OK;
    }
    status = decide(blas, choice, error);
    if (status || !seen) return status;
    choice->known = false;
    *seen = *choice;
    choice->known = true;
    __atomic_store_n(&seen->known, true, __ATOMIC_RELEASE);
    return EIE_OK;
}

void openblas_core_text(const struct openblas_choice *choice, const char *core, char *text,
                        size_t size)
{
    const char *preset = getenv(VARIABLE);
    if (choice->set[0])
        snprintf(text, size, "%s (set; detected %s)", core, choice->detected);
    else if (choice->detected[0] || !preset)
        snprintf(text, size, "%s", core);
    else if (strcasecmp(preset, core))
        snprintf(text, size, "%s (preset %s)", core, preset);
    else
        snprintf(text, size, "%s (preset)", core);
}

bool openblas_core_weakness(const struct openblas_choice *choice, const char *core, char *text,
                            size_t size)
{
    const char *preset = getenv(VARIABLE);
    const bool asked = preset && *preset && !choice->detected[0];
    uint32_t features;
    if (level_of(core) >= 2 || eie_cpu_features(&features, NULL) || !(features & EIE_CPU_AVX2))
        return false;
    snprintf(text, size, "weak path: %s%s%s lies below what the processor offers, %s",
             asked ? VARIABLE "=" : "", asked ? preset : "OpenBLAS's ", asked ? "" : core,
             features & EIE_CPU_AVX512 ? "AVX-512" : "AVX2");
    return true;
}
