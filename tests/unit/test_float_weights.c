/* The float matrices that plans share (kernels/float_weights.h), and the flags of what uses them.
 */
#include "host/base/isolate.h"
#include "host/machine/pages.h"
#include "kernels/float_weights.h"
#include "kernels/kernel.h"
#include "tests/support/layers.h"

#include <math.h>
#include <signal.h>

#define INPUTS  33u
#define OUTPUTS 50u

static struct eie_layer *layer_with(uint64_t seed, int16_t more, struct test_matrix *matrix)
{
    struct eie_random random;
    struct eie_layer parts = test_parts("floats", 4);
    for (uint32_t c = 1; c < EIE_CODEBOOK_SIZE; c++) parts.codebook[c] = (int16_t)(c * c - 50);
    parts.codebook[3] = (int16_t)(parts.codebook[3] + more);
    eie_random_seed(&random, seed);
    *matrix = test_matrix_draw(INPUTS, OUTPUTS, 0.2, &random);
    return test_encode(matrix, &parts);
}

static struct eie_layer *layer_of(uint64_t seed, struct test_matrix *matrix)
{
    return layer_with(seed, 0, matrix);
}

static const struct eie_float_weights *take(const struct eie_layer *layer, enum eie_float_form form,
                                            uint32_t copies)
{
    const struct eie_float_weights *weights = NULL;
    struct eie_error error = {""};
    assert_good(eie_float_weights_take(layer, form, copies, &weights, &error), error);
    assert_true(weights->copies >= copies);
    return weights;
}

static void expect_weights(const struct eie_layer *layer, const struct test_matrix *matrix,
                           const struct eie_float_weights *weights, uint32_t copy)
{
    const struct csr csr = csr_at(weights->copy[copy], OUTPUTS, weights->nonzeros);
    for (uint32_t i = 0; i < OUTPUTS; i++) {
        int32_t e = weights->form == EIE_FLOAT_CSR ? csr.start[i] : 0;
        for (uint32_t j = 0; j < INPUTS; j++) {
            const uint8_t code = *test_at(matrix, i, j);
            const float expected = (float)layer->codebook[code];
            if (weights->form == EIE_FLOAT_DENSE)
                assert_true(((float *)weights->copy[copy])[i * INPUTS + j] == expected);
            else if (code)
                assert_true(csr.index[e] == (int32_t)j && csr.weight[e++] == expected);
        }
        if (weights->form == EIE_FLOAT_CSR) assert_int_equal(e, csr.start[i + 1]);
    }
}

static void copies_hold_the_layers_weights(void **state)
{
    struct test_matrix matrix;
    struct eie_layer *layer = layer_of(1, &matrix);
    (void)state;
    for (int form = 0; form < EIE_FLOAT_FORMS; form++) {
        const struct eie_float_weights *weights = take(layer, (enum eie_float_form)form, 3);
        for (uint32_t c = 0; c < 3; c++) expect_weights(layer, &matrix, weights, c);
        assert_ptr_not_equal(weights->copy[0], weights->copy[1]);
        eie_float_weights_release(weights);
    }
    test_matrix_free(&matrix);
    eie_layer_free(layer);
}

static void plans_on_one_layer_share(void **state)
{
    struct test_matrix matrix, copy;
    struct eie_layer *layer = layer_of(2, &matrix), *same = layer_of(2, &copy);
    (void)state;
    eie_pages_begin();
    assert_int_equal(eie_float_weights_new_bytes(layer, EIE_FLOAT_DENSE, 77), 77);
    const struct eie_float_weights *first = take(layer, EIE_FLOAT_DENSE, 1);
    void *const memory = first->copy[0];
    assert_int_equal(eie_float_weights_new_bytes(layer, EIE_FLOAT_DENSE, 77), 0);
    assert_int_equal(eie_float_weights_new_bytes(layer, EIE_FLOAT_CSR, 77), 77);
    /* a layer of the same content, somewhere else */
    const struct eie_float_weights *second = take(same, EIE_FLOAT_DENSE, 4);
    assert_ptr_equal(first, second);
    assert_ptr_equal(first->copy[0], memory);
    eie_float_weights_release(first);
    assert_int_equal(eie_float_weights_new_bytes(layer, EIE_FLOAT_DENSE, 77), 0);
    /* who needs fewer takes none away */
    eie_float_weights_release(take(layer, EIE_FLOAT_DENSE, 1));
    assert_int_equal(second->copies, 4);
    expect_weights(layer, &matrix, second, 3);
    assert_true(!isnan(eie_pages_huge_share()));
    eie_float_weights_release(second);
    assert_true(isnan(eie_pages_huge_share())); /* nothing is noted */
    assert_int_equal(eie_float_weights_new_bytes(layer, EIE_FLOAT_DENSE, 77), 77);
    /* what nobody uses stays, one copy of it */
    assert_int_equal(second->copies, 1);
    const struct eie_float_weights *again = take(layer, EIE_FLOAT_DENSE, 1);
    assert_ptr_equal(again->copy[0], memory);
    assert_true(!isnan(eie_pages_huge_share()));
    eie_float_weights_release(again);
    test_matrix_free(&matrix);
    test_matrix_free(&copy);
    eie_layer_free(layer);
    eie_layer_free(same);
}

