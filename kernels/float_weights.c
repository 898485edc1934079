#include "kernels/float_weights.h"
#include "host/machine/pages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LINE  64u
#define SPARE 64u /* readable behind the end */

/* Several copies, one behind the other. */
struct mapping {
    struct eie_area area;
    uint32_t first; /* of the copies */
};

/* Begins with what the plans see. */
struct entry {
    struct eie_float_weights seen;
    struct mapping *mappings;
    uint32_t mapping_count, users;
    uint64_t key;
    struct entry *next;
};

static struct entry *entries;

static uint64_t mix(uint64_t key, const void *data, size_t size)
{
    const unsigned char *byte = data;
    uint64_t word;
    for (; size >= sizeof word; size -= sizeof word, byte += sizeof word) {
        memcpy(&word, byte, sizeof word);
        key = (key ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        key ^= key >> 29;
    }
    word = size;
    memcpy(&word, byte, size);
    key = (key ^ word ^ (uint64_t)size << 56) * UINT64_C(0xbf58476d1ce4e5b9);
    return key ^ key >> 32;
}

static uint64_t key_of(const struct eie_layer *layer)
{
    const uint32_t shape[] = {layer->inputs, layer->outputs, layer->pe_count, layer->entry_count};
    const size_t starts = ((size_t)layer->inputs + 1) * layer->pe_count;
    uint64_t key = mix(1, shape, sizeof shape);
    key = mix(key, layer->codebook, sizeof layer->codebook);
    key = mix(key, layer->column_start, starts * sizeof *layer->column_start);
    return mix(key, layer->entries, layer->entry_count);
}

static struct entry *find(uint64_t key, enum eie_float_form form)
{
    struct entry *entry = entries;
    while (entry && (entry->key != key || entry->seen.form != form)) entry = entry->next;
    return entry;
}

/* ---- memory --------------------------------------------------------------------------------- */

static size_t stride_of(const struct entry *entry)
{
    return (entry->seen.bytes + SPARE + LINE - 1) / LINE * LINE;
}

/* Copies behind the first `keep` go. */
static void trim(struct entry *entry, uint32_t keep)
{
    while (entry->seen.copies > keep) {
        struct mapping *last = &entry->mappings[entry->mapping_count - 1];
        const bool whole = last->first >= keep;
        for (uint32_t c = whole ? last->first : keep; c < entry->seen.copies; c++)
            eie_pages_forget(entry->seen.copy[c]);
        entry->seen.copies = whole ? last->first : keep;
        if (whole)
            eie_area_free(&last->area);
        else
            eie_area_cut(&last->area, (char *)entry->seen.copy[keep - 1] + stride_of(entry));
        entry->mapping_count -= whole;
    }
}

static void drop(struct entry *entry)
{
    struct entry **link = &entries;
    while (*link != entry) link = &(*link)->next;
    *link = entry->next;
    trim(entry, 0);
    free(entry->seen.copy);
    free(entry->mappings);
    free(entry);
}

static void drop_unused_but(uint64_t key)
{
    for (struct entry *entry = entries, *next; entry; entry = next) {
        next = entry->next;
        if (!entry->users && entry->key != key) drop(entry);
    }
}

/* ---- filling in ----------------------------------------------------------------------------- */

static void fill_dense(const struct eie_layer *layer, const struct eie_sparse_codes *codes,
                       float *dense)
{
    for (uint32_t j = 0; j < codes->inputs; j++)
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++)
            dense[(size_t)codes->row[e] * codes->inputs + j] =
                (float)layer->codebook[codes->code[e]];
}

static uint64_t bytes_of(const struct eie_layer *layer, enum eie_float_form form, uint32_t nonzeros)
{
    return form == EIE_FLOAT_CSR ? csr_bytes(layer->outputs, nonzeros)
                                 : (uint64_t)layer->outputs * layer->inputs * sizeof(float);
}

static enum eie_status first_copy(const struct eie_layer *layer, struct entry *entry, void *memory,
                                  struct eie_error *error)
{
    struct eie_sparse_codes codes;
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    if (entry->seen.form == EIE_FLOAT_CSR) {
        const struct csr csr = csr_at(memory, layer->outputs, entry->seen.nonzeros);
        csr_by_row(layer, &codes, &csr);
    } else {
        fill_dense(layer, &codes, memory);
    }
    eie_sparse_codes_free(&codes);
    return EIE_OK;
}

