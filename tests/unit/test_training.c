/* host/train/training.h, host/train/recipe.h: pruned weights stay 0, shares are kept, centroids
 * learn by their members' gradients, one seed gives one result, a checkpoint loses nothing. */
#include "host/base/random.h"
#include "host/train/ranges.h"
#include "host/train/training.h"
#include "tests/support/test.h"

#include <math.h>

#define IMAGES 260u
#define SIDE   6u
#define SIZE   (SIDE * SIDE)

static const char network_text[] =
    "{\"format\": \"eie-network-1\", \"summary\": \"of a test\",\n"
    " \"input\": {\"channels\": 1, \"height\": 6, \"width\": 6}, \"classes\": 4,\n"
    " \"layers\": [\n"
    "  {\"name\": \"c1\", \"kind\": \"conv\", \"in\": 1, \"out\": 3, \"kernel\": 3, \"stride\": "
    "1,\n"
    "   \"pad\": [0, 0, 0, 0], \"activation\": \"relu\"},\n"
    "  {\"name\": \"f1\", \"kind\": \"fc\", \"in\": 48, \"out\": 12, \"activation\": \"relu\"},\n"
    "  {\"name\": \"f2\", \"kind\": \"fc\", \"in\": 12, \"out\": 4, \"activation\": \"none\"}]}\n";

/* a phase without its closing brace, for what its kind has beside this */
#define PHASE(name, kind, epochs, rate)                                                            \
    "{\"name\": \"" name "\", \"kind\": \"" kind "\", \"epochs\": " epochs ", \"rate\": " rate     \
    ", \"schedule\": \"cosine\", \"momentum\": 0.9, \"decay\": 0.0001, \"dropout\": 0.1, "         \
    "\"dropout_scaled\": true, \"shift\": 1"
#define RECIPE(control, phases)                                                                    \
    "{\"format\": \"eie-recipe-1\", \"summary\": \"of a test\", \"control\": " control             \
    ",\n \"networks\": {\"*\": {\"batch\": 16, \"validation\": 60, \"phases\": [\n" phases         \
    "]}}}\n"

static const char whole_text[] =
    RECIPE("false", PHASE("dense", "dense", "3", "0.05") "},\n" PHASE(
                        "prune", "prune", "4",
                        "0.05") ", \"kept\": [0.5, 0.1, 0.4], \"ramp\": 0.5, \"cuts\": "
                                "3},\n" PHASE("share", "share", "2",
                                              "0.001") ", \"bits\": [3, 2, 4], "
                                                       "\"optimizer\": \"adam\", \"centroids\": "
                                                       "\"linear\", \"bias_bits\": 8, "
                                                       "\"int16\": true}");
static const char control_text[] =
    RECIPE("true", PHASE("dense", "dense", "2", "0.05") "},\n" PHASE(
                       "sparse", "prune", "2", "0.005") ", \"kept\": 0.7, \"ramp\": 0, \"cuts\": "
                                                        "1},\n" PHASE("re-dense", "dense", "2",
                                                                      "0.0005") "}");

/* `text` with the first `from` replaced; lives until the next call. */
static const char *replaced(const char *text, const char *from, const char *to)
{
    static char made[8192];
    const char *place = strstr(text, from);
    assert_non_null(place);
    snprintf(made, sizeof made, "%.*s%s%s", (int)(place - text), text, to, place + strlen(from));
    return made;
}

struct setting {
    struct test_folder folder;
    struct eie_network network;
    struct eie_recipe recipe;
    struct eie_samples samples;
    uint8_t pixels[IMAGES * SIZE], labels[IMAGES];
};

/* Each class has its own bright quarter, with noise. */
static void draw_samples(struct setting *set)
{
    struct eie_random random;
    eie_random_seed(&random, 3);
    for (uint32_t i = 0; i < IMAGES; i++) {
        const uint32_t label = eie_random_below(&random, 4);
        set->labels[i] = (uint8_t)label;
        for (uint32_t p = 0; p < SIZE; p++) {
            const uint32_t row = p / SIDE, column = p % SIDE;
            const bool bright = row / (SIDE / 2) * 2 + column / (SIDE / 2) == label;
            set->pixels[i * SIZE + p] =
                (uint8_t)((bright ? 120u : 0u) + eie_random_below(&random, 130));
        }
    }
    set->samples = (struct eie_samples){set->pixels, set->labels, IMAGES};
}

