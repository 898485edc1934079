#include "bench/matrix/progress.h"
#include "host/base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAR_WIDTH  24
#define INTERVAL_S 0.1

void eie_progress_begin(struct eie_progress *progress, bool quiet, double total)
{
    const char *term = getenv("TERM");
    *progress = (struct eie_progress){
        .quiet = quiet,
        .terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb"),
        .begin_s = eie_now_s(),
        .total = total > 0 ? total : 1,
        .left_s = -1,
    };
}

/* Remaining seconds from the pace so far; negative while unknown. */
static double remaining_s(const struct eie_progress *progress, double now)
{
    const double share = progress->done / progress->total;
    if (progress->left_s >= 0) return progress->left_s;
    return share > 0.01 ? (now - progress->begin_s) * (1 - share) / share : -1;
}

static void draw(struct eie_progress *progress, double now)
{
    const double share = fmin(1, fmax(0, progress->done / progress->total));
    const double eta = remaining_s(progress, now);
    const int filled = (int)(share * BAR_WIDTH);
    char when[32] = "";
    if (eta >= 0) snprintf(when, sizeof when, "ETA %d:%02d", (int)eta / 60, (int)eta % 60);
    if (progress->terminal)
        fprintf(stderr, "\r\033[K[%.*s%*s] %3.0f %% %s  %s", filled, "########################",
                BAR_WIDTH - filled, "", 100 * share, when, progress->text);
    else
        fprintf(stderr, "[%3.0f %%] %s %s\n", 100 * share, progress->text, when);
    fflush(stderr);
    progress->drawn = true;
    progress->drawn_s = now;
}

void eie_progress_set(struct eie_progress *progress, double done, const char *text)
{
    const double now = eie_now_s();
    const bool new_text = text && strcmp(text, progress->text);
    progress->done = done;
    if (new_text) snprintf(progress->text, sizeof progress->text, "%s", text);
    if (progress->quiet) return;
    if (new_text || (progress->terminal && now - progress->drawn_s >= INTERVAL_S))
        draw(progress, now);
}

void eie_progress_clear(struct eie_progress *progress)
{
    if (progress->terminal && progress->drawn && !progress->quiet) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    progress->drawn = false;
}
