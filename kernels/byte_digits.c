#include "kernels/byte_digits.h"

enum eie_status eie_byte_digits_sign(const struct eie_layer *layer, bool *negated,
                                     struct eie_error *error)
{
    int least = 0, most = 0;
    for (int c = 0; c < EIE_CODEBOOK_SIZE; c++) {
        if (layer->codebook[c] < least) least = layer->codebook[c];
        if (layer->codebook[c] > most) most = layer->codebook[c];
    }
    *negated = most > EIE_DIGITS_MOST;
    if (*negated && least < -EIE_DIGITS_MOST)
        return eie_fail(error, EIE_UNSUPPORTED,
                        "a codebook from %d to %d has no two signed bytes a weight", least, most);
    return EIE_OK;
}

void eie_byte_digits_split(const int16_t codebook[EIE_CODEBOOK_SIZE], bool negated,
                           int8_t low[EIE_CODEBOOK_SIZE], int8_t high[EIE_CODEBOOK_SIZE])
{
    for (int c = 0; c < EIE_CODEBOOK_SIZE; c++) {
        const int weight = negated ? -codebook[c] : codebook[c];
        low[c] = (int8_t)((weight & 255) < 128 ? weight & 255 : (weight & 255) - 256);
        high[c] = (int8_t)((weight - low[c]) / 256);
    }
}
