/* host/layer/layer_file.h and host/layer/safetensors.h: what is written is read back to the byte,
 * and nothing that lies about itself gets in. */
#include "host/layer/container.h"
#include "host/layer/layer_file.h"
#include "host/layer/safetensors.h"
#include "host/layer/stored.h"
#include "tests/support/layer_files.h"

#include <signal.h>
#include <sys/resource.h>

static struct test_folder folder;

static int make_folder(void **state)
{
    (void)state;
    test_folder_make(&folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    test_folder_remove(&folder);
    return 0;
}

/* 3 inputs, 5 outputs, 2 PEs, with bias and two samples: every part differs in size. */
static struct eie_layer *full_layer(const char *name, uint64_t seed)
{
    static const int32_t bias[] = {1, -2, 300000, INT32_MIN, INT32_MAX};
    static const int16_t samples[] = {0, 5, -6, INT16_MAX, INT16_MIN, 1};
    struct eie_layer *plain = test_layer_draw(name, 3, 5, 2, 0.5, seed), *layer;
    struct eie_layer parts = *plain;
    struct eie_error error = {""};
    parts.bias = bias;
    parts.sample_count = 2;
    parts.sample_inputs = samples;
    assert_good(eie_layer_create(&parts, &layer, &error), error);
    eie_layer_free(plain);
    return layer;
}

static const unsigned natural[TEST_PARTS] = {0, 1, 2, 3, 4};

/* ---- what is written is read ----------------------------------------------------------------- */

static void assert_reads_back(const struct eie_layer *const *layers, uint32_t count)
{
    const char *path = test_path(&folder, "set.safetensors");
    struct eie_layer_set set;
    struct eie_error error = {""};
    assert_good(eie_layer_file_write(path, layers, count, &error), error);
    assert_good(eie_layer_file_read(path, &set, &error), error);
    assert_int_equal(set.count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_string_equal(set.layers[i]->name, layers[i]->name);
        assert_string_equal(set.layers[i]->source, layers[i]->source);
        assert_same_layer(set.layers[i], layers[i]);
    }
    eie_layer_set_free(&set);
    assert_null(set.layers);
    assert_int_equal(test_entries(folder.path), 1);
    unlink(path);
}

static void one_layer_comes_back(void **state)
{
    struct eie_layer *full = full_layer("full", 1), *bare = test_layer_draw("b", 7, 9, 4, 0.3, 2);
    struct eie_layer *empty = test_layer_draw("no.weights", 3, 2, 5, 0, 3);
    const struct eie_layer *const each[] = {full, bare, empty};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(each); i++) assert_reads_back(&each[i], 1);
    assert_null(bare->bias);
    assert_null(bare->sample_inputs);
    assert_int_equal(empty->entry_count, 0);
    eie_layer_free(full);
    eie_layer_free(bare);
    eie_layer_free(empty);
}

static void many_layers_keep_their_order(void **state)
{
    enum { COUNT = 40 };
    struct eie_layer *layers[COUNT];
    (void)state;
    for (uint32_t i = 0; i < COUNT; i++) {
        char name[32];
        snprintf(name, sizeof name, "layer-%u", (i * 17) % COUNT); /* neither sorted nor reversed */
        layers[i] = i % 3 ? test_layer_draw(name, 1 + i % 7, 1 + i, 1 + i % 5, 0.2, i)
                          : full_layer(name, i);
    }
    assert_reads_back((const struct eie_layer *const *)layers, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) eie_layer_free(layers[i]);
}

/* One name within another, and names that look like our own keys. */
static void names_may_hold_each_other(void **state)
{
    static const char *const names[] = {"a",          "a.bias", "a.entries", "eie",
                                        "eie.layers", "bias",   "."};
    struct eie_layer *layers[TEST_COUNT(names)];
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(names); i++)
        layers[i] = i % 2 ? full_layer(names[i], i) : test_layer_draw(names[i], 2, 3, 1, 0.5, i);
    assert_reads_back((const struct eie_layer *const *)layers, TEST_COUNT(names));
    for (size_t i = 0; i < TEST_COUNT(names); i++) eie_layer_free(layers[i]);
}