static struct setting *set_up(const char *recipe)
{
    struct setting *set = calloc(1, sizeof *set);
    struct eie_error error;
    assert_non_null(set);
    test_folder_make(&set->folder);
    const char *path = test_path(&set->folder, "net.json");
    test_write(path, network_text, strlen(network_text));
    assert_good(eie_network_read(path, &set->network, &error), error);
    path = test_path(&set->folder, "recipe.json");
    test_write(path, recipe, strlen(recipe));
    assert_good(eie_recipe_read(path, &set->network, NULL, &set->recipe, &error), error);
    draw_samples(set);
    return set;
}

static void tear_down(struct setting *set)
{
    eie_recipe_free(&set->recipe);
    test_folder_remove(&set->folder);
    free(set);
}

static void make(const struct setting *set, uint64_t seed, struct eie_training *training)
{
    struct eie_error error;
    assert_good(eie_training_make(&set->network, &set->recipe, &set->samples, seed, eie_sgemm_plain,
                                  training, &error),
                error);
}

static void run(struct eie_training *training, uint32_t epochs)
{
    struct eie_error error;
    struct eie_epoch epoch;
    for (uint32_t i = 0; i < epochs && !eie_training_done(training); i++)
        assert_good(eie_training_epoch(training, &epoch, &error), error);
}

static const size_t *sizes_of(const struct setting *set, size_t *sizes)
{
    for (uint32_t p = 0; p < set->network.part_count; p++) {
        const struct eie_node *node = eie_network_part(&set->network, p);
        sizes[p] = (size_t)node->outputs * node->inputs;
    }
    return sizes;
}

/* ---- pruning -----------------------------------------------------------------------------------
 */

static void pruned_weights_stay_0(void **state)
{
    struct setting *set = set_up(whole_text);
    struct eie_training training;
    struct eie_error error;
    struct eie_epoch epoch;
    size_t sizes[EIE_NODES_MAX], before[EIE_NODES_MAX] = {SIZE_MAX, SIZE_MAX, SIZE_MAX};
    const double share[] = {0.5, 0.1, 0.4};
    (void)state;
    sizes_of(set, sizes);
    make(set, 1, &training);
    while (!eie_training_done(&training)) {
        assert_good(eie_training_epoch(&training, &epoch, &error), error);
        for (uint32_t p = 0; p < 3; p++) {
            const struct eie_node *node = eie_network_part(&set->network, p);
            size_t nonzeros = 0;
            for (size_t i = node->weight_at; i < node->bias_at; i++) {
                if (training.mask[i] == 0.0f) assert_true(training.values[i] == 0.0f);
                nonzeros += training.values[i] != 0.0f;
            }
            assert_true(nonzeros <= before[p]);
            before[p] = nonzeros;
            if (epoch.phase == 0) assert_int_equal(nonzeros, sizes[p]);
            /* the ramp is over after half of the phase's four epochs */
            if (epoch.phase == 1 && epoch.epoch == 1) assert_true(nonzeros < sizes[p]);
            if (epoch.phase == 2 || (epoch.phase == 1 && epoch.epoch > 2))
                assert_int_equal(eie_training_kept(&training, p),
                                 llround(share[p] * (double)sizes[p]));
        }
    }
    eie_training_free(&training);
    tear_down(set);
}

static void it_learns(void **state)
{
    struct setting *set = set_up(whole_text);
    struct eie_training training;
    (void)state;
    make(set, 1, &training);
    const uint32_t before = eie_training_errors(&training, training.values, &set->samples,
                                                training.validation, 60, NULL);
    run(&training, 1000);
    const uint32_t after = eie_training_errors(&training, training.values, &set->samples,
                                               training.validation, 60, NULL);
    assert_true(before > 20 && after < 10);
    eie_training_free(&training);
    tear_down(set);
}

