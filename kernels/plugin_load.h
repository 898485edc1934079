/* Loads plug-ins (kernels/plugin.h) and adds their kernels to the list of kernels. */
#ifndef EIE_KERNELS_PLUGIN_LOAD_H
#define EIE_KERNELS_PLUGIN_LOAD_H

#include "kernels/plugin.h"

/* A plug-in that is loaded. */
struct eie_plugin_file {
    const char *path;     /* as it was given */
    struct eie_hash hash; /* SHA-256 of the file */
    const struct eie_plugin *plugin;
};

/* Loads the shared object at `path` (without a slash: in the current folder), looks at all that it
 * states, and adds its kernels to those of eie_kernel_at; they stay until the process ends. All of
 * that happens in a child process first: a plug-in that crashes or hangs while it is loaded becomes
 * a message. Call it while the process has one thread, before anything looks at the kernels; a
 * process that forks hands its plug-ins on.
 *
 * EIE_INPUT: no such file, no shared object, unresolved symbols, no plug-in, another version's, a
 * kernel that is not complete or whose name is taken, a crash or a hang. EIE_SYSTEM: no permission,
 * no process. EIE_MEMORY. On failure nothing is added. */
EIE_MUST_USE enum eie_status eie_plugin_load(const char *path, struct eie_error *error);

/* Does what a plug-in states fit this program, and can its kernels be added? EIE_INPUT with the
 * first fault. Reads nothing behind what it has found to fit. */
EIE_MUST_USE enum eie_status eie_plugin_validate(const struct eie_plugin *plugin,
                                                 struct eie_error *error);

/* The plug-ins, in the order in which they were loaded. */
uint32_t eie_plugin_count(void);
const struct eie_plugin_file *eie_plugin_at(uint32_t index); /* index < eie_plugin_count() */

/* The plug-in that the kernel is from; NULL for a kernel of this build. */
const struct eie_plugin_file *eie_plugin_of(const struct eie_kernel *kernel);

#endif
