#include "host/devices/opencl_program.h"
#include "host/base/clock.h"
#include "host/base/file.h"
#include "host/base/sha256.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAMS_MAX  1024 /* 64 devices, 16 of each */
#define SOURCE_LIMIT  ((size_t)1 << 20)
#define BINARY_LIMIT  ((size_t)1 << 28)
#define MAGIC         "eie-opencl-1\n"
#define HEX           64
#define LAUNCHES      101 /* odd: one is the median */
#define LAUNCHES_WARM 20

/* Programs of this process. */
static struct {
    uint32_t count;
    struct made {
        const struct eie_opencl *opencl;
        char name[64], options[256];
        struct eie_opencl_program program;
    } all[PROGRAMS_MAX];
} made;

/* ---- the cache on the disk ------------------------------------------------------------------
 *
 * A file is MAGIC, the key in hex, the SHA-256 of the binary in hex, the binary. */

/* Makes the folder and everything above it; false where that cannot be. */
static bool make_folder(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        const int failed = mkdir(path, 0777);
        *slash = '/';
        if (failed && errno != EEXIST) return false;
    }
    return !mkdir(path, 0777) || errno == EEXIST;
}

/* The file of a key; false where there is no place for it. */
static bool cache_path(const struct eie_hash *key, bool make, char *path, size_t size)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char folder[PATH_MAX];
    int length;
    if (base && *base == '/')
        length = snprintf(folder, sizeof folder, "%s/eiebench", base);
    else if (home && *home == '/')
        length = snprintf(folder, sizeof folder, "%s/.cache/eiebench", home);
    else
        return false;
    if (length < 0 || (size_t)length >= sizeof folder || (make && !make_folder(folder)))
        return false;
    length = snprintf(path, size, "%s/%s.clbin", folder, key->hex);
    return length > 0 && (size_t)length < size;
}

static enum eie_status key_of(const struct eie_opencl *opencl, const char *options,
                              const char *text, struct eie_hash *key, struct eie_error *error)
{
    const struct eie_opencl_facts *facts = &opencl->facts;
    const char *const parts[] = {MAGIC,
                                 facts->platform,
                                 facts->platform_version,
                                 facts->name,
                                 facts->device_version,
                                 facts->driver,
                                 options,
                                 text};
    struct eie_sha256 *sha;
    enum eie_status status = eie_sha256_begin(&sha, error);
    if (status) return status;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !status; i++)
        status = eie_sha256_add(sha, parts[i], strlen(parts[i]) + 1, error);
    if (!status) return eie_sha256_end(sha, key, error);
    eie_sha256_free(sha);
    return status;
}

/* The binary in the file, or NULL: none there, or not what was written. `file` is to be freed. */
static const uint8_t *read_binary(const struct eie_hash *key, struct eie_bytes *file, size_t *size)
{
    const size_t head = strlen(MAGIC) + 2 * HEX;
    char path[PATH_MAX];
    struct eie_hash hash;
    *file = (struct eie_bytes){NULL, 0};
    if (!cache_path(key, false, path, sizeof path) ||
        eie_file_read(path, BINARY_LIMIT, file, NULL) || file->size <= head)
        return NULL;
    const char *text = (const char *)file->data;
    *size = file->size - head;
    if (memcmp(text, MAGIC, strlen(MAGIC)) || memcmp(text + strlen(MAGIC), key->hex, HEX) ||
        eie_sha256_of(file->data + head, *size, &hash, NULL) ||
        memcmp(text + strlen(MAGIC) + HEX, hash.hex, HEX))
        return NULL;
    return file->data + head;
}

/* A cache that cannot be written is no failure. */
static void write_binary(const struct eie_hash *key, cl_program program)
{
    char path[PATH_MAX];
    size_t size = 0;
    struct eie_hash hash;
    struct eie_output output;
    if (eie_cl.GetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) ||
        !size || size > BINARY_LIMIT - 1024 || !cache_path(key, true, path, sizeof path))
        return;
    unsigned char *binary = malloc(size);
    if (binary &&
        !eie_cl.GetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) &&
        !eie_sha256_of(binary, size, &hash, NULL) && !eie_output_begin(path, &output, NULL)) {
        fprintf(output.stream, "%s%s%s", MAGIC, key->hex, hash.hex);
        fwrite(binary, 1, size, output.stream); /* commit looks whether it went well */
        if (eie_output_commit(&output, NULL) != EIE_OK) eie_output_abandon(&output);
    }
    free(binary);
}

/* ---- building ------------------------------------------------------------------------------- */

/* One text: the program's own, or that of a file in EIE_CL_DIR, whose path is then in `path`.
 * `file` is to be freed. */