/* Room for the copies from the last one on; false when out of memory. */
static bool map_copies(struct entry *entry, uint32_t copies)
{
    void **copy = realloc(entry->seen.copy, copies * sizeof *copy);
    if (copy) entry->seen.copy = copy;
    struct mapping *mappings =
        realloc(entry->mappings, (entry->mapping_count + 1) * sizeof *mappings);
    if (mappings) entry->mappings = mappings;
    if (!copy || !mappings) return false;
    struct mapping *mapping = &mappings[entry->mapping_count];
    const uint32_t first = entry->seen.copies;
    const size_t stride = stride_of(entry);
    if (!eie_area_make((copies - first) * stride, &mapping->area)) return false;
    char *memory = mapping->area.memory;
    mapping->first = first;
    entry->mapping_count++;
    entry->seen.copies = copies;
    for (uint32_t c = first; c < copies; c++) copy[c] = memory + (c - first) * stride;
    return true;
}

static enum eie_status more_copies(const struct eie_layer *layer, struct entry *entry,
                                   uint32_t copies, struct eie_error *error)
{
    const uint32_t before = entry->seen.copies;
    if (before >= copies) return EIE_OK; /* other plans may use more */
    if (!map_copies(entry, copies))
        return eie_fail(error, EIE_MEMORY, "out of memory for %u float matrices of layer %s",
                        copies, layer->name);
    if (!before) {
        enum eie_status status = first_copy(layer, entry, entry->seen.copy[0], error);
        if (status) return status;
    }
    for (uint32_t c = before ? before : 1; c < copies; c++)
        memcpy(entry->seen.copy[c], entry->seen.copy[0], entry->seen.bytes);
    const struct eie_area *area = &entry->mappings[entry->mapping_count - 1].area;
    (void)mprotect(area->address, area->size, PROT_READ);
    return EIE_OK;
}

static struct entry *new_entry(const struct eie_layer *layer, uint64_t key,
                               enum eie_float_form form)
{
    struct entry *entry = calloc(1, sizeof *entry);
    struct eie_layer_counts counts;
    if (!entry) return NULL;
    eie_layer_count(layer, NULL, &counts);
    entry->key = key;
    entry->seen.form = form;
    entry->seen.nonzeros = (uint32_t)counts.nonzeros;
    entry->seen.bytes = bytes_of(layer, form, entry->seen.nonzeros);
    entry->next = entries;
    entries = entry;
    return entry;
}

/* What the new plan reads counts as its own, though others may share it. */
static void note_copies(const struct entry *entry, uint32_t copies)
{
    for (uint32_t c = 0; c < copies; c++) eie_pages_note(entry->seen.copy[c], entry->seen.bytes);
}

enum eie_status eie_float_weights_take(const struct eie_layer *layer, enum eie_float_form form,
                                       uint32_t copies, const struct eie_float_weights **weights,
                                       struct eie_error *error)
{
    const uint64_t key = key_of(layer);
    drop_unused_but(key);
    struct entry *entry = find(key, form);
    if (!entry) entry = new_entry(layer, key, form);
    if (!entry) return eie_fail(error, EIE_MEMORY, "out of memory");
    entry->users++;
    enum eie_status status = more_copies(layer, entry, copies, error);
    if (!status) {
        *weights = &entry->seen;
        note_copies(entry, copies);
    } else if (--entry->users == 0) {
        drop(entry);
    }
    return status;
}

void eie_float_weights_release(const struct eie_float_weights *weights)
{
    struct entry *entry = entries;
    while (entry && &entry->seen != weights) entry = entry->next;
    if (!entry || --entry->users) return;
    trim(entry, 1);
    if (entry->seen.copies) eie_pages_forget(entry->seen.copy[0]); /* kept, but nobody's plan */
}

uint64_t eie_float_weights_new_bytes(const struct eie_layer *layer, enum eie_float_form form,
                                     uint64_t bytes)
{
    /* layers of tests have no content: only what is alive needs to be looked at */
    struct entry *entry = entries;
    while (entry && (!entry->users || entry->seen.form != form)) entry = entry->next;
    if (!entry) return bytes;
    entry = find(key_of(layer), form);
    return entry && entry->users ? 0 : bytes;
}