/* The weights kept are those of a layer-adaptive choice made plainly. */
static void a_total_is_spread_by_magnitude(void **state)
{
    static const char text[] = RECIPE(
        "false", PHASE("dense", "dense", "1", "0.05") "},\n" PHASE(
                     "prune", "prune", "1", "1e-9") ", \"total\": 0.2, \"ramp\": 0, \"cuts\": 1}");
    struct setting *set = set_up(text);
    struct eie_training training;
    size_t kept = 0;
    (void)state;
    make(set, 1, &training);
    run(&training, 1);
    double scores[2048];
    size_t count = 0;
    for (uint32_t p = 0; p < 3; p++) {
        const struct eie_node *node = eie_network_part(&set->network, p);
        for (size_t i = node->weight_at; i < node->bias_at; i++) {
            const double own = (double)training.values[i] * (double)training.values[i];
            double larger = 0;
            for (size_t k = node->weight_at; k < node->bias_at; k++) {
                const double square = (double)training.values[k] * (double)training.values[k];
                larger += square >= own ? square : 0;
            }
            scores[count++] = own / larger;
        }
    }
    run(&training, 1);
    count = 0;
    double least_kept = 2, most_gone = 0;
    for (uint32_t p = 0; p < 3; p++) {
        const struct eie_node *node = eie_network_part(&set->network, p);
        for (size_t i = node->weight_at; i < node->bias_at; i++, count++) {
            kept += training.mask[i] != 0.0f;
            if (training.mask[i] != 0.0f)
                least_kept = fmin(least_kept, scores[count]);
            else
                most_gone = fmax(most_gone, scores[count]);
        }
    }
    assert_int_equal(kept, llround(0.2 * (double)set->network.weights));
    assert_true(least_kept >= most_gone * (1 - 1e-9));
    eie_training_free(&training);
    tear_down(set);
}

/* ---- sharing -----------------------------------------------------------------------------------
 */

static void centroids_learn_by_the_sum_of_their_members(void **state)
{
    struct setting *set = set_up(whole_text);
    struct eie_training training;
    struct eie_random random;
    const uint32_t bits[] = {3, 2, 4};
    (void)state;
    make(set, 1, &training);
    run(&training, 8);
    assert_int_equal(training.phase, 2);
    eie_random_seed(&random, 1);
    for (size_t i = 0; i < set->network.parameters; i++)
        training.gradient[i] = (float)eie_random_below(&random, 1000) - 500;
    eie_training_share_gradient(&training);
    for (uint32_t p = 0; p < 3; p++) {
        const struct eie_node *node = eie_network_part(&set->network, p);
        for (uint32_t c = 1; c < 256; c++) {
            double sum = 0;
            for (size_t i = node->weight_at; i < node->bias_at; i++) {
                if (training.codes[i] != c) continue;
                sum += (double)training.gradient[i];
                assert_true(training.values[i] == training.shared[p * 256 + c]);
                assert_true(c < 1u << bits[p]);
            }
            assert_true((double)training.shared_gradient[p * 256 + c] == sum);
        }
    }
    eie_training_free(&training);
    tear_down(set);
}

/* Against the loss itself: all members of a centroid moved together. */
static void a_centroids_gradient_is_that_of_differences(void **state)
{
    struct setting *set = set_up(whole_text);
    struct eie_training training;
    uint32_t seen = 0;
    uint8_t labels[16]; /* wrong ones: of those that it has learnt the gradients are small */
    (void)state;
    for (int i = 0; i < 16; i++) labels[i] = (uint8_t)((set->labels[i] + 1) % 4);
    make(set, 1, &training);
    run(&training, 8);
    float *input = eie_passes_input(training.passes);
    for (uint32_t i = 0; i < 16 * SIZE; i++) input[i] = (float)set->pixels[i] / 255;
    (void)eie_passes_forward(training.passes, training.values, 16, NULL);
    (void)eie_passes_backward(training.passes, training.values, labels, 16, training.gradient);
    eie_training_share_gradient(&training);
    float *unused = calloc(set->network.parameters, sizeof *unused);
    float *moved = calloc(set->network.parameters, sizeof *moved);
    assert_true(unused && moved);
    for (uint32_t p = 0; p < 3; p++) {
        const struct eie_node *node = eie_network_part(&set->network, p);
        for (uint32_t c = 1; c < 16; c++) {
            double loss[2];
            for (int side = 0; side < 2; side++) {
                memcpy(moved, training.values, set->network.parameters * sizeof *moved);
                for (size_t i = node->weight_at; i < node->bias_at; i++)
                    if (training.codes[i] == c) moved[i] += side ? 1e-3f : -1e-3f;
                (void)eie_passes_forward(training.passes, moved, 16, NULL);
                loss[side] = eie_passes_backward(training.passes, moved, labels, 16, unused);
            }
            const double wanted = (loss[1] - loss[0]) / 2e-3;
            const double found = (double)training.shared_gradient[p * 256 + c];
            if (fabs(found - wanted) > 2e-3 + 0.03 * fabs(wanted))
                fail_msg("part %u, centroid %u: %g, by differences %g", p, c, found, wanted);
            seen += fabs(wanted) > 0.02;
        }
    }
    assert_true(seen > 3);
    free(unused);
    free(moved);
    eie_training_free(&training);
    tear_down(set);
}

