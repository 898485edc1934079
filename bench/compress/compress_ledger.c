#include "bench/compress/compress.h"
#include "host/base/file.h"
#include "host/devices/design.h"
#include "host/devices/device.h"
#include "host/weights/weights.h"
#include "kernels/model/eie_formula.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FLOAT_BITS        32.0
#define WEIGHT_ERROR_SAID 1e-3 /* of the weights, by 16-bit fixed point: usually below 1e-4 */
#define ESTIMATE_SAMPLES  8u

/* ---- the file ------------------------------------------------------------------------------- */

/* The parts by the header of the file as it lies there; NULL where it cannot be read or is no such
 * file. */
static json_t *read_parts(const char *path, uint64_t *bytes)
{
    uint64_t header_size = 0;
    struct stat info;
    json_t *parts = NULL, *header = NULL, *value;
    const char *name;
    char *text = NULL;
    FILE *file = fopen(path, "rb");
    if (file && !fstat(fileno(file), &info) &&
        fread(&header_size, sizeof header_size, 1, file) == 1 &&
        header_size <= (uint64_t)info.st_size && (text = malloc(header_size + 1)) &&
        fread(text, 1, header_size, file) == header_size &&
        (header = json_loadb(text, header_size, 0, NULL))) {
        *bytes = (uint64_t)info.st_size;
        parts = json_pack("{s:I}", "header", (json_int_t)(sizeof header_size + header_size));
    }
    json_object_foreach(header, name, value)
    {
        const json_t *offsets = json_object_get(value, "data_offsets");
        if (!offsets) continue; /* metadata */
        json_object_set_new(parts, name,
                            json_integer(json_integer_value(json_array_get(offsets, 1)) -
                                         json_integer_value(json_array_get(offsets, 0))));
    }
    if (file) fclose(file);
    free(text);
    json_decref(header);
    return parts;
}

static enum eie_status check_file(const char *path, const struct eie_file_parts *written,
                                  struct eie_error *error)
{
    uint64_t bytes = 0;
    if (eie_output_is_direct(path)) return EIE_OK;
    json_t *parts = read_parts(path, &bytes);
    if (!parts) return eie_fail(error, EIE_SYSTEM, "%s: cannot be read back for the ledger", path);
    const bool same = json_equal(parts, written->sizes) && bytes == written->bytes;
    json_decref(parts);
    if (same) return EIE_OK;
    return eie_fail(error, EIE_MISMATCH,
                    "%s: its parts are not those that were written: it has %llu bytes, of which "
                    "%llu were written",
                    path, (unsigned long long)bytes, (unsigned long long)written->bytes);
}

/* Bytes of the file by what they are for. */
static json_t *uses_object(const json_t *parts)
{
    static const struct {
        const char *use, *parts;
    } known[] = {{"weights_bytes", ".codebook.entries.codes.runs.code_lengths.run_lengths."},
                 {"pointers_bytes", ".column_start."},
                 {"samples_bytes", ".sample_inputs."},
                 {"bias_bytes", ".bias."},
                 {"header_bytes", ".header."}};
    json_t *uses = json_object(), *value;
    const char *name;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        json_int_t sum = 0;
        json_object_foreach((json_t *)(uintptr_t)parts, name, value)
        {
            const char *dot = strrchr(name, '.');
            char part[64];
            snprintf(part, sizeof part, ".%.60s.", dot ? dot + 1 : name);
            if (strstr(known[i].parts, part)) sum += json_integer_value(value);
        }
        json_object_set_new(uses, known[i].use, json_integer(sum));
    }
    return uses;
}

/* ---- stages --------------------------------------------------------------------------------- */

/* Bits of a stage by what they are for. */
struct stage {
    const char *name;
    double values, runs, padding, codebook, tables;
};

