/* host/base/sealed.h: blocks of all sizes are whole, and closed for good by eie_seal alone. */
#include "host/base/sealed.h"
#include "tests/support/sealed.h"

static const size_t sizes[] = {0, 1, 63, 64, 65, 4000, 4032, 4033, 4096, 65536, 1000003};

static void blocks_are_aligned_and_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(sizes); i++) {
        unsigned char *block = eie_sealed_new(sizes[i]);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 64, 0);
        memset(block, 0x5A, sizes[i]);
        struct eie_error error;
        assert_good(eie_seal(block, &error), error);
        for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(block[k], 0x5A);
        eie_sealed_free(block);
    }
    eie_sealed_free(NULL);
}

static void sealed_blocks_are_read_only(void **state)
{
    (void)state;
    for (size_t i = 1; i < TEST_COUNT(sizes); i++) {
        char *block = eie_sealed_new(sizes[i]);
        struct eie_error error;
        assert_non_null(block);
        memset(block, 0, sizes[i]);
        assert_int_equal(test_ending_of_write(block).end, EIE_END_RETURNED);
        assert_good(eie_seal(block, &error), error);
        assert_read_only(block, sizes[i]);
        eie_sealed_free(block);
    }
}

/* Of hundreds that lie beside each other only the one that is meant opens and closes; and malloc
 * gets back what it can write to. */
static void neighbours_are_left_alone(void **state)
{
    (void)state;
    enum { COUNT = 300, SIZE = 5000 };
    static char *blocks[COUNT];
    struct eie_error error;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            if (blocks[i]) continue;
            blocks[i] = eie_sealed_new(SIZE);
            assert_non_null(blocks[i]);
            memset(blocks[i], i & 127, SIZE);
            if (i % 3) assert_good(eie_seal(blocks[i], &error), error);
        }
        for (int i = 0; i < COUNT; i++) {
            if (!(i % 3)) memset(blocks[i], i & 127, SIZE); /* still open */
            assert_int_equal(blocks[i][0], i & 127);
            assert_int_equal(blocks[i][SIZE - 1], i & 127);
        }
        assert_read_only(blocks[1 + 3 * round], SIZE);
        for (int i = round; i < COUNT; i += 2) {
            eie_sealed_free(blocks[i]);
            blocks[i] = NULL;
            char *plain = malloc(SIZE);
            assert_non_null(plain);
            memset(plain, 1, SIZE);
            free(plain);
        }
    }
    for (int i = 0; i < COUNT; i++) eie_sealed_free(blocks[i]);
}

static void more_than_there_is_is_refused(void **state)
{
    (void)state;
    assert_null(eie_sealed_new(SIZE_MAX));
    assert_null(eie_sealed_new(SIZE_MAX / 2 + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_whole),
        cmocka_unit_test(sealed_blocks_are_read_only),
        cmocka_unit_test(neighbours_are_left_alone),
        cmocka_unit_test(more_than_there_is_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
