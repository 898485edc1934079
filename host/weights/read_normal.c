/* No file: a matrix of drawn weights (eie_weights_draw) of the size that the INPUT states. */
#include "host/base/random.h"
#include "host/weights/reader.h"

#include <inttypes.h>
#include <string.h>

#define PREFIX "normal:"

static enum eie_status open_normal(struct eie_weight_file *file, struct eie_error *error)
{
    uint64_t shape[2];
    int end = 0;
    const char *sizes = file->path + strlen(PREFIX);
    if (strspn(sizes, "0123456789x") != strlen(sizes) || strlen(sizes) > 24 ||
        sscanf(sizes, "%" SCNu64 "x%" SCNu64 "%n", &shape[0], &shape[1], &end) != 2 || sizes[end])
        return eie_fail(error, EIE_USAGE, "'%s' is not normal:OUTPUTSxINPUTS, as normal:300x784",
                        file->path);
    enum eie_status status = eie_weight_entry_alone(file, error);
    if (status) return status;
    struct eie_weight_entry *entry = file->entries;
    strcpy(entry->name, "normal"); /* shorter than the path */
    entry->dtype = EIE_F32;
    entry->is_pattern = true;
    entry->rank = 2;
    memcpy(entry->shape, shape, sizeof shape);
    return EIE_OK;
}

static enum eie_status load_normal(struct eie_weight_file *file, uint32_t index,
                                   const struct eie_weight_loading *loading,
                                   struct eie_weights *weights, struct eie_error *error)
{
    struct eie_random random;
    (void)file, (void)index;
    enum eie_status status = eie_weights_allocate(loading->where, false, weights, error);
    if (status) return status;
    eie_random_seed(&random, loading->seed);
    const size_t count = (size_t)weights->outputs * weights->inputs;
    for (size_t i = 0; i < count; i++) weights->values[i] = eie_weights_draw(&random);
    return EIE_OK;
}

const struct eie_weight_reader eie_weight_reader_normal = {
    .name = "drawn",
    .input = PREFIX "OUTPUTSxINPUTS",
    .about = "no file: weights are drawn",
    .prefix = PREFIX,
    .open = open_normal,
    .load = load_normal,
};