/* ---- the same again ----------------------------------------------------------------------------
 */

static void one_seed_gives_one_result(void **state)
{
    struct setting *set = set_up(whole_text);
    struct eie_training one, same, other;
    const size_t size = set->network.parameters * sizeof(float);
    (void)state;
    make(set, 4, &one);
    make(set, 4, &same);
    make(set, 5, &other);
    run(&one, 1000);
    run(&same, 1000);
    run(&other, 1000);
    assert_memory_equal(one.values, same.values, size);
    assert_memory_not_equal(one.values, other.values, size);
    assert_memory_equal(one.codes, same.codes, set->network.parameters);
    eie_training_free(&one);
    eie_training_free(&same);
    eie_training_free(&other);
    tear_down(set);
}

/* After any epoch. */
static void a_resumed_training_is_an_uninterrupted_one(void **state)
{
    struct setting *set = set_up(whole_text);
    struct eie_training whole, first, second;
    struct eie_error error;
    const size_t size = set->network.parameters * sizeof(float);
    (void)state;
    make(set, 4, &whole);
    run(&whole, 1000);
    for (uint32_t epochs = 1; epochs <= 9; epochs++) {
        const char *path = test_path(&set->folder, "half");
        json_t *more = json_pack("{s:s}", "word", "kept"), *back = NULL;
        make(set, 4, &first);
        run(&first, epochs);
        assert_good(eie_training_save(&first, path, more, &error), error);
        make(set, 4, &second);
        assert_good(eie_training_load(&second, path, &back, &error), error);
        assert_string_equal(json_string_value(json_object_get(back, "word")), "kept");
        run(&second, 1000);
        assert_memory_equal(whole.values, second.values, size);
        assert_memory_equal(whole.codes, second.codes, set->network.parameters);
        for (uint32_t phase = 0; phase < 3; phase++)
            assert_memory_equal(eie_training_snapshot(&whole, phase),
                                eie_training_snapshot(&second, phase), size);
        json_decref(more);
        json_decref(back);
        eie_training_free(&first);
        eie_training_free(&second);
    }
    eie_training_free(&whole);
    tear_down(set);
}

static void foreign_checkpoints_are_refused(void **state)
{
    struct setting *set = set_up(whole_text), *other = set_up(control_text);
    struct eie_training training;
    struct eie_error error;
    json_t *more = NULL;
    (void)state;
    const char *path = test_path(&set->folder, "half");
    make(set, 4, &training);
    run(&training, 2);
    assert_good(eie_training_save(&training, path, NULL, &error), error);
    eie_training_free(&training);
    make(set, 5, &training);
    assert_bad(eie_training_load(&training, path, &more, &error), EIE_INPUT, error, "seed differs");
    eie_training_free(&training);
    make(other, 4, &training);
    assert_bad(eie_training_load(&training, path, &more, &error), EIE_INPUT, error,
               "recipe differs");
    assert_bad(eie_training_load(&training, test_path(&set->folder, "net.json"), &more, &error),
               EIE_INPUT, error, "net.json");
    size_t size;
    uint8_t *bytes = test_read(path, &size);
    test_write(path, bytes, size / 2);
    assert_bad(eie_training_load(&training, path, &more, &error), EIE_INPUT, error, "half");
    free(bytes);
    eie_training_free(&training);
    tear_down(set);
    tear_down(other);
}

