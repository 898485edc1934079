#include "bench/compress/huffman_speed.h"
#include "host/base/clock.h"
#include "host/base/library.h"
#include "host/layer/huffman.h"
#include "host/layer/stored.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_S    0.3 /* of decoding again and again */
#define ZSTD_LEVEL 3   /* zstd's own default */

struct zstd {
    void *handle;
    char reason[256]; /* why it is not there */
    size_t (*bound)(size_t size);
    size_t (*compress)(void *out, size_t room, const void *in, size_t size, int level);
    size_t (*decompress)(void *out, size_t room, const void *in, size_t size);
    unsigned (*is_error)(size_t code);
};

static void open_zstd(struct zstd *zstd)
{
    static const char *const names[] = {"libzstd.so.1", NULL};
    struct eie_error error;
    const struct eie_library_need needs[] = {{"ZSTD_compressBound", &zstd->bound},
                                             {"ZSTD_compress", &zstd->compress},
                                             {"ZSTD_decompress", &zstd->decompress},
                                             {"ZSTD_isError", &zstd->is_error},
                                             {NULL, NULL}};
    if (eie_library_open(names, "EIE_ZSTD", &zstd->handle, &error) ||
        eie_library_symbols(zstd->handle, needs, &error)) {
        zstd->handle = NULL;
        snprintf(zstd->reason, sizeof zstd->reason, "%.255s", error.message);
    }
}

/* Decodes until LEAST_S is over; GB of output a second of the fastest call. */
static enum eie_status time_ours(const struct eie_huffman *code, const uint8_t *stream, size_t size,
                                 const uint8_t *symbols, size_t count, uint8_t *out, double *rate,
                                 struct eie_error *error)
{
    double best = HUGE_VAL;
    for (double begin = eie_now_s(); eie_now_s() - begin < LEAST_S;) {
        const double start = eie_now_s();
        enum eie_status status = eie_huffman_decode(code, stream, size, out, count, error);
        best = fmin(best, eie_now_s() - start);
        if (status) return status;
    }
    if (memcmp(symbols, out, count))
        return eie_fail(error, EIE_MISMATCH, "a Huffman stream does not decode to what it was");
    *rate = (double)count / best * 1e-9;
    return EIE_OK;
}

static enum eie_status time_zstd(const struct zstd *zstd, const uint8_t *symbols, size_t count,
                                 uint8_t *out, double *rate, size_t *size, struct eie_error *error)
{
    const size_t room = zstd->bound(count);
    uint8_t *packed = malloc(room + 1);
    double best = HUGE_VAL;
    if (!packed) return eie_fail(error, EIE_MEMORY, "out of memory for zstd");
    *size = zstd->compress(packed, room, symbols, count, ZSTD_LEVEL);
    bool good = !zstd->is_error(*size);
    for (double begin = eie_now_s(); good && eie_now_s() - begin < LEAST_S;) {
        const double start = eie_now_s();
        good = zstd->decompress(out, count, packed, *size) == count;
        best = fmin(best, eie_now_s() - start);
    }
    good = good && !memcmp(symbols, out, count);
    free(packed);
    *rate = (double)count / best * 1e-9;
    return good ? EIE_OK
                : eie_fail(error, EIE_MISMATCH, "zstd does not give back what it was given");
}

static enum eie_status measure(const struct zstd *zstd, const char *layer, const char *stream_name,
                               const uint8_t *symbols, size_t count, json_t *list,
                               struct eie_error *error)
{
    uint64_t tally[EIE_HUFFMAN_SYMBOLS];
    struct eie_huffman code;
    uint8_t *stream = NULL, *out = malloc(count + 1);
    size_t size = 0, zstd_size = 0;
    double rate = 0, zstd_rate = 0;
    if (!out) return eie_fail(error, EIE_MEMORY, "out of memory for %s", layer);
    eie_huffman_tally(symbols, count, tally);
    enum eie_status status = eie_huffman_build(tally, &code, error);
    if (!status) status = eie_huffman_encode(&code, symbols, count, &stream, &size, error);
    if (!status) status = time_ours(&code, stream, size, symbols, count, out, &rate, error);
    if (!status && zstd->handle)
        status = time_zstd(zstd, symbols, count, out, &zstd_rate, &zstd_size, error);
    if (!status) {
        json_t *row =
            json_pack("{s:s, s:s, s:I, s:I, s:f}", "layer", layer, "stream", stream_name, "symbols",
                      (json_int_t)count, "bytes", (json_int_t)size, "gb_per_s", rate);
        json_object_set_new(row, "zstd_bytes",
                            zstd->handle ? json_integer((json_int_t)zstd_size) : json_null());
        json_object_set_new(row, "zstd_gb_per_s",
                            zstd->handle ? json_real(zstd_rate) : json_null());
        if (!zstd->handle) json_object_set_new(row, "zstd_reason", json_string(zstd->reason));
        json_array_append_new(list, row);
    }
    free(stream);
    free(out);
    return status;
}

static void print_rows(const json_t *list)
{
    const json_t *row;
    size_t index;
    printf("%-20s %-6s %11s %11s %8s %11s %8s   (measured, one core, GB of output a second)\n",
           "layer", "stream", "symbols", "bytes", "GB/s", "zstd bytes", "GB/s");
    json_array_foreach(list, index, row)
    {
        printf("%-20s %-6s %11.0f %11.0f %8.3f", json_string_value(json_object_get(row, "layer")),
               json_string_value(json_object_get(row, "stream")),
               json_number_value(json_object_get(row, "symbols")),
               json_number_value(json_object_get(row, "bytes")),
               json_number_value(json_object_get(row, "gb_per_s")));
        if (json_object_get(row, "zstd_reason"))
            printf("  %s\n", json_string_value(json_object_get(row, "zstd_reason")));
        else
            printf(" %11.0f %8.3f\n", json_number_value(json_object_get(row, "zstd_bytes")),
                   json_number_value(json_object_get(row, "zstd_gb_per_s")));
    }
}

enum eie_status eie_huffman_speed(const struct eie_shared **matrices, uint32_t count, bool as_json,
                                  struct eie_error *error)
{
    struct zstd zstd = {0};
    json_t *list = json_array();
    enum eie_status status = EIE_OK;
    open_zstd(&zstd);
    for (uint32_t i = 0; i < count && !status; i++) {
        struct eie_relative relative;
        status = eie_relative_encode(matrices[i], 4, &relative, error);
        if (status) break;
        status = measure(&zstd, matrices[i]->name, "codes", relative.code, relative.entries, list,
                         error);
        if (!status)
            status = measure(&zstd, matrices[i]->name, "runs", relative.run, relative.entries, list,
                             error);
        eie_relative_free(&relative);
    }
    if (!status && as_json) {
        json_dumpf(list, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
        putchar('\n');
    } else if (!status) {
        print_rows(list);
    }
    json_decref(list);
    return status;
}
