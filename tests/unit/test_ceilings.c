/* bench/measure/ceilings.h and bench/measure/cache.h: the roofline of a call, and how many copies
 * are rotated. */
#include "bench/measure/cache.h"
#include "bench/measure/ceilings.h"
#include "bench/measure/loops.h"
#include "host/machine/topology.h"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

static const struct eie_topology *topology(void)
{
    const struct eie_topology *found;
    struct eie_error error = {""};
    assert_good(eie_topology_get(&found, &error), error);
    return found;
}

/* One thread: 1 GB/s from the first level, half of it from each further one; 1 G and 4 G MAC/s. */
static struct eie_ceilings made_up(void)
{
    struct eie_ceilings ceilings = {.threads = 1};
    double per_s = 1e9;
    for (int level = 0; level < EIE_LEVELS; level++, per_s /= 2)
        ceilings.read[level] = (struct eie_ceiling){per_s, 1, "made up"};
    ceilings.macs[EIE_INT16] = (struct eie_ceiling){1e9, 0, "made up"};
    ceilings.macs[EIE_INT8] = (struct eie_ceiling){4e9, 0, "made up"};
    ceilings.macs[EIE_FLOAT32] = (struct eie_ceiling){1e9, 0, "made up"};
    return ceilings;
}

static void bytes_that_fit_the_first_level_come_from_there(void **state)
{
    const struct eie_ceilings ceilings = made_up();
    const uint64_t bytes = topology()->l1d_bytes / 2;
    const struct eie_roofline roofline =
        eie_roofline_of(&ceilings, &(struct eie_demand){.bytes = bytes});
    (void)state;
    assert_true(fabs(roofline.ns - (double)bytes) < 1e-6 * (double)bytes);
    assert_string_equal(roofline.bound, "l1");
}

/* Of what is larger than all caches, they keep what they hold and memory gives the rest. */
static void the_rest_comes_from_memory(void **state)
{
    const struct eie_ceilings ceilings = made_up();
    const double l1 = (double)eie_cache_bytes(1, 1), l2 = (double)eie_cache_bytes(2, 1),
                 l3 = (double)eie_cache_bytes(3, 1), all = 4 * (l1 + l2 + l3);
    const struct eie_demand demand = {.bytes = (uint64_t)all};
    const struct eie_roofline roofline = eie_roofline_of(&ceilings, &demand);
    const double expected = l1 + 2 * l2 + 4 * l3 + 8 * (all - l1 - l2 - l3);
    (void)state;
    if (!(l1 > 0 && l2 > 0 && l3 > 0)) skip(); /* this machine hides a level */
    assert_true(fabs(roofline.ns - expected) < 1e-6 * expected);
    assert_string_equal(roofline.bound, "dram");
}

/* Rotated copies leave each call the same share of every level. */
static void rotation_moves_a_call_down_the_levels(void **state)
{
    const struct eie_ceilings ceilings = made_up();
    const uint64_t bytes = eie_cache_bytes(1, 1) / 2;
    const struct eie_demand hot = {.bytes = bytes, .footprint = bytes};
    struct eie_demand rotated = hot;
    (void)state;
    rotated.footprint = 100 * (eie_cache_bytes(3, 1) + eie_cache_bytes(2, 1));
    const double ratio =
        eie_roofline_of(&ceilings, &rotated).ns / eie_roofline_of(&ceilings, &hot).ns;
    assert_true(ratio > 7.5 && ratio <= 8); /* nearly all of it from memory */
}

/* A level that was not measured is as fast as the one before it: never a bound that is too high. */
static void levels_that_were_not_measured_raise_no_floor(void **state)
{
    const struct eie_ceilings whole = made_up();
    struct eie_ceilings holes = whole;
    const struct eie_demand demand = {.bytes = eie_cache_bytes(2, 1) + (8 << 20)};
    (void)state;
    holes.read[EIE_L3].per_s = 0;
    assert_true(eie_roofline_of(&holes, &demand).ns <= eie_roofline_of(&whole, &demand).ns);
    holes.read[EIE_L2].per_s = 0;
    holes.read[EIE_DRAM].per_s = 0;
    const struct eie_roofline roofline = eie_roofline_of(&holes, &demand);
    assert_true(fabs(roofline.ns - (double)demand.bytes) < 1e-6 * (double)demand.bytes);
    assert_string_equal(roofline.bound, "l1");
}

static void many_multiplications_make_arithmetic_the_bound(void **state)
{
    const struct eie_ceilings ceilings = made_up();
    struct eie_demand demand = {.bytes = 1000, .macs = 4000000};
    (void)state;
    struct eie_roofline roofline = eie_roofline_of(&ceilings, &demand);
    assert_string_equal(roofline.bound, "arithmetic");
    assert_true(fabs(roofline.ns - 1e6) < 1); /* integers: the faster of both kinds */
    demand.float32 = true;
    roofline = eie_roofline_of(&ceilings, &demand);
    assert_true(fabs(roofline.ns - 4e6) < 1);
}

