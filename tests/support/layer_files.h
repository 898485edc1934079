/* Layer files made by hand, in any order and with any header, for tests of the reader. */
#ifndef EIE_TESTS_SUPPORT_LAYER_FILES_H
#define EIE_TESTS_SUPPORT_LAYER_FILES_H

#include "host/base/file.h"
#include "host/base/sha256.h"
#include "host/layer/layer_file.h"
#include "tests/support/layers.h"

#include <jansson.h>

#define TEST_PARTS 5

/* A file before it is put together: its header and its data. */
struct test_file {
    json_t *header;
    uint8_t *data;
    size_t size;
};

static inline void test_file_free(struct test_file *file)
{
    json_decref(file->header);
    free(file->data);
    *file = (struct test_file){0};
}

static inline json_t *test_metadata(const struct test_file *file)
{
    json_t *metadata = json_object_get(file->header, "__metadata__");
    assert_non_null(metadata);
    return metadata;
}

static inline void test_set_text(json_t *object, const char *key, const char *text)
{
    assert_int_equal(json_object_set_new(object, key, json_string(text)), 0);
}

/* States the hash of the data as they are now. */
static inline void test_file_seal(struct test_file *file)
{
    struct eie_sha256 *sha;
    struct eie_hash hash;
    struct eie_error error = {""};
    assert_good(eie_sha256_begin(&sha, &error), error);
    assert_good(eie_sha256_add(sha, file->data, file->size, &error), error);
    assert_good(eie_sha256_end(sha, &hash, &error), error);
    test_set_text(test_metadata(file), "eie.sha256", hash.hex);
}

static inline void test_file_add(struct test_file *file, const char *layer, const char *part,
                                 const char *dtype, json_t *shape, const void *bytes, size_t size)
{
    char key[EIE_NAME_MAX + 32];
    snprintf(key, sizeof key, "%s.%s", layer, part);
    json_t *tensor =
        json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype, "shape", shape, "data_offsets",
                  (json_int_t)file->size, (json_int_t)(file->size + size));
    assert_int_equal(json_object_set_new(file->header, key, tensor), 0);
    file->data = realloc(file->data, file->size + size + 1);
    assert_non_null(file->data);
    if (size) memcpy(file->data + file->size, bytes, size);
    file->size += size;
}

static inline void test_file_add_part(struct test_file *file, const struct eie_layer *layer,
                                      unsigned part)
{
    const json_int_t inputs = layer->inputs, outputs = layer->outputs;
    switch (part) {
    case 0:
        test_file_add(file, layer->name, "codebook", "I16", json_pack("[i]", 16), layer->codebook,
                      sizeof layer->codebook);
        break;
    case 1:
        test_file_add(file, layer->name, "column_start", "U32",
                      json_pack("[I, I]", (json_int_t)layer->pe_count, inputs + 1),
                      layer->column_start, test_pointer_count(layer) * 4);
        break;
    case 2:
        test_file_add(file, layer->name, "entries", "U8",
                      json_pack("[I]", (json_int_t)layer->entry_count), layer->entries,
                      layer->entry_count);
        break;
    case 3:
        if (layer->bias)
            test_file_add(file, layer->name, "bias", "I32", json_pack("[I]", outputs), layer->bias,
                          layer->outputs * sizeof(int32_t));
        break;
    default:
        if (layer->sample_inputs)
            test_file_add(file, layer->name, "sample_inputs", "I16",
                          json_pack("[I, I]", (json_int_t)layer->sample_count, inputs),
                          layer->sample_inputs,
                          (size_t)layer->sample_count * layer->inputs * sizeof(int16_t));
    }
}

static inline void test_set_number(json_t *object, const char *layer, const char *part,
                                   uint32_t number)
{
    char key[EIE_NAME_MAX + 32], text[16];
    snprintf(key, sizeof key, "%s.%s", layer, part);
    snprintf(text, sizeof text, "%u", number);
    test_set_text(object, key, text);
}

/* A file of one layer whose tensors stand in the order of `order`, a permutation of 0..4. */
static inline struct test_file test_file_of(const struct eie_layer *layer,
                                            const unsigned order[TEST_PARTS])
{
    struct test_file file = {json_object(), NULL, 0};
    json_t *metadata = json_object();
    char key[EIE_NAME_MAX + 32];
    json_object_set_new(file.header, "__metadata__", metadata);
    test_set_text(metadata, "eie.format", "1");
    test_set_text(metadata, "eie.layers", layer->name);
    test_set_number(metadata, layer->name, "outputs", layer->outputs);
    test_set_number(metadata, layer->name, "weight_fraction_bits", layer->weight_fraction_bits);
    test_set_number(metadata, layer->name, "input_fraction_bits", layer->input_fraction_bits);
    test_set_number(metadata, layer->name, "output_fraction_bits", layer->output_fraction_bits);
    snprintf(key, sizeof key, "%s.activation", layer->name);
    test_set_text(metadata, key, layer->activation == EIE_ACTIVATION_RELU ? "relu" : "none");
    snprintf(key, sizeof key, "%s.source", layer->name);
    test_set_text(metadata, key, layer->source);
    for (int i = 0; i < TEST_PARTS; i++) test_file_add_part(&file, layer, order[i]);
    test_file_seal(&file);
    return file;
}

/* Header text and data as a file's bytes, in an allocation of just that size (and its 0 byte), so
 * that a sanitizer sees a read behind the end. `stated` is the header length that the file states.
 */
static inline struct eie_bytes test_bytes_stating(uint64_t stated, const char *header,
                                                  size_t header_size, const void *data, size_t size)
{
    struct eie_bytes bytes = {malloc(8 + header_size + size + 1), 8 + header_size + size};
    assert_non_null(bytes.data);
    memcpy(bytes.data, &stated, 8);
    memcpy(bytes.data + 8, header, header_size);
    if (size) memcpy(bytes.data + 8 + header_size, data, size);
    bytes.data[bytes.size] = 0;
    return bytes;
}

/* `spaces` behind the header move the data off their alignment. */
static inline struct eie_bytes test_file_bytes(const struct test_file *file, unsigned spaces)
{
    char *text = json_dumps(file->header, JSON_COMPACT);
    assert_non_null(text);
    const size_t length = strlen(text);
    char *padded = malloc(length + spaces + 1);
    assert_non_null(padded);
    memcpy(padded, text, length);
    memset(padded + length, ' ', spaces);
    struct eie_bytes bytes =
        test_bytes_stating(length + spaces, padded, length + spaces, file->data, file->size);
    free(text);
    free(padded);
    return bytes;
}

#endif
