/* Progress of long work on stderr: a bar with an ETA on a terminal, lines in a pipe. */
#ifndef EIE_BENCH_MATRIX_PROGRESS_H
#define EIE_BENCH_MATRIX_PROGRESS_H

#include <stdbool.h>

struct eie_progress {
    bool quiet, terminal, drawn;
    double begin_s, drawn_s;
    double done, total; /* in any unit */
    double left_s;  /* where the caller knows better than the pace so far; negative: by the pace */
    char text[128]; /* what is under way */
};

void eie_progress_begin(struct eie_progress *progress, bool quiet, double total);

/* Sets how much is done and what is under way (text NULL: as before); draws at most ten times a
 * second on a terminal, and in a pipe one line for each new text. */
void eie_progress_set(struct eie_progress *progress, double done, const char *text);

/* Removes the bar, so that other output can be printed; the next set draws it again. */
void eie_progress_clear(struct eie_progress *progress);

#endif
