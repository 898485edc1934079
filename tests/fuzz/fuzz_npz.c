/* Any bytes as a file of weights, .npz: what is accepted is a finite matrix of the stated size. */
#include "tests/fuzz/fuzz_weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_weights("fuzz.npz", data, size);
}
