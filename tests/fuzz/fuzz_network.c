/* Any bytes as a file in the form `network`. Its checksum is set right first, else no changed byte
 * would come as far as the parts. What is accepted is written and read again as it was, and its
 * parts are layers, or refused as such. */
#include "host/base/sha256.h"
#include "host/layer/layer_file.h"
#include "host/layer/network_file.h"
#include "tests/fuzz/fuzz.h"

#define PLACES_MAX 20000u /* of what is written again: larger only takes long */

static struct eie_bytes copy_of(const uint8_t *data, size_t size)
{
    struct eie_bytes bytes = {malloc(size + 1), size};
    FUZZ_MUST(bytes.data);
    if (size) memcpy(bytes.data, data, size);
    bytes.data[size] = 0;
    return bytes;
}

/* The last four bytes of the file, where its tensor is all of the data. */
static void set_checksum(struct eie_bytes *bytes)
{
    struct eie_hash hash;
    uint64_t header;
    if (bytes->size < sizeof header) return;
    memcpy(&header, bytes->data, sizeof header);
    if (header > bytes->size - sizeof header || bytes->size - sizeof header - header < 8) return;
    const size_t begin = sizeof header + (size_t)header, size = bytes->size - begin - 4;
    FUZZ_MUST(!eie_sha256_of(bytes->data + begin, size, &hash, NULL));
    for (size_t i = 0; i < 4; i++) {
        const char digits[3] = {hash.hex[2 * i], hash.hex[2 * i + 1], 0};
        bytes->data[bytes->size - 4 + i] = (uint8_t)strtoul(digits, NULL, 16);
    }
}

static void check_part(const struct eie_network_part *a, const struct eie_network_part *b)
{
    FUZZ_MUST(!strcmp(a->name, b->name) && a->outputs == b->outputs && a->inputs == b->inputs);
    FUZZ_MUST(a->code_bits == b->code_bits && a->relu == b->relu);
    FUZZ_MUST(!memcmp(a->codes, b->codes, (size_t)a->outputs * a->inputs));
    for (uint32_t c = 0; c < 1u << a->code_bits; c++) FUZZ_MUST(a->centroids[c] == b->centroids[c]);
    FUZZ_MUST(!a->bias == !b->bias);
    for (uint32_t i = 0; a->bias && i < a->outputs; i++) FUZZ_MUST(a->bias[i] == b->bias[i]);
    FUZZ_MUST(a->scale.stated == b->scale.stated &&
              a->scale.input_fraction_bits == b->scale.input_fraction_bits &&
              a->scale.output_fraction_bits == b->scale.output_fraction_bits &&
              a->scale.active_share == b->scale.active_share);
}

static void write_again(const struct eie_network_file *network)
{
    struct eie_network_file again;
    struct eie_network_bytes bytes;
    struct eie_network_sizes *sizes;
    struct eie_error error = {""};
    uint64_t places = 0;
    for (uint32_t p = 0; p < network->part_count; p++)
        places += (uint64_t)network->parts[p].outputs * network->parts[p].inputs;
    if (places > PLACES_MAX) return;
    const char *path = fuzz_file("network.safetensors", NULL, 0);
    FUZZ_MUST(!eie_network_file_write(path, network, NULL, &error));
    FUZZ_MUST(!eie_network_file_read(path, &again, &sizes, &error));
    FUZZ_MUST(again.part_count == network->part_count && !strcmp(again.name, network->name));
    for (uint32_t p = 0; p < network->part_count; p++)
        check_part(&again.parts[p], &network->parts[p]);
    FUZZ_MUST(eie_network_file_sizes(sizes, again.part_count, &bytes) > 0);
    free(sizes);
    eie_network_file_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eie_bytes bytes = copy_of(data, size), copy;
    struct eie_network_file network;
    struct eie_layer_set layers;
    struct eie_error error = {""};
    set_checksum(&bytes);
    copy = copy_of(bytes.data, size);
    enum eie_status status = eie_network_file_parse(&bytes, "fuzz", &network, NULL, &error);
    FUZZ_MUST(!bytes.data);
    if (status) {
        fuzz_refused(status, &error);
        FUZZ_MUST(!network.parts && !network.part_count);
        free(copy.data);
        return 0;
    }
    FUZZ_MUST(network.part_count);
    write_again(&network);
    eie_network_file_free(&network);
    status = eie_layer_file_parse(&copy, "fuzz", &layers, &error);
    if (status)
        fuzz_refused(status, &error);
    else
        eie_layer_set_free(&layers);
    return 0;
}
