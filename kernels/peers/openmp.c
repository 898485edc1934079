#include "kernels/peers/openmp.h"
#include "host/base/library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void openmp_sleep_soon(void)
{
    if (getenv("OMP_WAIT_POLICY")) return;
    setenv("GOMP_SPINCOUNT", "4000", 0); /* GNU's runtime: turns of a loop */
    setenv("KMP_BLOCKTIME", "1",
           0); /* Intel's and LLVM's: whole milliseconds in all versions.
                  A block's untimed calls take longer (bench/matrix/group.c) */
}

enum eie_status openmp_find(void *handle, struct openmp *openmp, struct eie_error *error)
{
    const struct eie_library_need needs[] = {
        {"omp_set_num_threads", &openmp->set_threads},
        {"omp_set_dynamic", &openmp->set_dynamic},
        {"omp_get_num_threads", &openmp->team},
        {"omp_get_thread_num", &openmp->worker},
        {"GOMP_parallel", &openmp->parallel},
        {"GOMP_barrier", &openmp->barrier},
        {NULL, NULL},
    };
    /* one that is there for the whole process (LD_PRELOAD) takes the library's calls before the one
       that it was linked with */
    if (dlsym(RTLD_DEFAULT, "GOMP_parallel")) handle = RTLD_DEFAULT;
    return eie_library_symbols(handle, needs, error);
}

struct question {
    const struct openmp *openmp;
    int team;
};

static void ask(void *context)
{
    struct question *question = context;
    if (!question->openmp->worker()) question->team = question->openmp->team();
}

/* The variable that keeps a team below `threads`, NULL when none is known to. */
static const char *limit_on(uint32_t threads)
{
    static const struct {
        const char *name, *word; /* the word that limits; NULL: a number of threads does */
    } limits[] = {
        {"OMP_THREAD_LIMIT", NULL}, {"KMP_DEVICE_THREAD_LIMIT", NULL}, {"KMP_ALL_THREADS", NULL},
        {"KMP_MAX_THREADS", NULL},  {"OMP_MAX_ACTIVE_LEVELS", "0"},    {"KMP_LIBRARY", "serial"},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const char *value = getenv(limits[i].name);
        if (!value || !*value) continue;
        const unsigned long long most = strtoull(value, NULL, 10);
        if (limits[i].word ? !strcmp(value, limits[i].word) : most > 0 && most < threads)
            return limits[i].name;
    }
    return NULL;
}

enum eie_status openmp_take_threads(const struct openmp *openmp, uint32_t threads,
                                    struct eie_error *error)
{
    struct question question = {openmp, 0};
    const char *limit = limit_on(threads);
    openmp->set_dynamic(0);
    openmp->set_threads((int)threads);
    openmp->parallel(ask, &question, threads, 0);
    const int team = question.team;
    if (team == (int)threads) return EIE_OK;
    if (limit)
        return eie_fail(error, EIE_UNSUPPORTED, "%s=%s allows %d thread%s where %u are asked for",
                        limit, getenv(limit), team, team == 1 ? "" : "s", threads);
    return eie_fail(error, EIE_UNSUPPORTED,
                    "the library's OpenMP has %d thread%s where %u are asked for", team,
                    team == 1 ? "" : "s", threads);
}
