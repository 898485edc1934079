#include "bench/compress/compress.h"
#include "bench/compress/compress_matrix.h"
#include "host/base/names.h"
#include "host/layer/layer_file.h"

#include <stdlib.h>
#include <string.h>

/* Those that are named, or all that can be layers when there is only one; indices in *chosen. */
static enum eie_status choose(const struct eie_compress_options *options,
                              const struct eie_weight_file *file, uint32_t **chosen,
                              uint32_t *count, struct eie_error *error)
{
    char known[400] = "";
    *count = 0;
    *chosen = calloc(file->count, sizeof **chosen);
    if (!*chosen) return eie_fail(error, EIE_MEMORY, "%s: out of memory", options->input);
    for (uint32_t i = 0; i < file->count; i++) {
        const struct eie_weight_entry *entry = &file->entries[i];
        const size_t used = strlen(known);
        const bool matrix = entry->rank >= 2 || file->count == 1;
        if (matrix)
            snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", entry->name);
        if (options->tensors ? eie_names_match(options->tensors, entry->name) && matrix : matrix)
            (*chosen)[(*count)++] = i;
    }
    if (options->tensors) {
        char unmatched[256];
        const char **names = calloc(file->count, sizeof(char *));
        if (!names) return eie_fail(error, EIE_MEMORY, "%s: out of memory", options->input);
        unsigned matrices = 0;
        for (uint32_t i = 0; i < file->count; i++)
            if (file->entries[i].rank >= 2 || file->count == 1)
                names[matrices++] = file->entries[i].name;
        const bool missing =
            eie_names_unmatched(options->tensors, names, matrices, unmatched, sizeof unmatched);
        free(names);
        if (missing)
            return eie_fail(error, EIE_USAGE, "%s: no matrix is named '%s'; there are: %s",
                            options->input, unmatched, known);
    }
    if (!options->tensors && *count > 1)
        return eie_fail(error, EIE_USAGE, "%s: holds several matrices, name them with --tensor: %s",
                        options->input, known);
    if (!*count)
        return eie_fail(error, EIE_USAGE, "%s: no matrix is named '%s'; there are: %s",
                        options->input, options->tensors ? options->tensors : "*", known);
    if (*count > 1 && (options->inputs_file || options->bias_file || options->name))
        return eie_fail(error, EIE_USAGE, "--inputs, --bias and --name are for a single matrix");
    return EIE_OK;
}

static enum eie_status write_all(const struct eie_compress_options *options,
                                 const struct eie_compressed *items, uint32_t count,
                                 struct eie_file_parts *parts, struct eie_error *error)
{
    enum eie_status status;
    const struct eie_layer **layers = calloc(count, sizeof(struct eie_layer *));
    struct eie_store_item *stored = calloc(count, sizeof *stored);
    if (!layers || !stored) {
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", options->out);
    } else {
        for (uint32_t i = 0; i < count; i++) {
            layers[i] = items[i].layer;
            stored[i] =
                (struct eie_store_item){&items[i].shared, items[i].layer, options->run_bits};
        }
        status = options->form == EIE_FORM_PLAIN
                     ? eie_layer_file_write_parts(options->out, layers, count, parts, error)
                     : eie_stored_write(options->out, stored, count, options->form, parts, error);
    }
    free(layers);
    free(stored);
    return status;
}

enum eie_status eie_compress(const struct eie_compress_options *options,
                             struct eie_compressed **items, uint32_t *count,
                             struct eie_file_parts *parts, struct eie_error *error)
{
    struct eie_weight_file file;
    struct eie_pool *pool;
    uint32_t *chosen = NULL, wanted = 0;
    *items = NULL;
    *count = 0;
    *parts = (struct eie_file_parts){0};
    enum eie_status status = eie_weight_file_open(options->input, &file, error);
    if (status) return status;
    if (options->keep_codes && !file.reader->shared)
        status = eie_fail(error, EIE_USAGE, "--keep-codes is for the published SqueezeNet's .net");
    if (!status) status = choose(options, &file, &chosen, &wanted, error);
    if (!status) status = eie_pool_get(options->threads, &pool, error);
    if (!status && !(*items = calloc(wanted, sizeof **items)))
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", options->input);
    for (uint32_t i = 0; i < wanted && !status; i++) {
        ++*count;
        status = eie_compress_matrix(options, &file, chosen[i], i + 1 == wanted, pool, &(*items)[i],
                                     error);
    }
    eie_weight_file_close(&file);
    free(chosen);
    if (!status) status = write_all(options, *items, *count, parts, error);
    if (status) {
        eie_compressed_free(*items, *count);
        *items = NULL;
        *count = 0;
    }
    return status;
}

void eie_compressed_free(struct eie_compressed *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        eie_shared_free(&items[i].shared);
        eie_layer_free(items[i].layer);
    }
    free(items);
}
