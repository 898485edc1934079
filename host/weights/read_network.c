/* The form `network` of ours (host/layer/network_file.h): its parts, whose weights are shared. */
#include "host/layer/network_layers.h"
#include "host/weights/reader.h"

#include <stdlib.h>
#include <string.h>

static enum eie_status open_network(struct eie_weight_file *file, struct eie_error *error)
{
    struct eie_network_file *network = calloc(1, sizeof *network);
    if (!network) return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
    file->state = network;
    enum eie_status status = eie_network_file_parse(&file->bytes, file->path, network, NULL, error);
    if (status) return status;
    file->entries = calloc(network->part_count, sizeof *file->entries);
    if (!file->entries) return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
    for (uint32_t p = 0; p < network->part_count; p++) {
        const struct eie_network_part *part = &network->parts[p];
        file->entries[p] = (struct eie_weight_entry){.name = strdup(part->name),
                                                     .dtype = EIE_F32,
                                                     .rank = 2,
                                                     .shape = {part->outputs, part->inputs}};
        file->count++;
        if (!file->entries[p].name)
            return eie_fail(error, EIE_MEMORY, "%s: out of memory", file->path);
    }
    return EIE_OK;
}

static enum eie_status read_shared(const struct eie_weight_file *file, uint32_t index,
                                   struct eie_shared *shared, struct eie_error *error)
{
    return eie_network_shared(file->state, index, file->path, shared, error);
}

static enum eie_status load_network(struct eie_weight_file *file, uint32_t index,
                                    const struct eie_weight_loading *loading,
                                    struct eie_weights *weights, struct eie_error *error)
{
    struct eie_shared shared;
    enum eie_status status = eie_weights_allocate(loading->where, false, weights, error);
    if (!status) status = read_shared(file, index, &shared, error);
    if (status) return status;
    eie_shared_expand(&shared, weights->values);
    eie_shared_free(&shared);
    return EIE_OK;
}

static void close_network(struct eie_weight_file *file)
{
    if (file->state) eie_network_file_free(file->state);
    free(file->state);
    file->state = NULL;
}

const struct eie_weight_reader eie_weight_reader_network = {
    .name = "network",
    .input = "network",
    .about = "the parts of a network that eie train wrote",
    .magic = {"{\"__metadata__\":{\"eie.form\":\"network\"}"},
    .magic_offset = 8,
    .open = open_network,
    .load = load_network,
    .shared = read_shared,
    .close = close_network,
};
