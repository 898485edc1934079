#include "host/weights/kmeans.h"
#include "host/base/random.h"
#include "host/machine/threads.h"
#include "host/weights/prune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INTERVALS   16384u
#define REFILLS_MAX 16u
#define BLOCK       65536u /* of sums of errors */

/* The weights that take part, dealt into intervals of equal width, in their own order within each.
 */
struct dealt {
    const float *values; /* as given */
    size_t count;
    bool skip_zeros;
    uint32_t threads;
    double least, greatest, scale;
    uint64_t *tally; /* [threads][INTERVALS]: counts, then places to write to */
    uint64_t *start; /* [INTERVALS + 1] */
    long double
        *sum; /* [INTERVALS]: of each; sums from the first on would cancel behind outliers */
    float *ordered;
    double *worker_least, *worker_greatest; /* [threads] */
};

static uint32_t interval_of(const struct dealt *dealt, float value)
{
    const uint32_t interval = (uint32_t)(((double)value - dealt->least) * dealt->scale);
    return interval < INTERVALS ? interval : INTERVALS - 1;
}

static void share_of(const struct dealt *dealt, uint32_t worker, size_t *begin, size_t *end)
{
    *begin = dealt->count / dealt->threads * worker;
    *end = worker + 1 == dealt->threads ? dealt->count : *begin + dealt->count / dealt->threads;
}

static void find_range(void *context, uint32_t worker)
{
    struct dealt *dealt = context;
    size_t begin, end;
    share_of(dealt, worker, &begin, &end);
    float least = INFINITY, greatest = -INFINITY;
    for (size_t i = begin; i < end; i++) {
        const float value = dealt->values[i];
        if (dealt->skip_zeros && value == 0.0f) continue;
        least = value < least ? value : least;
        greatest = value > greatest ? value : greatest;
    }
    dealt->worker_least[worker] = (double)least;
    dealt->worker_greatest[worker] = (double)greatest;
}

static void count_values(void *context, uint32_t worker)
{
    struct dealt *dealt = context;
    size_t begin, end;
    uint64_t *tally = dealt->tally + (size_t)worker * INTERVALS;
    share_of(dealt, worker, &begin, &end);
    for (size_t i = begin; i < end; i++)
        if (!dealt->skip_zeros || dealt->values[i] != 0.0f)
            tally[interval_of(dealt, dealt->values[i])]++;
}

static void deal_values(void *context, uint32_t worker)
{
    struct dealt *dealt = context;
    size_t begin, end;
    uint64_t *place = dealt->tally + (size_t)worker * INTERVALS;
    share_of(dealt, worker, &begin, &end);
    for (size_t i = begin; i < end; i++)
        if (!dealt->skip_zeros || dealt->values[i] != 0.0f)
            dealt->ordered[place[interval_of(dealt, dealt->values[i])]++] = dealt->values[i];
}

static void sum_intervals(void *context, uint32_t worker)
{
    struct dealt *dealt = context;
    for (uint32_t b = worker; b < INTERVALS; b += dealt->threads) {
        long double sum = 0;
        for (uint64_t i = dealt->start[b]; i < dealt->start[b + 1]; i++)
            sum += (long double)dealt->ordered[i];
        dealt->sum[b] = sum;
    }
}

static void dealt_free(struct dealt *dealt)
{
    free(dealt->tally);
    free(dealt->start);
    free(dealt->sum);
    free(dealt->ordered);
    free(dealt->worker_least);
    free(dealt->worker_greatest);
}

static enum eie_status no_memory(struct eie_error *error)
{
    return eie_fail(error, EIE_MEMORY, "out of memory for k-means");
}

