/* Any bytes as a device description: what is accepted has a name, a kind and numbers that a model
 * can reckon with. */
#include "host/devices/design.h"
#include "host/devices/device.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eie_device device, before;
    struct eie_error error = {""};
    memset(&device, 0x5A, sizeof device);
    memcpy(&before, &device, sizeof device);
    const enum eie_status status =
        eie_device_read(fuzz_file("fuzz.json", data, size), &device, &error);
    if (status) {
        fuzz_refused(status, &error);
        FUZZ_MUST(!memcmp(&device, &before, sizeof device));
        return 0;
    }
    FUZZ_MUST(!strcmp(device.name, "fuzz") && *device.title);
    FUZZ_MUST(memchr(device.title, 0, sizeof device.title));
    if (device.kind == EIE_DEVICE_EIE) {
        const struct eie_design *design = device.design;
        FUZZ_MUST(design->pe_count && design->queue_depth);
        FUZZ_MUST(design->spmat_line_bits && design->spmat_line_bits % 8 == 0);
        FUZZ_MUST(isfinite(design->clock_hz) && design->clock_hz > 0);
        FUZZ_MUST(isfinite(design->energy.entry_arithmetic_pj));
        FUZZ_MUST(isfinite(design->power_w) && design->power_w > 0);
    } else {
        FUZZ_MUST(device.kind == EIE_DEVICE_PUBLISHED);
        FUZZ_MUST(!isinf(device.published->power_w));
    }
    return 0;
}
