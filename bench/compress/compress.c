#include "bench/compress/compress.h"
#include "bench/compress/compress_matrix.h"
#include "host/base/names.h"
#include "host/layer/layer_file.h"

#include <stdlib.h>
#include <string.h>

#define NOTES_MAX 8u /* of a kind; what is beyond is counted */

/* What is chosen of a file, and what is said about it. */
struct choosing {
    const struct eie_compress_options *options;
    const struct eie_weight_file *file;
    struct eie_compress_choice *choice; /* [count] */
    uint32_t count;
    bool *joined; /* [file->count]: goes with another tensor */
    FILE *notes;
    uint32_t left_out, joined_count;
    struct eie_error *error;
};

static bool is_float(const struct eie_weight_entry *entry)
{
    return entry->dtype == EIE_F16 || entry->dtype == EIE_BF16 || entry->dtype == EIE_F32 ||
           entry->dtype == EIE_F64;
}

/* False with the reason, as the end of a message, where the tensor is no matrix to compress. */
static bool is_matrix(const struct eie_weight_file *file, const struct eie_weight_entry *entry,
                      struct eie_error *why)
{
    uint32_t outputs, inputs;
    struct eie_error inner = {""};
    if (file->count == 1) return true; /* whatever it is, loading says it */
    if (entry->unread) return eie_fail(why, EIE_INPUT, "%s", entry->unread), false;
    if (!entry->rank) return eie_fail(why, EIE_INPUT, "is a single number"), false;
    if (!eie_weight_entry_usable(entry)) return eie_fail(why, EIE_INPUT, "is empty"), false;
    if (entry->rank == 1) return eie_fail(why, EIE_INPUT, "is a vector, no matrix"), false;
    if (!eie_weights_flatten("it", entry->rank, entry->shape, file->limit, &outputs, &inputs,
                             &inner))
        return true;
    return eie_fail(why, EIE_INPUT, "is too large: %s", inner.message), false;
}

/* Names that the messages list; to be freed. */
static enum eie_status list_names(const struct choosing *in, bool matrices_only,
                                  const char ***names, uint32_t *count)
{
    struct eie_error why;
    *count = 0;
    *names = calloc(in->file->count + 1, sizeof **names);
    if (!*names) return eie_fail(in->error, EIE_MEMORY, "%s: out of memory", in->file->path);
    for (uint32_t i = 0; i < in->file->count; i++)
        if (!matrices_only || is_matrix(in->file, &in->file->entries[i], &why))
            (*names)[(*count)++] = in->file->entries[i].name;
    return EIE_OK;
}

static void join_names(const char *const *names, uint32_t count, char *text, size_t size)
{
    *text = 0;
    for (uint32_t i = 0; i < count; i++) {
        const size_t used = strlen(text);
        if (used + strlen(names[i]) + 8 > size) {
            snprintf(text + used, size - used, ", ...");
            return;
        }
        snprintf(text + used, size - used, "%s%s", used ? ", " : "", names[i]);
    }
}

/* A pattern that matches no tensor is a mistake, also beside one that does. */
static enum eie_status check_patterns(const struct choosing *in)
{
    const char **names = NULL, **matrices = NULL;
    uint32_t count, matrix_count;
    char unmatched[256], known[400];
    enum eie_status status = list_names(in, false, &names, &count);
    if (!status) status = list_names(in, true, &matrices, &matrix_count);
    if (!status &&
        eie_names_unmatched(in->options->tensors, names, count, unmatched, sizeof unmatched)) {
        join_names(matrices, matrix_count, known, sizeof known);
        status = eie_fail(in->error, EIE_USAGE,
                          "%s: no tensor is named '%s'; the matrices are: %s%s", in->file->path,
                          unmatched, known, eie_names_hint(unmatched, names, count).text);
    }
    free(names);
    free(matrices);
    return status;
}

/* By exact name whatever it is, if it can be; by a glob, or by none, matrices: of floats, where
 * there are some. */
