/* Any bytes as a safetensors file: what is accepted lies within the file, tensor by tensor. */
#include "host/layer/safetensors.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* of just that size, so that a read behind the end is seen */
    struct eie_bytes bytes = {malloc(size + 1), size};
    struct eie_safetensors file;
    struct eie_error error = {""};
    FUZZ_MUST(bytes.data);
    if (size) memcpy(bytes.data, data, size);
    bytes.data[size] = 0;
    const enum eie_status status = eie_safetensors_parse(&bytes, "fuzz", &file, &error);
    FUZZ_MUST(!bytes.data);
    if (status) {
        fuzz_refused(status, &error);
        return 0;
    }
    uint64_t covered = 0, sum = 0;
    for (uint32_t i = 0; i < file.tensor_count; i++) {
        const struct eie_tensor *tensor = &file.tensors[i];
        uint64_t expected = eie_dtype_size(tensor->dtype);
        const bool is_read =
            tensor->dtype != EIE_DTYPE_UNREAD && tensor->rank <= EIE_TENSOR_RANK_MAX;
        for (uint32_t d = 0; d < tensor->rank && is_read; d++) expected *= tensor->shape[d];
        FUZZ_MUST(!is_read || tensor->size == expected);
        FUZZ_MUST(eie_safetensors_dtype(&file, tensor));
        FUZZ_MUST((const uint8_t *)tensor->data == file.data + covered);
        for (uint64_t b = 0; b < tensor->size; b++) sum += ((const uint8_t *)tensor->data)[b];
        covered += tensor->size;
        FUZZ_MUST(eie_safetensors_find(&file, tensor->name) == tensor);
    }
    FUZZ_MUST(covered == file.data_size && sum <= covered * 255);
    const char *format = eie_safetensors_metadata(&file, "eie.format");
    FUZZ_MUST(!format || strlen(format) < size);
    eie_safetensors_free(&file);
    return 0;
}
