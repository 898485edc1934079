/* Any bytes as a recipe for a network of three layers: what is accepted can be trained by, and its
 * controls are its phases without a mask. */
#include "host/train/recipe.h"
#include "tests/fuzz/fuzz.h"

#define PARTS 3u

static void check_phase(const struct eie_recipe *recipe, uint32_t number)
{
    const struct eie_phase *phase = &recipe->phases[number];
    FUZZ_MUST(*phase->name && memchr(phase->name, 0, sizeof phase->name));
    FUZZ_MUST(phase->epochs && phase->rate > 0 && phase->momentum < 1 && phase->dropout < 1);
    FUZZ_MUST(phase->random <= number);
    for (uint32_t p = 0; p < PARTS && phase->kind == EIE_PHASE_PRUNE; p++)
        FUZZ_MUST(phase->total > 0 || (phase->kept[p] > 0 && phase->kept[p] <= 1));
    for (uint32_t p = 0; p < PARTS && phase->kind == EIE_PHASE_SHARE; p++)
        FUZZ_MUST(phase->bits[p] >= 2 && phase->bits[p] <= 8);
    if (phase->kind == EIE_PHASE_PRUNE) FUZZ_MUST(phase->cuts);
    if (phase->kind == EIE_PHASE_SHARE) FUZZ_MUST(number + 1 == recipe->phase_count);
    if (number >= recipe->phase_count - recipe->controls)
        FUZZ_MUST(phase->kind == EIE_PHASE_DENSE && phase->random < number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct eie_network network = {.name = "net", .node_count = 3, .part_count = PARTS};
    struct eie_recipe recipe;
    struct eie_error error = {""};
    const enum eie_status status =
        eie_recipe_read(fuzz_file("fuzz.json", data, size), &network, NULL, &recipe, &error);
    if (status) {
        fuzz_refused(status, &error);
        FUZZ_MUST(!recipe.text);
        return 0;
    }
    FUZZ_MUST(!strcmp(recipe.name, "fuzz") && recipe.text && recipe.batch && recipe.validation);
    FUZZ_MUST(recipe.phase_count && recipe.phase_count <= EIE_PHASES_MAX);
    FUZZ_MUST(recipe.phases[0].kind == EIE_PHASE_DENSE);
    for (uint32_t i = 0; i < recipe.phase_count; i++) check_phase(&recipe, i);
    eie_recipe_free(&recipe);
    return 0;
}
