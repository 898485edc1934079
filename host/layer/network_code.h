/* How the weights of a part of a network are stored best in the form `network`
 * (host/layer/network_file.h has the layout), and that way of storing them. */
#ifndef EIE_HOST_LAYER_NETWORK_CODE_H
#define EIE_HOST_LAYER_NETWORK_CODE_H

#include "host/base/error.h"
#include "host/layer/network_bits.h"

/* Rows or columns: which of them are live, and the number of each among these. */
struct eie_network_lines {
    enum eie_live_form form;
    uint32_t count, live;
    uint32_t *rank; /* [count], EIE_LINE_DEAD where it is not live; owned */
};
#define EIE_LINE_DEAD UINT32_MAX

struct eie_network_plan {
    const uint8_t *matrix; /* [rows.count][columns.count], codes; the caller's */
    struct eie_network_lines rows, columns;
    bool by_column;
    uint32_t split;        /* s of the layout */
    uint32_t context_from; /* t */
    uint32_t code_context; /* m: enum eie_code_context */
    uint32_t distance;     /* d, of EIE_CODE_BY_NEIGHBOURS */
    uint32_t longest;      /* a */
    uint32_t clusters;     /* codes 1..clusters */
    const bool *positive;  /* [clusters + 1], by code; the caller's */
    struct eie_huffman runs[2], codes[EIE_CODE_TABLES_MAX];
    uint32_t weight_count;  /* at most 2^26 */
    uint32_t *row, *column; /* [weight_count], in the order stated; owned */
    uint8_t *code;          /* [weight_count]; owned */
    uint32_t *run;          /* [weight_count]; owned */
};

/* What is to be stored. */
struct eie_network_matrix {
    uint32_t outputs, inputs, clusters;
    const uint8_t *codes; /* [outputs][inputs] */
    const bool *positive; /* [clusters + 1] */
};

/* Tries the orders, lines, splits and tables. `before`: the rows of the part before, or NULL.
 * EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_network_plan(const struct eie_network_matrix *matrix,
                                              const struct eie_network_lines *before,
                                              struct eie_network_plan *plan,
                                              struct eie_error *error);
void eie_network_plan_free(struct eie_network_plan *plan);
void eie_network_lines_free(struct eie_network_lines *lines);

/* Bits that were written, by kind. */
struct eie_network_streams {
    uint64_t header, tables, codes, runs, fillers;
};
void eie_network_put_lines(struct eie_bits_out *out, const struct eie_network_lines *lines);
/* Field `weights` and what follows it. EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_network_put_weights(struct eie_bits_out *out,
                                                     const struct eie_network_plan *plan,
                                                     struct eie_network_streams *streams,
                                                     struct eie_error *error);

#endif
