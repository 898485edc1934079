#include "kernels/csr.h"

#include <string.h>

uint64_t csr_bytes(uint32_t rows, uint32_t nonzeros)
{
    return ((uint64_t)rows + 1) * sizeof(int32_t) +
           (uint64_t)nonzeros * (sizeof(int32_t) + sizeof(float));
}

struct csr csr_at(void *memory, uint32_t rows, uint32_t nonzeros)
{
    int32_t *start = memory, *index = start + rows + 1;
    return (struct csr){start, index, (float *)(index + nonzeros)};
}

void csr_by_row(const struct eie_layer *layer, const struct eie_sparse_codes *codes,
                const struct csr *csr)
{
    const uint32_t nonzeros = codes->column_start[codes->inputs];
    /* start[i + 1] counts row i, then is where it begins, then, filled, where it ends */
    memset(csr->start, 0, ((size_t)codes->outputs + 1) * sizeof *csr->start);
    for (uint32_t e = 0; e < nonzeros; e++) csr->start[codes->row[e] + 1]++;
    for (int32_t i = 0, begin = 0; i < (int32_t)codes->outputs; i++) {
        const int32_t length = csr->start[i + 1];
        csr->start[i + 1] = begin;
        begin += length;
    }
    for (uint32_t j = 0; j < codes->inputs; j++) {
        for (uint32_t e = codes->column_start[j]; e < codes->column_start[j + 1]; e++) {
            const int32_t at = csr->start[codes->row[e] + 1]++;
            csr->index[at] = (int32_t)j;
            csr->weight[at] = (float)layer->codebook[codes->code[e]];
        }
    }
}
