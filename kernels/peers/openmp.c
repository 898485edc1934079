#include "kernels/peers/openmp.h"

#include <stdlib.h>

void openmp_sleep_soon(void)
{
    if (getenv("OMP_WAIT_POLICY")) return;
    setenv("GOMP_SPINCOUNT", "4000", 0); /* GNU's runtime: turns of a loop */
    setenv("KMP_BLOCKTIME", "50us", 0);  /* Intel's and LLVM's */
}
