/* host/layer/network_file.h: what is written is read, the sizes add up, equal networks give equal
 * bytes, small where there is something to gain. tests/cli/test_network.py has every other way to
 * store a part, and damage. */
#include "host/base/random.h"
#include "host/layer/layer_file.h"
#include "host/layer/network_file.h"
#include "host/layer/network_layers.h"
#include "tests/support/test.h"

#include <math.h>

#define PARTS 3

/* A network in the shape of LeNet-300-100's layers, smaller. */
struct drawn {
    struct eie_network_part parts[PARTS];
    struct eie_network_file network;
    uint8_t *codes[PARTS];
    float centroids[PARTS][256], bias[PARTS][128];
};

/* Weights come in clusters of columns; dead rows and columns have none. */
static void draw_part(struct drawn *drawn, uint32_t p, uint32_t outputs, uint32_t inputs,
                      uint32_t code_bits, double density, struct eie_random *random)
{
    struct eie_network_part *part = &drawn->parts[p];
    const uint32_t clusters = (1u << code_bits) - 1;
    drawn->codes[p] = calloc((size_t)outputs * inputs, 1);
    assert_non_null(drawn->codes[p]);
    for (uint32_t c = 1; c <= clusters; c++)
        drawn->centroids[p][c] =
            ((float)c - (float)(clusters + 1) / 2 + 0.25f) / (float)clusters * 1.7f;
    for (uint32_t i = 0; i < outputs; i++)
        for (uint32_t j = 0; j < inputs; j++) {
            const double here = i % 5 == 3 || j % 7 == 2 ? 0 : density * (j % 16 < 8 ? 1.6 : 0.4);
            if (eie_random_below(random, 1000000) < 1000000 * here)
                drawn->codes[p][(size_t)i * inputs + j] =
                    (uint8_t)(1 + eie_random_below(random, eie_random_below(random, clusters) + 1));
        }
    for (uint32_t i = 0; i < outputs; i++)
        drawn->bias[p][i] = i % 5 == 3 ? 0 : (float)eie_random_below(random, 2001) / 1000 - 1;
    snprintf(part->name, sizeof part->name, "fc%u", p + 1);
    part->outputs = outputs;
    part->inputs = inputs;
    part->code_bits = code_bits;
    part->relu = p + 1 < PARTS;
    part->codes = drawn->codes[p];
    part->centroids = drawn->centroids[p];
    part->bias = drawn->bias[p];
}

static void draw(struct drawn *drawn, uint64_t seed)
{
    struct eie_random random;
    memset(drawn, 0, sizeof *drawn);
    eie_random_seed(&random, seed);
    draw_part(drawn, 0, 90, 300, 4, 0.03, &random);
    draw_part(drawn, 1, 40, 90, 4, 0.1, &random);
    draw_part(drawn, 2, 10, 40, 4, 0.5, &random);
    drawn->network = (struct eie_network_file){"small", PARTS, drawn->parts};
}

static void drop(struct drawn *drawn)
{
    for (uint32_t p = 0; p < PARTS; p++) free(drawn->codes[p]);
}

/* Within half a unit of what its bits hold. */
static void assert_rounded(const float *read, const float *drawn, uint32_t count, uint32_t bits)
{
    float most = 0;
    for (uint32_t i = 0; i < count; i++) most = fmaxf(most, fabsf(drawn[i]));
    const float step = 2 * most / (ldexpf(1, (int)bits - 1) - 0.5f); /* at most */
    for (uint32_t i = 0; i < count; i++) assert_true(fabsf(read[i] - drawn[i]) <= step / 2);
}

static void assert_same(const struct eie_network_file *read, const struct eie_network_file *drawn)
{
    assert_string_equal(read->name, drawn->name);
    assert_int_equal(read->part_count, drawn->part_count);
    for (uint32_t p = 0; p < read->part_count; p++) {
        const struct eie_network_part *a = &read->parts[p], *b = &drawn->parts[p];
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->outputs, b->outputs);
        assert_int_equal(a->inputs, b->inputs);
        assert_int_equal(a->code_bits, b->code_bits);
        assert_int_equal(a->relu, b->relu);
        assert_memory_equal(a->codes, b->codes, (size_t)a->outputs * a->inputs);
        assert_rounded(a->centroids, b->centroids, 1u << a->code_bits, 16);
        assert_int_equal(a->bias != NULL, b->bias != NULL);
        if (b->bias) assert_rounded(a->bias, b->bias, a->outputs, b->bias_bits ? b->bias_bits : 16);
        assert_int_equal(a->scale.stated, b->scale.stated);
        assert_int_equal(a->scale.input_fraction_bits, b->scale.input_fraction_bits);
        assert_int_equal(a->scale.output_fraction_bits, b->scale.output_fraction_bits);
        assert_true(fabs(a->scale.active_share - b->scale.active_share) < 0.5 / 255 + 1e-9);
    }
}

