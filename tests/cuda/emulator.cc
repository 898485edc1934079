/* Runs device code on the processor (README.md beside this file). */
#include "cuda_runtime.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <time.h>
#include <vector>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

/* Lets time go on (README.md): for the libraries beside this file. */
extern "C" void emulated_spend(double ns);

/* In the place of eie_now_s (--wrap). */
extern "C" double __wrap_eie_now_s(void);

namespace
{

constexpr size_t STACK_BYTES = 64 << 10;
constexpr unsigned THREADS_MAX = 1024, WARP = 32;

uint64_t setting(const char *name, uint64_t usual)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, nullptr, 0) : usual;
}

/* ---- time ----------------------------------------------------------------------------------- */

constexpr double LOOK_NS = 10, QUEUE_NS = 1000, LAUNCH_NS = 2000, THREAD_NS = 100;

constexpr double COLD = 5; /* times slower, before the device has been busy for so long */

std::atomic<uint64_t> spent_ns{1}; /* by the host, on all that costs something */

/* What a launch takes, for EIE_EMULATOR_CLOCK. */
double launch_ns(double threads)
{
    static const bool wide = setting("EIE_EMULATOR_CLOCK", 0) == 2;
    return LAUNCH_NS + THREAD_NS * (wide ? 1e6 / threads : threads);
}

double stopped_ns; /* real time, from when on no time passes but what calls cost */

double real_ns()
{
    struct timespec now;
    if (stopped_ns > 0) return stopped_ns;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

/* The device goes on by itself: the host queues and comes back, and meets it again where it waits.
 * What device work takes of this processor's time is the device's, not the host's. */
struct {
    bool working;
    double ns;       /* when it will have done all that is queued */
    double begin_ns; /* of the work under way, real time */
    double taken_ns; /* real time of all its work */
    double busy_ns;
} device_clock;

double host_ns()
{
    return real_ns() + (double)spent_ns.load() - device_clock.taken_ns;
}

double device_ns()
{
    return device_clock.ns + (device_clock.working ? real_ns() - device_clock.begin_ns : 0);
}

/* Begins when it comes to an idle device, else behind what is queued. */
template <typename Work> cudaError_t on_device(const Work &work)
{
    if (device_clock.ns < host_ns()) device_clock.ns = host_ns();
    device_clock.begin_ns = real_ns();
    device_clock.working = true;
    const cudaError_t code = work();
    const double took = real_ns() - device_clock.begin_ns;
    device_clock.working = false;
    device_clock.ns += took;
    device_clock.taken_ns += took;
    return code;
}

/* What lies behind a kernel that waits for the host (emulated_hold). */
struct {
    const volatile uint32_t *open; /* NULL: nothing waits */
    volatile uint32_t *late;
    double end_ns; /* by then it goes on */
    std::vector<std::function<cudaError_t()>> behind;
    cudaError_t code; /* of what was carried out later, for who waits next */
} held_up;

/* The host has opened it, or looks on while the time runs out. */
void let_go()
{
    if (!held_up.open) return;
    if (!*held_up.open || host_ns() > held_up.end_ns) {
        *held_up.late = 1;
        device_clock.ns = held_up.end_ns;
    }
    held_up.open = nullptr;
    for (const auto &work : held_up.behind)
        if (held_up.code == cudaSuccess) held_up.code = on_device(work);
    held_up.behind.clear();
}

void wait_for_device()
{
    let_go();
    if (host_ns() < device_clock.ns) spent_ns += (uint64_t)(device_clock.ns - host_ns()) + 1;
}

/* ---- threads on stacks of their own --------------------------------------------------------- */

enum class State { ready, barrier, warp, ended };

/* Saves what a call must leave as it was, changes the stack, and restores it there. */
#if defined(__x86_64__)
struct Context {
    void *stack_pointer;
};

extern "C" void emulated_switch(Context *from, const Context *to);
__asm__(".text\n.globl emulated_switch\n.type emulated_switch, @function\nemulated_switch:\n"
        "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
        "mov %rsp, (%rdi)\nmov (%rsi), %rsp\n"
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n"
        ".size emulated_switch, .-emulated_switch\n");

void make_context(Context *context, unsigned char *stack, size_t bytes, void (*begin)())
{
    void **top = (void **)((uintptr_t)(stack + bytes) & ~(uintptr_t)15) - 1; /* as after a call */
    *--top = (void *)begin;
    context->stack_pointer = top - 6;
}
#else
using Context = ucontext_t;

void emulated_switch(Context *from, const Context *to)
{
    swapcontext(from, to);
}

void make_context(Context *context, unsigned char *stack, size_t bytes, void (*begin)())
{
    getcontext(context);
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = bytes;
    context->uc_link = nullptr;
    makecontext(context, begin, 0);
}
#endif

struct Thread {
    Context context;
    std::unique_ptr<unsigned char[]> stack;
    State state;
    unsigned mask; /* of the warp operation that it waits in */
    unsigned turn; /* warp operations so far */
    void *fake;    /* the sanitizer's */
};

struct Block {
    const std::function<void()> *kernel;
    std::vector<Thread> threads;
    unsigned count = 0, running = 0;
    std::vector<uint64_t> given[2]; /* by warp operations, in turns */
    std::unique_ptr<unsigned char[]> shared;
    std::string complaint;
};

Block block;
Context scheduler;
#if defined(__SANITIZE_ADDRESS__)
void *scheduler_fake;
const void *scheduler_stack;
size_t scheduler_size;
#endif
uint64_t random_state = 1;

uint64_t next_random()
{
    random_state ^= random_state << 13, random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

void enter(unsigned index)
{
    Thread &thread = block.threads[index];
    block.running = index;
    emulated_now.thread = {index, 0, 0};
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&scheduler_fake, thread.stack.get(), STACK_BYTES);
#endif
    emulated_switch(&scheduler, &thread.context);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(scheduler_fake, nullptr, nullptr);
#endif
}

void leave(State state)
{
    Thread &thread = block.threads[block.running];
    thread.state = state;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(state == State::ended ? nullptr : &thread.fake, scheduler_stack,
                                   scheduler_size);
#endif
    emulated_switch(&thread.context, &scheduler);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(thread.fake, &scheduler_stack, &scheduler_size);
#endif
}

void begin_thread()
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack, &scheduler_size);
#endif
    (*block.kernel)();
    leave(State::ended);
}

