#include "kernels/csr.h"
#include "kernels/row_lists.h"

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
    /* the codes first stand where the weights go: from the end on, none is lost before it is read
     */
    uint8_t *code = (uint8_t *)csr->weight;
    struct eie_row_lists rows = {(uint32_t *)csr->start, (uint32_t *)csr->index, code};
    eie_row_lists_fill(codes, &rows);
    for (uint32_t e = codes->column_start[codes->inputs]; e-- > 0;)
        csr->weight[e] = (float)layer->codebook[code[e]];
}
