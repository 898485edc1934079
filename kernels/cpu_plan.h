/* What plans of CPU kernels have in common: the setup, the plain inputs and outputs, the copies of
 * the prepared weights. A kernel's own plan begins with it; load, wait and read below can stand in
 * the kernel's table as they are, and destroy too where the plan owns nothing more. */
#ifndef EIE_KERNELS_CPU_PLAN_H
#define EIE_KERNELS_CPU_PLAN_H

#include "host/machine/pages.h"
#include "kernels/kernel.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eie_cpu_plan {
    struct eie_setup setup;
    int16_t *inputs;  /* [batch][inputs], 64-byte aligned, zeros behind the end up to 128 bytes */
    int16_t *outputs; /* [batch][outputs], 64-byte aligned, room behind the end up to 64 bytes */
    void **copies; /* [setup.copies] of copy_bytes each, 64-byte aligned, zeroed, for the kernel to
                      fill in; one behind the other, in huge pages from 2 MiB in all upwards */
    struct eie_area area; /* that they lie in, from that size on */
};

/* 64-byte aligned, zeroed, whole cache lines, in huge pages from 2 MiB upwards
 * (host/machine/pages.h); NULL when out of memory; free with free(). */
void *eie_aligned_zeroed(size_t size);

/* A zeroed plan of `size` bytes that begins with struct eie_cpu_plan, its buffers and copies
 * allocated; copy_bytes may be 0. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_cpu_plan_begin(const struct eie_setup *setup, size_t size,
                                                size_t copy_bytes, struct eie_cpu_plan **plan,
                                                struct eie_error *error);
void eie_cpu_plan_end(struct eie_cpu_plan *plan); /* frees buffers, copies and the plan */
void eie_cpu_plan_destroy(struct eie_plan *plan); /* the same, for the kernel's table */

enum eie_status eie_cpu_plan_load(struct eie_plan *plan, const int16_t *inputs,
                                  struct eie_error *error);
enum eie_status eie_cpu_plan_wait(struct eie_plan *plan, struct eie_outcome *outcome,
                                  struct eie_error *error);
enum eie_status eie_cpu_plan_read(struct eie_plan *plan, void *y, struct eie_error *error);

/* Bytes of inputs and outputs of one call. */
uint64_t eie_cpu_plan_vector_bytes(const struct eie_problem *problem);

/* For `supports`: these, and what each plan holds beside its copies: itself, the ends of a dozen
 * allocations, four numbers a thread. */
uint64_t eie_cpu_plan_bytes(const struct eie_problem *problem);

/* MACs of the loaded inputs as every kernel counts them: useful, and padding entries. */
void eie_cpu_plan_count(const struct eie_cpu_plan *plan, uint64_t *useful, uint64_t *padding);

/* For a kernel's cost where all of a copy and all inputs are read: `macs` of one input, useful or
 * not, and the bytes of a copy. */
void eie_cpu_plan_cost(const struct eie_cpu_plan *plan, uint64_t macs, uint64_t prepared_bytes,
                       struct eie_cost *cost);

/* What a copy of a kernel that goes through active columns begins with, uint32
 * starts[blocks][inputs + 1]: where each column's entries of a block of rows begin, in units of so
 * many entries of 16 bits, padding included. */
struct eie_column_starts {
    uint32_t blocks, unit;
    uint64_t entries;  /* of all blocks */
    size_t entries_at; /* bytes from the copy's beginning */
};

/* The cost of such a kernel with the loaded inputs. */
void eie_cpu_plan_cost_columns(const struct eie_cpu_plan *plan,
                               const struct eie_column_starts *starts, struct eie_cost *cost);

#ifdef __cplusplus
}
#endif

#endif