static void tensors_stand_widest_first_and_aligned(void **state)
{
    const char *path = test_path(&folder, "wide.safetensors");
    struct eie_layer *layers[] = {full_layer("x", 4), full_layer("y", 5)};
    struct eie_safetensors file;
    struct eie_error error = {""};
    (void)state;
    assert_good(eie_layer_file_write(path, (const struct eie_layer *const *)layers, 2, &error),
                error);
    assert_good(eie_safetensors_read(path, &file, &error), error);
    assert_int_equal(file.tensor_count, 10);
    assert_int_equal((file.data - file.bytes.data) % 8, 0);
    for (uint32_t i = 0; i < file.tensor_count; i++) { /* sorted by position */
        const uint32_t width = eie_dtype_size(file.tensors[i].dtype);
        assert_int_equal((uintptr_t)file.tensors[i].data % width, 0);
        if (i) assert_true(width <= eie_dtype_size(file.tensors[i - 1].dtype));
    }
    eie_safetensors_free(&file);
    eie_layer_free(layers[0]);
    eie_layer_free(layers[1]);
    unlink(path);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static enum eie_status parse(struct eie_bytes bytes, struct eie_error *error)
{
    struct eie_layer_set set;
    enum eie_status status = eie_layer_file_parse(&bytes, "f", &set, error);
    assert_null(bytes.data);
    if (status) {
        assert_int_equal(set.count, 0);
        assert_null(set.layers);
    }
    eie_layer_set_free(&set);
    return status;
}

static struct eie_bytes written(const struct eie_layer *layer)
{
    const char *path = test_path(&folder, "w.safetensors");
    struct eie_error error = {""};
    struct eie_bytes bytes;
    assert_good(eie_layer_file_write(path, &layer, 1, &error), error);
    bytes.data = test_read(path, &bytes.size);
    unlink(path);
    return bytes;
}

static struct eie_bytes part_of(const struct eie_bytes *whole, size_t size)
{
    struct eie_bytes part = {malloc(size + 1), size};
    assert_non_null(part.data);
    memcpy(part.data, whole->data, size);
    part.data[size] = 0;
    return part;
}

static void every_flipped_bit_of_the_data_is_found(void **state)
{
    struct eie_layer *layer = full_layer("flip", 6);
    struct eie_bytes whole = written(layer);
    struct eie_error error = {""};
    uint64_t header;
    (void)state;
    memcpy(&header, whole.data, 8);
    assert_good(parse(part_of(&whole, whole.size), &error), error);
    for (size_t at = 8 + header; at < whole.size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            struct eie_bytes bad = part_of(&whole, whole.size);
            bad.data[at] ^= (uint8_t)(1 << bit);
            assert_bad(parse(bad, &error), EIE_INPUT, error, "f: damaged");
        }
    }
    eie_bytes_free(&whole);
    eie_layer_free(layer);
}

/* A flipped bit of the header is refused with a message, or read. */
static void flipped_bits_of_the_header_never_crash(void **state)
{
    struct eie_layer *layer = full_layer("flip", 6);
    struct eie_bytes whole = written(layer);
    uint64_t header;
    (void)state;
    memcpy(&header, whole.data, 8);
    for (size_t at = 0; at < 8 + header; at++) {
        for (int bit = 0; bit < 8; bit++) {
            struct eie_bytes bad = part_of(&whole, whole.size);
            struct eie_error error = {""};
            bad.data[at] ^= (uint8_t)(1 << bit);
            const enum eie_status status = parse(bad, &error);
            if (status && (status != EIE_INPUT || !error.message[0]))
                fail_msg("byte %zu bit %d: status %d: %s", at, bit, (int)status, error.message);
        }
    }
    eie_bytes_free(&whole);
    eie_layer_free(layer);
}

/* The layer full_layer draws, and its matrix in five bits, in each form of the file. */
static struct eie_bytes stored(const struct eie_layer *layer, enum eie_form form, bool floats)
{
    const char *path = test_path(&folder, "s.safetensors");
    struct eie_error error = {""};
    struct eie_shared shared;
    struct eie_bytes bytes;
    assert_good(eie_shared_of_layer(layer, &shared, &error), error);
    if (floats) shared.code_bits = 5;
    const struct eie_store_item item = {&shared, floats ? NULL : layer, floats ? 3 : 4};
    assert_good(eie_stored_write(path, &item, 1, form, NULL, &error), error);
    eie_shared_free(&shared);
    bytes.data = test_read(path, &bytes.size);
    unlink(path);
    return bytes;
}

static void assert_same_matrix(const struct eie_shared *a, const struct eie_shared *b)
{
    const size_t places = (size_t)a->outputs * a->inputs;
    assert_int_equal(a->outputs, b->outputs);
    assert_int_equal(a->inputs, b->inputs);
    assert_int_equal(a->rank, b->rank);
    assert_memory_equal(a->shape, b->shape, a->rank * sizeof *a->shape);
    assert_int_equal(a->code_bits, b->code_bits);
    assert_memory_equal(a->codebook, b->codebook, sizeof a->codebook);
    assert_memory_equal(a->code, b->code, places);
    assert_int_equal(!a->bias, !b->bias);
    if (a->bias) assert_memory_equal(a->bias, b->bias, a->outputs * sizeof *a->bias);
}

