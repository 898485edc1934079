/* Memory in huge pages, for what is read over and over: copies of prepared weights, float matrices,
 * what the ceilings are measured on; our kernels' and the libraries' matrices alike. Where
 * transparent huge pages are `madvise` (/sys/kernel/mm/transparent_hugepage/enabled), they must be
 * asked for, and before the memory is touched. EIE_HUGE_PAGES=no asks for small pages instead.
 *
 * Only whole huge pages are asked for: the end of an area, less than 2 MiB, stays in small ones, so
 * that no area takes more memory than it holds.
 *
 * For the thread that prepares plans alone. */
#ifndef EIE_HOST_MACHINE_PAGES_H
#define EIE_HOST_MACHINE_PAGES_H

#include "host/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EIE_HUGE_PAGE_BYTES ((size_t)2 << 20)

/* Does EIE_HUGE_PAGES leave them on? */
bool eie_pages_wanted(void);

/* EIE_USAGE where EIE_HUGE_PAGES is neither empty, `yes` nor `no`. */
EIE_MUST_USE enum eie_status eie_pages_check(struct eie_error *error);

/* Asks for huge pages (or for small ones) for whatever whole ones the range holds; its content
 * stays. Only a hint. */
void eie_pages_advise(void *memory, size_t bytes);

/* Zeroed memory from malloc, aligned to `align` (a power of 2, at least 64), with a byte to spare
 * behind its end; huge pages are asked for whatever whole ones it holds. NULL when out of memory;
 * free with free(), which gives large blocks back to the system; where it keeps one in the heap
 * (glibc: what has up to 32 MiB, once blocks of its size have been freed) the advice stays with the
 * range. */
void *eie_pages_zeroed(size_t align, size_t bytes);

/* An area of its own, which begins with a huge page where it holds one. */
struct eie_area {
    void *memory; /* zeroed and 64-byte aligned; NULL: there is none */
    char *address;
    size_t size; /* of the address space from `address`: up to 2 MiB more than it holds */
};

bool eie_area_make(size_t bytes, struct eie_area *area);   /* false when out of memory */
void eie_area_cut(struct eie_area *area, const void *end); /* gives back whole pages behind `end` */
void eie_area_free(struct eie_area *area);

/* ---- what the copies of a plan really lie in --------------------------------------------------
 */

void eie_pages_begin(void); /* nothing is noted */

/* Notes that the plan reads this memory. Where there is no memory for the note it is left out. */
void eie_pages_note(const void *memory, size_t bytes);

void eie_pages_forget(const void *memory); /* before it is freed; what is not noted is fine */

/* Of the bytes noted and not forgotten the share in huge pages, 0 to 1, as /proc/self/smaps has it;
 * where a mapping holds other things too, its huge pages are taken to be spread evenly over what it
 * holds. NaN: nothing is noted, or that file cannot be read. */
double eie_pages_huge_share(void);

#ifdef __cplusplus
}
#endif

#endif
