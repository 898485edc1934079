/* The command `eie`: finds the verb and hands over. */
#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "generated/revision.h"
#include "host/base/file.h"
#include "host/base/library.h"
#include "host/base/names.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} verbs[] = {
    {"advise", "which kernel for one layer, and from which density on", eie_command_advise},
    {"bench", "check kernels, time them, write a results file", eie_command_bench},
    {"check", "check kernels on random and nasty cases, time nothing", eie_command_check},
    {"compress", "from dense weights to a compressed layer, with a ledger", eie_command_compress},
    {"count", "instructions of one call, which no neighbour disturbs", eie_command_count},
    {"doctor", "is this machine fit to be measured? with what mends it", eie_command_doctor},
    {"estimate", "EIE's time, energy and area for a layer of any size", eie_command_estimate},
    {"expand", "from a compressed layer back to dense weights", eie_command_expand},
    {"explore", "sweeps of the accelerator model over designs", eie_command_explore},
    {"layer", "generate, import, inspect and verify compressed layers", eie_command_layer},
    {"list", "list kernels, layers, suites or devices", eie_command_list},
    {"map", "where dense, sparse and compressed kernels win here", eie_command_map},
    {"run", "images through a whole network, from pixels to classes", eie_command_run},
    {"train", "networks trained, pruned, shared and stored, with a ledger", eie_command_train},
    {"winograd", "products of a network's 3 x 3 layers by Winograd, counted", eie_command_winograd},
};

static void help(FILE *stream)
{
    fprintf(stream,
            "eie %s (%s): kernels of EIE's compressed layers, checked and timed\n\n"
            "usage: eie VERB [ARGUMENTS]\n\n",
            EIE_VERSION, EIE_REVISION);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        fprintf(stream, "  %-9s %s\n", verbs[i].name, verbs[i].summary);
    fprintf(stream, "\nEvery verb has --help with an example.\n"
                    "Exit codes: 0 good; 1 mismatch or failed check; 2 usage or bad input;\n"
                    "            3 nothing could run, or the machine failed.\n");
}

static void unknown_verb(const char *word)
{
    const char *names[sizeof verbs / sizeof *verbs];
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) names[i] = verbs[i].name;
    fprintf(stderr, "eie: unknown verb '%s'; try eie --help%s\n", word,
            eie_names_hint(word, names, sizeof verbs / sizeof *verbs).text);
}

/* Ctrl-C and kill: take the half-written file away, then die of the signal as is custom. */
static void on_signal(int number)
{
    eie_output_unlink_pending();
    signal(number, SIG_DFL);
    raise(number);
}

/* What was printed must have arrived. */
static int finish(int code)
{
    errno = 0;
    if (!fflush(stdout) && !ferror(stdout)) return code;
    fprintf(stderr, "eie: standard output could not be written: %s\n",
            errno == EBADF ? "it is closed"
            : errno        ? strerror(errno)
                           : "is the disk full?");
    return code ? code : eie_exit_code(EIE_SYSTEM);
}

/* Descriptors 0 to 2 that nobody opened must not become files of ours. What is printed on a
 * standard output that is not there fails. */
static void open_standard(void)
{
    int opened;
    do opened = open("/dev/null", fcntl(STDIN_FILENO, F_GETFD) < 0 ? O_RDWR : O_RDONLY);
    while (opened >= 0 && opened <= STDERR_FILENO);
    if (opened > STDERR_FILENO) close(opened);
}

/* What is to be ignored stays ignored: nohup. */
static void end_on(int number)
{
    if (signal(number, on_signal) == SIG_IGN) signal(number, SIG_IGN);
}

int main(int argc, char **argv)
{
    open_standard();
    eie_libraries_silence();
    setenv("HWLOC_HIDE_ERRORS", "2", 0); /* it runs without /sys, and would print */
    end_on(SIGINT);
    end_on(SIGTERM);
    end_on(SIGHUP);
    signal(SIGCHLD, SIG_DFL); /* may come ignored, and then nobody knows how a child ended */
    signal(SIGXFSZ, SIG_IGN); /* a file-size limit becomes a failed write */
    if (argc > 1 &&
        (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))) {
        help(stdout);
        return finish(0);
    }
    if (argc > 1 && !strcmp(argv[1], "--version")) {
        printf("eie %s (%s)\n", EIE_VERSION, EIE_REVISION);
        return finish(0);
    }
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(argv[1], verbs[i].name)) return finish(verbs[i].run(argc - 1, argv + 1));
    if (argc > 1)
        unknown_verb(argv[1]);
    else
        help(stderr);
    return eie_exit_code(EIE_USAGE);
}
