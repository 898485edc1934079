/* Programs and kernels on an OpenCL device that was opened (host/devices/opencl.h), and what it
 * costs to launch one. */
#ifndef EIE_HOST_DEVICES_OPENCL_PROGRAM_H
#define EIE_HOST_DEVICES_OPENCL_PROGRAM_H

#include "host/devices/opencl.h"

struct eie_opencl_source {
    const char *name;   /* NAME of NAME.cl */
    const char *common; /* common.cl, which stands before it; "" for none */
    const char *text;   /* all live until the process ends */
};

struct eie_opencl_program {
    cl_program program;
    const char *origin; /* "built", or "cached": its binary was on the disk */
};

/* The source built for the device; once per process, device, name and options. Files NAME.cl
 * and common.cl in the folder EIE_CL_DIR take the place of the texts. Binaries are kept in
 * $XDG_CACHE_HOME/eiebench (else ~/.cache/eiebench) under the hash of platform, device, driver,
 * their versions, options and source; a file whose content is not what was written is rebuilt,
 * and a folder that cannot be written is no failure. EIE_INPUT with the compiler's first words for
 * a faulty file of EIE_CL_DIR, EIE_SYSTEM for a faulty text of the program's own, EIE_UNSUPPORTED
 * where the device has no compiler. *origin: "built", "cached", or "kept" for one that this process
 * has already. A driver is known by its version strings only: whoever changes it under the same
 * words, or hides features of the processor, clears the folder. */
EIE_MUST_USE enum eie_status eie_opencl_build(struct eie_opencl *opencl,
                                              const struct eie_opencl_source *source,
                                              const char *options,
                                              const struct eie_opencl_program **program,
                                              const char **origin, struct eie_error *error);

/* A kernel of the program; *work_group_max (or NULL): work-items that a group of it may have.
 * Release with eie_cl.ReleaseKernel. */
EIE_MUST_USE enum eie_status eie_opencl_kernel(struct eie_opencl *opencl,
                                               const struct eie_opencl_program *program,
                                               const char *name, cl_kernel *kernel,
                                               uint64_t *work_group_max, struct eie_error *error);

/* Wall time of a kernel that does nothing, from enqueueing it until waiting for it has returned:
 * the median of many. Taken once per process and device. */
EIE_MUST_USE enum eie_status eie_opencl_launch_ns(struct eie_opencl *opencl, double *launch_ns,
                                                  struct eie_error *error);

#endif
