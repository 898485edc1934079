#include "host/train/training.h"
#include "host/base/random.h"
#include "host/machine/topology.h"
#include "host/weights/prune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CENTROIDS   256u /* places of a part's centroids */
#define ROUNDS_MAX  1000u
#define ADAM_FIRST  0.9
#define ADAM_SECOND 0.999
#define ADAM_LEAST  1e-8f

static void seed_random(const struct eie_training *training, const char *what,
                        struct eie_random *random)
{
    const struct eie_phase *phase = &training->recipe->phases[training->phase];
    char name[64];
    snprintf(name, sizeof name, "%s %u %u", what, phase->random, training->epoch);
    eie_random_seed(random, eie_random_seed_of(training->seed, name));
}

static size_t weights_of(const struct eie_node *node)
{
    return (size_t)node->outputs * node->inputs;
}

/* ---- beginning and end -------------------------------------------------------------------------
 */

static void shuffle(uint32_t *numbers, uint32_t count, struct eie_random *random)
{
    for (uint32_t i = count; i > 1; i--) {
        const uint32_t k = eie_random_below(random, i), swapped = numbers[i - 1];
        numbers[i - 1] = numbers[k];
        numbers[k] = swapped;
    }
}

static int by_number(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void deal_images(struct eie_training *training)
{
    const uint32_t count = training->samples.count, validation = training->recipe->validation;
    struct eie_random random;
    for (uint32_t i = 0; i < count; i++) training->learning[i] = i;
    eie_random_seed(&random, eie_random_seed_of(training->seed, "validation"));
    shuffle(training->learning, count, &random);
    training->learning_count = count - validation;
    training->validation = training->learning + training->learning_count;
    qsort(training->learning, training->learning_count, sizeof *training->learning, by_number);
}

enum eie_status eie_training_make(const struct eie_network *network,
                                  const struct eie_recipe *recipe,
                                  const struct eie_samples *samples, uint64_t seed, eie_sgemm sgemm,
                                  struct eie_training *training, struct eie_error *error)
{
    const size_t parameters = network->parameters;
    *training = (struct eie_training){
        .network = network, .recipe = recipe, .samples = *samples, .seed = seed};
    if (samples->count <= recipe->validation)
        return eie_fail(error, EIE_USAGE,
                        "%u training images, of which recipe %s sets %u apart for validation: none "
                        "is left to learn",
                        samples->count, recipe->name, recipe->validation);
    training->shared_count =
        network->part_count * CENTROIDS + (network->parameters - network->weights);
    training->learning = malloc(samples->count * sizeof *training->learning);
    training->values = calloc(parameters, sizeof(float));
    training->velocity = calloc(parameters, sizeof(float));
    training->gradient = calloc(parameters, sizeof(float));
    training->mask = malloc(parameters * sizeof(float));
    training->snapshots = calloc(parameters * recipe->phase_count, sizeof(float));
    training->codes = calloc(parameters, 1);
    training->members = malloc(network->weights * sizeof *training->members);
    training->shared = calloc(training->shared_count, sizeof(float));
    training->shared_gradient = calloc(training->shared_count, sizeof(float));
    training->moment1 = calloc(training->shared_count, sizeof(float));
    training->moment2 = calloc(training->shared_count, sizeof(float));
    if (!training->learning || !training->values || !training->velocity || !training->gradient ||
        !training->mask || !training->snapshots || !training->codes || !training->members ||
        !training->shared || !training->shared_gradient || !training->moment1 || !training->moment2)
        return eie_fail(error, EIE_MEMORY, "out of memory to train network %s", network->name);
    for (size_t i = 0; i < parameters; i++) training->mask[i] = 1;
    deal_images(training);
    eie_network_draw(network, eie_random_seed_of(seed, "weights"), training->values);
    return eie_passes_make(network, recipe->batch, sgemm, &training->passes, error);
}

void eie_training_free(struct eie_training *training)
{
    eie_passes_free(training->passes);
    free(training->learning);
    free(training->values);
    free(training->velocity);
    free(training->gradient);
    free(training->mask);
    free(training->snapshots);
    free(training->codes);
    free(training->members);
    free(training->shared);
    free(training->shared_gradient);
    free(training->moment1);
    free(training->moment2);
    *training = (struct eie_training){0};
}

/* ---- images ------------------------------------------------------------------------------------
 */

static void take_image(const uint8_t *pixels, const struct eie_extent *extent, float *to)
{
    const size_t size = (size_t)extent->channels * extent->height * extent->width;
    for (size_t i = 0; i < size; i++) to[i] = (float)pixels[i] * (1.0f / 255);
}

/* Moved down and to the right by `down` and `right`, which may be below 0; 0 comes in. */
static void take_moved(const uint8_t *pixels, const struct eie_extent *extent, int down, int right,
                       float *to)
{
    const int height = (int)extent->height, width = (int)extent->width;
    for (uint32_t c = 0; c < extent->channels; c++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++, to++) {
                const int row = y - down, column = x - right;
                const bool inside = row >= 0 && row < height && column >= 0 && column < width;
                *to = inside
                          ? (float)pixels[((int)c * height + row) * width + column] * (1.0f / 255)
                          : 0;
            }
}

static void take_batch(struct eie_training *training, const uint32_t *which, uint32_t count,
                       uint32_t shift, struct eie_random *random, uint8_t *labels)
{
    const struct eie_extent *extent = &training->network->input;
    const size_t size = (size_t)extent->channels * extent->height * extent->width;
    float *to = eie_passes_input(training->passes);
    for (uint32_t i = 0; i < count; i++, to += size) {
        const uint8_t *pixels = training->samples.pixels + which[i] * size;
        labels[i] = training->samples.labels[which[i]];
        if (!shift) {
            take_image(pixels, extent, to);
            continue;
        }
        const int down = (int)eie_random_below(random, 2 * shift + 1) - (int)shift;
        const int right = (int)eie_random_below(random, 2 * shift + 1) - (int)shift;
        take_moved(pixels, extent, down, right, to);
    }
}

uint32_t eie_training_errors(struct eie_training *training, const float *values,
                             const struct eie_samples *samples, const uint32_t *which,
                             uint32_t count, bool *wrong)
{
    const struct eie_extent *extent = &training->network->input;
    const size_t size = (size_t)extent->channels * extent->height * extent->width;
    const uint32_t classes = training->network->classes, batch = training->recipe->batch;
    uint32_t errors = 0;
    for (uint32_t first = 0; first < count; first += batch) {
        const uint32_t here = count - first < batch ? count - first : batch;
        float *to = eie_passes_input(training->passes);
        for (uint32_t i = 0; i < here; i++)
            take_image(samples->pixels + (which ? which[first + i] : first + i) * size, extent,
                       to + i * size);
        const float *out = eie_passes_forward(training->passes, values, here, NULL);
        for (uint32_t i = 0; i < here; i++) {
            const uint32_t image = which ? which[first + i] : first + i;
            const bool is_wrong =
                eie_class_of(out + (size_t)i * classes, classes) != samples->labels[image];
            if (wrong) wrong[first + i] = is_wrong;
            errors += is_wrong;
        }
    }
    return errors;
}

/* ---- pruning -----------------------------------------------------------------------------------
 */

size_t eie_training_kept(const struct eie_training *training, uint32_t part)
{
    const struct eie_node *node = eie_network_part(training->network, part);
    const float *mask = training->mask + node->weight_at;
    size_t kept = 0;
    for (size_t i = 0; i < weights_of(node); i++) kept += mask[i] != 0.0f;
    return kept;
}

static double kept_share(const struct eie_training *training, uint32_t part)
{
    return (double)eie_training_kept(training, part) /
           (double)weights_of(eie_network_part(training->network, part));
}

static int descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x > y ? -1 : x < y;
}