static enum eie_status deal(struct dealt *dealt, struct eie_pool *pool, struct eie_error *error)
{
    dealt->tally = calloc((size_t)dealt->threads * INTERVALS, sizeof *dealt->tally);
    dealt->start = calloc(INTERVALS + 1, sizeof *dealt->start);
    dealt->sum = calloc(INTERVALS, sizeof *dealt->sum);
    dealt->worker_least = calloc(dealt->threads, sizeof *dealt->worker_least);
    dealt->worker_greatest = calloc(dealt->threads, sizeof *dealt->worker_greatest);
    if (!dealt->tally || !dealt->start || !dealt->sum || !dealt->worker_least ||
        !dealt->worker_greatest)
        return no_memory(error);
    eie_pool_run(pool, find_range, dealt);
    dealt->least = HUGE_VAL;
    dealt->greatest = -HUGE_VAL;
    for (uint32_t t = 0; t < dealt->threads; t++) {
        dealt->least = fmin(dealt->least, dealt->worker_least[t]);
        dealt->greatest = fmax(dealt->greatest, dealt->worker_greatest[t]);
    }
    if (dealt->least > dealt->greatest) return EIE_OK; /* no weights */
    const double width = dealt->greatest - dealt->least;
    dealt->scale = width > 0 ? INTERVALS / width : 0;
    if (!isfinite(dealt->scale)) dealt->scale = 0; /* denormals all over: one interval */
    eie_pool_run(pool, count_values, dealt);
    uint64_t total = 0;
    for (uint32_t b = 0; b < INTERVALS; b++) {
        dealt->start[b] = total;
        for (uint32_t t = 0; t < dealt->threads; t++) {
            uint64_t *tally = &dealt->tally[(size_t)t * INTERVALS + b];
            const uint64_t here = *tally;
            *tally = total;
            total += here;
        }
    }
    dealt->start[INTERVALS] = total;
    dealt->ordered = malloc((total + 1) * sizeof *dealt->ordered);
    if (!dealt->ordered) return no_memory(error);
    eie_pool_run(pool, deal_values, dealt);
    eie_pool_run(pool, sum_intervals, dealt);
    return EIE_OK;
}

/* ---- the first centroids -------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int by_float(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* The weight of that rank; sorts its interval, which changes no sum that is kept. */
static float value_of_rank(struct dealt *dealt, uint64_t rank)
{
    uint32_t low = 0, high = INTERVALS; /* the last interval that starts at or before rank */
    while (high - low > 1) {
        const uint32_t middle = (low + high) / 2;
        if (dealt->start[middle] <= rank)
            low = middle;
        else
            high = middle;
    }
    const uint64_t size = dealt->start[low + 1] - dealt->start[low];
    float *interval = malloc(size * sizeof *interval);
    if (!interval) return dealt->ordered[rank]; /* near enough: only a start */
    memcpy(interval, dealt->ordered + dealt->start[low], size * sizeof *interval);
    qsort(interval, size, sizeof *interval, by_float);
    const float value = interval[rank - dealt->start[low]];
    free(interval);
    return value;
}

static void first_centroids(struct dealt *dealt, uint32_t clusters, enum eie_centroids start,
                            uint64_t seed, double *centroid)
{
    const uint64_t total = dealt->start[INTERVALS];
    struct eie_random random;
    eie_random_seed(&random, seed);
    for (uint32_t c = 0; c < clusters; c++) {
        const double share = clusters > 1 ? (double)c / (clusters - 1) : 0.5;
        switch (start) {
        case EIE_CENTROIDS_LINEAR:
            centroid[c] = dealt->least * (1 - share) + dealt->greatest * share;
            break;
        case EIE_CENTROIDS_DENSITY:
            centroid[c] = (double)value_of_rank(
                dealt, (uint64_t)(((double)c + 0.5) / clusters * (double)total));
            break;
        case EIE_CENTROIDS_RANDOM:
            centroid[c] = (double)dealt->ordered[(
                uint64_t)(((double)(eie_random_next(&random) >> 11) * 0x1p-53) * (double)total)];
            break;
        }
    }
    qsort(centroid, clusters, sizeof *centroid, by_value);
}

/* ---- rounds --------------------------------------------------------------------------------- */

struct rounds {
    struct dealt *dealt;
    uint32_t clusters;
    float boundary[EIE_CLUSTERS_MAX];
    uint64_t below[EIE_CLUSTERS_MAX + 1];    /* weights up to each boundary; [clusters]: all */
    uint32_t interval[EIE_CLUSTERS_MAX + 1]; /* that each boundary runs through */
    long double part[EIE_CLUSTERS_MAX + 1];  /* sum of its weights up to the boundary */
};