void make_thread(unsigned index)
{
    Thread &thread = block.threads[index];
    if (!thread.stack) thread.stack.reset(new unsigned char[STACK_BYTES]);
    make_context(&thread.context, thread.stack.get(), STACK_BYTES, begin_thread);
    thread.state = State::ready;
    thread.turn = 0;
    thread.fake = nullptr;
}

/* Lets all threads of a barrier go on once all have come; true when some could. */
bool release_barrier()
{
    for (unsigned i = 0; i < block.count; i++)
        if (block.threads[i].state != State::barrier) return false;
    for (unsigned i = 0; i < block.count; i++) block.threads[i].state = State::ready;
    return true;
}

/* The same for the threads of one warp operation. */
bool release_warp(unsigned index)
{
    const unsigned first = index / WARP * WARP, mask = block.threads[index].mask;
    for (unsigned i = 0; i < WARP; i++) {
        if (!(mask >> i & 1)) continue;
        if (first + i >= block.count || block.threads[first + i].state == State::ended) {
            block.complaint = "a warp operation names a thread that is not there";
            return false;
        }
        if (block.threads[first + i].state != State::warp) return false;
        if (block.threads[first + i].mask != mask) {
            block.complaint = "threads of one warp operation give different masks";
            return false;
        }
    }
    for (unsigned i = 0; i < WARP; i++)
        if (mask >> i & 1) block.threads[first + i].state = State::ready;
    return true;
}

