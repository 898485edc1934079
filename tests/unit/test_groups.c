/* kernels/cuda/groups.h: every weight once, and the passes of shared memory as they are counted. */
#include "kernels/cuda/groups.h"
#include "tests/support/layers.h"

#include <stdlib.h>
#include <string.h>

static const struct cuda_groups_form forms[] = {
    /* of cuda_code_groups, cuda_code_chunks */
    {4, 8, 1, 32, 1, false, false},
    {2, 16, 1, 32, 1, false, false},
    {1, 32, 1, 32, 1, false, false},
    {4, 8, 1, 32, 1, true, false},
    {1, 32, 1, 32, 1, true, false},
    /* of cuda_batch_groups */
    {1, 32, 0, 32, 1, false, false},
    {1, 16, 0, 16, 1, false, false},
    {1, 8, 0, 8, 1, false, false},
    {1, 4, 0, 4, 1, false, false},
    /* of cuda_batch_quads */
    {1, 32, 0, 16, 2, false, true},
    {1, 8, 0, 4, 2, false, true},
    {1, 2, 0, 1, 2, false, true}};

static uint32_t column_of(uint64_t group, uint32_t place)
{
    return (uint32_t)(group >> (16 * place + 1)) & 0x7fffu;
}

/* As the device code puts it together. */
static uint32_t code_of(uint64_t group)
{
    const uint32_t x = (uint32_t)group, y = (uint32_t)(group >> 32);
    const uint32_t bits = (x & 0x10001u) | (y & 0x10001u) << 1;
    return (bits | bits >> 14) & 15u;
}

/* Where the zeros behind the inputs may end: cuda_plan has so many. */
static uint32_t end_of_zeros(uint32_t inputs)
{
    return (inputs + CUDA_ZEROS + 7) / 8 * 8;
}

static void add_weights(const struct cuda_groups_form *form, uint32_t row, uint64_t group,
                        uint32_t inputs, uint8_t *seen)
{
    for (uint32_t place = 0; place < CUDA_GROUP_COLUMNS; place++) {
        const uint32_t there = column_of(group, place);
        const uint32_t column = form->turned ? cuda_groups_turned(there) : there;
        assert_true(column < end_of_zeros(inputs));
        if (column >= inputs) continue;
        assert_true(row != CUDA_NO_ROW);
        assert_int_equal(seen[(size_t)row * inputs + column], 0);
        seen[(size_t)row * inputs + column] = (uint8_t)code_of(group);
        assert_true(code_of(group) > 0);
    }
}

/* Different words of the fullest bank. A bank is 32 bits wide: columns of one word are one look-up.
 */
static uint32_t passes_of(const struct cuda_groups_form *form, const uint64_t *group,
                          uint32_t place, uint32_t first, uint32_t lanes)
{
    uint32_t word[32][32], count[32] = {0}, worst = 0;
    for (uint32_t k = first; k < first + lanes; k++) {
        const uint32_t w = column_of(group[k], place) >> form->bank_shift, bank = w % form->banks;
        uint32_t i = 0;
        while (i < count[bank] && word[bank][i] != w) i++;
        if (i == count[bank]) word[bank][count[bank]++] = w;
        if (count[bank] > worst) worst = count[bank];
    }
    return worst;
}

static uint32_t passes(const struct cuda_groups_form *form, const uint64_t *group, uint32_t place)
{
    const uint32_t lanes = form->rows * form->lanes / form->halves;
    uint32_t all = 0;
    for (uint32_t h = 0; h < form->halves; h++)
        all += passes_of(form, group, place, h * lanes, lanes);
    return all;
}

/* The copy says the same as the groups, in its own form: 32 lanes, their columns shifted left by
 * one and their codes beside them. */
static void check_chunk(const uint64_t *group, const char *copy)
{
    uint32_t columns[2][32][4];
    uint16_t codes[32];
    memcpy(columns, copy, sizeof columns);
    memcpy(codes, copy + sizeof columns, sizeof codes);
    for (uint32_t s = 0; s < CUDA_CHUNK_STEPS; s++)
        for (uint32_t k = 0; k < 32; k++) {
            const uint32_t *words = &columns[s / 2][k][s % 2 * 2];
            for (uint32_t p = 0; p < CUDA_GROUP_COLUMNS; p++)
                assert_int_equal(words[p / 2] >> 16 * (p % 2) & 0xffffu,
                                 2 * column_of(group[s * 32 + k], p));
            assert_int_equal((uint32_t)codes[k] >> 4 * s & 15u, code_of(group[s * 32 + k]));
        }
}

static void check_copy(const struct cuda_groups *groups, const struct cuda_tasks *tasks,
                       const char *copy)
{
    const size_t width = (size_t)groups->form.rows * groups->form.lanes;
    const uint64_t *group = groups->group;
    for (uint32_t c = 0; c < tasks->class_count; c++) {
        const struct cuda_class *class = &tasks->classes[c];
        const char *at = copy + class->first_step * (groups->form.apart ? 64 : 8 * width);
        for (uint32_t t = class->first_task; t < class->end_task; t++) {
            uint32_t steps = class->steps;
            for (; groups->form.apart && steps >= CUDA_CHUNK_STEPS; steps -= CUDA_CHUNK_STEPS) {
                check_chunk(group, at);
                at += 64 * CUDA_CHUNK_UNITS;
                group += CUDA_CHUNK_STEPS * width;
            }
            assert_memory_equal(at, group, steps * width * sizeof *group);
            at += steps * width * sizeof *group;
            group += steps * width;
        }
    }
    assert_memory_equal(copy + tasks->row_at, groups->row,
                        groups->tasks.count * groups->form.rows * sizeof *groups->row);
}

