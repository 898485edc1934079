/* host/train/network.h: topologies as data, forward passes against plain loops in double, gradients
 * against differences of those, dropout. */
#include "host/base/random.h"
#include "host/train/network.h"
#include "tests/support/test.h"

#include <math.h>

#define IMAGES 3u
#define VALUES 2048u

/* Even kernels, padding on single sides and by group, a stride, a pool that leaves a row over. */
static const char mixed[] =
    "{\"format\": \"eie-network-1\", \"summary\": \"of a test\",\n"
    " \"input\": {\"channels\": 2, \"height\": 9, \"width\": 8}, \"classes\": 3,\n"
    " \"layers\": [\n"
    "  {\"name\": \"c1\", \"kind\": \"conv\", \"in\": 2, \"out\": 4, \"kernel\": 2, \"stride\": "
    "1,\n"
    "   \"pad\": [1, 0, 1, 0], \"activation\": \"relu\"},\n"
    "  {\"name\": \"p1\", \"kind\": \"pool\", \"kernel\": 2, \"stride\": 2},\n"
    "  {\"name\": \"c2\", \"kind\": \"conv\", \"in\": 4, \"out\": 3, \"kernel\": 2, \"stride\": "
    "2,\n"
    "   \"pad\": [[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]],\n"
    "   \"activation\": \"none\"},\n"
    "  {\"name\": \"f1\", \"kind\": \"fc\", \"in\": 12, \"out\": 6, \"activation\": \"relu\"},\n"
    "  {\"name\": \"f2\", \"kind\": \"fc\", \"in\": 6, \"out\": 3, \"activation\": \"none\"}]}\n";

struct setting {
    struct test_folder folder;
    struct eie_network network;
    struct eie_passes *passes;
    float values[VALUES], images[IMAGES * 2 * 9 * 8];
    uint8_t labels[IMAGES];
};

static float draw(struct eie_random *random)
{
    return (float)((double)(eie_random_next(random) >> 40) * 0x1p-23 - 1);
}

static struct setting *set_up(eie_sgemm sgemm)
{
    struct setting *set = calloc(1, sizeof *set);
    struct eie_error error;
    struct eie_random random;
    assert_non_null(set);
    test_folder_make(&set->folder);
    const char *path = test_path(&set->folder, "mixed.json");
    test_write(path, mixed, strlen(mixed));
    assert_good(eie_network_read(path, &set->network, &error), error);
    assert_true(set->network.parameters <= VALUES);
    assert_good(eie_passes_make(&set->network, IMAGES + 1, sgemm, &set->passes, &error), error);
    eie_network_draw(&set->network, 5, set->values);
    eie_random_seed(&random, 11);
    for (size_t i = 0; i < TEST_COUNT(set->images); i++) set->images[i] = draw(&random);
    for (uint32_t p = 0; p < set->network.part_count; p++) {
        const struct eie_node *node = eie_network_part(&set->network, p);
        for (uint32_t o = 0; o < node->outputs; o++)
            set->values[node->bias_at + o] = 0.3f * draw(&random);
    }
    for (uint32_t i = 0; i < IMAGES; i++) set->labels[i] = (uint8_t)(i % 3);
    memcpy(eie_passes_input(set->passes), set->images, sizeof set->images);
    return set;
}

static void tear_down(struct setting *set)
{
    eie_passes_free(set->passes);
    test_folder_remove(&set->folder);
    free(set);
}

/* ---- the same in double ------------------------------------------------------------------------
 */

static double at(const struct eie_node *node, const double *in, uint32_t c, int row, int column)
{
    const bool inside =
        row >= 0 && column >= 0 && row < (int)node->in.height && column < (int)node->in.width;
    return inside ? in[(c * node->in.height + (uint32_t)row) * node->in.width + (uint32_t)column]
                  : 0;
}