std::vector<unsigned> order_of(unsigned count, uint64_t launch)
{
    std::vector<unsigned> order(count);
    for (unsigned i = 0; i < count; i++) order[i] = launch % 3 == 1 ? count - 1 - i : i;
    for (unsigned i = count; launch % 3 == 2 && i > 1; i--)
        std::swap(order[i - 1], order[next_random() % i]);
    return order;
}

bool run_block(const std::vector<unsigned> &order)
{
    for (unsigned i = 0; i < block.count; i++) make_thread(i);
    for (unsigned ended = 0; ended < block.count;) {
        bool moved = false;
        for (unsigned index : order) {
            Thread &thread = block.threads[index];
            if (thread.state != State::ready) continue;
            enter(index);
            moved = true;
            ended += thread.state == State::ended;
            if (thread.state == State::warp) release_warp(index);
        }
        if (release_barrier()) moved = true;
        if (!block.complaint.empty()) return false;
        if (!moved && ended < block.count) {
            block.complaint = "not all threads come to a barrier or a warp operation";
            return false;
        }
    }
    return true;
}

/* ---- launches ------------------------------------------------------------------------------- */

struct Launch {
    dim3 grid;
    unsigned threads, shared_bytes;
    std::function<void()> kernel;
};

cudaError_t last_error;
cudaError_t lost; /* what every call returns after a fault, as on a device */
uint64_t launches;

cudaError_t execute(const Launch &launch)
{
    emulated_spend(launch_ns(1.0 * launch.grid.x * launch.grid.y * launch.threads));
    if (launch.threads == setting("EIE_EMULATOR_FAULT", 0)) {
        lost = cudaErrorIllegalAddress;
        return cudaSuccess; /* the next call will tell */
    }
    const uint64_t number = launches++ + setting("EIE_EMULATOR_ORDER", 0);
    random_state = 0x9e3779b97f4a7c15u + number;
    const std::vector<unsigned> blocks = order_of(launch.grid.x * launch.grid.y, number);
    const std::vector<unsigned> order = order_of(launch.threads, number);
    emulated_now.grid_size = launch.grid;
    emulated_now.block_size = {launch.threads, 1, 1};
    block.kernel = &launch.kernel;
    block.count = launch.threads;
    if (block.threads.size() < launch.threads) block.threads.resize(launch.threads);
    for (auto &given : block.given) given.assign((launch.threads + WARP - 1) / WARP * WARP, 0);
    for (unsigned index : blocks) {
        emulated_now.block = {index % launch.grid.x, index / launch.grid.x, 0};
        block.shared.reset(new unsigned char[launch.shared_bytes]);
        memset(block.shared.get(), 0xa5, launch.shared_bytes);
        block.complaint.clear();
        if (run_block(order)) continue;
        fprintf(stderr, "emulated CUDA: block %u: %s\n", index, block.complaint.c_str());
        block.threads.clear(); /* their stacks hold calls that never end */
        return last_error = cudaErrorLaunchFailure;
    }
    return cudaSuccess;
}

} // namespace

void emulated_spend(double ns)
{
    static const double ramp_ns = (double)setting("EIE_EMULATOR_RAMP", 0);
    if (!device_clock.working) {
        spent_ns += (uint64_t)ns;
        return;
    }
    if (device_clock.busy_ns < ramp_ns) ns *= COLD;
    device_clock.busy_ns += ns;
    device_clock.ns += ns;
}

double __wrap_eie_now_s(void)
{
    emulated_spend(LOOK_NS); /* a loop until some time has passed must end */
    return 1e-9 * host_ns();
}

void emulated_hold(const volatile uint32_t *open, volatile uint32_t *late, uint64_t most_ns)
{
    if (*open) return;
    held_up.open = open;
    held_up.late = late;
    held_up.end_ns = device_ns() + (double)most_ns;
}

emulated_place emulated_now;

unsigned char *emulated_shared(void)
{
    return block.shared.get();
}