static enum eie_status choose_tensors(struct choosing *in)
{
    const char *tensors = in->options->tensors;
    const struct eie_weight_file *file = in->file;
    struct eie_error why;
    bool floats = false;
    for (uint32_t i = 0; i < file->count; i++)
        floats =
            floats || (eie_names_match(tensors, file->entries[i].name) &&
                       is_matrix(file, &file->entries[i], &why) && is_float(&file->entries[i]));
    for (uint32_t i = 0; i < file->count; i++) {
        const struct eie_weight_entry *entry = &file->entries[i];
        if (!eie_names_match(tensors, entry->name)) continue;
        const bool exact = tensors && eie_names_exact(tensors, entry->name);
        const bool matrix = is_matrix(file, entry, &why);
        if (exact && !matrix)
            return eie_fail(in->error, EIE_USAGE, "%s: tensor '%s' %s", file->path, entry->name,
                            why.message);
        if (matrix && (exact || is_float(entry) || !floats))
            in->choice[in->count++] = (struct eie_compress_choice){.index = i, .bias = EIE_NO_BIAS};
    }
    return EIE_OK;
}

static enum eie_status check_number(const struct choosing *in)
{
    const struct eie_compress_options *options = in->options;
    const char **names;
    char known[400], reason[512] = "";
    struct eie_error why;
    uint32_t count;
    if (in->count > 1 && (options->inputs_file || options->bias_file || options->name))
        return eie_fail(in->error, EIE_USAGE,
                        "--inputs, --bias and --name are for a single matrix");
    if (in->count == 1 || (in->count && options->tensors)) return EIE_OK;
    enum eie_status status = list_names(in, true, &names, &count);
    if (status) return status;
    join_names(names, count, known, sizeof known);
    free(names);
    if (in->count)
        return eie_fail(in->error, EIE_USAGE,
                        "%s: holds several matrices, name them with --tensor: %s", in->file->path,
                        known);
    for (uint32_t i = 0; i < in->file->count && !*reason; i++)
        if (eie_names_match(options->tensors, in->file->entries[i].name) &&
            !is_matrix(in->file, &in->file->entries[i], &why))
            snprintf(reason, sizeof reason, ": '%.100s' %.380s", in->file->entries[i].name,
                     why.message);
    return eie_fail(in->error, EIE_USAGE, "%s: holds no matrix%s%s%s%s", in->file->path,
                    options->tensors ? " of the name '" : "",
                    options->tensors ? options->tensors : "", options->tensors ? "'" : "", reason);
}

/* "fc.weight" has its bias in "fc.bias", "in_proj_weight" in "in_proj_bias"; false for a name that
 * ends otherwise. */
static bool bias_name(const char *name, char *bias, size_t size)
{
    static const char ending[] = "weight";
    const size_t length = strlen(name), kept = length - (sizeof ending - 1);
    if (length < sizeof ending - 1 || strcmp(name + kept, ending) || kept + 5 > size) return false;
    if (kept && !strchr("._/-", name[kept - 1])) return false;
    snprintf(bias, size, "%.*sbias", (int)kept, name);
    return true;
}

static void find_bias(struct choosing *in, struct eie_compress_choice *choice)
{
    const struct eie_weight_file *file = in->file;
    const struct eie_weight_entry *matrix = &file->entries[choice->index];
    char name[1024];
    if (in->options->no_bias || in->options->bias_file || matrix->rank < 2 ||
        !bias_name(matrix->name, name, sizeof name))
        return;
    for (uint32_t i = 0; i < file->count; i++) {
        const struct eie_weight_entry *bias = &file->entries[i];
        if (strcmp(bias->name, name)) continue;
        if (bias->unread || !is_float(bias) || bias->rank != 1 ||
            bias->shape[0] != matrix->shape[0]) {
            fprintf(in->notes, "bias '%s' does not join '%s': it is not %llu real numbers\n", name,
                    matrix->name, (unsigned long long)matrix->shape[0]);
            return;
        }
        choice->bias = i;
        in->joined[i] = true;
        if (in->joined_count++ < NOTES_MAX)
            fprintf(in->notes, "bias '%s' joins '%s' (--no-bias leaves it out)\n", name,
                    matrix->name);
        return;
    }
}