static double conv_sum(const struct eie_node *node, const double *weight, const double *in,
                       uint32_t y, uint32_t x)
{
    double sum = 0;
    for (uint32_t c = 0; c < node->in.channels; c++) {
        const struct eie_pads *pads = &node->pads[c * node->pad_groups / node->in.channels];
        for (uint32_t v = 0; v < node->kernel; v++)
            for (uint32_t u = 0; u < node->kernel; u++)
                sum += *weight++ * at(node, in, c, (int)(y * node->stride + v) - (int)pads->top,
                                      (int)(x * node->stride + u) - (int)pads->left);
    }
    return sum;
}

static void plain_node(const struct eie_node *node, const double *values, const double *in,
                       double *out)
{
    const bool pool = node->kind == EIE_NODE_POOL;
    for (uint32_t o = 0; o < node->out.channels; o++)
        for (uint32_t y = 0; y < node->out.height; y++)
            for (uint32_t x = 0; x < node->out.width; x++) {
                double sum = pool ? -1e300 : values[node->bias_at + o];
                const double *weight = values + node->weight_at + (size_t)o * node->inputs;
                if (node->kind == EIE_NODE_CONV) sum += conv_sum(node, weight, in, y, x);
                if (node->kind == EIE_NODE_FC)
                    for (uint32_t i = 0; i < node->inputs; i++) sum += weight[i] * in[i];
                for (uint32_t t = 0; pool && t < node->kernel * node->kernel; t++)
                    sum = fmax(sum, at(node, in, o, (int)(y * node->stride + t / node->kernel),
                                       (int)(x * node->stride + t % node->kernel)));
                *out++ = node->relu && sum < 0 ? 0 : sum;
            }
}

/* The last outputs of one image. */
static void plain_forward(const struct eie_network *network, const double *values,
                          const float *image, double *out)
{
    double buffers[2][4096];
    const uint32_t size = network->input.channels * network->input.height * network->input.width;
    for (uint32_t i = 0; i < size; i++) buffers[0][i] = (double)image[i];
    for (uint32_t n = 0; n < network->node_count; n++)
        plain_node(&network->nodes[n], values, buffers[n % 2], buffers[(n + 1) % 2]);
    memcpy(out, buffers[network->node_count % 2], network->classes * sizeof *out);
}

static double plain_loss(const struct setting *set, const double *values)
{
    double loss = 0, out[16];
    for (uint32_t i = 0; i < IMAGES; i++) {
        double sum = 0;
        plain_forward(&set->network, values, set->images + (size_t)i * 2 * 9 * 8, out);
        for (uint32_t c = 0; c < set->network.classes; c++) sum += exp(out[c]);
        loss += log(sum) - out[set->labels[i]];
    }
    return loss / IMAGES;
}

static void to_double(const struct setting *set, double *values)
{
    for (size_t i = 0; i < set->network.parameters; i++) values[i] = (double)set->values[i];
}

/* ---- passes ------------------------------------------------------------------------------------
 */

static void forward_is_that_of_plain_loops(void **state)
{
    struct setting *set = set_up(eie_sgemm_plain);
    double values[VALUES], wanted[16];
    (void)state;
    to_double(set, values);
    const float *out = eie_passes_forward(set->passes, set->values, IMAGES, NULL);
    for (uint32_t i = 0; i < IMAGES; i++) {
        plain_forward(&set->network, values, set->images + (size_t)i * 2 * 9 * 8, wanted);
        for (uint32_t c = 0; c < 3; c++)
            assert_true(fabs((double)out[i * 3 + c] - wanted[c]) < 1e-5);
    }
    tear_down(set);
}