static void additions_one_by_one_make_the_bound(void **state)
{
    struct eie_ceilings ceilings = made_up();
    struct eie_demand demand = {.bytes = 1000, .macs = 4000000, .adds = 4000000};
    (void)state;
    ceilings.adds.per_s = 1e9;
    struct eie_roofline roofline = eie_roofline_of(&ceilings, &demand);
    assert_string_equal(roofline.bound, "adds");
    assert_true(fabs(roofline.ns - 4e6) < 1);
    ceilings.adds.per_s = 1e10; /* faster than the multiplications */
    roofline = eie_roofline_of(&ceilings, &demand);
    assert_string_equal(roofline.bound, "arithmetic");
    ceilings.adds.per_s = 0; /* not measured */
    roofline = eie_roofline_of(&ceilings, &demand);
    assert_string_equal(roofline.bound, "arithmetic");
    ceilings.adds.per_s = 1e9;
    demand.adds = 0;
    assert_string_equal(eie_roofline_of(&ceilings, &demand).bound, "arithmetic");
}

/* Each loop adds once a place and round; 16 neighbours differ, or a scatter would lose some. */
static void loops_add_where_they_are_told(void **state)
{
    static uint32_t sums[EIE_ADD_LOOPS_MAX][EIE_ADD_SUMS];
    static uint16_t places[EIE_ADD_PLACES];
    struct eie_add_loop loops[EIE_ADD_LOOPS_MAX];
    const uint32_t count = eie_add_loops(loops);
    (void)state;
    assert_true(count >= 1 && count <= EIE_ADD_LOOPS_MAX);
    eie_add_places(places);
    for (uint32_t i = 0; i < EIE_ADD_PLACES; i++) {
        assert_true(places[i] < EIE_ADD_SUMS);
        for (uint32_t k = i - i % 16; k < i; k++) assert_true(places[k] != places[i]);
    }
    uint32_t times[EIE_ADD_SUMS] = {0}, hit = 0;
    for (uint32_t i = 0; i < EIE_ADD_PLACES; i++) hit += !times[places[i]]++;
    assert_true(hit > EIE_ADD_SUMS / 2);
    for (uint32_t l = 0; l < count; l++) {
        loops[l].run(sums[l], places, 3);
        const uint32_t once = sums[l][places[0]] / (3 * times[places[0]]);
        assert_true(once != 0);
        for (uint32_t s = 0; s < EIE_ADD_SUMS; s++)
            assert_int_equal(sums[l][s], (uint32_t)(3 * once * times[s]));
    }
}

static void only_what_a_floor_needs(void **state)
{
    (void)state;
    const struct eie_demand little = {.bytes = 100}, much = {.bytes = 100, .footprint = UINT64_MAX};
    assert_int_equal(eie_ceilings_for(1, &little), EIE_CEILING_OF(EIE_L1) | EIE_CEILING_REST);
    assert_int_equal(eie_ceilings_for(1, &much), EIE_CEILINGS_ALL);
}

static void several_threads_below_one(void **state)
{
    const struct eie_ceilings one = made_up();
    struct eie_ceilings two = one;
    char text[256] = "";
    (void)state;
    two.threads = 2;
    assert_false(eie_ceilings_doubt(&one, &two, text, sizeof text));
    two.read[EIE_DRAM].per_s = 0; /* not measured */
    assert_false(eie_ceilings_doubt(&one, &two, text, sizeof text));
    two.read[EIE_L2].per_s = 0.9 * one.read[EIE_L2].per_s;
    assert_true(eie_ceilings_doubt(&one, &two, text, sizeof text));
    assert_non_null(strstr(text, "ceiling l2"));
    two = one;
    struct eie_ceilings first = one;
    first.adds.per_s = 1e9;
    two.adds.per_s = 0.9e9;
    assert_true(eie_ceilings_doubt(&first, &two, text, sizeof text));
    assert_non_null(strstr(text, "ceiling adds"));
}

static void without_ceilings_there_is_no_floor(void **state)
{
    const struct eie_ceilings none = {0};
    (void)state;
    assert_true(eie_roofline_of(&none, &(struct eie_demand){.bytes = 1 << 20}).ns == 0);
}

/* Measured ones are positive, and a second look never lowers them. */
static void a_second_look_keeps_the_best(void **state)
{
    struct eie_ceilings ceilings = {0};
    struct eie_pool *pool;
    struct eie_error error = {""};
    (void)state;
    assert_good(eie_pool_get(1, &pool, &error), error);
    assert_good(eie_ceilings_measure(pool, UINT64_C(1) << 30, EIE_CEILINGS_ALL, &ceilings, &error),
                error);
    assert_int_equal(ceilings.threads, 1);
    assert_true(ceilings.read[EIE_L1].per_s > 1e8 && ceilings.macs[EIE_INT16].per_s > 1e7);
    assert_true(ceilings.macs[EIE_FLOAT32].per_s > 1e7);
    assert_true(ceilings.adds.per_s > 1e7 && ceilings.adds.working_set_bytes == 16384);
    assert_true(ceilings.run_ns > 0 && ceilings.barrier_ns > 0);
    struct eie_ceilings again = ceilings;
    assert_good(eie_ceilings_measure(pool, UINT64_C(1) << 30, EIE_CEILINGS_ALL, &again, &error),
                error);
    for (int level = 0; level < EIE_LEVELS; level++)
        assert_true(again.read[level].per_s >= ceilings.read[level].per_s);
    assert_true(again.adds.per_s >= ceilings.adds.per_s);
    assert_true(again.run_ns <= ceilings.run_ns && again.barrier_ns <= ceilings.barrier_ns);
    struct eie_ceilings impossible = {.threads = 1};
    impossible.read[EIE_L1].per_s = 1e18;
    assert_good(
        eie_ceilings_measure(pool, UINT64_C(1) << 30, EIE_CEILINGS_ALL, &impossible, &error),
        error);
    assert_true(impossible.read[EIE_L1].per_s >= 1e18);
}