/* By both readers; a file that is accepted is the layer and the matrix that were written. Returns
 * how many bits of the header are accepted. */
static unsigned flip_header(const struct eie_layer *layer, struct eie_bytes whole, bool floats)
{
    struct eie_bytes good = part_of(&whole, whole.size);
    struct eie_shared_set first, other;
    struct eie_error error = {""};
    unsigned accepted = 0;
    uint64_t header;
    memcpy(&header, whole.data, 8);
    assert_good(eie_shared_file_parse(&good, "f", &first, &error), error);
    for (size_t bit = 0; bit < 8 * (8 + header); bit++) {
        struct eie_layer_set set;
        struct eie_bytes bad = part_of(&whole, whole.size);
        bad.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct eie_bytes again = part_of(&bad, bad.size);
        if (!eie_shared_file_parse(&again, "f", &other, &error)) {
            assert_int_equal(other.count, 1);
            assert_same_matrix(&first.matrices[0], &other.matrices[0]);
            eie_shared_set_free(&other);
            accepted++;
        }
        if (eie_layer_file_parse(&bad, "f", &set, &error)) continue;
        assert_false(floats);
        assert_int_equal(set.count, 1);
        assert_same_layer(set.layers[0], layer);
        eie_layer_set_free(&set);
    }
    eie_shared_set_free(&first);
    eie_bytes_free(&whole);
    return accepted;
}

static void flipped_bits_of_the_header_never_make_another_layer(void **state)
{
    struct eie_layer *layer = full_layer("flip", 6);
    (void)state;
    assert_true(flip_header(layer, written(layer), false) > 0); /* those of the source */
    assert_true(flip_header(layer, stored(layer, EIE_FORM_PACKED, false), false) > 0);
    assert_true(flip_header(layer, stored(layer, EIE_FORM_HUFFMAN, false), false) > 0);
    assert_true(flip_header(layer, stored(layer, EIE_FORM_PACKED, true), true) > 0);
    assert_true(flip_header(layer, stored(layer, EIE_FORM_HUFFMAN, true), true) > 0);
    eie_layer_free(layer);
}

/* What the writer says of a file is what lies there. */
static void parts_are_those_of_the_file(void **state)
{
    const char *path = test_path(&folder, "p.safetensors");
    struct eie_layer *layer = full_layer("parts", 6);
    struct eie_file_parts parts;
    struct eie_safetensors file;
    struct eie_error error = {""};
    const struct eie_layer *const layers[] = {layer};
    (void)state;
    assert_good(eie_layer_file_write_parts(path, layers, 1, &parts, &error), error);
    assert_good(eie_safetensors_read(path, &file, &error), error);
    assert_int_equal(parts.bytes, file.bytes.size);
    assert_int_equal(json_integer_value(json_object_get(parts.sizes, "header")),
                     file.bytes.size - file.data_size);
    assert_int_equal(json_object_size(parts.sizes), file.tensor_count + 1);
    for (uint32_t i = 0; i < file.tensor_count; i++)
        assert_int_equal(json_integer_value(json_object_get(parts.sizes, file.tensors[i].name)),
                         file.tensors[i].size);
    eie_safetensors_free(&file);
    json_decref(parts.sizes);
    eie_layer_free(layer);
    unlink(path);
}

static void every_truncation_is_refused(void **state)
{
    struct eie_layer *layer = full_layer("short", 7);
    struct eie_bytes whole = written(layer);
    struct eie_error error = {""};
    (void)state;
    for (size_t size = 0; size < whole.size; size++)
        assert_bad(parse(part_of(&whole, size), &error), EIE_INPUT, error, "f: ");
    struct eie_bytes longer = {calloc(whole.size + 2, 1), whole.size + 1};
    memcpy(longer.data, whole.data, whole.size);
    assert_bad(parse(longer, &error), EIE_INPUT, error, "1 bytes behind the last tensor");
    eie_bytes_free(&whole);
    eie_layer_free(layer);
}

static void what_is_no_file_of_ours_is_refused(void **state)
{
    struct eie_layer_set set;
    struct eie_error error = {""};
    (void)state;
    assert_bad(eie_layer_file_read(test_path(&folder, "none"), &set, &error), EIE_INPUT, error,
               "none");
    assert_bad(eie_layer_file_read(folder.path, &set, &error), EIE_INPUT, error, "folder");
    assert_bad(parse(test_bytes_stating(2, "{}", 2, "", 0), &error), EIE_INPUT, error,
               "not of eiebench");
    const char *empty = test_path(&folder, "empty");
    test_write(empty, "", 0);
    assert_bad(eie_layer_file_read(empty, &set, &error), EIE_INPUT, error, "too short");
    unlink(empty);
}