static void gradients_are_those_of_differences(void **state)
{
    struct setting *set = set_up(eie_sgemm_plain);
    static float gradient[VALUES];
    double values[VALUES], largest = 0;
    (void)state;
    to_double(set, values);
    (void)eie_passes_forward(set->passes, set->values, IMAGES, NULL);
    const double loss =
        eie_passes_backward(set->passes, set->values, set->labels, IMAGES, gradient);
    assert_true(fabs(loss - plain_loss(set, values)) < 1e-5);
    for (size_t i = 0; i < set->network.parameters; i++) {
        const double kept = values[i], step = 1e-6;
        values[i] = kept + step;
        const double above = plain_loss(set, values);
        values[i] = kept - step;
        const double below = plain_loss(set, values);
        values[i] = kept;
        const double wanted = (above - below) / (2 * step);
        if (fabs((double)gradient[i] - wanted) > 1e-5 + 1e-4 * fabs(wanted))
            fail_msg("parameter %zu: gradient %g, by differences %g", i, (double)gradient[i],
                     wanted);
        largest = fmax(largest, fabs(wanted));
    }
    assert_true(largest > 0.01);
    tear_down(set);
}

static void columns_and_pools_are_those_of_the_passes(void **state)
{
    struct setting *set = set_up(eie_sgemm_plain);
    const struct eie_node *conv = &set->network.nodes[2], *pool = &set->network.nodes[1];
    float before[4 * 9 * 8], pooled[4 * 4 * 4], own[4 * 4 * 4], columns[4 * 16], out[3 * 4];
    (void)state;
    (void)eie_passes_forward(set->passes, set->values, IMAGES, NULL);
    eie_passes_output(set->passes, 0, IMAGES, 1, before);
    eie_passes_output(set->passes, 1, IMAGES, 1, pooled);
    eie_node_pool(pool, before, own);
    assert_memory_equal(own, pooled, sizeof own);
    eie_node_columns(conv, pooled, columns);
    eie_passes_output(set->passes, 2, IMAGES, 1, out);
    for (uint32_t o = 0; o < 3; o++)
        for (uint32_t p = 0; p < 4; p++) {
            double sum = (double)set->values[conv->bias_at + o];
            for (uint32_t i = 0; i < 16; i++)
                sum +=
                    (double)set->values[conv->weight_at + o * 16 + i] * (double)columns[p * 16 + i];
            assert_true(fabs(sum - (double)out[o * 4 + p]) < 1e-5);
        }
    tear_down(set);
}

/* What is dropped is 0, the rest is larger, and the gradient knows of both. */
static void dropout_drops_and_scales(void **state)
{
    struct setting *set = set_up(eie_sgemm_plain);
    const struct eie_node *node = &set->network.nodes[3];
    struct eie_random random;
    struct eie_dropout dropout = {.random = &random};
    static float gradient[VALUES];
    float whole[6], out[6];
    uint32_t dropped = 0, kept = 0;
    (void)state;
    dropout.drop[3] = 0.5;
    for (uint64_t seed = 0; seed < 20; seed++) {
        (void)eie_passes_forward(set->passes, set->values, 1, NULL);
        eie_passes_output(set->passes, 3, 1, 0, whole);
        eie_random_seed(&random, seed);
        (void)eie_passes_forward(set->passes, set->values, 1, &dropout);
        eie_passes_output(set->passes, 3, 1, 0, out);
        (void)eie_passes_backward(set->passes, set->values, set->labels, 1, gradient);
        for (uint32_t o = 0; o < 6; o++) {
            const float bias_gradient = gradient[node->bias_at + o];
            if (whole[o] > 0 && out[o] > 0) assert_true(out[o] == 2 * whole[o]);
            if (out[o] <= 0) assert_true(bias_gradient == 0);
            dropped += whole[o] > 0 && out[o] <= 0;
            kept += out[o] > 0;
        }
    }
    assert_true(dropped > 5 && kept > 5);
    tear_down(set);
}

