/* What the peers need of oneDNN's primitives: its functions, its constants as the documentation
 * states them, and weights as int8. */
#ifndef EIE_KERNELS_PEERS_ONEDNN_CALLS_H
#define EIE_KERNELS_PEERS_ONEDNN_CALLS_H

#include "kernels/peers/onednn.h"

enum onednn_constant {
    DNNL_CPU = 1,
    DNNL_IN_ORDER = 1, /* stream */
    DNNL_F32 = 3,      /* data types */
    DNNL_S32 = 4,
    DNNL_S8 = 5,
    DNNL_U8 = 6,
    DNNL_ISA_VNNI = 0x67, /* a set of bits: AVX-512 with VNNI */
    DNNL_ANY = 1,         /* layouts: the library's choice, rows first, columns first */
    DNNL_AB = 3,
    DNNL_BA = 22,
    DNNL_INFERENCE = 96, /* forward; the plain algorithm, not Winograd's, which rounds otherwise */
    DNNL_DIRECT = 1,
    DNNL_IMPLEMENTATION = 8, /* queries: a name, the form of the weights */
    DNNL_PACKED_WEIGHTS = 131,
    DNNL_SOURCE = 1, /* arguments */
    DNNL_DESTINATION = 17,
    DNNL_WEIGHTS = 33
};

/* What the library calls a descriptor; its members are its own. Larger than theirs. */
struct onednn_description {
    uint64_t words[128];
};
struct onednn_operation {
    uint64_t words[1024];
};
struct onednn_argument {
    int which;
    void *memory;
};

struct onednn_calls {
    const struct onednn *library;
    void *engine, *stream;
    int (*engine_create)(void **engine, int kind, size_t index);
    int (*stream_create)(void **stream, void *engine, unsigned flags);
    int (*describe)(struct onednn_description *memory, int dimensions, const int64_t *sizes,
                    int type, int layout);
    int (*describe_strides)(struct onednn_description *memory, int dimensions, const int64_t *sizes,
                            int type, const int64_t *strides);
    size_t (*bytes)(const struct onednn_description *memory);
    int (*memory_create)(void **memory, const struct onednn_description *description, void *engine,
                         void *data);
    int (*memory_destroy)(void *memory);
    int (*matmul)(struct onednn_operation *operation, const struct onednn_description *source,
                  const struct onednn_description *weights, const struct onednn_description *bias,
                  const struct onednn_description *destination);
    int (*convolution)(struct onednn_operation *operation, int kind, int algorithm,
                       const struct onednn_description *source,
                       const struct onednn_description *weights,
                       const struct onednn_description *bias,
                       const struct onednn_description *destination, const int64_t *strides,
                       const int64_t *before, const int64_t *behind);
    int (*attributes_create)(void **attributes);
    int (*attributes_destroy)(void *attributes);
    int (*set_scales)(void *attributes, int64_t count, int mask, const float *scales);
    int (*plan)(void **plan, const struct onednn_operation *operation, const void *attributes,
                void *engine, const void *hint);
    int (*plan_reorder)(void **plan, const struct onednn_description *from, void *from_engine,
                        const struct onednn_description *to, void *to_engine,
                        const void *attributes);
    int (*plan_destroy)(void *plan);
    const struct onednn_description *(*query_memory)(const void *plan, int what, int index);
    int (*query)(const void *plan, int what, int index, void *result);
    int (*primitive_create)(void **primitive, const void *plan);
    int (*primitive_destroy)(void *primitive);
    int (*execute)(const void *primitive, void *stream, int count,
                   const struct onednn_argument *arguments);
    int (*finish)(void *stream);
};

/* Looks them up once. */
enum eie_status onednn_calls_load(const struct onednn_calls **calls, struct eie_error *error);

/* The same; EIE_UNSUPPORTED where the library does without VNNI: it would halve int8 weights then,
 * so that sums of 16 bits do not saturate. */
enum eie_status onednn_calls_for_int8(const struct onednn_calls **calls, struct eie_error *error);

/* EIE_SYSTEM unless the library's code is 0. */
enum eie_status onednn_check(int code, const char *where, struct eie_error *error);

/* Has the library put plain weights into its own form, in `copy`; *weights is to be destroyed. */
enum eie_status onednn_pack(const struct onednn_description *plain,
                            const struct onednn_description *packed, void *dense, void *copy,
                            void **weights, struct eie_error *error);

/* ---- int8 ----------------------------------------------------------------------------------- */

#define ONEDNN_STEPS    127                            /* int8 values on each side of 0 */
#define ONEDNN_ROUNDING (0.5 / ONEDNN_STEPS + 0x1p-22) /* to nearest, after a float32 product */
#define ONEDNN_INPUTS   65536                          /* 255 * 127 times that fits int32 */

/* What 1 in int8 stands for: the greatest common divisor of the shared weights where all of them
 * are int8 multiples of it, and then nothing is rounded; else the largest has 127 steps. */
double onednn_step_of(const struct eie_layer *layer, bool *exact);

/* [outputs][inputs], to nearest; to be freed; NULL when out of memory. */
int8_t *onednn_round_weights(const struct eie_layer *layer, const struct eie_sparse_codes *codes,
                             double step);

#endif