/* Scores of a part's weights, the largest weight first: its square over the sum of the squares of
 * all that are at least as large; 1 for the largest. */
static void score_part(const float *weights, size_t count, double *scores)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) scores[i] = (double)weights[i] * (double)weights[i];
    qsort(scores, count, sizeof *scores, descending);
    for (size_t i = 0; i < count; i++) {
        sum += scores[i];
        scores[i] = sum > 0 ? scores[i] / sum : 0;
    }
}

/* Chooses target[] so that the weights with the highest scores of all stay. */
static enum eie_status choose_shares(struct eie_training *training, double total,
                                     struct eie_error *error)
{
    const struct eie_network *network = training->network;
    double *scores = malloc(network->weights * sizeof *scores);
    double *all = malloc(network->weights * sizeof *all);
    enum eie_status status = EIE_OK;
    if (!scores || !all) {
        status = eie_fail(error, EIE_MEMORY, "out of memory to choose layers' shares");
        goto end;
    }
    size_t at = 0;
    for (uint32_t p = 0; p < network->part_count; p++) {
        const struct eie_node *node = eie_network_part(network, p);
        score_part(training->values + node->weight_at, weights_of(node), scores + at);
        at += weights_of(node);
    }
    memcpy(all, scores, network->weights * sizeof *all);
    qsort(all, network->weights, sizeof *all, descending);
    const double wanted = floor(total * (double)network->weights + 0.5);
    const double least = all[wanted < 1 ? 0 : (size_t)wanted - 1];
    at = 0;
    for (uint32_t p = 0; p < network->part_count; p++) {
        const size_t count = weights_of(eie_network_part(network, p));
        size_t kept = 0;
        while (kept < count && scores[at + kept] >= least) kept++;
        training->target[p] = (double)(kept ? kept : 1) / (double)count;
        at += count;
    }
end:
    free(scores);
    free(all);
    return status;
}