void emulated_barrier(void)
{
    leave(State::barrier);
}

const uint64_t *emulated_exchange(unsigned mask, uint64_t value)
{
    Thread &thread = block.threads[block.running];
    const unsigned turn = thread.turn++ % 2, first = block.running / WARP * WARP;
    if (!(mask >> (block.running % WARP) & 1))
        block.complaint = "a thread is not in the mask of its own warp operation";
    block.given[turn][block.running] = value;
    thread.mask = mask;
    leave(State::warp);
    return &block.given[turn][first];
}

namespace
{

/* What a lane holds of both factors. */
struct Factors {
    const unsigned *a, *b;
};

} // namespace

/* As the PTX ISA has it: lane 4 g + t holds rows g and g + 8 of the first factor and column g of
 * the second, at depths 4 t to 4 t + 3 and 16 more; rows g and g + 8 of the sums, columns 2 t and 2
 * t + 1. */
void emulated_tile(unsigned sum[4], const unsigned a[4], const unsigned b[2], bool a_signed,
                   bool b_signed)
{
    const Factors mine = {a, b};
    const unsigned lane = block.running % WARP, g = lane / 4, t = lane % 4;
    const Factors *all[WARP];
    const uint64_t *given = emulated_exchange(~0u, (uint64_t)(uintptr_t)&mine);
    for (unsigned i = 0; i < WARP; i++) all[i] = (const Factors *)(uintptr_t)given[i];
    uint8_t row[2][32], column[2][32];
    for (unsigned k = 0; k < 32; k += 4)
        for (unsigned i = 0; i < 2; i++) {
            const unsigned word = k / 16, from = k % 16 / 4;
            memcpy(&row[i][k], &all[g * 4 + from]->a[2 * word + i], 4);
            memcpy(&column[i][k], &all[(2 * t + i) * 4 + from]->b[word], 4);
        }
    for (unsigned r = 0; r < 4; r++)
        for (unsigned k = 0; k < 32; k++) {
            const int left = row[r / 2][k], right = column[r % 2][k];
            sum[r] +=
                (unsigned)((a_signed ? (int8_t)left : left) * (b_signed ? (int8_t)right : right));
        }
    emulated_exchange(~0u, 0); /* before anybody's factors change */
}

/* ---- the runtime's functions ---------------------------------------------------------------- */

struct CUevent_st {
    double ns;
    bool recorded;
};

struct CUgraph_st {
    std::vector<std::function<cudaError_t()>> work;
};

struct CUgraphExec_st {
    std::vector<std::function<cudaError_t()>> work;
};

struct CUstream_st {
    int device;
    std::unique_ptr<CUgraph_st> recording;
};

namespace
{

int current_device;
std::map<const void *, unsigned> &limits() /* of dynamic shared memory */
{
    static std::map<const void *, unsigned> all;
    return all;
}

uint64_t held_bytes;
std::map<void *, size_t> &held()
{
    static std::map<void *, size_t> all;
    return all;
}

cudaError_t queue(cudaStream_t stream, std::function<cudaError_t()> work)
{
    if (!stream) return last_error = cudaErrorInvalidValue;
    if (lost) return lost;
    emulated_spend(QUEUE_NS);
    if (!stream->recording && !held_up.open) return on_device(work);
    (stream->recording ? stream->recording->work : held_up.behind).push_back(std::move(work));
    return cudaSuccess;
}

bool device_is_there(int device)
{
    return device >= 0 && (uint64_t)device < setting("EIE_EMULATOR_DEVICES", 1);
}

cudaError_t stamp(cudaEvent_t event)
{
    event->ns = device_ns();
    event->recorded = true;
    return cudaSuccess;
}

} // namespace