static enum eie_status text_of(const char *name, const char *own, struct eie_bytes *file,
                               const char **text, char path[PATH_MAX], struct eie_error *error)
{
    const char *folder = getenv("EIE_CL_DIR");
    struct stat info;
    *file = (struct eie_bytes){NULL, 0};
    *text = own;
    path[0] = 0;
    if (!folder || !*folder) return EIE_OK;
    if (stat(folder, &info) || !S_ISDIR(info.st_mode))
        return eie_fail(error, EIE_INPUT, "EIE_CL_DIR=%s is no folder", folder);
    const int length = snprintf(path, PATH_MAX, "%s/%s.cl", folder, name);
    if (length < 0 || length >= PATH_MAX)
        return eie_fail(error, EIE_INPUT, "EIE_CL_DIR is too long");
    if (access(path, F_OK)) {
        path[0] = 0;
        return EIE_OK;
    }
    enum eie_status status = eie_file_read(path, SOURCE_LIMIT, file, error);
    *text = (const char *)file->data; /* there is a 0 behind the end */
    if (!status && strlen(*text) != file->size)
        status = eie_fail(error, EIE_INPUT, "%s: is no text", path);
    return status;
}

/* common.cl and NAME.cl as one text, to be freed; `path` is "" where neither came from a file. */
static enum eie_status whole_text(const struct eie_opencl_source *source, char **whole,
                                  char path[PATH_MAX], struct eie_error *error)
{
    struct eie_bytes files[2] = {{NULL, 0}, {NULL, 0}};
    const char *common, *text;
    char common_path[PATH_MAX];
    enum eie_status status =
        text_of("common", source->common, &files[0], &common, common_path, error);
    if (!status) status = text_of(source->name, source->text, &files[1], &text, path, error);
    if (!status && asprintf(whole, "%s%s", common, text) < 0) {
        *whole = NULL;
        status = eie_fail(error, EIE_MEMORY, "out of memory for %s.cl", source->name);
    }
    if (!status && !*path) memcpy(path, common_path, PATH_MAX);
    for (int i = 0; i < 2; i++) eie_bytes_free(&files[i]);
    return status;
}

/* What the compiler said, from its first error on. */
static enum eie_status explain(const struct eie_opencl *opencl, cl_program program,
                               const char *name, const char *path, struct eie_error *error)
{
    size_t size = 0;
    char *log = NULL;
    if (!eie_cl.GetProgramBuildInfo(program, opencl->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size))
        log = calloc(size + 1, 1);
    if (!log ||
        eie_cl.GetProgramBuildInfo(program, opencl->device, CL_PROGRAM_BUILD_LOG, size, log, NULL))
        size = 0;
    const char *words = size ? strstr(log, "error:") : NULL;
    while (words && words > log && words[-1] != '\n') words--;
    if (!words) words = size ? log : "";
    char line[900];
    snprintf(line, sizeof line, "%s", words);
    for (char *c = line; *c; c++) /* one line */
        if (*c == '\n' || *c == '\t') *c = ' ';
    const enum eie_status status = eie_fail(
        error, *path ? EIE_INPUT : EIE_SYSTEM, "%s%s does not build on %s: %s", *path ? path : name,
        *path ? "" : ".cl", opencl->facts.name, *line ? line : "the compiler says nothing");
    free(log);
    return status;
}

static cl_program from_binary(const struct eie_opencl *opencl, const uint8_t *binary, size_t size,
                              const char *options)
{
    cl_int here = CL_SUCCESS, code = CL_SUCCESS;
    cl_program program = eie_cl.CreateProgramWithBinary(opencl->context, 1, &opencl->device, &size,
                                                        &binary, &here, &code);
    if (code == CL_SUCCESS && here == CL_SUCCESS &&
        eie_cl.BuildProgram(program, 1, &opencl->device, options, NULL, NULL) == CL_SUCCESS)
        return program;
    if (program) eie_cl.ReleaseProgram(program);
    return NULL;
}

static enum eie_status from_text(const struct eie_opencl *opencl, const char *text,
                                 const char *options, const char *name, const char *path,
                                 cl_program *program, struct eie_error *error)
{
    cl_int code;
    *program = eie_cl.CreateProgramWithSource(opencl->context, 1, &text, NULL, &code);
    enum eie_status status = eie_opencl_status(code, "clCreateProgramWithSource", error);
    if (status) return status;
    code = eie_cl.BuildProgram(*program, 1, &opencl->device, options, NULL, NULL);
    if (code == CL_SUCCESS) return EIE_OK;
    if (code == CL_COMPILER_NOT_AVAILABLE)
        status = eie_fail(error, EIE_UNSUPPORTED, "%s has no compiler", opencl->facts.name);
    else if (code != CL_BUILD_PROGRAM_FAILURE)
        status = eie_opencl_status(code, "clBuildProgram", error);
    else
        status = explain(opencl, *program, name, path, error);
    eie_cl.ReleaseProgram(*program);
    return status;
}

