#include "kernels/model/eie_cycle_loops_body.h"

const struct eie_cycle_loops eie_cycle_loops_avx2 = {work_loop, time_loop};
