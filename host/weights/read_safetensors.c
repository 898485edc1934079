/* safetensors, whoever wrote it: its tensors as they are, without what layers mean by them. */
#include "host/layer/safetensors.h"
#include "host/weights/reader.h"

#include <stdlib.h>
#include <string.h>

static enum eie_status open_safetensors(struct eie_weight_file *file, struct eie_error *error)
{
    struct eie_safetensors *in = calloc(1, sizeof *in);
    if (!in) return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
    file->state = in;
    enum eie_status status = eie_safetensors_parse(&file->bytes, file->path, in, error);
    if (status) return status;
    if (!in->tensor_count) return eie_fail(error, EIE_INPUT, "%s: holds no tensor", file->path);
    file->entries = calloc(in->tensor_count, sizeof *file->entries);
    if (!file->entries) return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
    for (uint32_t i = 0; i < in->tensor_count; i++) {
        struct eie_weight_entry *entry = &file->entries[i];
        const struct eie_tensor *tensor = &in->tensors[i];
        *entry = (struct eie_weight_entry){
            .name = strdup(tensor->name),
            .dtype = tensor->dtype,
            .rank = tensor->rank,
            .offset = (uint64_t)((const uint8_t *)tensor->data - in->bytes.data),
            .size = tensor->size};
        memcpy(entry->shape, tensor->shape, sizeof entry->shape);
        if (!entry->name) return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
        file->count++;
    }
    return EIE_OK;
}

static enum eie_status load_safetensors(struct eie_weight_file *file, uint32_t index,
                                        const struct eie_weight_loading *loading,
                                        struct eie_weights *weights, struct eie_error *error)
{
    struct eie_safetensors *in = file->state;
    return eie_weight_elements(&in->bytes, &file->entries[index], loading->last, loading->where,
                               weights, error);
}

static void close_safetensors(struct eie_weight_file *file)
{
    if (file->state) eie_safetensors_free(file->state);
    free(file->state);
    file->state = NULL;
}

const struct eie_weight_reader eie_weight_reader_safetensors = {
    .name = "safetensors",
    .input = ".safetensors",
    .about = "tensors of any safetensors file",
    .magic = {"{"},
    .magic_offset = 8,
    .by_ending = true,
    .open = open_safetensors,
    .load = load_safetensors,
    .close = close_safetensors,
};