static enum eie_status build(struct eie_opencl *opencl, const struct eie_opencl_source *source,
                             const char *options, struct eie_opencl_program *program,
                             struct eie_error *error)
{
    struct eie_bytes binary_file = {NULL, 0};
    struct eie_hash key;
    char path[PATH_MAX];
    char *text = NULL;
    size_t size;
    enum eie_status status = whole_text(source, &text, path, error);
    if (!status) status = key_of(opencl, options, text, &key, error);
    if (status) goto end;
    const uint8_t *binary = read_binary(&key, &binary_file, &size);
    program->program = binary ? from_binary(opencl, binary, size, options) : NULL;
    program->origin = "cached";
    if (program->program) goto end;
    program->origin = "built";
    status = from_text(opencl, text, options, source->name, path, &program->program, error);
    if (!status) write_binary(&key, program->program);
end:
    free(text);
    eie_bytes_free(&binary_file);
    return status;
}

enum eie_status eie_opencl_build(struct eie_opencl *opencl, const struct eie_opencl_source *source,
                                 const char *options, const struct eie_opencl_program **program,
                                 const char **origin, struct eie_error *error)
{
    *origin = "kept";
    for (uint32_t i = 0; i < made.count; i++) {
        *program = &made.all[i].program;
        if (made.all[i].opencl == opencl && !strcmp(made.all[i].name, source->name) &&
            !strcmp(made.all[i].options, options))
            return EIE_OK;
    }
    if (made.count == PROGRAMS_MAX)
        return eie_fail(error, EIE_SYSTEM, "more than %d OpenCL programs", PROGRAMS_MAX);
    struct made *one = &made.all[made.count];
    enum eie_status status = build(opencl, source, options, &one->program, error);
    if (status) return status;
    one->opencl = opencl;
    snprintf(one->name, sizeof one->name, "%s", source->name);
    snprintf(one->options, sizeof one->options, "%s", options);
    made.count++;
    *program = &one->program;
    *origin = one->program.origin;
    return EIE_OK;
}

enum eie_status eie_opencl_kernel(struct eie_opencl *opencl,
                                  const struct eie_opencl_program *program, const char *name,
                                  cl_kernel *kernel, uint64_t *work_group_max,
                                  struct eie_error *error)
{
    cl_int code;
    size_t most = 0;
    *kernel = eie_cl.CreateKernel(program->program, name, &code);
    enum eie_status status = eie_opencl_status(code, "clCreateKernel", error);
    if (status) {
        *kernel = NULL;
        return eie_error_prefix(error, status, "%s", name);
    }
    if (!work_group_max) return EIE_OK;
    code = eie_cl.GetKernelWorkGroupInfo(*kernel, opencl->device, CL_KERNEL_WORK_GROUP_SIZE,
                                         sizeof most, &most, NULL);
    *work_group_max = most;
    status = eie_opencl_status(code, "clGetKernelWorkGroupInfo", error);
    if (!status) return EIE_OK;
    eie_cl.ReleaseKernel(*kernel);
    *kernel = NULL;
    return status;
}

/* ---- the price of a launch ------------------------------------------------------------------ */

static enum eie_status launch_once(struct eie_opencl *opencl, cl_kernel kernel, double *ns,
                                   struct eie_error *error)
{
    static const size_t one = 1;
    const double begin = 1e9 * eie_now_s();
    cl_event event;
    cl_int code =
        eie_cl.EnqueueNDRangeKernel(opencl->queue, kernel, 1, NULL, &one, &one, 0, NULL, &event);
    if (code) return eie_opencl_status(code, "clEnqueueNDRangeKernel", error);
    code = eie_cl.WaitForEvents(1, &event);
    eie_cl.ReleaseEvent(event);
    *ns = 1e9 * eie_now_s() - begin;
    return eie_opencl_status(code, "clWaitForEvents", error);
}

static enum eie_status time_launches(struct eie_opencl *opencl, double *launch_ns,
                                     struct eie_error *error)
{
    static const struct eie_opencl_source source = {
        "nothing", "", "__kernel void nothing(__global int *place) { (void)place; }\n"};
    const struct eie_opencl_program *program;
    const char *origin;
    double ns[LAUNCHES];
    cl_kernel kernel = NULL;
    cl_mem place = NULL;
    enum eie_status status = eie_opencl_build(opencl, &source, "", &program, &origin, error);
    if (!status) status = eie_opencl_kernel(opencl, program, "nothing", &kernel, NULL, error);
    if (!status) status = eie_opencl_buffer(opencl, CL_MEM_READ_WRITE, 4, &place, error);
    if (!status)
        status = eie_opencl_status(eie_cl.SetKernelArg(kernel, 0, sizeof(cl_mem), &place),
                                   "clSetKernelArg", error);
    for (int i = -LAUNCHES_WARM; i < LAUNCHES && !status; i++)
        status = launch_once(opencl, kernel, &ns[i < 0 ? 0 : i], error);
    if (!status) *launch_ns = eie_middle(ns, LAUNCHES);
    if (kernel) eie_cl.ReleaseKernel(kernel);
    if (place) eie_cl.ReleaseMemObject(place);
    return status;
}

enum eie_status eie_opencl_launch_ns(struct eie_opencl *opencl, double *launch_ns,
                                     struct eie_error *error)
{
    enum eie_status status =
        opencl->launch_ns > 0 ? EIE_OK : time_launches(opencl, &opencl->launch_ns, error);
    *launch_ns = opencl->launch_ns;
    return status;
}