/* What does not fit into the memory is left out, not measured with less. */
static void memory_bounds_what_is_allocated(void **state)
{
    struct eie_ceilings ceilings = {0};
    struct eie_pool *pool;
    struct eie_error error = {""};
    (void)state;
    assert_good(eie_pool_get(1, &pool, &error), error);
    assert_good(eie_ceilings_measure(pool, 1 << 20, EIE_CEILINGS_ALL, &ceilings, &error), error);
    assert_true(ceilings.read[EIE_DRAM].per_s == 0 && ceilings.read[EIE_L1].per_s > 0);
}

/* ---- copies ---------------------------------------------------------------------------------- */

static void hot_and_none_take_one_copy(void **state)
{
    uint32_t copies = 0;
    struct eie_error error = {""};
    (void)state;
    assert_good(eie_cache_copies(EIE_CACHE_HOT, 1, 1000, &copies, &error), error);
    assert_int_equal(copies, 1);
    assert_good(eie_cache_copies(EIE_CACHE_NONE, 0, 1000, &copies, &error), error);
    assert_int_equal(copies, 1);
}

static void llc_exceeds_the_private_caches_and_fits_the_last(void **state)
{
    const uint64_t most = eie_cache_bytes(3, 1), least = 4 * eie_private_bytes(1);
    uint32_t copies = 0;
    struct eie_error error = {""};
    (void)state;
    if (!most || least > most / 4 * 3) { /* this machine's caches cannot have it, and it says so */
        assert_int_equal(eie_cache_copies(EIE_CACHE_LLC, 1, 100000, &copies, &error),
                         EIE_UNSUPPORTED);
        assert_non_null(strstr(error.message, "last-level cache"));
        return;
    }
    assert_good(eie_cache_copies(EIE_CACHE_LLC, 1, 100000, &copies, &error), error);
    assert_true((uint64_t)copies * 100000 >= least && (uint64_t)(copies - 1) * 100000 < least);
    assert_good(eie_cache_copies(EIE_CACHE_LLC, 1, least, &copies, &error), error);
    assert_int_equal(copies, 1);
    assert_int_equal(eie_cache_copies(EIE_CACHE_LLC, 1, 2, &copies, &error), EIE_UNSUPPORTED);
}

static void dram_is_twice_the_last_level(void **state)
{
    const uint64_t last = eie_cache_bytes(3, 1) ? eie_cache_bytes(3, 1) : eie_private_bytes(1);
    uint32_t copies = 0;
    struct eie_error error = {""};
    (void)state;
    assert_good(eie_cache_copies(EIE_CACHE_DRAM, 1, 100000, &copies, &error), error);
    assert_true((uint64_t)copies * 100000 >= 2 * last);
    assert_good(eie_cache_copies(EIE_CACHE_DRAM, 1, 3 * last, &copies, &error), error);
    assert_int_equal(copies, 1);
}

static void modes_have_names(void **state)
{
    enum eie_cache cache;
    (void)state;
    assert_true(eie_cache_parse("llc", &cache));
    assert_int_equal(cache, EIE_CACHE_LLC);
    assert_string_equal(eie_cache_name(cache), "llc");
    assert_false(eie_cache_parse("none", &cache)); /* not for the command line */
    assert_false(eie_cache_parse("cold", &cache));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_fit_the_first_level_come_from_there),
        cmocka_unit_test(the_rest_comes_from_memory),
        cmocka_unit_test(rotation_moves_a_call_down_the_levels),
        cmocka_unit_test(levels_that_were_not_measured_raise_no_floor),
        cmocka_unit_test(many_multiplications_make_arithmetic_the_bound),
        cmocka_unit_test(additions_one_by_one_make_the_bound),
        cmocka_unit_test(loops_add_where_they_are_told),
        cmocka_unit_test(only_what_a_floor_needs),
        cmocka_unit_test(several_threads_below_one),
        cmocka_unit_test(without_ceilings_there_is_no_floor),
        cmocka_unit_test(a_second_look_keeps_the_best),
        cmocka_unit_test(memory_bounds_what_is_allocated),
        cmocka_unit_test(hot_and_none_take_one_copy),
        cmocka_unit_test(llc_exceeds_the_private_caches_and_fits_the_last),
        cmocka_unit_test(dram_is_twice_the_last_level),
        cmocka_unit_test(modes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