/* ---- headers that lie ------------------------------------------------------------------------ */

/* The file of full_layer("a"), changed by `change`, must be refused with a message holding `part`.
 */
typedef void (*change_file)(struct test_file *file, const char *text);

static void assert_change_refused(change_file change, const char *text, const char *part)
{
    struct eie_layer *layer = full_layer("a", 9);
    struct test_file file = test_file_of(layer, natural);
    struct eie_error error = {""};
    assert_good(parse(test_file_bytes(&file, 0), &error), error);
    change(&file, text);
    assert_bad(parse(test_file_bytes(&file, 0), &error), EIE_INPUT, error, part);
    test_file_free(&file);
    eie_layer_free(layer);
}

/* "TENSOR KEY JSON": sets one key of one tensor. */
static void set_key(struct test_file *file, const char *text)
{
    char tensor[64], key[64], json[512];
    assert_int_equal(sscanf(text, "%63s %63s %511[^\n]", tensor, key, json), 3);
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    json_object_set_new(json_object_get(file->header, tensor), key, value);
}

static void delete_key(struct test_file *file, const char *text)
{
    char tensor[64], key[64];
    assert_int_equal(sscanf(text, "%63s %63s", tensor, key), 2);
    assert_int_equal(json_object_del(json_object_get(file->header, tensor), key), 0);
}

static void delete_tensor(struct test_file *file, const char *text)
{
    const json_t *offsets = json_object_get(json_object_get(file->header, text), "data_offsets");
    assert_int_equal(json_integer_value(json_array_get(offsets, 1)), file->size);
    file->size = (size_t)json_integer_value(json_array_get(offsets, 0));
    json_object_del(file->header, text);
    test_file_seal(file);
}

static void sizes_and_offsets_that_lie_are_refused(void **state)
{
    /* in natural order: codebook 0..32, column_start 32..64, entries 64..E, bias, sample_inputs */
    static const char *const cases[][2] = {
        {"a.codebook shape [17]", "need 34 bytes, data_offsets give 32"},
        {"a.codebook shape [9223372036854775807]", "need 18446744073709551614 bytes"},
        {"a.codebook shape [4294967296, 4294967296]", "impossible shape"},
        {"a.codebook shape [9223372036854775807, 9223372036854775807, 0]", "impossible shape"},
        {"a.codebook shape [-16]", "impossible shape"},
        {"a.codebook shape [16.0]", "impossible shape"},
        {"a.codebook shape [\"16\"]", "impossible shape"},
        {"a.codebook shape [1, 1, 1, 1, 1, 1, 1, 1, 16]", "I16 of rank 9, must be I16 of 1"},
        {"a.codebook shape 16", "must be a list"},
        {"a.codebook data_offsets [0, 99999]", "ends at byte 99999"},
        {"a.codebook data_offsets [0, 9223372036854775807]", "ends at byte 9223372036854775807"},
        {"a.codebook data_offsets [32, 0]", "bad data_offsets"},
        {"a.codebook data_offsets [-1, 31]", "bad data_offsets"},
        {"a.codebook data_offsets [0]", "bad data_offsets"},
        {"a.codebook data_offsets [0, 32, 64]", "bad data_offsets"},
        {"a.codebook data_offsets [0, 32.5]", "bad data_offsets"},
        {"a.codebook data_offsets null", "bad data_offsets"},
        {"a.codebook data_offsets [1, 33]", "leaves a gap or overlaps"},
        {"a.codebook data_offsets [32, 64]", "leaves a gap or overlaps"},
        {"a.codebook data_offsets [8, 40]", "leaves a gap or overlaps"},
        {"a.column_start data_offsets [0, 32]", "leaves a gap or overlaps"},
        {"a.column_start data_offsets [24, 56]", "leaves a gap or overlaps"},
        {"a.codebook dtype \"I17\"", "is I17 of rank 1, must be I16"},
        {"a.codebook dtype 16", "missing dtype"},
        {"a.codebook dtype \"i16\"", "is i16 of rank 1, must be I16"},
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++)
        assert_change_refused(set_key, cases[i][0], cases[i][1]);
    assert_change_refused(delete_key, "a.codebook dtype", "missing dtype");
    assert_change_refused(delete_key, "a.codebook shape", "shape");
    assert_change_refused(delete_key, "a.codebook data_offsets", "bad data_offsets");
}

