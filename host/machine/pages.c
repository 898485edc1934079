#include "host/machine/pages.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINE 64u

/* ---- memory --------------------------------------------------------------------------------- */

static const char *word(void)
{
    const char *value = getenv("EIE_HUGE_PAGES");
    return value ? value : "";
}

bool eie_pages_wanted(void)
{
    return strcmp(word(), "no") != 0;
}

enum eie_status eie_pages_check(struct eie_error *error)
{
    if (!*word() || !strcmp(word(), "yes") || !strcmp(word(), "no")) return EIE_OK;
    return eie_fail(error, EIE_USAGE, "EIE_HUGE_PAGES: unknown word '%s', known are yes, no",
                    word());
}

/* The whole huge pages of a range; 0 bytes: there is none. */
static size_t whole_pages(const void *memory, size_t bytes, size_t *skipped)
{
    *skipped =
        (EIE_HUGE_PAGE_BYTES - (uintptr_t)memory % EIE_HUGE_PAGE_BYTES) % EIE_HUGE_PAGE_BYTES;
    if (bytes < *skipped) return 0;
    return (bytes - *skipped) / EIE_HUGE_PAGE_BYTES * EIE_HUGE_PAGE_BYTES;
}

void eie_pages_advise(void *memory, size_t bytes)
{
    size_t skipped;
    const size_t whole = whole_pages(memory, bytes, &skipped);
    if (whole)
        (void)madvise((char *)memory + skipped, whole,
                      eie_pages_wanted() ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

void *eie_pages_zeroed(size_t align, size_t bytes)
{
    const size_t size = (bytes / LINE + 1) * LINE; /* whole cache lines, a byte to spare */
    size_t skipped;
    if (size < bytes) return NULL;
    void *found;
    if (posix_memalign(&found, align, size)) return NULL; /* sizes need not be multiples there */
    char *memory = found;
    const size_t whole = whole_pages(memory, size, &skipped);
    /* what was used before lies in small pages: it is given back and faulted in again */
    if (whole) (void)madvise(memory + skipped, whole, MADV_DONTNEED);
    eie_pages_advise(memory, size);
    return memset(memory, 0, size);
}

bool eie_area_make(size_t bytes, struct eie_area *area)
{
    const size_t align = bytes >= EIE_HUGE_PAGE_BYTES ? EIE_HUGE_PAGE_BYTES : LINE;
    *area = (struct eie_area){.size = bytes + align};
    if (area->size < bytes) return false;
    void *found =
        mmap(NULL, area->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) return false;
    area->address = found;
    area->memory = area->address + (align - (uintptr_t)found % align) % align;
    eie_pages_advise(area->memory, bytes);
    return true;
}

void eie_area_cut(struct eie_area *area, const void *end)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t kept = ((size_t)((const char *)end - area->address) + page - 1) / page * page;
    if (kept >= area->size) return;
    munmap(area->address + kept, area->size - kept);
    area->size = kept;
}

void eie_area_free(struct eie_area *area)
{
    if (area->memory) munmap(area->address, area->size);
    *area = (struct eie_area){.memory = NULL};
}

/* ---- notes ---------------------------------------------------------------------------------- */

struct note {
    uintptr_t begin, end;
};

static struct note *notes;
static size_t note_count, note_room;

void eie_pages_begin(void)
{
    free(notes);
    notes = NULL;
    note_count = note_room = 0;
}

void eie_pages_forget(const void *memory)
{
    for (size_t i = 0; i < note_count; i++)
        if (notes[i].begin == (uintptr_t)memory) notes[i--] = notes[--note_count];
}

void eie_pages_note(const void *memory, size_t bytes)
{
    if (!memory || !bytes) return;
    eie_pages_forget(memory);
    if (note_count == note_room) {
        const size_t room = note_room ? 2 * note_room : 64;
        struct note *larger = realloc(notes, room * sizeof *larger);
        if (!larger) return;
        notes = larger;
        note_room = room;
    }
    notes[note_count++] = (struct note){(uintptr_t)memory, (uintptr_t)memory + bytes};
}

static double noted_bytes(uintptr_t begin, uintptr_t end)
{
    double bytes = 0;
    for (size_t i = 0; i < note_count; i++) {
        const struct note *note = &notes[i];
        const uintptr_t low = note->begin > begin ? note->begin : begin,
                        high = note->end < end ? note->end : end;
        if (low < high) bytes += (double)(high - low);
    }
    return bytes;
}

/* `noted` bytes of a mapping that holds so much, of it so much in huge pages. */
static double huge_part(double noted, double held_bytes, double huge_bytes)
{
    return held_bytes > 0 ? fmin(noted, noted * huge_bytes / held_bytes) : 0;
}

double eie_pages_huge_share(void)
{
    const double all = noted_bytes(0, UINTPTR_MAX);
    double huge = 0, noted = 0, held_kib = 0, kib;
    char line[512];
    FILE *file = all > 0 ? fopen("/proc/self/smaps", "re") : NULL;
    if (!file) return NAN;
    while (fgets(line, sizeof line, file)) {
        uintptr_t begin, end;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &begin, &end) == 2)
            noted = noted_bytes(begin, end);
        else if (sscanf(line, "Rss: %lf", &kib) == 1)
            held_kib = kib;
        else if (sscanf(line, "AnonHugePages: %lf", &kib) == 1)
            huge += huge_part(noted, held_kib, kib);
    }
    fclose(file);
    return huge / all;
}
