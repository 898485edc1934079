/* Command lines that show something again: built word by word, as a shell takes them. */
#ifndef EIE_BENCH_AGAIN_H
#define EIE_BENCH_AGAIN_H

#include "kernels/kernel.h"

#define EIE_AGAIN_MAX 4608 /* a path, the names, the numbers; longer ones are cut */

struct eie_again {
    char line[EIE_AGAIN_MAX];
};

/* "eie VERB --kernel NAME", with the plug-in that the kernel is from. */
void eie_again_begin(struct eie_again *again, const char *verb, const struct eie_kernel *kernel);

/* Adds " OPTION VALUE", the value between quotes where it needs them. */
void eie_again_word(struct eie_again *again, const char *option, const char *value);
void eie_again_number(struct eie_again *again, const char *option, uint64_t value);

#endif
