#include "host/layer/recluster.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One code that is used. */
struct used {
    int16_t weight;
    uint8_t code;
    uint64_t count;
};

/* How often each code occurs, ascending by weight; returns how many do. */
static uint32_t count_codes(const struct eie_layer *layer, struct used used[EIE_CODEBOOK_SIZE])
{
    uint64_t counts[EIE_CODEBOOK_SIZE] = {0};
    uint32_t found = 0;
    for (uint32_t e = 0; e < layer->entry_count; e++) counts[layer->entries[e] >> 4]++;
    for (uint8_t c = 1; c < EIE_CODEBOOK_SIZE; c++) {
        if (!counts[c]) continue;
        uint32_t at = found++;
        for (; at && used[at - 1].weight > layer->codebook[c]; at--) used[at] = used[at - 1];
        used[at] = (struct used){layer->codebook[c], c, counts[c]};
    }
    return found;
}

uint32_t eie_layer_codes_used(const struct eie_layer *layer)
{
    struct used used[EIE_CODEBOOK_SIZE];
    return count_codes(layer, used);
}

bool eie_layer_codes_fit(const struct eie_layer *layer, uint32_t code_bits)
{
    return code_bits >= 4 || eie_layer_codes_used(layer) < 1u << code_bits;
}

/* Squared error of used[from] to used[to - 1] as one group, and the group's weight. */
static double group_error(const struct used *used, uint32_t from, uint32_t to, int16_t *weight)
{
    double count = 0, sum = 0, error = 0;
    for (uint32_t i = from; i < to; i++) {
        count += (double)used[i].count;
        sum += (double)used[i].count * used[i].weight;
    }
    *weight = (int16_t)lrint(sum / count);
    for (uint32_t i = from; i < to; i++)
        error += (double)used[i].count * (used[i].weight - *weight) * (used[i].weight - *weight);
    return error;
}

/* Neighbours in order of weight form groups (best in one dimension), found by dynamic programming.
 * group_of[i] is the group of used[i], weights[g] its weight. */
static void form_groups(const struct used *used, uint32_t count, uint32_t groups,
                        uint32_t *group_of, int16_t *weights)
{
    double best[EIE_CODEBOOK_SIZE + 1][EIE_CODEBOOK_SIZE + 1]; /* [groups][codes] */
    uint32_t cut[EIE_CODEBOOK_SIZE + 1][EIE_CODEBOOK_SIZE + 1];
    int16_t weight;
    for (uint32_t n = 0; n <= count; n++) best[0][n] = n ? INFINITY : 0;
    for (uint32_t g = 1; g <= groups; g++) {
        for (uint32_t n = 0; n <= count; n++) {
            best[g][n] = n ? INFINITY : 0;
            cut[g][n] = 0;
            for (uint32_t from = 0; from < n; from++) {
                const double error = best[g - 1][from] + group_error(used, from, n, &weight);
                if (error >= best[g][n]) continue;
                best[g][n] = error;
                cut[g][n] = from;
            }
        }
    }
    uint32_t to = count;
    for (uint32_t g = groups; g > 0; g--) {
        const uint32_t from = cut[g][to];
        if (from < to) group_error(used, from, to, &weights[g - 1]);
        for (uint32_t i = from; i < to; i++) group_of[i] = g - 1;
        to = from;
    }
}

enum eie_status eie_layer_recluster(const struct eie_layer *layer, uint32_t code_bits,
                                    struct eie_layer **reclustered, struct eie_reclustering *report,
                                    struct eie_error *error)
{
    struct used used[EIE_CODEBOOK_SIZE];
    uint32_t group_of[EIE_CODEBOOK_SIZE] = {0};
    int16_t weights[EIE_CODEBOOK_SIZE] = {0};
    const uint32_t count = count_codes(layer, used);
    const uint32_t limit = code_bits < 4 ? (1u << code_bits) - 1 : EIE_CODEBOOK_SIZE - 1;
    *report = (struct eie_reclustering){.codes_used = count, .codes_left = count};
    struct eie_layer parts = *layer;
    if (count <= limit) return eie_layer_create(&parts, reclustered, error);

    uint8_t *entries = malloc((size_t)layer->entry_count + 1), new_code[EIE_CODEBOOK_SIZE] = {0};
    if (!entries) return eie_fail(error, EIE_MEMORY, "layer %s: out of memory", layer->name);
    form_groups(used, count, limit, group_of, weights);
    double squares = 0, errors = 0, largest = 0;
    memset(parts.codebook, 0, sizeof parts.codebook);
    report->codes_left = limit;
    for (uint32_t i = 0; i < count; i++) {
        const double off = fabs((double)used[i].weight - weights[group_of[i]]);
        new_code[used[i].code] = (uint8_t)(group_of[i] + 1);
        parts.codebook[group_of[i] + 1] = weights[group_of[i]];
        squares += (double)used[i].count * used[i].weight * used[i].weight;
        errors += (double)used[i].count * off * off;
        report->largest_error = fmax(report->largest_error, off);
        largest = fmax(largest, fabs((double)used[i].weight));
    }
    report->relative_rms_error = squares > 0 ? sqrt(errors / squares) : 0;
    report->largest_error = largest > 0 ? report->largest_error / largest : 0;
    for (uint32_t e = 0; e < layer->entry_count; e++)
        entries[e] = (uint8_t)(new_code[layer->entries[e] >> 4] << 4 | (layer->entries[e] & 15));
    parts.entries = entries;
    const enum eie_status status = eie_layer_create(&parts, reclustered, error);
    free(entries);
    return status;
}