/* ---- control -----------------------------------------------------------------------------------
 */

static void a_control_has_the_same_epochs_without_a_mask(void **state)
{
    struct setting *set = set_up(control_text);
    struct eie_training training;
    const size_t size = set->network.parameters * sizeof(float);
    (void)state;
    assert_int_equal(set->recipe.phase_count, 5);
    assert_int_equal(set->recipe.controls, 2);
    for (uint32_t i = 3; i < 5; i++) {
        const struct eie_phase *own = &set->recipe.phases[i - 2], *copy = &set->recipe.phases[i];
        assert_int_equal(copy->kind, EIE_PHASE_DENSE);
        assert_int_equal(copy->epochs, own->epochs);
        assert_true(copy->rate == own->rate && copy->random == own->random);
    }
    make(set, 2, &training);
    run(&training, 4);
    /* 30 % of every part are 0 */
    assert_int_equal(eie_training_kept(&training, 1), llround(0.7 * 48 * 12));
    run(&training, 2);
    assert_int_equal(eie_training_kept(&training, 1), 48 * 12);
    run(&training, 2);
    assert_int_equal(eie_training_kept(&training, 1), 48 * 12);
    assert_memory_not_equal(eie_training_snapshot(&training, 3),
                            eie_training_snapshot(&training, 1), size);
    run(&training, 2);
    assert_true(eie_training_done(&training));

    /* a plain training of the same epochs comes to the same weights */
    static const char plain[] =
        RECIPE("false",
               PHASE("dense", "dense", "2", "0.05") "},\n" PHASE(
                   "on", "dense", "2", "0.005") "},\n" PHASE("on on", "dense", "2", "0.0005") "}");
    struct setting *again = set_up(plain);
    struct eie_training dense;
    make(again, 2, &dense);
    run(&dense, 1000);
    assert_memory_equal(dense.values, training.values, size);
    eie_training_free(&dense);
    eie_training_free(&training);
    tear_down(again);
    tear_down(set);
}

/* One step an epoch, and more cuts than steps: the last one goes all the way. */
static void a_ramp_of_many_cuts_reaches_its_shares(void **state)
{
    char *often =
        strdup(replaced(whole_text, "\"ramp\": 0.5, \"cuts\": 3", "\"ramp\": 1, \"cuts\": 8"));
    struct setting *set = set_up(replaced(often, "\"batch\": 16", "\"batch\": 200"));
    struct eie_training training;
    const double share[] = {0.5, 0.1, 0.4};
    size_t sizes[EIE_NODES_MAX];
    (void)state;
    sizes_of(set, sizes);
    make(set, 1, &training);
    run(&training, 3 + 4);
    for (uint32_t p = 0; p < 3; p++)
        assert_int_equal(eie_training_kept(&training, p), llround(share[p] * (double)sizes[p]));
    eie_training_free(&training);
    tear_down(set);
    free(often);
}

/* ---- faults ------------------------------------------------------------------------------------
 */

static void a_training_that_diverges_says_so(void **state)
{
    /* weights that decay by 99 times themselves */
    struct setting *set = set_up(replaced(RECIPE("false", PHASE("dense", "dense", "9", "99") "}"),
                                          "\"decay\": 0.0001", "\"decay\": 1"));
    struct eie_training training;
    struct eie_error error;
    struct eie_epoch epoch;
    enum eie_status status = EIE_OK;
    (void)state;
    make(set, 1, &training);
    while (!status && !eie_training_done(&training))
        status = eie_training_epoch(&training, &epoch, &error);
    assert_int_equal(status, EIE_MISMATCH);
    assert_non_null(strstr(error.message, "training diverged in epoch"));
    eie_training_free(&training);
    tear_down(set);
}

#define PRUNE(name, what)                                                                          \
    ",\n" PHASE(name, "prune", "2", "0.05") ", " what ", \"ramp\": 0.5, \"cuts\": 3}"
