/* host/machine/pages.h: memory that asks for huge pages, and what a plan's copies lie in. */
#include "host/machine/pages.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE (3 * EIE_HUGE_PAGE_BYTES + 1000)

static void memory_is_zeroed_and_aligned(void **state)
{
    static const size_t sizes[] = {0,    1, 63, 64, EIE_HUGE_PAGE_BYTES - 1, EIE_HUGE_PAGE_BYTES,
                                   LARGE};
    (void)state;
    for (int round = 0; round < 2; round++) /* the second finds what the first left behind */
        for (size_t i = 0; i < TEST_COUNT(sizes); i++) {
            const size_t align = i % 2 ? EIE_HUGE_PAGE_BYTES : 64;
            unsigned char *memory = eie_pages_zeroed(align, sizes[i]), any = 0;
            assert_non_null(memory);
            assert_int_equal((uintptr_t)memory % align, 0);
            for (size_t b = 0; b < sizes[i]; b++) any |= memory[b];
            assert_int_equal(any, 0);
            memset(memory, 165, sizes[i] + 1); /* a byte to spare */
            free(memory);
        }
    assert_null(eie_pages_zeroed(64, SIZE_MAX));
}

static void areas_are_zeroed_and_cut(void **state)
{
    static const size_t sizes[] = {1, 4096, EIE_HUGE_PAGE_BYTES, LARGE};
    struct eie_area area;
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(sizes); i++) {
        assert_true(eie_area_make(sizes[i], &area));
        const unsigned char *byte = area.memory;
        const size_t align = sizes[i] >= EIE_HUGE_PAGE_BYTES ? EIE_HUGE_PAGE_BYTES : 64;
        assert_int_equal((uintptr_t)area.memory % align, 0);
        for (size_t b = 0; b < sizes[i]; b++) assert_int_equal(byte[b], 0);
        memset(area.memory, 1, sizes[i]);
        eie_area_cut(&area, byte + sizes[i]);
        eie_area_cut(&area, byte + sizes[i] / 2 + 1);
        for (size_t b = 0; b <= sizes[i] / 2; b++) assert_int_equal(byte[b], 1);
        assert_true(area.address + area.size >= (const char *)byte + sizes[i] / 2 + 1);
        eie_area_free(&area);
        assert_null(area.memory);
        eie_area_free(&area);
    }
    assert_false(eie_area_make(SIZE_MAX, &area));
    assert_false(eie_area_make(SIZE_MAX / 2, &area));
}

static void advice_keeps_the_content(void **state)
{
    unsigned char *memory = malloc(LARGE);
    (void)state;
    assert_non_null(memory);
    memset(memory, 7, LARGE);
    eie_pages_advise(memory, LARGE);
    eie_pages_advise(memory + 1, 10);
    for (size_t b = 0; b < LARGE; b++) assert_int_equal(memory[b], 7);
    free(memory);
}

static double share_of(const char *word)
{
    setenv("EIE_HUGE_PAGES", word, 1);
    eie_pages_begin();
    struct eie_area area;
    assert_true(eie_area_make(LARGE, &area));
    memset(area.memory, 1, LARGE);
    eie_pages_note(area.memory, LARGE);
    const double share = eie_pages_huge_share();
    eie_area_free(&area);
    unsetenv("EIE_HUGE_PAGES");
    return share;
}

/* Whether the system gives huge pages is its own affair; that it gives none where none are wanted
 * is not. */
static void the_share_is_what_the_system_gave(void **state)
{
    (void)state;
    assert_true(share_of("no") == 0);
    const double share = share_of("yes");
    assert_true(share >= 0 && share <= 1);
    printf("  %.0f %% in huge pages\n", 100 * share);
}

static void what_is_forgotten_does_not_count(void **state)
{
    char *memory = eie_pages_zeroed(64, LARGE);
    (void)state;
    eie_pages_begin();
    assert_true(isnan(eie_pages_huge_share()));
    for (size_t i = 0; i < 1000; i++) eie_pages_note(memory + i, 1);
    assert_true(eie_pages_huge_share() >= 0);
    for (size_t i = 0; i < 1000; i++) eie_pages_forget(memory + i);
    eie_pages_forget(memory);
    assert_true(isnan(eie_pages_huge_share()));
    eie_pages_note(memory, LARGE);
    const double once = eie_pages_huge_share();
    eie_pages_note(memory, LARGE);
    assert_true(eie_pages_huge_share() == once);
    eie_pages_begin();
    assert_true(isnan(eie_pages_huge_share()));
    free(memory);
}

static void words_are_checked(void **state)
{
    struct eie_error error = {""};
    (void)state;
    assert_good(eie_pages_check(&error), error);
    assert_true(eie_pages_wanted());
    setenv("EIE_HUGE_PAGES", "no", 1);
    assert_good(eie_pages_check(&error), error);
    assert_false(eie_pages_wanted());
    setenv("EIE_HUGE_PAGES", "often", 1);
    assert_int_equal(eie_pages_check(&error), EIE_USAGE);
    assert_non_null(strstr(error.message, "often"));
    unsetenv("EIE_HUGE_PAGES");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(areas_are_zeroed_and_cut),
        cmocka_unit_test(advice_keeps_the_content),
        cmocka_unit_test(the_share_is_what_the_system_gave),
        cmocka_unit_test(what_is_forgotten_does_not_count),
        cmocka_unit_test(words_are_checked),
    };
    unsetenv("EIE_HUGE_PAGES");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
