/* Device descriptions: data/devices/NAME.json. Units stand in the key names, there are no defaults,
 * unknown or missing keys are errors with a position, and every number has a source and a basis. */
#ifndef EIE_HOST_DEVICES_DEVICE_H
#define EIE_HOST_DEVICES_DEVICE_H

#include "host/layer/layer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EIE_DEVICE_NAME_MAX 192 /* bytes, the terminating 0 included */

struct eie_runtime;

enum eie_device_kind {
    EIE_DEVICE_CPU,      /* the host's processor; no description file */
    EIE_DEVICE_FOUND,    /* found at run time, by a runtime */
    EIE_DEVICE_EIE,      /* an EIE design: the accelerator model runs on it */
    EIE_DEVICE_PUBLISHED /* a platform whose published figures are compared, nothing runs on it */
};

/* Energy of one action, in picojoules (ISCA 2016, Table II, by the derivation that the description
 * states beside each number). */
struct eie_energy_table {
    double spmat_row_read_pj;    /* one read of a line of the Spmat SRAM */
    double pointer_pair_read_pj; /* start and end of one column in one PE */
    double queue_pop_pj;         /* one activation taken from a PE's queue */
    double entry_arithmetic_pj;  /* codebook look-up, multiply, add of one entry */
    double entry_activation_pj;  /* read and write of one accumulator */
    double lnzd_node_cycle_pj;   /* one leading-non-zero-detection node for one cycle */
};

/* Area of one PE by module (ISCA 2016, Table II). */
struct eie_pe_areas {
    double queue_um2, pointer_um2, spmat_um2, arithmetic_um2, activation_um2, filler_um2;
};

/* One EIE design (ISCA 2016, sections IV and VI). */
struct eie_design {
    uint32_t pe_count;
    double clock_hz;
    uint32_t queue_depth;     /* activation queue as labelled; a ring, so one slot stays empty */
    uint32_t spmat_line_bits; /* width of one Spmat SRAM read; a multiple of 8 (one entry) */
    uint64_t spmat_bytes_per_pe, pointer_bytes_per_pe, activation_bytes_per_pe;
    uint32_t activation_registers_per_pe; /* source or destination, each */
    uint32_t index_bits, code_bits; /* of an entry: zero run and weight; 4 and 4 in the paper */
    uint32_t empty_column_cycles;   /* that a PE spends on a column without an entry of its own */
    uint32_t spmat_lines_held;      /* 1: the line read last is kept across columns; 0: it is not */
    uint32_t
        batching; /* 1: vectors longer than all PEs' registers run in passes; 0: no such limit */
    uint32_t activation_words_per_cycle; /* of the activation SRAM, between passes */
    uint32_t lnzd_node_count;
    double technology_nm;
    double area_mm2; /* whole chip, as published */
    double pe_area_um2, lnzd_node_area_um2;
    struct eie_pe_areas pe_areas; /* they add up to pe_area_um2 */
    double power_w;               /* whole chip, as published (the paper's Fig. 7 takes 0.600 W) */
    double pe_power_w, lnzd_node_power_w;
    struct eie_energy_table energy;
};

/* Published figures of a platform (ISCA 2016, Table V); NaN where the paper prints none. */
struct eie_published {
    double year, technology_nm, clock_hz, area_mm2, power_w, throughput_frames_per_s;
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
    struct eie_hash hash; /* SHA-256 of the description's file, or of the driver's versions; ""
                             for the host */
    union {
        struct eie_found found;         /* EIE_DEVICE_FOUND */
        struct eie_design design;       /* EIE_DEVICE_EIE */
        struct eie_published published; /* EIE_DEVICE_PUBLISHED */
    };
};

/* `name` is the name of a file in data/devices without ".json", or a path (contains '/' or ends in
 * ".json"). EIE_USAGE for an unknown name (the message lists the known ones), EIE_INPUT with file,
 * line and key of the first fault, EIE_SYSTEM, EIE_MEMORY. On failure *device is unchanged. */
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