static void first_weights_come_from_the_seed(void **state)
{
    struct setting *set = set_up(eie_sgemm_plain);
    static float one[VALUES], other[VALUES];
    const struct eie_node *node = &set->network.nodes[3];
    double squares = 0;
    (void)state;
    eie_network_draw(&set->network, 7, one);
    eie_network_draw(&set->network, 7, other);
    assert_memory_equal(one, other, set->network.parameters * sizeof *one);
    eie_network_draw(&set->network, 8, other);
    assert_memory_not_equal(one, other, set->network.parameters * sizeof *one);
    for (size_t i = 0; i < 72; i++)
        squares += (double)one[node->weight_at + i] * (double)one[node->weight_at + i];
    assert_true(squares / 72 > 0.5 * 2 / 12 && squares / 72 < 2 * 2.0 / 12);
    tear_down(set);
}

/* ---- topologies --------------------------------------------------------------------------------
 */

static void shipped_networks_are_the_papers(void **state)
{
    static struct eie_network network;
    struct eie_error error;
    (void)state;
    assert_good(eie_network_read("lenet-300-100", &network, &error), error);
    assert_int_equal(network.weights, 266200);
    assert_int_equal(network.parameters, 266610);
    assert_good(eie_network_read("lenet-5", &network, &error), error);
    assert_int_equal(network.weights, 430500);
    assert_int_equal(network.parameters, 431080);
    assert_int_equal(network.macs, 500u * 576 + 25000u * 64 + 400000u + 5000u);
    assert_bad(eie_network_read("lenet-55", &network, &error), EIE_USAGE, error, "lenet-5");
}

/* Filters of any size give as many outputs as 5 x 5, so that they differ in products alone. */
static void filters_of_even_size_change_products_alone(void **state)
{
    static const char *const names[] = {"2x2-plain", "2x2-symmetric", "3x3",
                                        "4x4-plain", "4x4-symmetric", "5x5",
                                        "6x6-plain", "6x6-symmetric"};
    static struct eie_network network;
    struct eie_error error;
    (void)state;
    for (size_t n = 0; n < TEST_COUNT(names); n++) {
        const uint32_t kernel = (uint32_t)(names[n][0] - '0');
        char name[EIE_NODE_NAME_MAX];
        snprintf(name, sizeof name, "lenet-5-%s", names[n]);
        assert_good(eie_network_read(name, &network, &error), error);
        const struct eie_node *second = &network.nodes[2];
        const struct eie_pads *last = &second->pads[second->pad_groups - 1];
        assert_int_equal(network.macs,
                         kernel * kernel * (20u * 784 + 1000u * 196) + 2450u * 500 + 5000u);
        assert_int_equal(network.nodes[0].out.height, 28);
        assert_int_equal(second->out.width, 14);
        assert_int_equal(second->pad_groups, strstr(name, "symmetric") ? 4 : 1);
        if (second->pad_groups == 4) assert_int_equal(last->top, second->pads[0].bottom);
    }
}

static void wide_networks_have_the_products_of_the_next_odd_size(void **state)
{
    static struct eie_network wide, odd;
    struct eie_error error;
    (void)state;
    assert_good(eie_network_read("lenet-5-2x2-wide", &wide, &error), error);
    assert_good(eie_network_read("lenet-5-3x3", &odd, &error), error);
    assert_true(fabs((double)wide.macs / (double)odd.macs - 1) < 0.005);
    assert_good(eie_network_read("lenet-5-4x4-wide", &wide, &error), error);
    assert_good(eie_network_read("lenet-5-5x5", &odd, &error), error);
    assert_true(fabs((double)wide.macs / (double)odd.macs - 1) < 0.005);
}