/* The greatest float that is at most the middle of two centroids. */
static float boundary_of(double low, double high)
{
    const double middle = low / 2 + high / 2;
    float boundary = (float)middle;
    if ((double)boundary > middle) boundary = nextafterf(boundary, -INFINITY);
    return boundary;
}

/* Adds the weights of one interval up to the boundary; four sums, so that none waits for another.
 */
static void scan_interval(const struct dealt *dealt, uint32_t interval, float boundary,
                          uint64_t *below, long double *sum)
{
    double part[4] = {0};
    uint64_t some = 0, i = dealt->start[interval];
    const uint64_t end = dealt->start[interval + 1];
    for (; i + 4 <= end; i += 4) {
        for (int k = 0; k < 4; k++) {
            const float value = dealt->ordered[i + (uint64_t)k];
            part[k] += value <= boundary ? (double)value : 0;
            some += value <= boundary;
        }
    }
    for (; i < end; i++) {
        const float value = dealt->ordered[i];
        part[0] += value <= boundary ? (double)value : 0;
        some += value <= boundary;
    }
    *below += some;
    *sum += (long double)((part[0] + part[1]) + (part[2] + part[3]));
}

/* Counts and sums up the weights at or below each boundary. */
static void scan_boundaries(void *context, uint32_t worker)
{
    struct rounds *rounds = context;
    const struct dealt *dealt = rounds->dealt;
    for (uint32_t c = worker; c + 1 < rounds->clusters; c += dealt->threads) {
        const float boundary = rounds->boundary[c];
        uint64_t below = 0;
        uint32_t interval = 0;
        long double part = 0;
        if ((double)boundary >= dealt->greatest) {
            below = dealt->start[INTERVALS];
            interval = INTERVALS;
        } else if ((double)boundary >= dealt->least) {
            interval = interval_of(dealt, boundary);
            below = dealt->start[interval];
            scan_interval(dealt, interval, boundary, &below, &part);
        }
        rounds->below[c + 1] = below;
        rounds->interval[c + 1] = interval;
        rounds->part[c + 1] = part;
    }
}

static long double cluster_sum(const struct rounds *rounds, uint32_t c)
{
    const uint32_t first = rounds->interval[c], last = rounds->interval[c + 1];
    if (first == last) return rounds->part[c + 1] - rounds->part[c];
    long double sum = rounds->dealt->sum[first] - rounds->part[c];
    for (uint32_t b = first + 1; b < last; b++) sum += rounds->dealt->sum[b];
    return sum + rounds->part[c + 1];
}

/* Moves every cluster without weights next to the mean of one with the most of weights times
 * extent, which it then halves. False when there is nothing to move or to halve. */
static bool refill(const struct rounds *rounds, double *centroid)
{
    double worth[EIE_CLUSTERS_MAX];
    bool moved = false;
    const struct dealt *dealt = rounds->dealt;
    for (uint32_t c = 0; c < rounds->clusters; c++) {
        const double low = c ? (double)rounds->boundary[c - 1] : dealt->least;
        const double high =
            c + 1 < rounds->clusters ? (double)rounds->boundary[c] : dealt->greatest;
        const uint64_t members = rounds->below[c + 1] - rounds->below[c];
        worth[c] = members > 1 ? (double)members * (high - low) : 0;
    }
    for (uint32_t c = 0; c < rounds->clusters; c++) {
        uint32_t best = 0;
        if (rounds->below[c + 1] != rounds->below[c]) continue;
        for (uint32_t k = 1; k < rounds->clusters; k++)
            if (worth[k] > worth[best]) best = k;
        if (!(worth[best] > 0)) break;
        centroid[c] = nextafter(centroid[best], HUGE_VAL);
        worth[best] = 0;
        moved = true;
    }
    if (moved) qsort(centroid, rounds->clusters, sizeof *centroid, by_value);
    return moved;
}

