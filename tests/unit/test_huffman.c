/* host/layer/huffman.h: round trips of every kind of stream, the best code, damage. */
#include "host/base/random.h"
#include "host/layer/huffman.h"
#include "tests/support/test.h"

#define COUNT_MAX 40000u

static uint8_t symbols[COUNT_MAX], decoded[COUNT_MAX];

/* Symbols below `range`, the lower the likelier. */
static void draw(size_t count, uint32_t range, uint64_t seed)
{
    struct eie_random random;
    eie_random_seed(&random, seed);
    for (size_t i = 0; i < count; i++)
        symbols[i] = (uint8_t)eie_random_below(&random, 1 + eie_random_below(&random, range));
}

static void round_trip(const struct eie_huffman *code, size_t count)
{
    struct eie_error error;
    uint8_t *stream;
    size_t size;
    assert_good(eie_huffman_encode(code, symbols, count, &stream, &size, &error), error);
    memset(decoded, 0xAA, sizeof decoded);
    assert_good(eie_huffman_decode(code, stream, size, decoded, count, &error), error);
    if (count) assert_memory_equal(symbols, decoded, count);
    for (size_t i = count; i < COUNT_MAX; i++) assert_int_equal(decoded[i], 0xAA);
    if (size)
        assert_bad(eie_huffman_decode(code, stream, size - 1, decoded, count, &error), EIE_INPUT,
                   error, "damaged");
    uint8_t *longer = calloc(size + 1, 1);
    assert_non_null(longer);
    memcpy(longer, stream, size);
    assert_bad(eie_huffman_decode(code, longer, size + 1, decoded, count, &error), EIE_INPUT, error,
               "damaged");
    free(longer);
    free(stream);
}

static void round_trips(void **state)
{
    static const size_t counts[] = {0, 1, 2, 7, 100, 8191, 8192, 8193, 8195, COUNT_MAX};
    static const uint32_t ranges[] = {1, 2, 3, 16, 255, 256};
    (void)state;
    for (size_t n = 0; n < TEST_COUNT(counts); n++)
        for (size_t r = 0; r < TEST_COUNT(ranges); r++) {
            uint64_t tally[EIE_HUFFMAN_SYMBOLS];
            struct eie_huffman code;
            struct eie_error error;
            draw(counts[n], ranges[r], 3 * n + r);
            eie_huffman_tally(symbols, counts[n], tally);
            assert_good(eie_huffman_build(tally, &code, &error), error);
            round_trip(&code, counts[n]);
        }
}

static void fixed_widths(void **state)
{
    (void)state;
    for (uint32_t bits = 2; bits <= 8; bits++) {
        struct eie_huffman code;
        draw(9000, 1u << bits, bits);
        eie_huffman_fixed(bits, &code);
        round_trip(&code, 9000);
    }
}

/* Without the limit's reach: the code of the textbook. With it: Kraft's sum is one, no length
 * above. */
static void best_lengths(void **state)
{
    struct eie_huffman code;
    struct eie_error error;
    uint64_t tally[EIE_HUFFMAN_SYMBOLS] = {
        [10] = 45, [11] = 13, [12] = 12, [13] = 16, [14] = 9, [15] = 5};
    (void)state;
    assert_good(eie_huffman_build(tally, &code, &error), error);
    assert_int_equal(eie_huffman_bits(&code, tally), 224);
    assert_int_equal(code.length[10], 1);
    assert_int_equal(code.length[15], 4);
    uint64_t a = 1, b = 1;
    memset(tally, 0, sizeof tally);
    for (int s = 0; s < 40; s++) { /* Fibonacci's numbers ask for the longest codes */
        tally[s] = a;
        const uint64_t sum = a + b;
        a = b;
        b = sum;
    }
    assert_good(eie_huffman_build(tally, &code, &error), error);
    unsigned space = 0;
    for (int s = 0; s < 40; s++) {
        assert_in_range(code.length[s], 1, EIE_HUFFMAN_LIMIT);
        space += (1u << EIE_HUFFMAN_LIMIT) >> code.length[s];
    }
    assert_int_equal(space, 1u << EIE_HUFFMAN_LIMIT);
}

static void lengths_that_are_no_code(void **state)
{
    static const uint8_t few[3] = {1, 2, 3}, many[3] = {1, 1, 1}, high[3] = {1, 12, 12};
    const uint8_t *const bad[] = {few, many, high};
    const uint8_t stream[8] = {0};
    struct eie_error error;
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(bad); i++) {
        struct eie_huffman code = {{0}};
        memcpy(code.length, bad[i], 3);
        assert_bad(eie_huffman_decode(&code, stream, 1, decoded, 8, &error), EIE_INPUT, error,
                   "no Huffman code");
    }
    struct eie_huffman none = {{0}};
    assert_bad(eie_huffman_decode(&none, stream, 1, decoded, 8, &error), EIE_INPUT, error,
               "no Huffman code");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(fixed_widths),
        cmocka_unit_test(best_lengths),
        cmocka_unit_test(lengths_that_are_no_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