/* Leaves the largest weights of every part; of the way from `from` to `target` the share t is done.
 */
static enum eie_status cut(struct eie_training *training, double t, struct eie_error *error)
{
    const double left = (1 - t) * (1 - t) * (1 - t);
    for (uint32_t p = 0; p < training->network->part_count; p++) {
        const struct eie_node *node = eie_network_part(training->network, p);
        const size_t count = weights_of(node);
        float *values = training->values + node->weight_at;
        const struct eie_values all = {values, NULL, count, count};
        struct eie_pruned pruned;
        const double share = training->target[p] + (training->from[p] - training->target[p]) * left;
        const enum eie_status status = eie_prune(&all, EIE_PRUNE_DENSITY, share, &pruned, error);
        if (status) return status;
        for (size_t i = 0; i < count; i++) {
            const float mask = values[i] != 0.0f ? 1 : 0;
            training->mask[node->weight_at + i] = mask;
            training->velocity[node->weight_at + i] *= mask;
        }
    }
    return EIE_OK;
}

/* Is there something to cut before this step, and how far along? */
static bool is_cut(const struct eie_phase *phase, uint64_t step, uint64_t steps_per_epoch,
                   double *t)
{
    const uint64_t all = (uint64_t)phase->epochs * phase->cuts;
    /* that have begun by the last step: a later one would never come */
    const uint64_t most = (phase->epochs * steps_per_epoch - 1) * phase->cuts / steps_per_epoch;
    uint64_t cuts = (uint64_t)llround(phase->ramp * (double)all);
    if (cuts > most) cuts = most;
    *t = 1;
    if (!cuts || !step) return !cuts && !step;
    const uint64_t here = step * phase->cuts / steps_per_epoch;
    const uint64_t before = (step - 1) * phase->cuts / steps_per_epoch;
    if (here == before || before >= cuts) return false;
    if (here < cuts) *t = (double)here / (double)cuts;
    return true;
}

/* ---- sharing -----------------------------------------------------------------------------------
 */

