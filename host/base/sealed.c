#include "host/base/sealed.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALIGNMENT 64

/* Before the block, in the same pages. The block lies at their end, so that a sanitizer sees the
 * first byte behind it; and it comes from malloc, so that it sees a block that is never freed. */
struct head {
    void *pages;
    size_t size;
};

static struct head *head_of(void *block)
{
    return (struct head *)(void *)((char *)block - ALIGNMENT);
}

void *eie_sealed_new(size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (size > SIZE_MAX / 2) return NULL;
    const size_t block = (size + !size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    const size_t all = (block + ALIGNMENT + page - 1) / page * page;
    char *pages = aligned_alloc(page, all);
    if (!pages) return NULL;
    char *made = pages + all - block;
    *head_of(made) = (struct head){pages, all};
    return made;
}

enum eie_status eie_seal(void *block, struct eie_error *error)
{
    const struct head *head = head_of(block);
    if (!mprotect(head->pages, head->size, PROT_READ)) return EIE_OK;
    return eie_fail(error, EIE_MEMORY, "%zu bytes cannot be made read-only: %s", head->size,
                    strerror(errno));
}

void eie_sealed_free(void *block)
{
    if (!block) return;
    const struct head head = *head_of(block);
    /* malloc writes into what it gets back; without a mapping to spare the pages are given up */
    if (!mprotect(head.pages, head.size, PROT_READ | PROT_WRITE)) free(head.pages);
}