static void bad_networks_are_refused(void **state)
{
    static const struct {
        const char *from, *to, *message;
    } faults[] = {
        {"eie-network-1", "eie-network-2", "newer version"},
        {"eie-network-1", "x", "format 'x'"},
        {"\"classes\": 3", "\"classes\": 1", "classes"},
        {"\"classes\": 3", "\"classes\": 4", "4 outputs"},
        {"\"summary\"", "\"summry\"", "unknown key"},
        {"\"in\": 12", "\"in\": 13", "12 inputs, not 13"},
        {"\"in\": 2, \"out\"", "\"in\": 3, \"out\"", "2 inputs, not 3"},
        {"\"kind\": \"pool\"", "\"kind\": \"pond\"", "'pond'"},
        {"\"name\": \"f2\"", "\"name\": \"f1\"", "two layers"},
        {"\"name\": \"f2\"", "\"name\": \"f.2\"", "letters"},
        {"[1, 0, 1, 0], \"act", "[1, 0, 1], \"act", "top, bottom"},
        {"[0, 1, 0, 1]]", "[0, 1, 1, 1]]", "equal sums"},
        {"\"kernel\": 2, \"stride\": 2}", "\"kernel\": 20, \"stride\": 2}", "does not fit"},
        {"\"stride\": 2}", "\"stride\": 0}", "outside"},
        {"\"activation\": \"none\"}]", "\"activation\": \"relu\"}]", "activation none"},
        {"\"activation\": \"none\"}]", "\"activation\": \"tanh\"}]", "'tanh'"},
        {"\"height\": 9", "\"height\": 0", "outside"},
    };
    static struct eie_network network;
    struct test_folder folder;
    struct eie_error error;
    char text[4096];
    (void)state;
    test_folder_make(&folder);
    const char *path = test_path(&folder, "bad.json");
    for (size_t i = 0; i < TEST_COUNT(faults); i++) {
        const char *place = strstr(mixed, faults[i].from);
        assert_non_null(place);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(place - mixed), mixed, faults[i].to,
                 place + strlen(faults[i].from));
        test_write(path, text, strlen(text));
        assert_bad(eie_network_read(path, &network, &error), EIE_INPUT, error, faults[i].message);
        assert_non_null(strstr(error.message, "bad.json:"));
    }
    test_folder_remove(&folder);
}

/* What a file could not hold is refused before it is trained, what sgemm's int cannot count too. */
static void too_large_networks_are_refused(void **state)
{
    static const char text[] =
        "{\"format\": \"eie-network-1\", \"summary\": \"large\", \"input\": {\"channels\": 1, "
        "\"height\": 4096, \"width\": 4096}, \"classes\": %u, \"layers\": [{\"name\": \"p\", "
        "\"kind\": \"pool\", \"kernel\": 1, \"stride\": %u}, {\"name\": \"f\", \"kind\": \"fc\", "
        "\"in\": %u, \"out\": %u, \"activation\": \"none\"}]}";
    static struct eie_network network;
    struct test_folder folder;
    struct eie_error error;
    struct eie_passes *passes;
    char made[512];
    (void)state;
    test_folder_make(&folder);
    const char *path = test_path(&folder, "large.json");
    snprintf(made, sizeof made, text, 5u, 1u, 1u << 24, 5u);
    test_write(path, made, strlen(made));
    assert_bad(eie_network_read(path, &network, &error), EIE_INPUT, error, "at most 67108864");
    snprintf(made, sizeof made, text, 5u, 64u, 1u << 12, 5u);
    test_write(path, made, strlen(made));
    assert_good(eie_network_read(path, &network, &error), error);
    assert_bad(eie_passes_make(&network, 4096, eie_sgemm_plain, &passes, &error), EIE_INPUT, error,
               "2^31");
    test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_is_that_of_plain_loops),
        cmocka_unit_test(gradients_are_those_of_differences),
        cmocka_unit_test(columns_and_pools_are_those_of_the_passes),
        cmocka_unit_test(dropout_drops_and_scales),
        cmocka_unit_test(first_weights_come_from_the_seed),
        cmocka_unit_test(shipped_networks_are_the_papers),
        cmocka_unit_test(filters_of_even_size_change_products_alone),
        cmocka_unit_test(wide_networks_have_the_products_of_the_next_odd_size),
        cmocka_unit_test(bad_networks_are_refused),
        cmocka_unit_test(too_large_networks_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
