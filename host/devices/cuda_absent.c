/* The runtime of a build without CUDA: one device, which is absent, and says why. */
#include "host/devices/runtime.h"

#ifndef EIE_CUDA_WHY
#define EIE_CUDA_WHY "this build has no CUDA"
#endif

static void list(struct eie_listing *listing)
{
    eie_listing_add_absent(listing, "none", "CUDA: " EIE_CUDA_WHY);
}

const struct eie_runtime eie_runtime_cuda = {
    .kind = "cuda",
    .prefix = "cuda:",
    .title = "CUDA",
    .order = 20,
    .list = list,
};
