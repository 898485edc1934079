#include "kernels/model/eie_cycle_loops_body.h"

const struct eie_cycle_loops eie_cycle_loops_plain = {work_loop, time_loop};
