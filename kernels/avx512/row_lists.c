#include "kernels/avx512/row_lists.h"

#include <stdlib.h>
#include <string.h>

void eie_row_lists_free(struct eie_row_lists *rows)
{
    free(rows->start);
    free(rows->column);
    free(rows->code);
    memset(rows, 0, sizeof *rows);
}

/* A counting sort by row. start[i + 1] is where row i's next entry goes, and ends as row i's end.
 */
static void transpose(const struct eie_sparse_codes *codes, struct eie_row_lists *rows)
{
    const uint32_t count = codes->column_start[codes->inputs];
    for (uint32_t e = 0; e < count; e++)
        if (codes->row[e] + 2 <= codes->outputs) rows->start[codes->row[e] + 2]++;
    for (uint32_t i = 2; i <= codes->outputs; i++) rows->start[i] += rows->start[i - 1];
    for (uint32_t j = 0; j < codes->inputs; j++) {
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++) {
            const uint32_t to = rows->start[codes->row[e] + 1]++;
            rows->column[to] = j;
            rows->code[to] = codes->code[e];
        }
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
    rows->start = calloc((size_t)layer->outputs + 1, sizeof *rows->start);
    rows->column = malloc(count * sizeof *rows->column + 1);
    rows->code = malloc(count + 1);
    if (rows->start && rows->column && rows->code) {
        transpose(&codes, rows);
    } else {
        eie_row_lists_free(rows);
        status = eie_fail(error, EIE_MEMORY, "out of memory for the rows of layer %s", layer->name);
    }
    eie_sparse_codes_free(&codes);
    return status;
}