static void tensors_of_another_type_or_shape_are_refused(void **state)
{
    static const char *const cases[][2] = {
        {"a.codebook dtype \"U16\"", "'a.codebook' is U16 of rank 1, must be I16 of 1"},
        {"a.codebook dtype \"F16\"", "'a.codebook' is F16"},
        {"a.codebook shape [4, 4]", "'a.codebook' is I16 of rank 2"},
        {"a.column_start dtype \"I32\"", "'a.column_start' is I32"},
        {"a.column_start shape [8]", "'a.column_start' is U32 of rank 1"},
        {"a.column_start shape [8, 1]", "'a.column_start' has a shape"},
        {"a.column_start shape [1, 8]", "'a.sample_inputs' has a shape"},
        {"a.entries dtype \"I8\"", "'a.entries' is I8"},
        {"a.bias dtype \"F32\"", "'a.bias' is F32"},
        {"a.bias shape [1, 5]", "'a.bias' is I32 of rank 2"},
        {"a.sample_inputs dtype \"BF16\"", "'a.sample_inputs' is BF16"},
        {"a.sample_inputs shape [3, 2]", "'a.sample_inputs' has a shape"},
        {"a.sample_inputs shape [6]", "'a.sample_inputs' is I16 of rank 1"},
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(cases); i++)
        assert_change_refused(set_key, cases[i][0], cases[i][1]);
}

/* Sizes that agree with each other and with the data, but with nothing else. */
static void tensors_that_do_not_fit_each_other_are_refused(void **state)
{
    struct eie_layer *layer = full_layer("a", 9);
    struct eie_error error = {""};
    (void)state;
    struct eie_layer parts = *layer;
    struct test_file file;
    parts.sample_count = 0; /* a sample_inputs tensor of no samples */
    file = test_file_of(&parts, natural);
    assert_bad(parse(test_file_bytes(&file, 0), &error), EIE_INPUT, error,
               "'a.sample_inputs' has a shape");
    test_file_free(&file);
    parts = *layer;
    parts.pe_count = 0;
    file = test_file_of(&parts, natural);
    assert_bad(parse(test_file_bytes(&file, 0), &error), EIE_INPUT, error,
               "'a.column_start' has a shape");
    test_file_free(&file);
    parts = *layer;
    parts.entry_count--;
    file = test_file_of(&parts, natural);
    assert_bad(parse(test_file_bytes(&file, 0), &error), EIE_INPUT, error,
               "f: layer a, PE 1, column");
    test_file_free(&file);
    eie_layer_free(layer);
}

static void set_metadata(struct test_file *file, const char *text)
{
    char key[64], value[512] = "";
    assert_true(sscanf(text, "%63s %511[^\n]", key, value) >= 1);
    test_set_text(test_metadata(file), key, value);
}

static void delete_metadata(struct test_file *file, const char *key)
{
    assert_int_equal(json_object_del(test_metadata(file), key), 0);
}

static void metadata_must_be_there_and_make_sense(void **state)
{
    static const char *const keys[] = {"a.outputs",
                                       "a.weight_fraction_bits",
                                       "a.input_fraction_bits",
                                       "a.output_fraction_bits",
                                       "a.activation",
                                       "a.source",
                                       "eie.layers"};
    static const char *const no_numbers[] = {
        "a.outputs -5", "a.outputs 4294967301",    "a.outputs 99999999999999999999999",
        "a.outputs 5x", "a.outputs 0x5",           "a.outputs 5.0",
        "a.outputs",    "a.input_fraction_bits +4"};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(keys); i++) {
        char part[128];
        snprintf(part, sizeof part, "metadata '%s' is missing", keys[i]);
        assert_change_refused(delete_metadata, keys[i], part);
    }
    for (size_t i = 0; i < TEST_COUNT(no_numbers); i++)
        assert_change_refused(set_metadata, no_numbers[i], "is not a number from 0 to ");
    assert_change_refused(delete_metadata, "eie.format", "not of eiebench");
    assert_change_refused(delete_metadata, "eie.sha256", "not of eiebench");
    assert_change_refused(set_metadata, "eie.format 2", "format '2'");
    assert_change_refused(set_metadata, "eie.sha256 0", "damaged");
    assert_change_refused(set_metadata, "a.activation tanh", "unknown activation 'tanh'");
    assert_change_refused(set_metadata, "a.activation Relu", "unknown activation 'Relu'");
    assert_change_refused(set_metadata, "a.outputs 6", "'a.bias' has a shape");
    assert_change_refused(set_metadata, "a.outputs 0", "'a.bias' has a shape");
    assert_change_refused(set_metadata, "a.weight_fraction_bits 60", "fraction bits");
    assert_change_refused(set_metadata, "a.output_fraction_bits 17", "must be 0..31");
}