static json_t *stage_object(const struct stage *stage, double weights)
{
    const double bits =
        stage->values + stage->runs + stage->padding + stage->codebook + stage->tables;
    return json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "stage", stage->name, "bytes",
                     bits / 8, "values_bytes", stage->values / 8, "runs_bytes", stage->runs / 8,
                     "padding_bytes", stage->padding / 8, "codebook_bytes", stage->codebook / 8,
                     "tables_bytes", stage->tables / 8, "bits_per_weight", bits / weights, "rate_x",
                     bits > 0 ? FLOAT_BITS * weights / bits : 0.0);
}

static json_t *stage_list(const struct eie_compressed *item)
{
    const double weights = (double)item->weights, kept = (double)item->nonzeros;
    const double fillers = (double)item->relative.fillers, runs = item->relative.run_bits;
    const struct eie_stream_size *packed = item->packed, *huffman = item->huffman;
    const double codebook = FLOAT_BITS * item->shared.clusters;
    const struct stage stages[] = {
        {"dense", FLOAT_BITS * weights, 0, 0, 0, 0},
        {"pruned", FLOAT_BITS * kept, runs * kept, (FLOAT_BITS + runs) * fillers, 0, 0},
        {"shared", packed[0].weight_bits, packed[1].weight_bits,
         packed[0].filler_bits + packed[1].filler_bits, codebook, 0},
        {"huffman", huffman[0].weight_bits, huffman[1].weight_bits,
         huffman[0].filler_bits + huffman[1].filler_bits, codebook,
         8.0 * (double)(huffman[0].table_bytes + huffman[1].table_bytes)},
    };
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        json_array_append_new(list, stage_object(&stages[i], weights));
    return list;
}

static double relative(double squares, double whole)
{
    return whole > 0 ? sqrt(squares / whole) : 0;
}

static json_t *error_object(const struct eie_compressed *item)
{
    const double whole = item->pruned.sum_squares, lost = item->pruned.lost_sum_squares;
    json_t *object = json_pack(
        "{s:f, s:f, s:f, s:f, s:I, s:b}", "pruned_relative_frobenius", relative(lost, whole),
        "shared_relative_frobenius", relative(lost + item->shared_squares, whole),
        "pruned_relative_output", relative(item->pruned_output_squares, item->output_squares),
        "shared_relative_output", relative(item->shared_output_squares, item->output_squares),
        "output_samples", (json_int_t)item->error_samples, "samples_drawn",
        (int)item->samples_drawn);
    if (item->layer)
        json_object_update_new(object, json_pack("{s:f, s:f}", "fixed_point_relative_output",
                                                 item->fixed.relative_rms_error,
                                                 "fixed_point_relative_frobenius",
                                                 item->fixed.weights_relative_rms_error));
    return object;
}

/* ---- EIE's time and energy ------------------------------------------------------------------ */

static enum eie_status estimate(const struct eie_layer *layer, const struct eie_device *device,
                                json_t *list, struct eie_error *error)
{
    const struct eie_design *design = device->design;
    struct eie_layer *recut = NULL;
    double theoretical = 0, expected = 0, constant = 0, actions = 0;
    enum eie_status status = EIE_OK;
    const uint32_t samples =
        layer->sample_count < ESTIMATE_SAMPLES ? layer->sample_count : ESTIMATE_SAMPLES;
    if (design->pe_count != layer->pe_count) {
        status = eie_layer_reencode(layer, design->pe_count, &recut, error);
        if (status) return status;
        layer = recut;
    }
    for (uint32_t s = 0; s < samples && !status; s++) {
        struct eie_work work;
        struct eie_estimate result;
        status = eie_work_count(layer, layer->sample_inputs + (size_t)s * layer->inputs,
                                design->spmat_line_bits, &work, error);
        if (status) break;
        eie_estimate_design(&work, design, &result);
        theoretical += result.theoretical_ns / samples;
        expected += result.expected_ns / samples;
        constant += result.energy_constant_power_j / samples;
        actions += result.energy_actions_j / samples;
        eie_work_free(&work);
    }
    if (!status)
        json_array_append_new(list, json_pack("{s:s, s:I, s:f, s:f, s:f, s:f, s:s}", "device",
                                              device->name, "samples", (json_int_t)samples,
                                              "theoretical_us", theoretical / 1e3, "expected_us",
                                              expected / 1e3, "energy_constant_power_uj",
                                              constant * 1e6, "energy_actions_uj", actions * 1e6,
                                              "provenance", "modelled"));
    eie_layer_free(recut);
    return status;
}

