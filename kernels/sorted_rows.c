#include "kernels/sorted_rows.h"

#include <stdlib.h>
#include <string.h>

void sorted_rows_free(struct sorted_rows *rows)
{
    free(rows->start);
    free(rows->column);
    free(rows->code);
    free(rows->order);
    memset(rows, 0, sizeof *rows);
}

/* start[i + 1] counts row i, then is where its next weight goes, and ends as its end. */
static void transpose(const struct eie_sparse_codes *codes, struct sorted_rows *rows)
{
    const uint32_t count = codes->column_start[codes->inputs];
    uint32_t begin = 0;
    for (uint32_t e = 0; e < count; e++) rows->start[codes->row[e] + 1]++;
    for (uint32_t i = 0; i < codes->outputs; i++) {
        const uint32_t length = rows->start[i + 1];
        rows->start[i + 1] = begin;
        begin += length;
    }
    for (uint32_t j = 0; j < codes->inputs; j++)
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++) {
            const uint32_t to = rows->start[codes->row[e] + 1]++;
            rows->column[to] = j;
            rows->code[to] = codes->code[e];
        }
}

static int falling(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static bool sort(const struct eie_layer *layer, struct sorted_rows *rows)
{
    uint64_t *key = malloc(layer->outputs * sizeof *key);
    if (!key) return false;
    for (uint32_t i = 0; i < layer->outputs; i++)
        key[i] = (uint64_t)(rows->start[i + 1] - rows->start[i]) << 32 | (UINT32_MAX - i);
    qsort(key, layer->outputs, sizeof *key, falling);
    for (uint32_t i = 0; i < layer->outputs; i++) rows->order[i] = UINT32_MAX - (uint32_t)key[i];
    free(key);
    return true;
}

enum eie_status sorted_rows_make(const struct eie_layer *layer, struct sorted_rows *rows,
                                 struct eie_error *error)
{
    struct eie_sparse_codes codes;
    memset(rows, 0, sizeof *rows);
    enum eie_status status = eie_layer_decode(layer, &codes, error);
    if (status) return status;
    const size_t count = codes.column_start[codes.inputs];
    rows->start = calloc((size_t)layer->outputs + 1, sizeof *rows->start);
    rows->column = malloc(count * sizeof *rows->column + 1);
    rows->code = malloc(count + 1);
    rows->order = malloc(layer->outputs * sizeof *rows->order);
    const bool room = rows->start && rows->column && rows->code && rows->order;
    if (room) transpose(&codes, rows);
    if (!room || !sort(layer, rows)) {
        sorted_rows_free(rows);
        status = eie_fail(error, EIE_MEMORY, "out of memory for the rows of layer %s", layer->name);
    }
    eie_sparse_codes_free(&codes);
    return status;
}
