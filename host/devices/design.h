/* What a device description (host/devices/device.h) says in numbers. Not installed: a plug-in sees
 * these structs by their pointers only, so that they can grow. */
#ifndef EIE_HOST_DEVICES_DESIGN_H
#define EIE_HOST_DEVICES_DESIGN_H

#include <stdint.h>

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

#endif