/* Writes and reads; the sizes of both agree and are the file's. Returns its bytes. */
static size_t round_trip(const struct test_folder *folder, const struct eie_network_file *network)
{
    struct eie_network_sizes written[EIE_NETWORK_PARTS_MAX + 1], *read_sizes;
    struct eie_network_bytes bytes;
    struct eie_network_file read;
    struct eie_error error;
    size_t size;
    const char *path = test_path(folder, "net.safetensors");
    assert_good(eie_network_file_write(path, network, written, &error), error);
    free(test_read(path, &size));
    assert_good(eie_network_file_read(path, &read, &read_sizes, &error), error);
    assert_same(&read, network);
    assert_memory_equal(written, read_sizes, (network->part_count + 1) * sizeof *written);
    assert_true(fabs(eie_network_file_sizes(written, network->part_count, &bytes) - (double)size) <
                1e-6);
    free(read_sizes);
    eie_network_file_free(&read);
    return size;
}

static void what_is_written_is_read(void **state)
{
    struct test_folder folder;
    struct drawn drawn;
    (void)state;
    test_folder_make(&folder);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        draw(&drawn, seed);
        const size_t size = round_trip(&folder, &drawn.network);
        drawn.parts[0].bias_bits = 8;
        assert_int_equal(size - round_trip(&folder, &drawn.network), 72); /* of 72 live rows */
        drawn.parts[1].bias = NULL;
        drawn.parts[2].bias_bits = 2;
        drawn.parts[1].scale = (struct eie_network_scale){true, 31, 62, 1};
        drawn.parts[2].scale = (struct eie_network_scale){true, 9, 0, 0.3};
        (void)round_trip(&folder, &drawn.network);
        drop(&drawn);
    }
    test_folder_remove(&folder);
}

static void odd_matrices(void **state)
{
    static const uint32_t sizes[][2] = {{1, 1}, {1, 200}, {100, 1}, {7, 9}};
    static const double densities[] = {0, 0.02, 0.5, 1};
    struct test_folder folder;
    struct eie_random random;
    (void)state;
    test_folder_make(&folder);
    eie_random_seed(&random, 9);
    for (size_t s = 0; s < TEST_COUNT(sizes); s++)
        for (size_t d = 0; d < TEST_COUNT(densities); d++)
            for (uint32_t bits = 2; bits <= 8; bits += 3) {
                struct drawn drawn = {.network = {"odd", 1, drawn.parts}};
                draw_part(&drawn, 0, sizes[s][0], sizes[s][1], bits, densities[d], &random);
                (void)round_trip(&folder, &drawn.network);
                memset(drawn.codes[0], 1, (size_t)sizes[s][0] * sizes[s][1]); /* a sole symbol */
                (void)round_trip(&folder, &drawn.network);
                free(drawn.codes[0]);
            }
    test_folder_remove(&folder);
}

/* A weight alone, far behind: runs of many fillers, at every split. */
static void long_runs(void **state)
{
    struct test_folder folder;
    (void)state;
    test_folder_make(&folder);
    for (uint32_t k = 0; k < 40; k++) {
        struct drawn drawn = {.network = {"far", 1, drawn.parts}};
        struct eie_random random;
        eie_random_seed(&random, k);
        draw_part(&drawn, 0, 100, 3000, 4, 0, &random);
        for (uint32_t n = 0; n <= k; n++)
            drawn.codes[0][eie_random_below(&random, 300000)] = (uint8_t)(1 + n % 15);
        assert_true(round_trip(&folder, &drawn.network) < 700);
        free(drawn.codes[0]);
    }
    test_folder_remove(&folder);
}