static void lists_of_layers_must_make_sense(void **state)
{
    (void)state;
    assert_change_refused(set_metadata, "eie.layers a,a", "layer a stands twice");
    assert_change_refused(set_metadata, "eie.layers a,b", "metadata 'b.outputs' is missing");
    assert_change_refused(set_metadata, "eie.layers b", "metadata 'b.outputs' is missing");
    assert_change_refused(set_metadata, "eie.layers", "eie.layers");
    assert_change_refused(set_metadata, "eie.layers ,", "eie.layers");
    assert_change_refused(set_metadata, "eie.layers a,", "eie.layers");
    assert_change_refused(set_metadata, "eie.layers ,a", "eie.layers");
    assert_change_refused(set_metadata, "eie.layers a,,a", "eie.layers");
    assert_change_refused(set_metadata, "eie.layers a b", "metadata 'a b.outputs'");
    assert_change_refused(set_metadata,
                          "eie.layers 0123456789012345678901234567890123456789012345678901234567890"
                          "1234567890",
                          "name is too long");
}

static void set_metadata_number(struct test_file *file, const char *key)
{
    json_object_set_new(test_metadata(file), key, json_integer(5));
}

static void replace_metadata(struct test_file *file, const char *json)
{
    json_object_set_new(file->header, "__metadata__", json_loads(json, JSON_DECODE_ANY, NULL));
}

static void metadata_are_strings(void **state)
{
    (void)state;
    assert_change_refused(set_metadata_number, "a.outputs", "metadata 'a.outputs' is not a string");
    assert_change_refused(set_metadata_number, "more", "metadata 'more' is not a string");
    assert_change_refused(replace_metadata, "[]", "__metadata__ is not an object");
    assert_change_refused(replace_metadata, "null", "not of eiebench");
    assert_change_refused(replace_metadata, "{}", "not of eiebench");
}

static void add_tensor(struct test_file *file, const char *name)
{
    const uint8_t bytes[3] = {1, 2, 3};
    test_file_add(file, name, "codebook", "U8", json_pack("[i]", 3), bytes, 3);
    test_file_seal(file);
}

static void add_empty_tensor(struct test_file *file, const char *name)
{
    test_file_add(file, name, "more", "U8", json_pack("[i]", 0), "", 0);
}

static void tensors_of_no_layer_are_refused(void **state)
{
    (void)state;
    assert_change_refused(add_tensor, "b", "1 tensors belong to no layer");
    assert_change_refused(add_empty_tensor, "a", "1 tensors belong to no layer");
}

static void missing_tensors_are_named(void **state)
{
    static const char *const names[] = {"codebook", "column_start", "entries"};
    struct eie_layer *layer = full_layer("a", 9);
    struct eie_error error = {""};
    (void)state;
    for (unsigned missing = 0; missing < TEST_COUNT(names); missing++) {
        unsigned order[TEST_PARTS] = {0, 1, 2, 3, 4};
        char part[128];
        order[missing] = order[4], order[4] = missing; /* the last is easy to take away */
        struct test_file file = test_file_of(layer, order);
        char key[64];
        snprintf(key, sizeof key, "a.%s", names[missing]);
        delete_tensor(&file, key);
        snprintf(part, sizeof part, "tensor '%s' is missing", key);
        assert_bad(parse(test_file_bytes(&file, 0), &error), EIE_INPUT, error, part);
        test_file_free(&file);
    }
    eie_layer_free(layer);
}

/* Without bias or samples the file is whole. */
static void optional_tensors_may_be_missing(void **state)
{
    struct eie_layer *layer = full_layer("a", 9);
    struct eie_error error = {""};
    (void)state;
    for (int without = 1; without < 4; without++) {
        struct eie_layer parts = *layer;
        if (without & 1) parts.bias = NULL;
        if (without & 2) parts.sample_inputs = NULL, parts.sample_count = 0;
        struct test_file file = test_file_of(&parts, natural);
        assert_good(parse(test_file_bytes(&file, 0), &error), error);
        test_file_free(&file);
    }
    eie_layer_free(layer);
}

/* Damage that the hash does not show, because whoever made it stated the hash of it. */
static void sealed_nonsense_is_refused(void **state)
{
    struct eie_layer *layer = full_layer("a", 9);
    struct eie_error error = {""};
    (void)state;
    struct test_file file = test_file_of(layer, natural);
    file.data[64] = 0x05; /* first entry: code 0 with run 5 */
    test_file_seal(&file);
    assert_bad(parse(test_file_bytes(&file, 0), &error), EIE_INPUT, error, "code 0 with run 5");
    test_file_free(&file);
    file = test_file_of(layer, natural);
    file.data[0] = 1; /* codebook[0] */
    test_file_seal(&file);
    assert_bad(parse(test_file_bytes(&file, 0), &error), EIE_INPUT, error, "codebook[0] is 1");
    test_file_free(&file);
    file = test_file_of(layer, natural);
    memset(file.data + 36, 0xFF, 4); /* second pointer */
    test_file_seal(&file);
    assert_bad(parse(test_file_bytes(&file, 0), &error), EIE_INPUT, error,
               "PE 0, column 0: pointer");
    test_file_free(&file);
    eie_layer_free(layer);
}

