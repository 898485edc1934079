/* The library from outside, complete:
 *
 *     cc -o example example.c $(pkg-config --cflags --libs --static eie)
 *     ./example LAYER.safetensors [KERNEL]
 *
 * reads a layer, has its own sample inputs computed in one call, and prints the outputs as real
 * numbers, a line for each sample. Without arguments it makes a small layer of arrays. */
#include <eie.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* 4 rows, 3 columns, weights -0.5, 0.25 and 1; row 1 has none. */
static int make_small(struct eie_layer **layer)
{
    static const int16_t value[] = {2, -4, 8, 2, 8};
    static const uint32_t row_start[] = {0, 2, 2, 4, 5}, column[] = {0, 2, 0, 1, 1};
    static const int16_t samples[] = {256, 0, -128, 0, 512, 64}; /* 1, 0, -0.5; 0, 2, 0.25 */
    struct eie_arrays arrays = {0};
    arrays.inputs = 3;
    arrays.outputs = 4;
    arrays.value = value;
    arrays.row_start = row_start;
    arrays.column = column;
    arrays.weight_fraction_bits = 3;
    arrays.input_fraction_bits = 8;
    arrays.output_fraction_bits = 8;
    arrays.sample_count = 2;
    arrays.samples = samples;
    return eie_layer_make(&arrays, layer);
}

static void print(const struct eie_layer_facts *facts, const int16_t *outputs)
{
    for (uint32_t s = 0; s < facts->sample_count; s++)
        for (uint32_t i = 0; i < facts->outputs; i++)
            printf("%.17g%c", ldexp(*outputs++, -(int)facts->output_fraction_bits),
                   i + 1 < facts->outputs ? ' ' : '\n');
}

int main(int count, char **arguments)
{
    struct eie_layer *layer = NULL;
    struct eie_layer_facts facts;
    struct eie_product *product = NULL;
    int16_t *outputs = NULL;
    int result = count > 1 ? eie_layer_open(arguments[1], NULL, &layer) : make_small(&layer);
    if (result) goto failed;
    eie_layer_about(layer, &facts);
    if (!facts.sample_count) {
        fprintf(stderr, "example: layer %s has no samples\n", facts.name);
        goto done;
    }
    result = eie_product_make(layer, count > 2 ? arguments[2] : NULL, facts.sample_count, 1,
                              EIE_ANYWHERE, &product);
    if (result) goto failed;
    outputs = malloc((size_t)facts.sample_count * facts.outputs * sizeof *outputs);
    if (!outputs) abort();
    result = eie_product_run(product, facts.samples, outputs);
    if (result) goto failed;
    fprintf(stderr, "%s by %s\n", facts.name, eie_product_kernel(product));
    print(&facts, outputs);
    goto done;
failed:
    fprintf(stderr, "example: %s\n", eie_message());
done:
    free(outputs);
    eie_product_close(product);
    eie_layer_close(layer);
    return result ? 1 : 0;
}