static enum eie_status estimate_all(const struct eie_layer *layer, json_t *list,
                                    struct eie_error *error)
{
    struct eie_device *devices;
    uint32_t count;
    enum eie_status status = eie_device_list(&devices, &count, error);
    if (status) return status;
    for (uint32_t i = 0; i < count && !status; i++)
        if (devices[i].kind == EIE_DEVICE_EIE) status = estimate(layer, &devices[i], list, error);
    free(devices);
    return status;
}

/* ---- the ledger ----------------------------------------------------------------------------- */

static json_t *paper_object(const struct eie_compressed *item)
{
    const double kept = (double)item->nonzeros, clusters = item->shared.clusters;
    const double bits =
        kept * (item->relative.code_bits + item->relative.run_bits) + FLOAT_BITS * clusters;
    return json_pack("{s:f, s:f, s:f}", "sharing_rate_x",
                     eie_sharing_rate(kept, FLOAT_BITS, clusters), "bytes", bits / 8, "size_pct",
                     100 * bits / (FLOAT_BITS * (double)item->weights));
}

static uint64_t input_bytes(const struct eie_compressed *item)
{
    return item->weights * eie_dtype_size(item->input_dtype);
}

static enum eie_status item_object(const struct eie_compressed *item, json_t *list,
                                   struct eie_error *error)
{
    const struct eie_shared *shared = &item->shared;
    char shape[128];
    eie_weights_shape_text(shared->rank, shared->shape, shape, sizeof shape);
    json_t *estimates = json_array();
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "name", shared->name,
        "source", shared->source, "shape", shape, "outputs", (json_int_t)shared->outputs, "inputs",
        (json_int_t)shared->inputs, "weights", (json_int_t)item->weights, "nonzeros",
        (json_int_t)item->nonzeros, "fillers", (json_int_t)item->relative.fillers, "code_bits",
        (json_int_t)shared->code_bits, "run_bits", (json_int_t)item->relative.run_bits, "clusters",
        (json_int_t)shared->clusters, "weights_drawn", (int)item->values_drawn);
    json_object_update_new(
        object,
        json_pack("{s:f, s:f, s:f, s:I, s:b, s:o, s:o, s:o, s:{s:f, s:f, s:f, s:f}}", "density",
                  (double)item->nonzeros / (double)item->weights, "standard_deviation",
                  item->pruned.deviation, "threshold", item->pruned.threshold, "kmeans_rounds",
                  (json_int_t)item->kmeans.rounds, "kmeans_converged", (int)item->kmeans.converged,
                  "stages", stage_list(item), "paper_formula", paper_object(item), "errors",
                  error_object(item), "seconds", "load", item->load_s, "prune", item->prune_s,
                  "share", item->share_s, "encode", item->encode_s));
    json_object_update_new(object, json_pack("{s:s, s:I, s:{s:I, s:I, s:I}}", "input_type",
                                             eie_dtype_name(item->input_dtype), "input_bytes",
                                             (json_int_t)input_bytes(item), "below_float32",
                                             "weights", (json_int_t)item->below.weights, "inputs",
                                             (json_int_t)item->below.inputs, "biases",
                                             (json_int_t)item->below.biases));
    enum eie_status status = EIE_OK;
    if (item->layer) {
        struct eie_layer_counts counts;
        struct eie_hash hash;
        eie_layer_count(item->layer, NULL, &counts);
        status = eie_layer_hash(item->layer, &hash, error);
        if (!status)
            json_object_set_new(
                object, "layer",
                json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "hash", hash.hex,
                          "pe_count", (json_int_t)item->layer->pe_count, "padding_entries",
                          (json_int_t)counts.padding, "sample_inputs",
                          (json_int_t)item->layer->sample_count, "weight_fraction_bits",
                          (json_int_t)item->layer->weight_fraction_bits, "input_fraction_bits",
                          (json_int_t)item->layer->input_fraction_bits, "output_fraction_bits",
                          (json_int_t)item->layer->output_fraction_bits, "inputs_lost",
                          (json_int_t)item->fixed.inputs_lost, "weights_lost",
                          (json_int_t)item->fixed.weights_lost, "biases_lost",
                          (json_int_t)item->fixed.biases_lost));
        if (!status) status = estimate_all(item->layer, estimates, error);
    }
    json_object_set_new(object, "estimates", estimates);
    json_array_append_new(list, object);
    return status;
}