static void check_layer(const struct eie_layer *layer, double most_passes)
{
    struct eie_row_lists rows;
    struct eie_sparse_codes codes;
    struct eie_error error = {""};
    uint8_t *seen = malloc((size_t)layer->inputs * layer->outputs);
    assert_good(eie_row_lists_make(layer, &rows, &error), error);
    assert_good(eie_layer_decode(layer, &codes, &error), error);
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        const struct cuda_groups_form *form = &forms[f];
        struct cuda_groups groups;
        uint64_t counted = 0, bytes;
        size_t at = 0, found = 0;
        assert_good(cuda_groups_make(layer, &rows, form, &groups, &error), error);
        memset(seen, 0, (size_t)layer->inputs * layer->outputs);
        for (uint32_t c = 0; c < groups.tasks.class_count; c++) {
            const struct cuda_class *class = &groups.tasks.classes[c];
            assert_int_equal(class->first_step * form->rows * form->lanes, at);
            for (uint32_t t = class->first_task; t < class->end_task; t++)
                for (uint32_t s = 0; s < class->steps; s++, at += form->rows * form->lanes) {
                    for (uint32_t k = 0; k < form->rows * form->lanes; k++)
                        add_weights(form, groups.row[t * form->rows + k / form->lanes],
                                    groups.group[at + k], layer->inputs, seen);
                    for (uint32_t p = 0; p < CUDA_GROUP_COLUMNS; p++)
                        counted += passes(form, &groups.group[at], p);
                }
        }
        assert_int_equal(groups.tasks.classes[groups.tasks.class_count - 1].end_task,
                         groups.tasks.count);
        for (uint32_t j = 0; j < layer->inputs; j++)
            for (uint32_t e = codes.column_start[j]; e < codes.column_start[j + 1]; e++, found++)
                assert_int_equal(seen[(size_t)codes.row[e] * layer->inputs + j], codes.code[e]);
        for (size_t i = 0; i < (size_t)layer->inputs * layer->outputs; i++) found -= seen[i] != 0;
        assert_int_equal(found, 0);
        /* two columns of one word count twice there, and share a pass here */
        assert_true(counted <= groups.counts.wavefronts);
        assert_true((double)counted >= 0.9 * (double)groups.counts.wavefronts);
        assert_true(groups.counts.look_ups * form->halves <= counted);
        assert_true((double)counted <= most_passes * form->halves * (double)groups.counts.look_ups);
        struct cuda_tasks tasks;
        char *copy = cuda_groups_copy(&groups, &tasks, &bytes);
        assert_non_null(copy);
        check_copy(&groups, &tasks, copy);
        free(copy);
        assert_true(bytes <= cuda_groups_bound(layer));
        cuda_groups_free(&groups);
    }
    eie_sparse_codes_free(&codes);
    eie_row_lists_free(&rows);
    free(seen);
}

static void check_drawn(uint32_t inputs, uint32_t outputs, double density, double most_passes)
{
    struct eie_layer *layer = test_layer_draw("groups", inputs, outputs, 4, density, 7);
    check_layer(layer, most_passes);
    eie_layer_free(layer);
}

static void test_usual(void **state)
{
    (void)state;
    check_drawn(4096, 300, 0.09, 1.4); /* columns at random would take 3.5 passes */
    check_drawn(4096, 100, 0.25, 1.3);
    check_drawn(600, 500, 0.11, 1.6);
}

static void test_small_and_odd(void **state)
{
    (void)state;
    check_drawn(1, 1, 1, 32);
    check_drawn(1, 100, 0.5, 32);
    check_drawn(100, 1, 0.5, 32);
    check_drawn(65, 33, 0, 32);
    check_drawn(64, 47, 1, 32);
}

/* One full row among empty ones, which is the bound's worst case. */
static void test_one_long_row(void **state)
{
    struct test_matrix matrix = test_matrix_empty(2000, 70);
    struct eie_layer parts = test_parts("long", 4);
    (void)state;
    for (uint32_t j = 0; j < 2000; j++) *test_at(&matrix, 33, j) = (uint8_t)(1 + j % 15);
    struct eie_layer *layer = test_encode(&matrix, &parts);
    check_layer(layer, 32);
    eie_layer_free(layer);
    test_matrix_free(&matrix);
}

static void test_too_many_columns(void **state)
{
    const struct eie_layer layer = {.inputs = CUDA_COLUMNS_MAX + 1, .outputs = 1};
    const struct eie_row_lists rows = {NULL, NULL, NULL};
    struct cuda_groups groups;
    struct eie_error error = {""};
    (void)state;
    assert_int_equal(cuda_groups_make(&layer, &rows, &forms[0], &groups, &error), EIE_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usual),
        cmocka_unit_test(test_small_and_odd),
        cmocka_unit_test(test_one_long_row),
        cmocka_unit_test(test_too_many_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