static void equal_networks_give_equal_bytes(void **state)
{
    struct test_folder folder;
    struct eie_error error;
    struct drawn drawn;
    size_t size, other_size;
    (void)state;
    test_folder_make(&folder);
    draw(&drawn, 4);
    assert_good(eie_network_file_write(test_path(&folder, "a"), &drawn.network, NULL, &error),
                error);
    assert_good(eie_network_file_write(test_path(&folder, "b"), &drawn.network, NULL, &error),
                error);
    uint8_t *bytes = test_read(test_path(&folder, "a"), &size);
    uint8_t *other = test_read(test_path(&folder, "b"), &other_size);
    assert_int_equal(size, other_size);
    assert_memory_equal(bytes, other, size);
    free(bytes);
    free(other);
    drop(&drawn);
    test_folder_remove(&folder);
}

/* Below the entropy of codes and of places drawn alike: dead lines and uneven columns are paid for
 * once. */
static void small_where_there_is_something_to_gain(void **state)
{
    struct test_folder folder;
    struct eie_network_sizes sizes[PARTS + 1];
    struct eie_error error;
    struct drawn drawn;
    (void)state;
    test_folder_make(&folder);
    draw(&drawn, 5);
    assert_good(eie_network_file_write(test_path(&folder, "a"), &drawn.network, sizes, &error),
                error);
    for (uint32_t p = 0; p < PARTS; p++) {
        const double places = (double)drawn.parts[p].outputs * drawn.parts[p].inputs;
        const double share = (double)sizes[p].weights / places;
        const double entropy = -share * log2(share) - (1 - share) * log2(1 - share);
        assert_true((double)sizes[p].run_bits < entropy * places);
    }
    assert_true(sizes[PARTS].header_bits <= 8 * 128); /* all that is not of the parts */
    drop(&drawn);
    test_folder_remove(&folder);
}

/* Those who reckon with the centroids' scale before it is written reckon with the one that is. */
static void centroid_bits_are_those_of_the_file(void **state)
{
    static const uint8_t codes[] = {1, 2, 0, 3};
    static const float centroids[][4] = {
        {0, -2, 0.5f, 1}, {0, 1e-9f, -1e-9f, 2e-9f}, {0, 2, 1, 1}, {0, -1.00001f, 0.3f, 0.9f}};
    static const int bits[] = {14, 30, 13, 15};
    struct test_folder folder;
    struct eie_error error;
    (void)state;
    test_folder_make(&folder);
    const char *path = test_path(&folder, "net.safetensors");
    for (size_t i = 0; i < TEST_COUNT(bits); i++) {
        struct eie_network_part part = {.name = "a",
                                        .outputs = 2,
                                        .inputs = 2,
                                        .code_bits = 2,
                                        .codes = codes,
                                        .centroids = centroids[i]};
        struct eie_network_file file = {.name = "n", .part_count = 1, .parts = &part}, read;
        assert_good(eie_network_file_write(path, &file, NULL, &error), error);
        assert_good(eie_network_file_read(path, &read, NULL, &error), error);
        assert_int_equal(eie_network_centroid_bits(centroids[i], 4), bits[i]);
        assert_int_equal(read.parts[0].weight_fraction_bits, bits[i]);
        eie_network_file_free(&read);
    }
    test_folder_remove(&folder);
}

static void what_cannot_be_written(void **state)
{
    struct test_folder folder;
    struct eie_error error;
    struct drawn drawn;
    (void)state;
    test_folder_make(&folder);
    draw(&drawn, 6);
    const char *path = test_path(&folder, "net.safetensors");
    const struct eie_network_part good = drawn.parts[1];
#define REFUSED(change, words)                                                                     \
    do {                                                                                           \
        change;                                                                                    \
        assert_bad(eie_network_file_write(path, &drawn.network, NULL, &error), EIE_USAGE, error,   \
                   words);                                                                         \
        drawn.parts[1] = good;                                                                     \
    } while (0)
    static const float huge[128] = {[0] = 4e9f}, odd[128] = {[5] = NAN}, first[16] = {1};
    REFUSED(strcpy(drawn.parts[1].name, "a b"), "a b of the network has a name");
    REFUSED(strcpy(drawn.parts[1].name, "fc1"), "the name of another");
    REFUSED(drawn.parts[1].outputs = 0, "no places");
    REFUSED(drawn.parts[1].outputs = UINT32_MAX, "too large");
    REFUSED(drawn.parts[1].code_bits = 9, "more than 8 bits");
    REFUSED(drawn.parts[1].code_bits = 3, "no centroid's");
    REFUSED(drawn.parts[1].bias = huge, "biases beyond");
    REFUSED(drawn.parts[1].bias = odd, "not finite");
    REFUSED(drawn.parts[1].bias_bits = 17, "more than 16 bits");
    REFUSED(drawn.parts[1].centroids = first, "not 0");
    REFUSED(drawn.parts[1].scale.input_fraction_bits = 32, "beyond their range");
    REFUSED(drawn.parts[1].scale.active_share = NAN, "beyond their range");
#undef REFUSED
    drawn.network.part_count = 0;
    assert_bad(eie_network_file_write(path, &drawn.network, NULL, &error), EIE_USAGE, error,
               "1 to 64 parts");
    drawn.network.part_count = PARTS;
    strcpy(drawn.network.name, "__metadata__");
    assert_bad(eie_network_file_write(path, &drawn.network, NULL, &error), EIE_USAGE, error,
               "network's name");
    assert_int_equal(test_entries(folder.path), 0);
    drop(&drawn);
    test_folder_remove(&folder);
}