/* A path as JSON takes it: what is not ASCII may be no UTF-8 either. */
static void printable(const char *path, char *text, size_t size)
{
    snprintf(text, size, "%s", path);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7E) *c = '?';
}

enum eie_status eie_compress_ledger(const struct eie_compress_options *options,
                                    const struct eie_compressed *items, uint32_t count,
                                    const struct eie_file_parts *parts, json_t **ledger,
                                    struct eie_error *error)
{
    static const char *const starts[] = {"linear", "density", "random"};
    json_t *list = json_array();
    uint64_t given = 0;
    *ledger = NULL;
    enum eie_status status = check_file(options->out, parts, error);
    for (uint32_t i = 0; i < count && !status; i++) {
        given += input_bytes(&items[i]);
        status = item_object(&items[i], list, error);
    }
    if (status) {
        json_decref(list);
        return status;
    }
    char input[4096], out[4096];
    printable(options->input, input, sizeof input);
    printable(options->out, out, sizeof out);
    *ledger =
        json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:f, s:o, s:O, s:o}", "format",
                  "eie-ledger-1", "input", input, "centroids",
                  options->keep_codes ? "as published" : starts[options->centroids], "seed",
                  (json_int_t)options->seed, "file", out, "form", eie_form_name(options->form),
                  "file_bytes", (json_int_t)parts->bytes, "input_bytes", (json_int_t)given,
                  "rate_x", (double)given / (double)parts->bytes, "file_uses",
                  uses_object(parts->sizes), "parts", parts->sizes, "layers", list);
    return *ledger ? EIE_OK : eie_fail(error, EIE_MEMORY, "out of memory for the ledger");
}

/* ---- as text -------------------------------------------------------------------------------- */

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* What did not survive a narrower type; nothing where all did. */
static void print_lost(const json_t *layer)
{
    static const char *const kinds[] = {"weights", "inputs", "biases"};
    const json_t *fixed = json_object_get(layer, "layer");
    const json_t *below = json_object_get(layer, "below_float32");
    const double error = number(json_object_get(layer, "errors"), "fixed_point_relative_frobenius");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (number(below, kinds[i]) > 0)
            printf("  note: %.0f %s are below what float32 holds and became 0 or less exact\n",
                   number(below, kinds[i]), kinds[i]);
    if (number(layer, "nonzeros") < 1) printf("  note: all weights are 0\n");
    if (number(fixed, "weights_lost") > 0)
        printf("  note: %.0f of %.0f weights (%.3g %%) became 0 in 16-bit fixed point: scale them "
               "up, or store them as floats (--bits 5 --form packed)\n",
               number(fixed, "weights_lost"), number(layer, "nonzeros"),
               100 * number(fixed, "weights_lost") / number(layer, "nonzeros"));
    if (error > WEIGHT_ERROR_SAID)
        printf("  note: 16-bit fixed point adds an error of %.3g to the weights (relative "
               "Frobenius), which are too small for it\n",
               error);
    if (number(fixed, "biases_lost") > 0)
        printf("  note: %.0f biases became 0 in 16-bit fixed point\n",
               number(fixed, "biases_lost"));
}