int eie_emulate(const void *which, unsigned blocks_x, unsigned blocks_y, unsigned threads,
                unsigned shared_bytes, cudaStream_t stream, std::function<void()> kernel)
{
    if (!blocks_x || !blocks_y || blocks_y > 65535 || !threads || threads > THREADS_MAX ||
        shared_bytes > setting("EIE_EMULATOR_SHARED", 232448))
        return last_error = cudaErrorInvalidConfiguration;
    const auto limit = limits().find(which);
    if (stream->device != current_device ||
        shared_bytes > (limit == limits().end() ? 48u << 10 : limit->second))
        return last_error = cudaErrorInvalidValue;
    const Launch launch = {{blocks_x, blocks_y, 1}, threads, shared_bytes, std::move(kernel)};
    return queue(stream, [launch]() { return execute(launch); });
}

extern "C" {

const char *cudaGetErrorName(cudaError_t code)
{
    switch (code) {
    case cudaSuccess:
        return "cudaSuccess";
    case cudaErrorInvalidValue:
        return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
        return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
        return "cudaErrorInvalidConfiguration";
    case cudaErrorInsufficientDriver:
        return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice:
        return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice:
        return "cudaErrorInvalidDevice";
    case cudaErrorIllegalAddress:
        return "cudaErrorIllegalAddress";
    case cudaErrorLaunchFailure:
        return "cudaErrorLaunchFailure";
    case cudaErrorStreamCaptureUnsupported:
        return "cudaErrorStreamCaptureUnsupported";
    default:
        break;
    }
    return "unrecognized error code";
}

const char *cudaGetErrorString(cudaError_t code)
{
    return code == cudaErrorNoDevice ? "no CUDA-capable device is detected" : "an emulated failure";
}

cudaError_t cudaGetLastError(void)
{
    const cudaError_t code = last_error;
    last_error = cudaSuccess;
    return code;
}

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = (int)setting("EIE_EMULATOR_DEVICES", 1);
    return *count ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device)
{
    if (!device_is_there(device)) return cudaErrorInvalidDevice;
    memset(properties, 0, sizeof *properties);
    const char *name = getenv("EIE_EMULATOR_NAME");
    snprintf(properties->name, sizeof properties->name, "%s", name && *name ? name : "Emulated");
    properties->uuid.bytes[15] = (char)(device + 1);
    properties->totalGlobalMem = setting("EIE_EMULATOR_MEMORY", 64 << 20);
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr what, int device)
{
    if (!device_is_there(device)) return cudaErrorInvalidDevice;
    switch (what) {
    case cudaDevAttrComputeCapabilityMajor:
        *value = (int)setting("EIE_EMULATOR_CAPABILITY", 90) / 10;
        break;
    case cudaDevAttrComputeCapabilityMinor:
        *value = (int)setting("EIE_EMULATOR_CAPABILITY", 90) % 10;
        break;
    case cudaDevAttrMultiProcessorCount:
        *value = (int)setting("EIE_EMULATOR_UNITS", 2);
        break;
    case cudaDevAttrL2CacheSize:
        *value = (int)setting("EIE_EMULATOR_L2", 1 << 20);
        break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        *value = (int)setting("EIE_EMULATOR_SHARED", 232448);
        break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
        *value = (int)setting("EIE_EMULATOR_SHARED", 232448) + 1024;
        break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
        *value = 2048;
        break;
    case cudaDevAttrClockRate: /* of a device whose clock moves */
        *value = setting("EIE_EMULATOR_RAMP", 0) ? 1980000 : 0;
        break;
    default:
        *value = 0;
    }
    return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char *text, int size, int device)
{
    snprintf(text, (size_t)size, "0000:%02x:00.0", 0x65 + device);
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = 13000;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = 13000;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device)
{
    if (!device_is_there(device)) return cudaErrorInvalidDevice;
    current_device = device;
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned)
{
    /* processes that use no device go on in real time */
    if (setting("EIE_EMULATOR_CLOCK", 0) && !(stopped_ns > 0)) stopped_ns = real_ns();
    *stream = new CUstream_st{current_device, nullptr};
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    if (stream->recording) return last_error = cudaErrorStreamCaptureUnsupported;
    wait_for_device();
    const cudaError_t code = held_up.code;
    held_up.code = cudaSuccess;
    return lost ? lost : code;
}