#define PRUNED(first, second)                                                                      \
    RECIPE("false",                                                                                \
           PHASE("dense", "dense", "1", "0.05") "}" PRUNE("one", first) PRUNE("two", second))

/* What is pruned comes back in a dense phase only, so a phase may not ask for it. */
static void later_prunings_ask_for_less(void **state)
{
    /* layers of 27, 576 and 48 weights: 0.5, 0.1, 0.4 leave 0.1395 of all */
    static const struct {
        const char *text, *message; /* "": good */
    } cases[] = {
        {PRUNED("\"kept\": [0.5, 0.1, 0.4]", "\"kept\": [0.5, 0.1, 0.3]"), ""},
        {PRUNED("\"kept\": [0.5, 0.1, 0.4]", "\"kept\": [0.5, 0.2, 0.3]"), "0.2 of layer f1"},
        {PRUNED("\"kept\": [0.5, 0.1, 0.4]", "\"total\": 0.13"), ""},
        {PRUNED("\"kept\": [0.5, 0.1, 0.4]", "\"total\": 0.15"), "0.15 of all weights"},
        {PRUNED("\"total\": 0.2", "\"total\": 0.2"), ""},
        {PRUNED("\"total\": 0.2", "\"total\": 0.21"), "phase 'one' leaves 0.2"},
        {PRUNED("\"total\": 0.1", "\"kept\": [0.5, 0.1, 0.4]"), "of all weights"},
        {RECIPE("false",
                PHASE("dense", "dense", "1", "0.05") "}" PRUNE("one", "\"kept\": 0.1") ",\n" PHASE(
                    "again", "dense", "1", "0.05") "}" PRUNE("two", "\"kept\": 0.5")),
         ""},
    };
    struct setting *set = set_up(whole_text);
    struct eie_recipe recipe;
    struct eie_error error;
    (void)state;
    const char *path = test_path(&set->folder, "pruned.json");
    for (size_t i = 0; i < TEST_COUNT(cases); i++) {
        test_write(path, cases[i].text, strlen(cases[i].text));
        if (*cases[i].message)
            assert_bad(eie_recipe_read(path, &set->network, NULL, &recipe, &error), EIE_INPUT,
                       error, cases[i].message);
        else
            assert_good(eie_recipe_read(path, &set->network, NULL, &recipe, &error), error);
        eie_recipe_free(&recipe);
    }
    tear_down(set);
}

static void recipes_can_be_changed(void **state)
{
    const struct eie_recipe_changes both = {
        .kept_count = 3, .kept = {0.6, 0.2, 1}, .bits_count = 1, .bits = {2}};
    const struct eie_recipe_changes two = {.kept_count = 2, .kept = {0.6, 0.2}},
                                    bits = {.bits_count = 1, .bits = {2}},
                                    many = {.bits_count = 1, .bits = {5}};
    struct setting *set = set_up(whole_text);
    struct eie_recipe recipe;
    struct eie_error error;
    (void)state;
    const char *path = test_path(&set->folder, "changed.json");
    test_write(path, whole_text, strlen(whole_text));
    assert_good(eie_recipe_read(path, &set->network, &both, &recipe, &error), error);
    assert_true(recipe.phases[1].kept[0] == 0.6 && recipe.phases[1].kept[2] == 1);
    assert_int_equal(recipe.phases[2].bits[0], 2);
    assert_int_equal(recipe.phases[2].bits[2], 2);
    assert_non_null(strstr(recipe.text, "\"bits\":2"));
    assert_non_null(strstr(recipe.text, "\"kept\":[0.6,0.2,1.0]"));
    assert_string_equal(recipe.sha256, set->recipe.sha256); /* of the file */
    eie_recipe_free(&recipe);
    assert_bad(eie_recipe_read(path, &set->network, &two, &recipe, &error), EIE_USAGE, error,
               "2 numbers for kept");
    assert_bad(eie_recipe_read(path, &set->network, &many, &recipe, &error), EIE_INPUT, error,
               "codes of 5 bits");
    test_write(path, control_text, strlen(control_text));
    assert_bad(eie_recipe_read(path, &set->network, &bits, &recipe, &error), EIE_USAGE, error,
               "no phase of kind share");
    const char *total = PRUNED("\"total\": 0.2", "\"total\": 0.1");
    const struct eie_recipe_changes kept = {.kept_count = 1, .kept = {0.05}};
    test_write(path, total, strlen(total));
    assert_good(eie_recipe_read(path, &set->network, &kept, &recipe, &error), error);
    assert_true(recipe.phases[1].total == 0.2);
    assert_true(recipe.phases[2].total == 0 && recipe.phases[2].kept[1] == 0.05);
    eie_recipe_free(&recipe);
    tear_down(set);
}