/* ---- headers as text ------------------------------------------------------------------------- */

static void header_lengths_that_lie_are_refused(void **state)
{
    static const uint64_t lengths[] = {0,
                                       1,
                                       3,
                                       60,
                                       UINT64_C(1) << 31,
                                       UINT64_C(1) << 32,
                                       UINT64_C(1) << 63,
                                       UINT64_MAX - 7,
                                       UINT64_MAX};
    struct eie_error error = {""};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(lengths); i++)
        assert_bad(parse(test_bytes_stating(lengths[i], "{} ", 3, "data", 4), &error), EIE_INPUT,
                   error, "f: ");
}

static void headers_that_are_no_json_object_are_refused(void **state)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "[]",
                                        "\"a\"",
                                        "1",
                                        "{",
                                        "{}}",
                                        "{\"a\":1,}",
                                        "{'a':1}",
                                        "nul",
                                        "{\"a\":1}",
                                        "{\"a\":null}",
                                        "{\"a\":[]}",
                                        "\xEF\xBB\xBF{}",
                                        "{\"\xFF\":1}",
                                        "{\"a\\u0000\":1}"};
    struct eie_error error = {""};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(texts); i++) {
        const size_t length = strlen(texts[i]);
        assert_bad(parse(test_bytes_stating(length, texts[i], length, "", 0), &error), EIE_INPUT,
                   error, "f: ");
    }
    assert_bad(parse(test_bytes_stating(4, "{}\0\0", 4, "", 0), &error), EIE_INPUT, error, "f: ");
}

#define TENSOR "\"t\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"

static void duplicate_keys_are_refused(void **state)
{
    static const char *const texts[] = {
        "{" TENSOR "," TENSOR "}",
        "{\"__metadata__\":{\"eie.format\":\"1\",\"eie.format\":\"1\"}}",
        "{\"__metadata__\":{},\"__metadata__\":{}}",
        "{\"t\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
    };
    struct eie_error error = {""};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(texts); i++) {
        const size_t length = strlen(texts[i]);
        assert_bad(parse(test_bytes_stating(length, texts[i], length, "", 0), &error), EIE_INPUT,
                   error, "uplicate");
    }
}

static void deep_nesting_is_refused(void **state)
{
    enum { DEPTH = 1000000 };
    char *text = malloc(DEPTH * 5);
    struct eie_error error = {""};
    (void)state;
    assert_non_null(text);
    memset(text, '[', DEPTH);
    assert_bad(parse(test_bytes_stating(DEPTH, text, DEPTH, "", 0), &error), EIE_INPUT, error,
               "f: ");
    for (int i = 0; i < DEPTH; i++) memcpy(text + i * 5, "{\"a\":", 5);
    assert_bad(parse(test_bytes_stating(DEPTH * 5, text, DEPTH * 5, "", 0), &error), EIE_INPUT,
               error, "f: ");
    free(text);
}

/* ---- legal files of others ------------------------------------------------------------------- */

/* All 120 orders at all 8 displacements: nothing lies where its type would like it. */
static void other_orders_and_alignments_are_read(void **state)
{
    struct eie_layer *layer = full_layer("other-order", 11);
    (void)state;
    for (unsigned code = 0; code < 120; code++) {
        unsigned left[TEST_PARTS] = {0, 1, 2, 3, 4}, order[TEST_PARTS], rest = code;
        for (unsigned i = 0; i < TEST_PARTS; i++) {
            const unsigned take = rest % (TEST_PARTS - i);
            rest /= TEST_PARTS - i;
            order[i] = left[take];
            memmove(left + take, left + take + 1, (TEST_PARTS - take - 1) * sizeof *left);
        }
        struct test_file file = test_file_of(layer, order);
        for (unsigned spaces = 0; spaces < 8; spaces++) {
            struct eie_bytes bytes = test_file_bytes(&file, spaces);
            struct eie_layer_set set;
            struct eie_error error = {""};
            assert_good(eie_layer_file_parse(&bytes, "f", &set, &error), error);
            assert_int_equal(set.count, 1);
            assert_same_layer(set.layers[0], layer);
            eie_layer_set_free(&set);
        }
        test_file_free(&file);
    }
    eie_layer_free(layer);
}