/* Who asks for fewer copies than there are takes nothing from the others. */
static void fewer_copies_leave_the_others_theirs(void **state)
{
    enum { COPIES = 200 };
    struct test_matrix matrix;
    struct eie_layer *layer = layer_of(9, &matrix);
    const struct eie_float_weights *many = take(layer, EIE_FLOAT_DENSE, COPIES);
    void *before[COPIES];
    volatile size_t *blocks[COPIES]; /* would be put where pointers were given up */
    (void)state;
    memcpy(before, many->copy, sizeof before);
    const struct eie_float_weights *one = take(layer, EIE_FLOAT_DENSE, 1);
    for (int i = 0; i < COPIES; i++) {
        blocks[i] = malloc(((size_t)i + 1) * sizeof *blocks[i]);
        for (int k = 0; k <= i; k++) blocks[i][k] = 0;
    }
    assert_memory_equal(before, many->copy, sizeof before);
    for (int i = 0; i < COPIES; i++) free((void *)(uintptr_t)blocks[i]);
    eie_float_weights_release(one);
    eie_float_weights_release(many);
    eie_layer_free(layer);
    test_matrix_free(&matrix);
}

/* Every part of a layer that decides its weights tells it from another, wherever it lies. */
static void layers_that_differ_do_not_share(void **state)
{
    struct test_matrix matrices[3];
    struct eie_layer *layers[] = {layer_of(3, &matrices[0]), layer_of(4, &matrices[1]),
                                  layer_with(3, 1, &matrices[2])};
    (void)state;
    const struct eie_float_weights *one = take(layers[0], EIE_FLOAT_DENSE, 1);
    const struct eie_float_weights *two = take(layers[1], EIE_FLOAT_DENSE, 1);
    assert_ptr_not_equal(one, two);
    expect_weights(layers[0], &matrices[0], one, 0);
    expect_weights(layers[1], &matrices[1], two, 0);
    const struct eie_float_weights *three = take(layers[2], EIE_FLOAT_DENSE, 1);
    assert_ptr_not_equal(one, three);
    expect_weights(layers[2], &matrices[2], three, 0);
    eie_float_weights_release(one);
    eie_float_weights_release(two);
    eie_float_weights_release(three);
    for (int i = 0; i < 3; i++) {
        test_matrix_free(&matrices[i]);
        eie_layer_free(layers[i]);
    }
}

static void scribble(void *context, void *shared)
{
    (void)shared;
    signal(SIGSEGV, SIG_DFL);
    *(volatile float *)context = 1;
}

static void nobody_writes_to_them(void **state)
{
    struct test_matrix matrix;
    struct eie_layer *layer = layer_of(5, &matrix);
    struct eie_ending ending;
    struct eie_error error = {""};
    (void)state;
    for (int form = 0; form < EIE_FLOAT_FORMS; form++) {
        const struct eie_float_weights *weights = take(layer, (enum eie_float_form)form, 2);
        for (uint32_t c = 0; c < 2; c++) {
            assert_good(eie_isolate(scribble, weights->copy[c], NULL, 0, 60, &ending, &error),
                        error);
            assert_int_equal(ending.end, EIE_END_SIGNAL);
            assert_int_equal(ending.number, SIGSEGV);
        }
        eie_float_weights_release(weights);
    }
    test_matrix_free(&matrix);
    eie_layer_free(layer);
}

static void float_kernels_say_what_their_weights_are(void **state)
{
    uint32_t found = 0;
    (void)state;
    for (uint32_t k = 0; k < eie_kernel_count(); k++) {
        const struct eie_kernel *kernel = eie_kernel_at(k);
        const uint32_t form = kernel->flags & (EIE_KERNEL_DENSE | EIE_KERNEL_SPARSE);
        const bool one = form == EIE_KERNEL_DENSE || form == EIE_KERNEL_SPARSE;
        if (one != ((kernel->flags & EIE_KERNEL_FLOAT32) != 0))
            fail_msg("%s: flags 0x%x", kernel->name, kernel->flags);
        found += one;
    }
    assert_true(found > 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_hold_the_layers_weights),
        cmocka_unit_test(plans_on_one_layer_share),
        cmocka_unit_test(fewer_copies_leave_the_others_theirs),
        cmocka_unit_test(layers_that_differ_do_not_share),
        cmocka_unit_test(nobody_writes_to_them),
        cmocka_unit_test(float_kernels_say_what_their_weights_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