static void run_rounds(struct dealt *dealt, struct eie_pool *pool, uint32_t clusters,
                       uint32_t rounds_max, double *centroid, struct rounds *rounds,
                       struct eie_kmeans *result)
{
    uint64_t before[EIE_CLUSTERS_MAX + 1];
    uint32_t refills = 0;
    *rounds = (struct rounds){.dealt = dealt, .clusters = clusters};
    rounds->below[clusters] = dealt->start[INTERVALS];
    rounds->interval[clusters] = INTERVALS;
    while (!result->converged && result->rounds < rounds_max) {
        memcpy(before, rounds->below, sizeof before);
        for (uint32_t c = 0; c + 1 < clusters; c++)
            rounds->boundary[c] = boundary_of(centroid[c], centroid[c + 1]);
        eie_pool_run(pool, scan_boundaries, rounds);
        /* as many weights up to every boundary as before: the same weights */
        result->converged = result->rounds && !memcmp(before, rounds->below, sizeof before);
        result->rounds++;
        /* moved centroids need a round to collect their weights */
        if (result->converged && result->rounds < rounds_max && refills < REFILLS_MAX &&
            refill(rounds, centroid)) {
            result->converged = false;
            refills++;
            continue;
        }
        for (uint32_t c = 0; c < clusters && !result->converged; c++) {
            const uint64_t members = rounds->below[c + 1] - rounds->below[c];
            if (members) centroid[c] = (double)(cluster_sum(rounds, c) / (long double)members);
        }
    }
}

/* Drops clusters without weights; a boundary is the upper one of the cluster before it. */
static void collect(const struct rounds *rounds, const double *centroid, struct eie_kmeans *result)
{
    for (uint32_t c = 0; c < rounds->clusters; c++) {
        const uint64_t members = rounds->below[c + 1] - rounds->below[c];
        if (!members) continue;
        const uint32_t at = result->clusters++;
        result->centroid[at] = centroid[c];
        result->members[at] = members;
        if (c + 1 < rounds->clusters) result->boundary[at] = rounds->boundary[c];
    }
}

enum eie_status eie_kmeans(const float *values, size_t count, bool skip_zeros, uint32_t clusters,
                           enum eie_centroids start, uint64_t seed, uint32_t rounds_max,
                           uint32_t threads, struct eie_kmeans *result, struct eie_error *error)
{
    struct dealt dealt = {
        .values = values, .count = count, .skip_zeros = skip_zeros, .threads = threads};
    double centroid[EIE_CLUSTERS_MAX];
    struct eie_pool *pool;
    *result = (struct eie_kmeans){0};
    if (!clusters || clusters > EIE_CLUSTERS_MAX || !rounds_max || !threads)
        return eie_fail(error, EIE_USAGE, "k-means with %u clusters, %u rounds and %u threads",
                        clusters, rounds_max, threads);
    enum eie_status status = eie_pool_get(threads, &pool, error);
    if (status) return status;
    struct rounds *rounds = malloc(sizeof *rounds);
    status = rounds ? deal(&dealt, pool, error) : no_memory(error);
    if (!status && dealt.start[INTERVALS]) {
        first_centroids(&dealt, clusters, start, seed, centroid);
        run_rounds(&dealt, pool, clusters, rounds_max, centroid, rounds, result);
        collect(rounds, centroid, result);
    }
    free(rounds);
    dealt_free(&dealt);
    return status;
}

/* ---- assignment ----------------------------------------------------------------------------- */

struct assignment {
    const struct eie_kmeans *kmeans;
    const struct eie_values *in;
    const float *values; /* in->value */
    bool skip_zeros;
    uint32_t first_code, threads;
    uint8_t *code;
    const float *codebook;
    double least, scale;
    uint8_t first[INTERVALS]; /* the lowest cluster that reaches into an interval */
    double *squares;          /* [blocks] */
};

static void assign_block(const struct assignment *in, size_t begin, size_t end, double *squares)
{
    const float *boundary = in->kmeans->boundary;
    const uint32_t last = in->kmeans->clusters - 1;
    double sum = 0;
    for (size_t i = begin; i < end; i++) {
        const float value = in->values[i];
        if (in->skip_zeros && value == 0.0f) {
            in->code[i] = 0;
            continue;
        }
        const double place = ((double)value - in->least) * in->scale;
        const uint32_t interval = place >= INTERVALS ? INTERVALS - 1
                                  : place > 0        ? (uint32_t)place
                                                     : 0;
        uint32_t c = in->first[interval];
        while (c < last && value > boundary[c]) c++;
        in->code[i] = (uint8_t)(in->first_code + c);
        const double away = (double)value - (double)in->codebook[in->first_code + c];
        sum += away * away;
    }
    *squares = sum;
}

