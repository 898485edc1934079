/* OpenCL, looked up when it is needed: the ICD loader is opened at run time (EIE_OPENCL names
 * another file to use instead), so that a program without it still runs. One context and one queue
 * per process and device; plans only borrow them.
 *
 * A process that has initialised OpenCL has the driver's threads and must not be forked: listing is
 * done in a child, and eie_opencl_open belongs into the process that runs kernels. */
#ifndef EIE_HOST_DEVICES_OPENCL_H
#define EIE_HOST_DEVICES_OPENCL_H

#define CL_TARGET_OPENCL_VERSION           300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS  /* clCreateCommandQueue: devices of OpenCL 1.2 have it  \
                                            */

#include "host/devices/device.h"

#include <CL/cl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- devices -------------------------------------------------------------------------------- */

/* What a device says that it is and can do. */
struct eie_opencl_facts {
    char platform[128], platform_version[128]; /* version: the implementation's own words */
    char name[128], device_version[128], driver[128];
    char type[8]; /* "cpu", "gpu", "other" */
    uint32_t compute_units;
    uint64_t global_bytes, largest_bytes, local_bytes; /* of memory; of one buffer; of a group */
    uint64_t work_group_max;                           /* work-items of a group */
    uint64_t work_items_max[3];                        /* of a group, in each dimension */
    bool local_is_real;                                /* a memory of its own, no cached main one */
    bool sub_groups; /* kernels can be built that use them (cl_khr_subgroups or 3.0's feature) */
    uint64_t timer_ns;
};

struct eie_listing; /* host/devices/runtime.h */

/* All devices of all platforms, "opencl:PLATFORM:NAME", in the loader's order, then the drivers
 * that are registered and cannot be loaded; where there is none at all, "opencl:none" with the
 * reason. A device's hash is that of all versions: another driver is another device. Begins with
 * the drivers: it belongs into a child process. */
void eie_opencl_list(struct eie_listing *listing);

#define EIE_OPENCL_THREADS_MAX 1024

/* A device in use. */
struct eie_opencl {
    struct eie_opencl_facts facts;
    cl_platform_id platform;
    cl_device_id device;
    cl_context context;
    cl_command_queue queue; /* in order, with event times */
    double launch_ns;       /* 0: not taken yet (host/devices/opencl_program.h) */
    /* Threads that the driver began with, where it has one for each unit of a processor. */
    int threads[EIE_OPENCL_THREADS_MAX];
    uint32_t thread_count, bound; /* 0: others, or none; how many of them are bound to cores */
};

/* The process's only one for this device; lives until the process ends. Where the device is a
 * processor and the driver has a thread for each of its units (pocl), each call binds these to
 * cores of their own, as all threads of native kernels are, unless POCL_AFFINITY is 0: threads that
 * sleep between kernels wake up on one core together otherwise, while other programs have the rest.
 * EIE_MISSING when the device is not the one that was listed, or absent; EIE_SYSTEM. */
EIE_MUST_USE enum eie_status eie_opencl_open(const struct eie_device *device,
                                             struct eie_opencl **opencl, struct eie_error *error);

/* ---- calls ---------------------------------------------------------------------------------- */

/* EIE_OK for CL_SUCCESS, EIE_MEMORY for the codes that mean that, else EIE_SYSTEM; the message says
 * what failed ("clFinish") with the code's name. */
EIE_MUST_USE enum eie_status eie_opencl_status(cl_int code, const char *what,
                                               struct eie_error *error);

/* A buffer of `bytes` (0 is taken as 1). EIE_UNSUPPORTED, said before the driver is asked, when the
 * device takes none so large. */
EIE_MUST_USE enum eie_status eie_opencl_buffer(const struct eie_opencl *opencl, cl_mem_flags flags,
                                               uint64_t bytes, cl_mem *buffer,
                                               struct eie_error *error);

/* Nanoseconds on the device's clock from the beginning of the first command to the end of the last.
 */
EIE_MUST_USE enum eie_status eie_opencl_event_ns(cl_event first, cl_event last, double *ns,
                                                 struct eie_error *error);

/* The loader's functions: eie_cl.Finish is clFinish. Set once a device has been opened. */
#define EIE_OPENCL_FUNCTIONS(DO)                                                                   \
    DO(GetPlatformIDs)                                                                             \
    DO(GetPlatformInfo)                                                                            \
    DO(GetDeviceIDs)                                                                               \
    DO(GetDeviceInfo)                                                                              \
    DO(CreateContext)                                                                              \
    DO(CreateCommandQueue)                                                                         \
    DO(CreateBuffer)                                                                               \
    DO(CreateProgramWithSource)                                                                    \
    DO(CreateProgramWithBinary)                                                                    \
    DO(BuildProgram)                                                                               \
    DO(GetProgramInfo)                                                                             \
    DO(GetProgramBuildInfo)                                                                        \
    DO(CreateKernel)                                                                               \
    DO(GetKernelWorkGroupInfo)                                                                     \
    DO(SetKernelArg)                                                                               \
    DO(EnqueueNDRangeKernel)                                                                       \
    DO(EnqueueWriteBuffer)                                                                         \
    DO(EnqueueMarkerWithWaitList)                                                                  \
    DO(EnqueueReadBuffer)                                                                          \
    DO(GetEventProfilingInfo)                                                                      \
    DO(WaitForEvents)                                                                              \
    DO(Flush)                                                                                      \
    DO(Finish)                                                                                     \
    DO(ReleaseMemObject)                                                                           \
    DO(ReleaseKernel)                                                                              \
    DO(ReleaseProgram)                                                                             \
    DO(ReleaseContext)                                                                             \
    DO(ReleaseEvent)
#define EIE_OPENCL_MEMBER(name) __typeof__(cl##name) *(name);
struct eie_opencl_functions {
    EIE_OPENCL_FUNCTIONS(EIE_OPENCL_MEMBER)
};
extern struct eie_opencl_functions eie_cl;

#endif
