#ifdef __GNUC__
#ifndef __clang__
#pragma GCC target("prefer-vector-width=512")
#endif
#endif
#include "kernels/model/eie_cycle_loops_body.h"

const struct eie_cycle_loops eie_cycle_loops_avx512 = {work_loop, time_loop};
