/* calls LAYER KERNEL CALLS: so many calls of one product, with the layer's first sample. */
#include <eie.h>

#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments)
{
    struct eie_layer *layer = NULL;
    struct eie_layer_facts facts;
    struct eie_product *product = NULL;
    if (count != 4 || eie_layer_open(arguments[1], NULL, &layer) ||
        eie_product_make(layer, arguments[2], 1, 1, EIE_ANYWHERE, &product)) {
        fprintf(stderr, "calls: %s\n", eie_message());
        return 1;
    }
    eie_layer_about(layer, &facts);
    int16_t *outputs = malloc(facts.outputs * sizeof *outputs);
    for (int i = atoi(arguments[3]); outputs && i > 0; i--)
        if (eie_product_run(product, facts.samples, outputs)) return 1;
    printf("%s\n", eie_product_kernel(product));
    free(outputs);
    eie_product_close(product);
    eie_layer_close(layer);
    return 0;
}