/* Sums of a layer's samples are those of the floats, as far as their scale goes. */
static void parts_are_layers(void **state)
{
    struct test_folder folder;
    struct eie_layer_set set;
    struct eie_network_file read;
    struct eie_error error;
    struct drawn drawn;
    (void)state;
    test_folder_make(&folder);
    draw(&drawn, 7);
    drawn.parts[0].scale = (struct eie_network_scale){true, 12, 9, 0.19};
    const char *path = test_path(&folder, "net.safetensors");
    assert_good(eie_network_file_write(path, &drawn.network, NULL, &error), error);
    assert_good(eie_layer_file_read(path, &set, &error), error);
    assert_good(eie_network_file_read(path, &read, NULL, &error), error);
    assert_int_equal(set.count, PARTS);
    for (uint32_t p = 0; p < PARTS; p++) {
        const struct eie_layer *layer = set.layers[p];
        const struct eie_network_part *part = &read.parts[p];
        struct eie_sparse_codes codes;
        uint64_t weights = 0, stored = 0;
        assert_string_equal(layer->name, part->name);
        assert_int_equal(layer->activation, p + 1 < PARTS ? EIE_ACTIVATION_RELU : 0);
        assert_int_equal(layer->sample_count, EIE_NETWORK_SAMPLES);
        assert_int_equal(layer->weight_fraction_bits, part->weight_fraction_bits);
        for (int c = 0; c < 16; c++)
            assert_true(ldexpf(layer->codebook[c], -(int)layer->weight_fraction_bits) ==
                        part->centroids[c]);
        assert_good(eie_layer_decode(layer, &codes, &error), error);
        for (uint32_t j = 0; j < codes.inputs; j++)
            for (uint32_t e = codes.column_start[j]; e < codes.column_start[j + 1]; e++, stored++)
                assert_int_equal(codes.code[e],
                                 part->codes[(size_t)codes.row[e] * codes.inputs + j]);
        for (size_t k = 0; k < (size_t)part->outputs * part->inputs; k++)
            weights += part->codes[k] != 0;
        assert_int_equal(stored, weights);
        for (uint32_t i = 0; i < part->outputs; i++)
            assert_int_equal(layer->bias[i], lrint(ldexp((double)part->bias[i],
                                                         (int)(layer->weight_fraction_bits +
                                                               layer->input_fraction_bits))));
        eie_sparse_codes_free(&codes);
    }
    assert_int_equal(set.layers[0]->input_fraction_bits, 12);
    assert_int_equal(set.layers[0]->output_fraction_bits, 9);
    uint32_t active = 0;
    for (uint32_t j = 0; j < 300; j++) active += set.layers[0]->sample_inputs[j] != 0;
    assert_int_equal(active, lrint(300 * read.parts[0].scale.active_share));
    eie_layer_set_free(&set);
    eie_network_file_free(&read);
    drop(&drawn);
    test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(odd_matrices),
        cmocka_unit_test(long_runs),
        cmocka_unit_test(equal_networks_give_equal_bytes),
        cmocka_unit_test(small_where_there_is_something_to_gain),
        cmocka_unit_test(centroid_bits_are_those_of_the_file),
        cmocka_unit_test(what_cannot_be_written),
        cmocka_unit_test(parts_are_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
