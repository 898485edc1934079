#include "kernels/peers/openmp.h"
#include "host/base/library.h"

#include <stdlib.h>

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

enum eie_status openmp_take_threads(const struct openmp *openmp, uint32_t threads,
                                    struct eie_error *error)
{
    struct question question = {openmp, 0};
    const char *limit = getenv("OMP_THREAD_LIMIT");
    openmp->set_dynamic(0);
    openmp->set_threads((int)threads);
    openmp->parallel(ask, &question, threads, 0);
    const int team = question.team;
    if (team == (int)threads) return EIE_OK;
    if (limit)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "OMP_THREAD_LIMIT=%s allows %d thread%s where %u are asked for", limit,
                        team, team == 1 ? "" : "s", threads);
    return eie_fail(error, EIE_UNSUPPORTED,
                    "the library's OpenMP has %d thread%s where %u are asked for", team,
                    team == 1 ? "" : "s", threads);
}