static void spread(struct eie_training *training)
{
    const struct eie_network *network = training->network;
    const float *bias = training->shared + network->part_count * CENTROIDS;
    for (uint32_t p = 0; p < network->part_count; p++) {
        const struct eie_node *node = eie_network_part(network, p);
        const float *centroid = training->shared + p * CENTROIDS;
        for (uint32_t m = training->member_start[p]; m < training->member_start[p + 1]; m++) {
            const uint32_t place = training->members[m];
            training->values[place] = centroid[training->codes[place]];
        }
        memcpy(training->values + node->bias_at, bias, node->outputs * sizeof *bias);
        bias += node->outputs;
    }
}

void eie_training_share_gradient(struct eie_training *training)
{
    const struct eie_network *network = training->network;
    float *bias = training->shared_gradient + network->part_count * CENTROIDS;
    for (uint32_t p = 0; p < network->part_count; p++) {
        const struct eie_node *node = eie_network_part(network, p);
        double sums[CENTROIDS] = {0};
        for (uint32_t m = training->member_start[p]; m < training->member_start[p + 1]; m++) {
            const uint32_t place = training->members[m];
            sums[training->codes[place]] += (double)training->gradient[place];
        }
        for (uint32_t c = 0; c < CENTROIDS; c++)
            training->shared_gradient[p * CENTROIDS + c] = (float)sums[c];
        memcpy(bias, training->gradient + node->bias_at, node->outputs * sizeof *bias);
        bias += node->outputs;
    }
}

void eie_training_list_members(struct eie_training *training)
{
    uint32_t count = 0;
    for (uint32_t p = 0; p < training->network->part_count; p++) {
        const struct eie_node *node = eie_network_part(training->network, p);
        training->member_start[p] = count;
        for (size_t i = node->weight_at; i < node->bias_at; i++)
            if (training->codes[i]) training->members[count++] = (uint32_t)i;
    }
    training->member_start[training->network->part_count] = count;
}

static enum eie_status share_part(struct eie_training *training, uint32_t part,
                                  struct eie_error *error)
{
    const struct eie_phase *phase = &training->recipe->phases[training->phase];
    const struct eie_node *node = eie_network_part(training->network, part);
    const float *values = training->values + node->weight_at;
    float *codebook = training->shared + part * CENTROIDS;
    struct eie_kmeans kmeans;
    double squares;
    const uint64_t seed = eie_random_seed_of(training->seed, node->name);
    enum eie_status status =
        eie_kmeans(values, weights_of(node), true, (1u << phase->bits[part]) - 1, phase->centroids,
                   seed, ROUNDS_MAX, 1, &kmeans, error);
    memset(codebook, 0, CENTROIDS * sizeof *codebook);
    if (!status)
        status = eie_kmeans_assign(&kmeans, values, weights_of(node), true, 1, 1,
                                   training->codes + node->weight_at, codebook, &squares, error);
    return status;
}

static enum eie_status share(struct eie_training *training, struct eie_error *error)
{
    const struct eie_network *network = training->network;
    float *bias = training->shared + network->part_count * CENTROIDS;
    enum eie_status status = EIE_OK;
    for (uint32_t p = 0; p < network->part_count && !status; p++) {
        const struct eie_node *node = eie_network_part(network, p);
        status = share_part(training, p, error);
        memcpy(bias, training->values + node->bias_at, node->outputs * sizeof *bias);
        bias += node->outputs;
    }
    /* k-means takes the process's pool, which binds this thread to the first core: several
       trainings at a time would all sit there */
    const enum eie_status freed = eie_bind_thread(EIE_BIND_ANY, NULL);
    (void)freed; /* where it fails training is slow, and right */
    if (status) return status;
    for (size_t i = 0; i < network->parameters; i++) training->mask[i] = training->codes[i] ? 1 : 0;
    memset(training->moment1, 0, training->shared_count * sizeof *training->moment1);
    memset(training->moment2, 0, training->shared_count * sizeof *training->moment2);
    training->steps = 0;
    eie_training_list_members(training);
    spread(training);
    return EIE_OK;
}