static void unknown_metadata_is_left_alone(void **state)
{
    struct eie_layer *layer = full_layer("a", 12);
    struct test_file file = test_file_of(layer, natural);
    struct eie_error error = {""};
    (void)state;
    test_set_text(test_metadata(&file), "format", "pt");
    test_set_text(test_metadata(&file), "a.note", "ours \xE2\x82\xAC");
    assert_good(parse(test_file_bytes(&file, 0), &error), error);
    test_file_free(&file);
    eie_layer_free(layer);
}

/* ---- writing that fails ---------------------------------------------------------------------- */

static void two_layers_of_one_name_are_refused(void **state)
{
    const char *path = test_path(&folder, "twice.safetensors");
    struct eie_layer *layers[] = {full_layer("a", 1), full_layer("b", 2), full_layer("a", 3)};
    struct eie_error error = {""};
    (void)state;
    assert_bad(eie_layer_file_write(path, (const struct eie_layer *const *)layers, 3, &error),
               EIE_USAGE, error, "two layers are named a");
    assert_bad(eie_layer_file_write(path, (const struct eie_layer *const *)layers, 0, &error),
               EIE_USAGE, error, "no layer");
    assert_int_equal(test_entries(folder.path), 0);
    for (int i = 0; i < 3; i++) eie_layer_free(layers[i]);
}

static void nothing_is_left_where_writing_fails(void **state)
{
    struct eie_layer *layer = test_layer_draw("big", 40, 4000, 4, 0.5, 1);
    struct eie_layer *before = full_layer("before", 2);
    const char *path = test_path(&folder, "full.safetensors");
    struct eie_error error = {""};
    struct rlimit unlimited, limit;
    size_t size, size_after;
    (void)state;
    assert_int_equal(eie_layer_file_write(test_path(&folder, "no/such.safetensors"),
                                          (const struct eie_layer *const *)&layer, 1, &error),
                     EIE_SYSTEM);
    assert_int_equal(test_entries(folder.path), 0);

    /* a disk that is full after 10,000 bytes: neither a new file nor half an old one */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    signal(SIGXFSZ, SIG_IGN);
    for (int exists = 0; exists < 2; exists++) {
        uint8_t *old = NULL;
        if (exists) {
            assert_good(
                eie_layer_file_write(path, (const struct eie_layer *const *)&before, 1, &error),
                error);
            old = test_read(path, &size);
        }
        limit = unlimited;
        limit.rlim_cur = 10000;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        const enum eie_status status =
            eie_layer_file_write(path, (const struct eie_layer *const *)&layer, 1, &error);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
        assert_int_equal(status, EIE_SYSTEM);
        assert_non_null(strstr(error.message, "full.safetensors"));
        assert_int_equal(test_entries(folder.path), exists);
        if (!exists) continue;
        uint8_t *after = test_read(path, &size_after);
        assert_int_equal(size, size_after);
        assert_memory_equal(old, after, size);
        free(old);
        free(after);
        unlink(path);
    }
    eie_layer_free(layer);
    eie_layer_free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_layer_comes_back),
        cmocka_unit_test(many_layers_keep_their_order),
        cmocka_unit_test(names_may_hold_each_other),
        cmocka_unit_test(tensors_stand_widest_first_and_aligned),
        cmocka_unit_test(every_flipped_bit_of_the_data_is_found),
        cmocka_unit_test(flipped_bits_of_the_header_never_crash),
        cmocka_unit_test(flipped_bits_of_the_header_never_make_another_layer),
        cmocka_unit_test(parts_are_those_of_the_file),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(what_is_no_file_of_ours_is_refused),
        cmocka_unit_test(sizes_and_offsets_that_lie_are_refused),
        cmocka_unit_test(tensors_of_another_type_or_shape_are_refused),
        cmocka_unit_test(tensors_that_do_not_fit_each_other_are_refused),
        cmocka_unit_test(metadata_must_be_there_and_make_sense),
        cmocka_unit_test(lists_of_layers_must_make_sense),
        cmocka_unit_test(metadata_are_strings),
        cmocka_unit_test(tensors_of_no_layer_are_refused),
        cmocka_unit_test(missing_tensors_are_named),
        cmocka_unit_test(optional_tensors_may_be_missing),
        cmocka_unit_test(sealed_nonsense_is_refused),
        cmocka_unit_test(header_lengths_that_lie_are_refused),
        cmocka_unit_test(headers_that_are_no_json_object_are_refused),
        cmocka_unit_test(duplicate_keys_are_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(other_orders_and_alignments_are_read),
        cmocka_unit_test(unknown_metadata_is_left_alone),
        cmocka_unit_test(two_layers_of_one_name_are_refused),
        cmocka_unit_test(nothing_is_left_where_writing_fails),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
