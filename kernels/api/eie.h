/* eiebench's kernels as a library: the product of a pruned, weight-shared fully-connected layer
 * with (sparse) input vectors in 16-bit fixed point, bit for bit the same from every kernel that is
 * not called approximate.
 *
 *     struct eie_layer *layer;
 *     struct eie_product *product;
 *     if (eie_layer_open("fc7.safetensors", NULL, &layer) ||
 *         eie_product_make(layer, NULL, 1, 1, EIE_ANYWHERE, &product))
 *         puts(eie_message());
 *     else
 *         eie_product_run(product, inputs, outputs);
 *
 *     cc mine.c $(pkg-config --cflags --libs --static eie)
 *
 * NUMBERS. W has `outputs` rows and `inputs` columns. An integer v with f fraction bits stands for
 * v / 2^f. With w, a, o the fraction bits of weights, inputs and outputs and s = w + a - o (0 to
 * 31), for each row i
 *
 *     sum_i = bias_i + sum over j of W_ij * input_j      in 32 bits; W and inputs are int16
 *     output_i = (relu(sum_i) + 2^(s-1)) >> s            relu where the layer has it; nothing is
 *                                                        added at s = 0; saturates at int16
 *
 * Partial sums may leave 32 bits and come back; the last one must fit, which is the caller's
 * affair: it does for all inputs where |bias_i| + 32768 * (sum over j of |W_ij|) < 2^31. Where it
 * does not, outputs are wrong and nothing says so.
 *
 * WEIGHTS hold at most 15 different values beside 0. `eie compress` makes such layers of floats;
 * eie_layer_open reads its files.
 *
 * ERRORS. Functions return EIE_DONE or another enum eie_result, and eie_message has the reason. On
 * failure nothing is made, pointers to what should have been are set to NULL, and outputs are not
 * to be read. NULL where this header does not allow it is not looked for.
 *
 * THREADS. A layer never changes and may be shared by any threads. Products may be made, run and
 * closed in any threads, different ones at the same time; one product by one thread at a time.
 * Making and closing wait for each other, run waits for nobody; fork waits for what is just being
 * made or closed. After fork a child may use products of one thread and make new ones; it may only
 * close those of several.
 * This does not hold for kernels named peers_*: these are other people's libraries, looked up when
 * they are asked for, with thread pools of their own, and to find OpenBLAS's fastest code a child
 * process is started. No other kernel opens a library or starts a process.
 *
 * MEMORY. Weights lie in memory of the product's own: from 2 MiB upwards it is mapped apart from
 * malloc's, and huge pages are asked for (madvise). The rest, vectors and sums, is malloc's; for
 * the whole huge pages of what has 2 MiB and more they are asked for too, and where free() keeps
 * such a range in the heap the advice stays with it. The weights of peers_graphblas_mxm are
 * malloc's too.
 *
 * VARIABLES that the library reads: EIE_ISA_MASK (processor features to do without: "avx512") and
 * EIE_HUGE_PAGES ("no": small pages are asked for instead; "yes" or empty: as above), whose other
 * words are EIE_BAD_CALL; for peers EIE_LIBRARY_PATH and those that name a library, and peers read
 * their own: MKL_*, OMP_*, OPENBLAS_CORETYPE, ONEDNN_* and more. It never prints and never exits.
 */
#ifndef EIE_H
#define EIE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One more with every change that is not only something new at the end of this header. A program
 * that was compiled with another one's header should say so: eie_api_version() != EIE_API_VERSION.
 */
#define EIE_API_VERSION 1
int eie_api_version(void);

enum eie_result {
    EIE_DONE = 0,
    EIE_BAD_CALL = 1, /* something that does not exist or makes no sense was asked for */
    EIE_BAD_DATA = 2, /* a file or an array is not what it should be */
    EIE_CANNOT = 3,   /* the kernel cannot do this, or not on this processor */
    EIE_ABSENT = 4,   /* a library that the kernel needs (peers_*) is not installed */
    EIE_FAILED = 6,   /* the machine failed: no permission, no thread, ... */
    EIE_NO_MEMORY = 7
};

/* Of the calling thread's last call that failed: one line without its end, "" where none has. To
 * be read before the thread's next call. Never NULL. */
const char *eie_message(void);

/* ---- layers --------------------------------------------------------------------------------- */

struct eie_layer; /* opaque, read-only */

/* Reads a layer file of `eie compress` or `eie layer`: plain, packed or Huffman-coded, with codes
 * of 4 bits. `name` chooses one of several layers; NULL: the file must hold only one. The whole
 * file is validated. EIE_BAD_DATA; EIE_BAD_CALL: no layer of that name, or several and no name;
 * EIE_NO_MEMORY. */
int eie_layer_open(const char *path, const char *name, struct eie_layer **layer);

/* A layer in arrays, which are copied. Set to 0 first: members may be added at the end. */
struct eie_arrays {
    uint32_t inputs, outputs; /* columns and rows of W; at most 2^26 outputs */

