/* How the libraries in the place of others queue their work: on the emulated runtime's stream, so
 * that it can be recorded as a graph; in a program without that runtime, at once.
 * EIE_FAKE_QUEUE: with "graphs", a call costs much itself, so that a graph is faster; with
 * "replays", work that runs again does, so that a graph is slower; with "plain", calls cost much
 * and fail while they are recorded; with "waits" too, and they wait for their own work. */
#ifndef EIE_TESTS_CUDA_FAKE_QUEUE_H
#define EIE_TESTS_CUDA_FAKE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct CUstream_st;
unsigned cudaLaunchHostFunc(struct CUstream_st *stream, void (*work)(void *), void *context)
    __attribute__((weak));
unsigned cudaStreamSynchronize(struct CUstream_st *stream) __attribute__((weak));
unsigned cudaStreamIsCapturing(struct CUstream_st *stream, unsigned *status) __attribute__((weak));
void emulated_spend(double ns) __attribute__((weak)); /* costs time (emulator.cc) */

struct fake_work {
    struct fake_work *next;
    void (*work)(void *arguments);
    bool done;
    max_align_t arguments[];
};

static bool fake_queue_is(const char *word)
{
    const char *is = getenv("EIE_FAKE_QUEUE");
    return is && !strcmp(is, word);
}

static void fake_spend(double ns)
{
    if (emulated_spend) emulated_spend(ns);
}

static void fake_work_run(void *context)
{
    struct fake_work *one = context;
    fake_spend(one->done && fake_queue_is("replays") ? 300e3 : 50e3);
    one->work(one->arguments);
    one->done = true;
}

static bool fake_is_recorded(struct CUstream_st *stream)
{
    unsigned status = 0;
    return cudaStreamIsCapturing && !cudaStreamIsCapturing(stream, &status) && status;
}

/* Queues work with a copy of its arguments; false when that fails. */
static bool fake_queue(struct CUstream_st *stream, void (*work)(void *), const void *arguments,
                       size_t size)
{
    static struct fake_work *recorded; /* a graph may run them again at any time */
    struct fake_work *one = calloc(1, sizeof *one + size);
    if (!one) return false;
    one->work = work;
    memcpy(one->arguments, arguments, size);
    if (!cudaLaunchHostFunc)
        fake_work_run(one);
    else if (cudaLaunchHostFunc(stream, fake_work_run, one))
        return free(one), false;
    const bool waits = fake_queue_is("waits"), never = waits || fake_queue_is("plain");
    if (never || fake_queue_is("graphs")) fake_spend(200e3);
    const bool good = !(never && fake_is_recorded(stream)) &&
                      !(waits && cudaStreamSynchronize && cudaStreamSynchronize(stream));
    if (one->done) return free(one), good;
    one->next = recorded;
    recorded = one;
    return good;
}

#endif
