/* What makes a shared object a plug-in: kernels that `eie check`, `eie bench` and `eie list` take
 * with --plugin FILE, built from nothing but the installed headers.
 *
 *     static const struct eie_kernel mine = { .abi = EIE_KERNEL_ABI, .name = "own_idea", ... };
 *     EIE_PLUGIN(&mine)
 *
 *     cc -O3 -shared -fPIC $(pkg-config --cflags eiebench) -o idea.so idea.c
 *
 * The kernel is written as kernels/kernel.h says; kernels/plugin_example of the source tree is a
 * complete one. What the installed headers declare, the program offers to the plug-in; all else it
 * must be linked with. Names are FOLDER_NAME in a-z, 0-9 and _, where FOLDER is a word of your own:
 * the folders of the program (scalar, avx2, avx512, peers, model, ...) stay its own, so that a name
 * tells where a kernel is from, and no later version can take it. The flags EIE_KERNEL_REFERENCE
 * and EIE_KERNEL_BASELINE belong to the program too: what others are held against is not for a
 * plug-in to replace. */
#ifndef EIE_KERNELS_PLUGIN_H
#define EIE_KERNELS_PLUGIN_H

#include "host/machine/topology.h"
#include "kernels/cpu_plan.h"
#include "kernels/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the shared object exports as `eie_plugin`. The members down to sizes stay where they are in
 * every version, so that versions which do not fit can say so: same magic, then same abi, then same
 * sizes, and only then is a kernel looked at. */
struct eie_plugin {
    char magic[8];         /* EIE_PLUGIN_MAGIC */
    uint32_t abi;          /* EIE_KERNEL_ABI of the headers it was built with */
    uint32_t size_count;   /* entries of sizes */
    const uint32_t *sizes; /* of EIE_PLUGIN_STRUCTS, in bytes, as the plug-in's compiler saw them */
    const struct eie_kernel *const *kernels; /* [kernel_count], static; at least one */
    uint32_t kernel_count;
};

/* Defined by EIE_PLUGIN, in the plug-in. */
__attribute__((visibility("default"))) extern const struct eie_plugin eie_plugin;

#define EIE_PLUGIN_MAGIC "eieplug"

/* Every struct that both sides touch: one that grew or shrank between two versions is refused by
 * its size. What sizes do not show is what EIE_KERNEL_ABI is for. */
#define EIE_PLUGIN_STRUCTS(DO)                                                                     \
    DO(eie_kernel)                                                                                 \
    DO(eie_problem)                                                                                \
    DO(eie_setup)                                                                                  \
    DO(eie_outcome)                                                                                \
    DO(eie_cost)                                                                                   \
    DO(eie_cpu_plan)                                                                               \
    DO(eie_layer)                                                                                  \
    DO(eie_layer_counts)                                                                           \
    DO(eie_sparse_codes)                                                                           \
    DO(eie_hash)                                                                                   \
    DO(eie_device)                                                                                 \
    DO(eie_topology)                                                                               \
    DO(eie_error)
#define EIE_PLUGIN_SIZE(name) sizeof(struct name),

/* Once in each plug-in, outside of functions: the addresses of its kernels. The program opens the
 * shared object once and never closes it, so what they point to may be static. It refuses
 * (EIE_INPUT, one line with the file's name) what exports no eie_plugin, another magic, abi or
 * size, no kernel at all, a kernel without a function that its flags demand, a name that is taken
 * or a folder of its own. */
#define EIE_PLUGIN(...)                                                                            \
    static const struct eie_kernel *const eie_plugin_kernels[] = {__VA_ARGS__};                    \
    static const uint32_t eie_plugin_sizes[] = {EIE_PLUGIN_STRUCTS(EIE_PLUGIN_SIZE)};              \
    const struct eie_plugin eie_plugin = {                                                         \
        EIE_PLUGIN_MAGIC,                                                                          \
        EIE_KERNEL_ABI,                                                                            \
        sizeof eie_plugin_sizes / sizeof *eie_plugin_sizes,                                        \
        eie_plugin_sizes,                                                                          \
        eie_plugin_kernels,                                                                        \
        sizeof eie_plugin_kernels / sizeof(const struct eie_kernel *),                             \
    };

#ifdef __cplusplus
}
#endif

#endif