    /* Dense: row_start and column are NULL, value is [outputs][inputs]. Sparse by rows (CSR, as
     * scipy.sparse has it): row i has the values value[e] in the columns column[e], e from
     * row_start[i] below row_start[i + 1]; row_start is [outputs + 1] and begins with 0. Columns
     * of a row in any order, none twice. Zeros may be there. */
    const int16_t *value;
    const uint32_t *row_start, *column;

    const int32_t *bias; /* [outputs] with w + a fraction bits, or NULL */
    int relu;            /* 0: the sums as they are; else negative ones become 0 */
    uint32_t weight_fraction_bits, input_fraction_bits, output_fraction_bits; /* w, a, o */

    /* Typical inputs, [sample_count][inputs], or 0 and NULL. They change no output: "cpu_auto"
     * times kernels with them. Without, it takes every input to be other than 0. */
    uint32_t sample_count;
    const int16_t *samples;
};

/* EIE_BAD_DATA: more than 15 different values, a column twice or out of range, row_start that falls
 * or does not begin with 0, w + a - o not in 0..31, sizes out of range; EIE_NO_MEMORY. Needs some 9
 * bytes a weight for a while, and keeps about one. */
int eie_layer_make(const struct eie_arrays *arrays, struct eie_layer **layer);

struct eie_layer_facts {
    const char *name; /* in its file; "layer" where it was made of arrays */
    uint32_t inputs, outputs;
    uint64_t weights; /* other than 0 */
    int relu;
    uint32_t weight_fraction_bits, input_fraction_bits, output_fraction_bits; /* w, a, o */
    uint32_t sample_count;
    const int16_t *samples; /* [sample_count][inputs], or NULL */
};

/* Pointers in `facts` live as long as the layer. Walks through all weights. */
void eie_layer_about(const struct eie_layer *layer, struct eie_layer_facts *facts);

/* Frees it, not before the products of it are closed. NULL is fine. */
void eie_layer_close(struct eie_layer *layer);

/* ---- kernels -------------------------------------------------------------------------------- */

struct eie_kernel_facts {
    const char *name;    /* "avx512_byte_lookup": what eie_product_make takes, and `eie bench` */
    const char *summary; /* one line */
    int gives_sums;      /* is for eie_product_run_sums; else for eie_product_run */
    int approximate;     /* rounds weights or inputs further */
};

/* The kernels of the library, all for the processor, in the order of their names; `index` from 0.
 * The strings are static. EIE_BAD_CALL behind the last. */
int eie_kernel_about(uint32_t index, struct eie_kernel_facts *facts);

/* Can it run on this machine? EIE_DONE; EIE_CANNOT, EIE_ABSENT; EIE_BAD_CALL: no such kernel. */
int eie_kernel_try(const char *name);

/* ---- products ------------------------------------------------------------------------------- */

struct eie_product; /* opaque: a layer laid out for one kernel, one batch, so many threads */

/* Where a product's threads run: wherever the thread that made it could, which is bound to nothing
 * new; or each on a core of its own, the calling thread on the first that the process may use, as
 * `eie bench` does. The calling thread stays so afterwards, and should be the one that runs the
 * product; where it was before is its own to restore (sched_setaffinity). Several threads are only
 * sure to be fast on their own cores: others that compute can make the system keep them on one. */
enum eie_places { EIE_ANYWHERE = 0, EIE_OWN_CORES = 1 };

/* Prepares products of `batch` input vectors a call, at least 1, on `threads` threads, 1 to 4096,
 * the caller's among them. `kernel` NULL is "cpu_auto": it times the kernels that may be the
 * fastest here on this layer and batch, for 0.1 to 1 s mostly, and keeps the fastest. Others take
 * about as long as reading the layer. The layer must outlive the product. EIE_BAD_CALL: no
 * such kernel, numbers out of range, fewer cores than threads that want their own, a variable with
 * an unknown word; EIE_CANNOT, EIE_ABSENT, EIE_FAILED, EIE_NO_MEMORY. On failure the calling thread
 * may run where it could before. */
int eie_product_make(const struct eie_layer *layer, const char *kernel, uint32_t batch,
                     uint32_t threads, enum eie_places places, struct eie_product **product);

/* outputs[batch][outputs] of inputs[batch][inputs]; they must not overlap. Copies the inputs in,
 * multiplies, copies the outputs out: 2 (inputs + outputs) batch bytes are copied, and beyond that
 * and the kernel's own work a call costs fewer than 100 instructions. Allocates nothing, locks
 * nothing. Finding the non-zero inputs is in it. EIE_BAD_CALL: the kernel gives sums. Only peers_*
 * can fail otherwise. */
int eie_product_run(struct eie_product *product, const int16_t *inputs, int16_t *outputs);

/* For kernels that give sums, the float32 products that others are held against: sums[batch]
 * [outputs] of W times inputs, in units of 2^-(w + a), without bias, relu and rounding. The inputs
 * become floats on the way in. EIE_BAD_CALL: the kernel gives outputs. */
int eie_product_run_sums(struct eie_product *product, const int16_t *inputs, float *sums);

/* The name of the kernel that computes; with "cpu_auto", of the one that it chose. Static. */
const char *eie_product_kernel(const struct eie_product *product);

void eie_product_close(struct eie_product *product); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