static void print_layer(const json_t *layer)
{
    const json_t *errors = json_object_get(layer, "errors"), *row;
    const json_t *paper = json_object_get(layer, "paper_formula");
    size_t index;
    printf("%s: %s as %.0f x %.0f, %.0f of %.0f weights kept (%.4g %%), %.0f clusters%s\n",
           json_string_value(json_object_get(layer, "name")),
           json_string_value(json_object_get(layer, "shape")), number(layer, "outputs"),
           number(layer, "inputs"), number(layer, "nonzeros"), number(layer, "weights"),
           100 * number(layer, "density"), number(layer, "clusters"),
           json_is_true(json_object_get(layer, "kmeans_converged")) ? "" : " (not settled)");
    printf("  %-8s %14s %12s %12s %10s %9s %8s %9s %8s\n", "stage", "bytes", "values", "runs",
           "padding", "codebook", "tables", "bits/w", "rate");
    json_array_foreach(json_object_get(layer, "stages"), index, row)
        printf("  %-8s %14.0f %12.0f %12.0f %10.0f %9.0f %8.0f %9.3f %7.1fx\n",
               json_string_value(json_object_get(row, "stage")), number(row, "bytes"),
               number(row, "values_bytes"), number(row, "runs_bytes"), number(row, "padding_bytes"),
               number(row, "codebook_bytes"), number(row, "tables_bytes"),
               number(row, "bits_per_weight"), number(row, "rate_x"));
    printf("  paper's formulas: sharing alone %.2fx; kept x (code + run bits) + codebook %.0f "
           "bytes, %.3g %%\n",
           number(paper, "sharing_rate_x"), number(paper, "bytes"), number(paper, "size_pct"));
    printf("  error of the weights (relative Frobenius): pruned %.4g, shared %.4g\n",
           number(errors, "pruned_relative_frobenius"),
           number(errors, "shared_relative_frobenius"));
    printf("  error of the outputs on %.0f %s inputs:  pruned %.4g, shared %.4g",
           number(errors, "output_samples"),
           json_is_true(json_object_get(errors, "samples_drawn")) ? "drawn" : "given",
           number(errors, "pruned_relative_output"), number(errors, "shared_relative_output"));
    if (json_object_get(errors, "fixed_point_relative_output"))
        printf(", 16-bit fixed point adds %.3g, %.0f inputs became 0",
               number(errors, "fixed_point_relative_output"),
               number(json_object_get(layer, "layer"), "inputs_lost"));
    putchar('\n');
    json_array_foreach(json_object_get(layer, "estimates"), index, row)
        printf("  %s: %.4g us, %.4g uJ (modelled; %.0f inputs' mean)\n",
               json_string_value(json_object_get(row, "device")), number(row, "expected_us"),
               number(row, "energy_constant_power_uj"), number(row, "samples"));
    print_lost(layer);
    if (json_is_true(json_object_get(layer, "weights_drawn")))
        printf("  the weights were drawn, not read\n");
}

void eie_compress_print(const json_t *ledger)
{
    const json_t *layers = json_object_get(ledger, "layers"), *layer, *part;
    const json_t *uses = json_object_get(ledger, "file_uses");
    const char *name, *types = NULL;
    size_t index;
    json_array_foreach(layers, index, layer)
    {
        const char *type = json_string_value(json_object_get(layer, "input_type"));
        types = types && strcmp(types, type) != 0 ? "several types" : type;
        print_layer(layer);
    }
    printf("%s: %.0f bytes (%s)\n", json_string_value(json_object_get(ledger, "file")),
           number(ledger, "file_bytes"), json_string_value(json_object_get(ledger, "form")));
    json_object_foreach(json_object_get(ledger, "parts"), name, part)
        printf("  %12.0f  %s\n", json_number_value(part), name);
    printf("rate: %.4gx, %.0f bytes of weights as they were given (%s) over the file\n"
           "in the file: weights %.0f, column pointers %.0f, sample inputs %.0f, bias %.0f, header "
           "%.0f bytes\n",
           number(ledger, "rate_x"), number(ledger, "input_bytes"), types,
           number(uses, "weights_bytes"), number(uses, "pointers_bytes"),
           number(uses, "samples_bytes"), number(uses, "bias_bytes"), number(uses, "header_bytes"));
}
