/* Any bytes as a layer file. Its hash is set right first, else no changed byte of the data would
 * come as far as the layers. What is accepted is a layer in every respect. */
#include "host/base/file.h"
#include "host/base/sha256.h"
#include "host/layer/layer_file.h"
#include "tests/fuzz/fuzz.h"

#define ROWS_MAX 100000u /* the fields alone can ask for 2^32 rows; that would only take long */

/* Writes the data's hash over the one that the header states, where there is one. */
static void set_hash(struct eie_bytes *bytes)
{
    static const char key[] = "\"eie.sha256\":\"";
    struct eie_sha256 *sha;
    struct eie_hash hash;
    uint64_t header;
    if (bytes->size < sizeof header) return;
    memcpy(&header, bytes->data, sizeof header);
    if (header > bytes->size - sizeof header) return;
    uint8_t *data = bytes->data + sizeof header + header;
    uint8_t *at = memmem(bytes->data + sizeof header, (size_t)header, key, sizeof key - 1);
    if (!at || (size_t)(data - at) < sizeof key - 1 + 64) return;
    FUZZ_MUST(!eie_sha256_begin(&sha, NULL));
    FUZZ_MUST(!eie_sha256_add(sha, data, (size_t)(bytes->data + bytes->size - data), NULL));
    FUZZ_MUST(!eie_sha256_end(sha, &hash, NULL));
    memcpy(at + sizeof key - 1, hash.hex, 64);
}

/* Recut for other PEs and back, the layer is the same. */
static void check_layer(const struct eie_layer *layer)
{
    struct eie_layer *other, *back, *copy;
    struct eie_layer_counts counts, recounts;
    struct eie_hash hash, hash_back;
    FUZZ_MUST(!eie_layer_create(layer, &copy, NULL));
    eie_layer_free(copy);
    FUZZ_MUST(!eie_layer_hash(layer, &hash, NULL));
    FUZZ_MUST(eie_layer_shift(layer) <= 31);
    eie_layer_count(layer, layer->sample_inputs, &counts);
    FUZZ_MUST(counts.nonzeros + counts.padding == layer->entry_count);
    if (layer->outputs > ROWS_MAX) return;
    FUZZ_MUST(!eie_layer_reencode(layer, layer->pe_count % 5 + 1, &other, NULL));
    eie_layer_count(other, layer->sample_inputs, &recounts);
    FUZZ_MUST(recounts.nonzeros == counts.nonzeros);
    FUZZ_MUST(recounts.active_nonzeros == counts.active_nonzeros);
    FUZZ_MUST(!eie_layer_reencode(other, layer->pe_count, &back, NULL));
    FUZZ_MUST(!eie_layer_hash(back, &hash_back, NULL));
    FUZZ_MUST(!strcmp(hash.hex, hash_back.hex));
    eie_layer_free(other);
    eie_layer_free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eie_bytes bytes = {malloc(size + 1), size};
    struct eie_layer_set set;
    struct eie_error error = {""};
    FUZZ_MUST(bytes.data);
    if (size) memcpy(bytes.data, data, size);
    bytes.data[size] = 0;
    set_hash(&bytes);
    const enum eie_status status = eie_layer_file_parse(&bytes, "fuzz", &set, &error);
    FUZZ_MUST(!bytes.data);
    if (status) {
        fuzz_refused(status, &error);
        FUZZ_MUST(!set.layers && !set.count);
        return 0;
    }
    FUZZ_MUST(set.count);
    for (uint32_t i = 0; i < set.count; i++) check_layer(set.layers[i]);
    eie_layer_set_free(&set);
    return 0;
}
