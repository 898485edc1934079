/* Device descriptions: data/devices/NAME.json. Units stand in the key names, there are no defaults,
 * unknown or missing keys are errors with a position, and every number has a source and a basis. */
#ifndef EIE_HOST_DEVICES_DEVICE_H
#define EIE_HOST_DEVICES_DEVICE_H

#include "host/layer/layer.h"

#ifdef __cplusplus
extern "C" {
#endif

struct eie_design;
struct eie_published;

#define EIE_DEVICE_NAME_MAX 192 /* bytes, the terminating 0 included */

struct eie_runtime;

enum eie_device_kind {
    EIE_DEVICE_CPU,      /* the host's processor; no description file */
    EIE_DEVICE_FOUND,    /* found at run time, by a runtime */
    EIE_DEVICE_EIE,      /* an EIE design: the accelerator model runs on it */
    EIE_DEVICE_PUBLISHED /* a platform whose published figures are compared, nothing runs on it */
};

/* A device that was found at run time. */
struct eie_found {
    const struct eie_runtime *runtime; /* who found it (host/devices/runtime.h) */
    uint32_t platform, index;          /* as the driver lists them */
    char pci[24];                      /* bus id, "0000:65:00.0"; "" where it is not known */
    bool absent; /* it should be there and is not: the device's title says why */
};

struct eie_device {
    enum eie_device_kind kind;
    char name[EIE_DEVICE_NAME_MAX]; /* as in a row: "cpu", "opencl:PLATFORM:NAME", or the
                                       description's name */
    char title[256];                /* full name */
    struct eie_hash hash;   /* SHA-256 of the description's file, or of the driver's versions; ""
                               for the host */
    struct eie_found found; /* EIE_DEVICE_FOUND */
    /* What the description says (host/devices/design.h), NULL for other kinds. It is kept for the
     * life of the program, so that devices can be copied. Opaque here: a new key of a description
     * changes nothing for a plug-in. */
    const struct eie_design *design;       /* EIE_DEVICE_EIE */
    const struct eie_published *published; /* EIE_DEVICE_PUBLISHED */
};

/* `name` is the name of a file in data/devices without ".json", or a path (contains '/' or ends in
 * ".json"). EIE_USAGE for an unknown name (the message lists the known ones), EIE_INPUT with file,
 * line and key of the first fault, EIE_SYSTEM, EIE_MEMORY. On failure *device is unchanged. Not for
 * several threads at once. */
EIE_MUST_USE enum eie_status eie_device_read(const char *name, struct eie_device *device,
                                             struct eie_error *error);

/* The host's processor as a device. */
EIE_MUST_USE enum eie_status eie_device_host(struct eie_device *device, struct eie_error *error);

/* All descriptions in data/devices, sorted by name; free with free(). Fails on the first that
 * cannot be read. */
EIE_MUST_USE enum eie_status eie_device_list(struct eie_device **devices, uint32_t *count,
                                             struct eie_error *error);

#ifdef __cplusplus
}
#endif

#endif
