/* safetensors, whoever wrote it: its tensors as they are, without what layers mean by them. */
#include "host/layer/safetensors.h"
#include "host/weights/reader.h"

#include <stdlib.h>
#include <string.h>

/* False without memory. */
static bool check_read(const struct eie_safetensors *file, const struct eie_tensor *tensor,
                       struct eie_weight_entry *entry)
{
    char why[128] = "";
    if (tensor->dtype == EIE_DTYPE_UNREAD)
        snprintf(why, sizeof why,
                 "is of type %.40s, which is not read, only real numbers of 8 to 64 "
                 "bits",
                 eie_safetensors_dtype(file, tensor));
    else if (tensor->rank > EIE_TENSOR_RANK_MAX)
        snprintf(why, sizeof why, "has %u dimensions, of which at most %d are read", tensor->rank,
                 EIE_TENSOR_RANK_MAX);
    if (*why) entry->unread = strdup(why);
    return !*why || entry->unread;
}

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
        file->count++;
        if (!entry->name || !check_read(in, tensor, entry))
            return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
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