/* ---- steps -------------------------------------------------------------------------------------
 */

static double rate_at(const struct eie_phase *phase, double t)
{
    if (phase->schedule == EIE_SCHEDULE_COSINE)
        return phase->rate * 0.5 * (1 + cos(3.14159265358979323846 * t));
    if (phase->schedule == EIE_SCHEDULE_STEP)
        return phase->rate * (t < 0.5 ? 1 : t < 0.75 ? 0.1 : 0.01);
    return phase->rate;
}

static void step_values(struct eie_training *training, size_t begin, size_t end, float rate,
                        float momentum, float decay)
{
    float *restrict values = training->values, *restrict velocity = training->velocity;
    const float *restrict gradient = training->gradient, *restrict mask = training->mask;
    for (size_t i = begin; i < end; i++) {
        const float moved = momentum * velocity[i] - rate * (gradient[i] + decay * values[i]);
        velocity[i] = moved * mask[i];
        values[i] = (values[i] + moved) * mask[i];
    }
}

static void step_all(struct eie_training *training, const struct eie_phase *phase, double rate)
{
    const struct eie_network *network = training->network;
    for (uint32_t p = 0; p < network->part_count; p++) {
        const struct eie_node *node = eie_network_part(network, p);
        step_values(training, node->weight_at, node->bias_at, (float)rate, (float)phase->momentum,
                    (float)phase->decay);
        step_values(training, node->bias_at, node->bias_at + node->outputs, (float)rate,
                    (float)phase->momentum, 0);
    }
}

/* Adam (Kingma and Ba, ICLR 2015), or SGD with momentum in moment1. */
static void step_shared(struct eie_training *training, const struct eie_phase *phase, double rate)
{
    eie_training_share_gradient(training);
    training->steps++;
    const double first = 1 - pow(ADAM_FIRST, (double)training->steps);
    const double second = 1 - pow(ADAM_SECOND, (double)training->steps);
    for (size_t i = 0; i < training->shared_count; i++) {
        const float gradient = training->shared_gradient[i];
        float *m = &training->moment1[i], *v = &training->moment2[i];
        if (!phase->adam) {
            *m = (float)phase->momentum * *m - (float)rate * gradient;
            training->shared[i] += *m;
            continue;
        }
        *m += (float)(1 - ADAM_FIRST) * (gradient - *m);
        *v += (float)(1 - ADAM_SECOND) * (gradient * gradient - *v);
        training->shared[i] -=
            (float)(rate / first) * *m / (sqrtf(*v / (float)second) + ADAM_LEAST);
    }
    spread(training);
}

/* ---- epochs ------------------------------------------------------------------------------------
 */

static void set_dropout(const struct eie_training *training, struct eie_dropout *dropout)
{
    const struct eie_phase *phase = &training->recipe->phases[training->phase];
    for (uint32_t p = 0; p < training->network->part_count; p++)
        dropout->drop[training->network->part[p]] =
            phase->dropout * (phase->dropout_scaled ? sqrt(kept_share(training, p)) : 1);
}

static enum eie_status begin_phase(struct eie_training *training, struct eie_epoch *report,
                                   struct eie_error *error)
{
    const struct eie_network *network = training->network;
    const struct eie_phase *phase = &training->recipe->phases[training->phase];
    enum eie_status status = EIE_OK;
    memset(training->velocity, 0, network->parameters * sizeof *training->velocity);
    if (phase->restart)
        memcpy(training->values, training->snapshots, network->parameters * sizeof(float));
    if (phase->kind == EIE_PHASE_DENSE)
        for (size_t i = 0; i < network->parameters; i++) training->mask[i] = 1;
    if (phase->kind == EIE_PHASE_PRUNE) {
        for (uint32_t p = 0; p < network->part_count; p++) {
            training->from[p] = kept_share(training, p);
            training->target[p] = phase->kept[p];
        }
        if (phase->total > 0) status = choose_shares(training, phase->total, error);
        for (uint32_t p = 0; p < network->part_count; p++)
            training->target[p] = fmin(training->target[p], training->from[p]);
    }
    if (phase->kind != EIE_PHASE_SHARE) return status;
    status = share(training, error);
    report->shared = true;
    report->shared_errors =
        eie_training_errors(training, training->values, &training->samples, training->validation,
                            training->recipe->validation, NULL);
    return status;
}

