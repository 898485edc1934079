#include "kernels/row_lists.h"

#include <stdlib.h>
#include <string.h>

void eie_row_lists_free(struct eie_row_lists *rows)
{
    free(rows->start);
    free(rows->column);
    free(rows->code);
    memset(rows, 0, sizeof *rows);
}

/* A counting sort: start[i + 1] counts row i, then is where its next weight goes, and ends as its
 * end. */
void eie_row_lists_fill(const struct eie_sparse_codes *codes, struct eie_row_lists *rows)
{
    const uint32_t count = codes->column_start[codes->inputs];
    uint32_t *next = rows->start + 1, begin = 0;
    memset(rows->start, 0, ((size_t)codes->outputs + 1) * sizeof *rows->start);
    for (uint32_t e = 0; e < count; e++) next[codes->row[e]]++;
    for (uint32_t i = 0; i < codes->outputs; i++) {
        const uint32_t length = next[i];
        next[i] = begin;
        begin += length;
    }
    for (uint32_t j = 0; j < codes->inputs; j++)
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++) {
            const uint32_t to = next[codes->row[e]]++;
            rows->column[to] = j;
            rows->code[to] = codes->code[e];
        }
}

enum eie_status eie_row_lists_make(const struct eie_layer *layer, struct eie_row_lists *rows,
                                   struct eie_error *error)
{
    struct eie_sparse_codes codes;
    memset(rows, 0, sizeof *rows);
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    const size_t count = codes.column_start[codes.inputs];
    rows->start = malloc(((size_t)layer->outputs + 1) * sizeof *rows->start);
    rows->column = malloc(count * sizeof *rows->column + 1);
    rows->code = malloc(count + 1);
    if (rows->start && rows->column && rows->code) {
        eie_row_lists_fill(&codes, rows);
    } else {
        eie_row_lists_free(rows);
        status = eie_fail(error, EIE_MEMORY, "out of memory for the rows of layer %s", layer->name);
    }
    eie_sparse_codes_free(&codes);
    return status;
}

static int longer_first(const void *a, const void *b, void *start_of_rows)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b, *start = start_of_rows;
    const uint32_t of_x = start[x + 1] - start[x], of_y = start[y + 1] - start[y];
    if (of_x != of_y) return of_x < of_y ? 1 : -1;
    return (x > y) - (x < y);
}

void eie_row_lists_sort(const struct eie_row_lists *rows, uint32_t first, uint32_t count,
                        uint32_t *order)
{
    for (uint32_t i = 0; i < count; i++) order[i] = first + i;
    qsort_r(order, count, sizeof *order, longer_first, rows->start);
}

void eie_row_lists_share(const struct eie_row_lists *rows, uint32_t outputs, uint32_t shares,
                         uint32_t unit, uint32_t *first)
{
    const uint64_t total = rows->start[outputs];
    first[0] = 0;
    for (uint32_t t = 1; t <= shares; t++) {
        uint32_t row = first[t - 1];
        while (row < outputs && (t == shares || rows->start[row] < total * t / shares))
            row = outputs - row < unit ? outputs : row + unit;
        first[t] = row;
    }
}