static void bad_recipes_are_refused(void **state)
{
    static const struct {
        const char *from, *to, *message;
    } faults[] = {
        {"eie-recipe-1", "eie-recipe-9", "newer version"},
        {"\"*\"", "\"lenet-5\"", "nothing for network net"},
        {"\"control\": false", "\"control\": 0", "true or false"},
        {"\"batch\": 16", "\"batch\": 0", "outside"},
        {"\"kind\": \"dense\"", "\"kind\": \"prune\"", "must be dense"},
        {"\"kind\": \"dense\"", "\"kind\": \"thin\"", "'thin'"},
        {"\"epochs\": 3", "\"epochs\": 0", "outside"},
        {"\"rate\": 0.05", "\"rate\": 0", "outside"},
        {"\"cosine\"", "\"sine\"", "'sine'"},
        {"\"momentum\": 0.9", "\"momentum\": 1", "outside"},
        {"\"dropout\": 0.1", "\"dropout\": 1", "outside"},
        {"\"shift\": 1", "\"shift\": 1, \"x\": 1", "unknown key"},
        {"\"kept\": [0.5, 0.1, 0.4]", "\"kept\": [0.5, 0.1]", "3 layers"},
        {"\"kept\": [0.5, 0.1, 0.4]", "\"kept\": [0.5, 0, 0.4]", "number 2"},
        {"\"kept\": [0.5, 0.1, 0.4]", "\"kept\": 1.5", "outside"},
        {"\"kept\": [0.5, 0.1, 0.4]", "\"kept\": \"all\"", "must be a number"},
        {"\"ramp\": 0.5", "\"ramp\": 2", "outside"},
        {"\"bits\": [3, 2, 4]", "\"bits\": [3, 2, 9]", "number 3"},
        {"\"bits\": [3, 2, 4]", "\"bits\": 1", "outside"},
        {"\"bits\": [3, 2, 4]", "\"bits\": 2.5", "whole number"},
        {"\"bits\": [3, 2, 4]", "\"bits\": [3, 2, 5]", "codes of 5 bits"},
        {"\"adam\"", "\"adams\"", "'adams'"},
        {"\"linear\"", "\"line\"", "'line'"},
        {"\"bias_bits\": 8", "\"bias_bits\": 1", "outside"},
        {"\"name\": \"prune\"", "\"name\": \"dense\"", "two phases"},
        {"\"name\": \"prune\"", "\"name\": \"pr\\u001b[2J\"", "letters"},
        {"\"control\": false", "\"control\": true", "no phase of kind share"},
    };
    struct setting *set = set_up(whole_text);
    struct eie_recipe recipe;
    struct eie_error error;
    (void)state;
    const char *path = test_path(&set->folder, "bad.json");
    for (size_t i = 0; i < TEST_COUNT(faults); i++) {
        const char *text = replaced(whole_text, faults[i].from, faults[i].to);
        test_write(path, text, strlen(text));
        assert_bad(eie_recipe_read(path, &set->network, NULL, &recipe, &error), EIE_INPUT, error,
                   faults[i].message);
    }
    tear_down(set);
}

static void shipped_recipes_fit_the_shipped_networks(void **state)
{
    static const char *const recipes[] = {"paper", "best", "eie", "dsd", "small", "short"};
    static const char *const networks[] = {"lenet-300-100", "lenet-5"};
    static struct eie_network network;
    struct eie_recipe recipe;
    struct eie_error error;
    (void)state;
    for (size_t n = 0; n < TEST_COUNT(networks); n++)
        for (size_t r = 0; r < TEST_COUNT(recipes); r++) {
            assert_good(eie_network_read(networks[n], &network, &error), error);
            assert_good(eie_recipe_read(recipes[r], &network, NULL, &recipe, &error), error);
            assert_int_equal(recipe.phase_count >= 3, !!strcmp(recipes[r], "short"));
            assert_int_equal(recipe.controls > 0, !strcmp(recipes[r], "dsd"));
            eie_recipe_free(&recipe);
        }
    assert_bad(eie_recipe_read("bset", &network, NULL, &recipe, &error), EIE_USAGE, error,
               "did you mean best?");
}