static enum eie_status diverged(const struct eie_training *training, double rate,
                                struct eie_error *error)
{
    return eie_fail(error, EIE_MISMATCH, "training diverged in epoch %u of phase %s at rate %g",
                    training->epoch + 1, training->recipe->phases[training->phase].name, rate);
}

/* All batches of the epoch; the mean loss. */
static enum eie_status learn(struct eie_training *training, uint32_t *order, uint8_t *labels,
                             double *loss, struct eie_error *error)
{
    const struct eie_phase *phase = &training->recipe->phases[training->phase];
    const uint32_t batch = training->recipe->batch, count = training->learning_count;
    const uint64_t steps = (count + batch - 1) / batch;
    struct eie_random random, images;
    struct eie_dropout dropout = {.random = &random};
    double sum = 0, t;
    seed_random(training, "dropout", &random);
    seed_random(training, "shift", &images);
    set_dropout(training, &dropout);
    for (uint32_t first = 0; first < count; first += batch) {
        const uint64_t step = training->epoch * steps + first / batch;
        const uint32_t here = count - first < batch ? count - first : batch;
        const double rate = rate_at(phase, (double)step / (double)(steps * phase->epochs));
        if (phase->kind == EIE_PHASE_PRUNE && is_cut(phase, step, steps, &t)) {
            const enum eie_status status = cut(training, t, error);
            if (status) return status;
            set_dropout(training, &dropout);
        }
        take_batch(training, order + first, here, phase->shift, &images, labels);
        (void)eie_passes_forward(training->passes, training->values, here, &dropout);
        const double batch_loss = eie_passes_backward(training->passes, training->values, labels,
                                                      here, training->gradient);
        if (!isfinite(batch_loss)) return diverged(training, rate, error);
        sum += batch_loss * here;
        if (phase->kind == EIE_PHASE_SHARE)
            step_shared(training, phase, rate);
        else
            step_all(training, phase, rate);
    }
    *loss = sum / count;
    return EIE_OK;
}

static bool all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

enum eie_status eie_training_epoch(struct eie_training *training, struct eie_epoch *report,
                                   struct eie_error *error)
{
    const struct eie_network *network = training->network;
    const struct eie_phase *phase = &training->recipe->phases[training->phase];
    uint32_t *order = malloc(training->learning_count * sizeof *order);
    uint8_t *labels = malloc(training->recipe->batch);
    struct eie_random random;
    enum eie_status status = EIE_OK;
    *report = (struct eie_epoch){.phase = training->phase, .epoch = training->epoch + 1};
    if (!order || !labels) {
        status = eie_fail(error, EIE_MEMORY, "out of memory for an epoch");
        goto end;
    }
    if (!training->epoch) status = begin_phase(training, report, error);
    if (status) goto end;
    memcpy(order, training->learning, training->learning_count * sizeof *order);
    seed_random(training, "order", &random);
    shuffle(order, training->learning_count, &random);
    status = learn(training, order, labels, &report->loss, error);
    if (!status && !all_finite(training->values, network->parameters))
        status = diverged(training, phase->rate, error);
    if (status) goto end;
    report->validation_errors =
        eie_training_errors(training, training->values, &training->samples, training->validation,
                            training->recipe->validation, NULL);
    if (++training->epoch == phase->epochs) {
        memcpy(training->snapshots + training->phase * network->parameters, training->values,
               network->parameters * sizeof(float));
        training->phase++;
        training->epoch = 0;
    }
end:
    free(order);
    free(labels);
    return status;
}