cudaError_t cudaMalloc(void **memory, size_t bytes)
{
    void *made = nullptr;
    if (lost) return lost;
    if (held_bytes + bytes > setting("EIE_EMULATOR_MEMORY", 64 << 20) ||
        posix_memalign(&made, 256, bytes))
        return last_error = cudaErrorMemoryAllocation;
    memset(made, 0xa5, bytes);
    held()[made] = bytes;
    held_bytes += bytes;
    *memory = made;
    return cudaSuccess;
}

cudaError_t cudaFree(void *memory)
{
    const auto found = held().find(memory);
    if (found == held().end()) return last_error = cudaErrorInvalidValue;
    held_bytes -= found->second;
    held().erase(found);
    free(memory);
    return cudaSuccess;
}

cudaError_t cudaHostAlloc(void **memory, size_t bytes, unsigned)
{
    if (lost) return lost;
    *memory = malloc(bytes);
    return *memory ? cudaSuccess : last_error = cudaErrorMemoryAllocation;
}

cudaError_t cudaHostGetDevicePointer(void **device, void *host, unsigned)
{
    *device = host;
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind,
                            cudaStream_t stream)
{
    return queue(stream, [=]() { return memcpy(to, from, bytes), cudaSuccess; });
}

cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t stream)
{
    return queue(stream, [=]() { return memset(memory, value, bytes), cudaSuccess; });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned)
{
    *event = new CUevent_st{};
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags)
{
    if (stream->recording && flags != cudaEventRecordExternal)
        return last_error = cudaErrorStreamCaptureUnsupported;
    return queue(stream, [event]() { return stamp(event); });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    return cudaEventRecordWithFlags(event, stream, cudaEventDefault);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    wait_for_device();
    if (lost) return lost;
    return event->recorded ? cudaSuccess : last_error = cudaErrorInvalidValue;
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t first, cudaEvent_t last)
{
    if (!first->recorded || !last->recorded) return last_error = cudaErrorInvalidValue;
    *ms = (float)(1e-6 * (last->ns - first->ns));
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode)
{
    if (stream->recording) return last_error = cudaErrorStreamCaptureUnsupported;
    stream->recording.reset(new CUgraph_st);
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    *graph = stream->recording.release();
    return *graph ? cudaSuccess : last_error = cudaErrorInvalidValue;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status)
{
    *status = stream->recording ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *made, cudaGraph_t graph,
                                          unsigned long long)
{
    *made = new CUgraphExec_st{graph->work};
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t made)
{
    delete made;
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t made, cudaStream_t stream)
{
    return queue(stream, [made]() {
        cudaError_t code = cudaSuccess;
        for (const auto &work : made->work)
            if (code == cudaSuccess) code = work();
        return code;
    });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t work, void *context)
{
    return queue(stream, [work, context]() {
        work(context);
        return cudaSuccess;
    });
}

cudaError_t cudaFuncSetAttribute(const void *kernel, enum cudaFuncAttribute which, int value)
{
    if (which == cudaFuncAttributePreferredSharedMemoryCarveout) /* a share, or -1 for none */
        return value >= -1 && value <= 100 ? cudaSuccess : last_error = cudaErrorInvalidValue;
    if (value < 0 || (uint64_t)value > setting("EIE_EMULATOR_SHARED", 232448))
        return last_error = cudaErrorInvalidValue;
    limits()[kernel] = (unsigned)value;
    return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *, int threads,
                                                          size_t shared_bytes)
{
    const uint64_t by_shared = setting("EIE_EMULATOR_SHARED", 232448) / (shared_bytes + 1024);
    const uint64_t by_threads = 1024u / (unsigned)threads;
    *blocks = (int)(by_shared < by_threads ? by_shared : by_threads);
    return cudaSuccess;
}
}
