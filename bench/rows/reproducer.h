/* Command lines that show something again: built word by word, as a shell takes them. */
#ifndef EIE_BENCH_ROWS_REPRODUCER_H
#define EIE_BENCH_ROWS_REPRODUCER_H

#include "kernels/kernel.h"

#define EIE_REPRODUCER_MAX 4608 /* a path, the names, the numbers; longer ones are cut */

struct eie_reproducer {
    char line[EIE_REPRODUCER_MAX];
};

/* "eie VERB --kernel NAME", with the plug-in that the kernel is from. */
void eie_reproducer_begin(struct eie_reproducer *again, const char *verb,
                          const struct eie_kernel *kernel);

/* Adds " OPTION VALUE", the value between quotes where it needs them. */
void eie_reproducer_word(struct eie_reproducer *again, const char *option, const char *value);
void eie_reproducer_number(struct eie_reproducer *again, const char *option, uint64_t value);

#endif
