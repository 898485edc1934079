/* The verbs of `eie` that need kernels. Each parses its own arguments (argv[0] is the verb),
 * prints, and returns the process's exit code (`eie --help`). */
#ifndef EIE_BENCH_CLI_COMMANDS_H
#define EIE_BENCH_CLI_COMMANDS_H

int eie_command_advise(int argc, char **argv);
int eie_command_bench(int argc, char **argv);
int eie_command_check(int argc, char **argv);
int eie_command_compress(int argc, char **argv);
int eie_command_count(int argc, char **argv);
int eie_command_doctor(int argc, char **argv);
int eie_command_estimate(int argc, char **argv);
int eie_command_expand(int argc, char **argv);
int eie_command_explore(int argc, char **argv);
int eie_command_list(int argc, char **argv);
int eie_command_map(int argc, char **argv);
int eie_command_run(int argc, char **argv);
int eie_command_train(int argc, char **argv);
int eie_command_winograd(int argc, char **argv);

/* Option --plugin FILE of the verbs: loads it. Returns -1 to go on, or the exit code after a
 * message.
 */
int eie_command_plugin(const char *path);

#endif