static void note_left_out(struct choosing *in)
{
    struct eie_error why;
    uint32_t next = 0;
    for (uint32_t i = 0; i < in->file->count; i++) {
        const struct eie_weight_entry *entry = &in->file->entries[i];
        if (next < in->count && in->choice[next].index == i) {
            next++;
            continue;
        }
        if (in->joined[i] || !in->options->tensors ||
            !eie_names_match(in->options->tensors, entry->name))
            continue;
        if (in->left_out++ < NOTES_MAX)
            fprintf(in->notes, "left out '%s': %s\n", entry->name,
                    is_matrix(in->file, entry, &why) ? "holds integers (name it to have it)"
                                                     : why.message);
    }
    if (in->joined_count > NOTES_MAX)
        fprintf(in->notes, "%u more biases join their weights\n", in->joined_count - NOTES_MAX);
    if (in->left_out > NOTES_MAX)
        fprintf(in->notes, "%u more tensors are left out\n", in->left_out - NOTES_MAX);
}

/* Where two names would be the same, both get a mark. */
static void name_layers(struct choosing *in)
{
    const char *given = in->options->name;
    for (uint32_t i = 0; i < in->count; i++)
        eie_shared_name(given ? given : in->file->entries[in->choice[i].index].name, false,
                        in->choice[i].name);
    for (uint32_t i = 0; i < in->count; i++) {
        bool twice = false;
        for (uint32_t k = i + 1; k < in->count; k++) {
            if (strcmp(in->choice[i].name, in->choice[k].name)) continue;
            twice = true;
            eie_shared_name(in->file->entries[in->choice[k].index].name, true, in->choice[k].name);
        }
        if (twice)
            eie_shared_name(in->file->entries[in->choice[i].index].name, true, in->choice[i].name);
    }
}

static enum eie_status choose(struct choosing *in)
{
    in->choice = calloc(in->file->count, sizeof *in->choice);
    in->joined = calloc(in->file->count, sizeof *in->joined);
    if (!in->choice || !in->joined)
        return eie_fail(in->error, EIE_MEMORY, "%s: out of memory", in->file->path);
    enum eie_status status = in->options->tensors ? check_patterns(in) : EIE_OK;
    if (!status) status = choose_tensors(in);
    if (!status) status = check_number(in);
    if (status) return status;
    for (uint32_t i = 0; i < in->count; i++) find_bias(in, &in->choice[i]);
    note_left_out(in);
    name_layers(in);
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

static enum eie_status compress_file(const struct eie_compress_options *options,
                                     struct eie_weight_file *file, FILE *notes,
                                     struct eie_compressed **items, uint32_t *count,
                                     struct eie_error *error)
{
    struct choosing in = {.options = options, .file = file, .notes = notes, .error = error};
    struct eie_pool *pool;
    enum eie_status status = EIE_OK;
    if (options->keep_codes && !file->reader->shared)
        status = eie_fail(error, EIE_USAGE,
                          "--keep-codes is for networks and the published SqueezeNet's .net");
    if (!status) status = choose(&in);
    if (!status) status = eie_pool_get(options->threads, &pool, error);
    if (!status && !(*items = calloc(in.count, sizeof **items)))
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", options->input);
    for (uint32_t i = 0; i < in.count && !status; i++) {
        ++*count;
        status = eie_compress_matrix(options, file, &in.choice[i], i + 1 == in.count, pool,
                                     &(*items)[i], error);
    }
    free(in.choice);
    free(in.joined);
    return status;
}

enum eie_status eie_compress(const struct eie_compress_options *options,
                             struct eie_compressed **items, uint32_t *count,
                             struct eie_file_parts *parts, char **notes, struct eie_error *error)
{
    struct eie_weight_file file;
    size_t notes_size;
    *items = NULL;
    *count = 0;
    *parts = (struct eie_file_parts){0};
    *notes = NULL;
    enum eie_status status = eie_weight_file_open(options->input, &file, error);
    if (status) return status;
    FILE *stream = open_memstream(notes, &notes_size);
    status = stream ? compress_file(options, &file, stream, items, count, error)
                    : eie_fail(error, EIE_MEMORY, "%s: out of memory", options->input);
    if (stream) fclose(stream);
    eie_weight_file_close(&file);
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