static void too_few_images_are_refused(void **state)
{
    struct setting *set = set_up(whole_text);
    struct eie_training training;
    struct eie_error error;
    (void)state;
    set->samples.count = 60;
    assert_bad(eie_training_make(&set->network, &set->recipe, &set->samples, 1, eie_sgemm_plain,
                                 &training, &error),
               EIE_USAGE, error, "none is left");
    eie_training_free(&training);
    tear_down(set);
}

/* ---- ranges ------------------------------------------------------------------------------------
 */

static void ranges_are_those_of_the_images(void **state)
{
    struct setting *set = set_up(whole_text);
    struct eie_training training;
    struct eie_range ranges[EIE_NODES_MAX];
    struct eie_error error;
    (void)state;
    make(set, 1, &training);
    run(&training, 1000);
    assert_good(eie_ranges_measure(&training, training.values, 60, ranges, &error), error);
    double most = 0, sum = 0, active = 0, inputs = 0;
    for (uint32_t i = 0; i < 60; i++) {
        const uint32_t image = training.validation[i];
        float hidden[12], out[4];
        float *input = eie_passes_input(training.passes);
        for (uint32_t k = 0; k < SIZE; k++)
            input[k] = (float)set->pixels[image * SIZE + k] * (1.0f / 255);
        (void)eie_passes_forward(training.passes, training.values, 1, NULL);
        eie_passes_output(training.passes, set->network.part[2] - 1, 1, 0, hidden);
        eie_passes_output(training.passes, set->network.part[2], 1, 0, out);
        for (uint32_t k = 0; k < 12; k++) {
            most = fmax(most, (double)hidden[k]);
            active += hidden[k] != 0.0f;
            inputs++;
        }
        for (uint32_t k = 0; k < 4; k++) sum = fmax(sum, fabs((double)out[k]));
    }
    assert_true(fabs(ranges[2].input - most) < 1e-6 && fabs(ranges[2].sum - sum) < 1e-4);
    assert_true(fabs(ranges[2].active - active / inputs) < 1e-9);
    /* twice of it fits 16 and 32 bits, four times does not both */
    const uint32_t bits = eie_range_input_bits(&ranges[2], false, 12);
    assert_true(ldexp(2 * most, (int)bits) < 32768 && ldexp(2 * sum, (int)bits + 12) < 0x1p31);
    assert_true(ldexp(4 * most, (int)bits) > 32767 || bits == 15 ||
                ldexp(4 * sum, (int)bits + 12) > 0x1p31 - 1);
    eie_training_free(&training);
    tear_down(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pruned_weights_stay_0),
        cmocka_unit_test(a_ramp_of_many_cuts_reaches_its_shares),
        cmocka_unit_test(it_learns),
        cmocka_unit_test(a_total_is_spread_by_magnitude),
        cmocka_unit_test(centroids_learn_by_the_sum_of_their_members),
        cmocka_unit_test(a_centroids_gradient_is_that_of_differences),
        cmocka_unit_test(one_seed_gives_one_result),
        cmocka_unit_test(a_resumed_training_is_an_uninterrupted_one),
        cmocka_unit_test(foreign_checkpoints_are_refused),
        cmocka_unit_test(later_prunings_ask_for_less),
        cmocka_unit_test(recipes_can_be_changed),
        cmocka_unit_test(a_control_has_the_same_epochs_without_a_mask),
        cmocka_unit_test(a_training_that_diverges_says_so),
        cmocka_unit_test(bad_recipes_are_refused),
        cmocka_unit_test(shipped_recipes_fit_the_shipped_networks),
        cmocka_unit_test(too_few_images_are_refused),
        cmocka_unit_test(ranges_are_those_of_the_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