static void assign(void *context, uint32_t worker)
{
    const struct assignment *in = context;
    for (size_t b = worker; b * BLOCK < in->in->places; b += in->threads)
        assign_block(in, eie_values_from(in->in, b * BLOCK),
                     eie_values_from(in->in, (b + 1) * BLOCK), &in->squares[b]);
}

/* Intervals from the first boundary to the last; everything outside falls into the outer ones. */
static void prepare_intervals(struct assignment *in)
{
    const struct eie_kmeans *kmeans = in->kmeans;
    const uint32_t boundaries = kmeans->clusters - 1;
    if (!boundaries) return; /* all in interval 0 of cluster 0 */
    in->least = (double)kmeans->boundary[0];
    const double width = (double)kmeans->boundary[boundaries - 1] - in->least;
    in->scale = width > 0 && isfinite(INTERVALS / width) ? INTERVALS / width : 0;
    uint32_t c = 0;
    for (uint32_t b = 0; b < INTERVALS; b++) {
        /* the cluster of anything that lands here is not below the one of a boundary that lands in
         * an earlier interval */
        while (c < boundaries && in->scale > 0 &&
               ((double)kmeans->boundary[c] - in->least) * in->scale < (double)b)
            c++;
        in->first[b] = (uint8_t)c;
    }
}

static enum eie_status assign_values(const struct eie_kmeans *kmeans,
                                     const struct eie_values *values, bool skip_zeros,
                                     uint32_t first_code, uint32_t threads, uint8_t *code,
                                     float *codebook, double *error_squares,
                                     struct eie_error *error)
{
    struct eie_pool *pool;
    const size_t blocks = values->places / BLOCK + 1;
    *error_squares = 0;
    for (uint32_t c = 0; c < kmeans->clusters; c++)
        codebook[first_code + c] = (float)kmeans->centroid[c];
    if (!kmeans->clusters) {
        memset(code, 0, values->count);
        return EIE_OK;
    }
    enum eie_status status = eie_pool_get(threads, &pool, error);
    if (status) return status;
    struct assignment *in = calloc(1, sizeof *in);
    double *squares = calloc(blocks, sizeof *squares);
    if (!in || !squares) {
        status = no_memory(error);
    } else {
        *in = (struct assignment){.kmeans = kmeans,
                                  .in = values,
                                  .values = values->value,
                                  .skip_zeros = skip_zeros,
                                  .first_code = first_code,
                                  .threads = threads,
                                  .code = code,
                                  .codebook = codebook,
                                  .squares = squares};
        prepare_intervals(in);
        eie_pool_run(pool, assign, in);
        for (size_t b = 0; b < blocks; b++) *error_squares += squares[b];
    }
    free(in);
    free(squares);
    return status;
}

enum eie_status eie_kmeans_assign(const struct eie_kmeans *kmeans, const float *values,
                                  size_t count, bool skip_zeros, uint32_t first_code,
                                  uint32_t threads, uint8_t *code, float *codebook,
                                  double *error_squares, struct eie_error *error)
{
    const struct eie_values all = {(float *)(uintptr_t)values, NULL, count, count};
    return assign_values(kmeans, &all, skip_zeros, first_code, threads, code, codebook,
                         error_squares, error);
}

enum eie_status eie_kmeans_assign_places(const struct eie_kmeans *kmeans,
                                         const struct eie_values *values, uint32_t threads,
                                         uint8_t *code, float *codebook, double *error_squares,
                                         struct eie_error *error)
{
    return assign_values(kmeans, values, true, 1, threads, code, codebook, error_squares, error);
}

double eie_sharing_rate(double connections, double bits, double clusters)
{
    const double shared = connections * (clusters > 1 ? log2(clusters) : 0) + clusters * bits;
    return shared > 0 ? connections * bits / shared : 0;
}
