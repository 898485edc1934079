/* The emulator itself: it must find what it is there to find. */
#include "cuda_runtime.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>
extern "C" {
#include <cmocka.h>
}

namespace
{

cudaStream_t stream;

int begin(void **)
{
    return cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
}

/* Runs `kernel` in a block of so many threads several times, that is, in all orders. */
int run(unsigned threads, unsigned shared_bytes, std::function<void()> kernel)
{
    for (int i = 0; i < 3; i++) {
        const int code = eie_emulate(nullptr, 1, 1, threads, shared_bytes, stream, kernel);
        if (code) return code;
    }
    return 0;
}

void test_shuffles(void **)
{
    std::vector<unsigned> up(64), down(64), all(64), pick(64), vote(64);
    assert_int_equal(run(64, 0,
                         [&]() {
                             const unsigned t = threadIdx.x;
                             up[t] = __shfl_up_sync(~0u, t, 3);
                             down[t] = __shfl_down_sync(~0u, t, 3, 16);
                             all[t] = __shfl_xor_sync(~0u, t, 5);
                             pick[t] = __shfl_sync(~0u, t, 18, 16);
                             vote[t] = __ballot_sync(~0u, t % 3 == 0);
                         }),
                     0);
    for (unsigned t = 0; t < 64; t++) {
        assert_int_equal(up[t], t % 32 < 3 ? t : t - 3);
        assert_int_equal(down[t], t % 16 + 3 < 16 ? t + 3 : t);
        assert_int_equal(all[t], t ^ 5);
        assert_int_equal(pick[t], t / 16 * 16 + 2);
        for (unsigned i = 0; i < 32; i++)
            assert_int_equal(vote[t] >> i & 1, (t / 32 * 32 + i) % 3 == 0);
    }
}

void test_bytes(void **)
{
    assert_int_equal(emulated_bytes(0x33221100u, 0x77665544u, 0x6420u), 0x66442200u);
    assert_int_equal(emulated_bytes(0x80227f00u, 0xff665544u, 0xf8b9u), 0xff00ff00u);
    assert_int_equal(__dp2a_lo((int)0xfffe0003u, 0x0100, 10), 8);
    assert_int_equal(__dp2a_lo((int)0xfffe8000u, 0x7f01, 10), -32768 - 254 + 10);
    assert_int_equal(__dp2a_lo((int)0xfffe8000u, 0x0201, 10), -32768 - 4 + 10);
}

/* A product of tiles by its definition, bytes of all values with a sign and without. */
void test_tile(void **)
{
    unsigned char a[16][32], b[32][8];
    for (unsigned i = 0; i < sizeof a; i++) (&a[0][0])[i] = (unsigned char)(i * 37 + i / 7);
    for (unsigned i = 0; i < sizeof b; i++) (&b[0][0])[i] = (unsigned char)(i * 101 + i / 5);
    for (unsigned signs = 0; signs < 4; signs++) {
        std::vector<unsigned> got(16 * 8);
        assert_int_equal(run(32, 0,
                             [&]() {
                                 const unsigned g = threadIdx.x / 4, t = threadIdx.x % 4;
                                 unsigned sum[4] = {1, 2, 3, 0xfffffff0u}, left[4], right[2];
                                 memcpy(&left[0], &a[g][4 * t], 4);
                                 memcpy(&left[1], &a[g + 8][4 * t], 4);
                                 memcpy(&left[2], &a[g][4 * t + 16], 4);
                                 memcpy(&left[3], &a[g + 8][4 * t + 16], 4);
                                 for (unsigned w = 0; w < 2; w++) {
                                     right[w] = 0;
                                     for (unsigned i = 0; i < 4; i++)
                                         right[w] |= (unsigned)b[16 * w + 4 * t + i][g] << 8 * i;
                                 }
                                 emulated_tile(sum, left, right, signs & 1, signs & 2);
                                 for (unsigned r = 0; r < 4; r++)
                                     got[(g + r / 2 * 8) * 8 + 2 * t + r % 2] = sum[r];
                             }),
                         0);
        for (unsigned m = 0; m < 16; m++)
            for (unsigned n = 0; n < 8; n++) {
                const unsigned r = m / 8 * 2 + n % 2;
                int sum = r == 3 ? -16 : (int)r + 1;
                for (unsigned k = 0; k < 32; k++)
                    sum += (signs & 1 ? (signed char)a[m][k] : a[m][k]) *
                           (signs & 2 ? (signed char)b[k][n] : b[k][n]);
                assert_int_equal(got[m * 8 + n], (unsigned)sum);
            }
    }
}

void test_part_of_a_warp(void **)
{
    std::vector<unsigned> got(32);
    assert_int_equal(run(32, 0,
                         [&]() {
                             const unsigned t = threadIdx.x, half = t < 16 ? 0xffffu : 0xffff0000u;
                             for (unsigned i = 0; i < (t < 16 ? 3u : 1u); i++)
                                 got[t] = __shfl_xor_sync(half, t, 1);
                         }),
                     0);
    for (unsigned t = 0; t < 32; t++) assert_int_equal(got[t], t ^ 1);
}

void test_barrier(void **)
{
    std::vector<unsigned> got(256);
    assert_int_equal(run(256, 256 * sizeof(unsigned),
                         [&]() {
                             unsigned *x = (unsigned *)emulated_shared();
                             x[threadIdx.x] = threadIdx.x;
                             __syncthreads();
                             got[threadIdx.x] = x[255 - threadIdx.x];
                         }),
                     0);
    for (unsigned t = 0; t < 256; t++) assert_int_equal(got[t], 255 - t);
}

/* The same without the barrier: in some order a thread reads what is not written yet. */
void test_missing_barrier_shows(void **)
{
    unsigned wrong = 0;
    assert_int_equal(run(256, 256 * sizeof(unsigned),
                         [&]() {
                             unsigned *x = (unsigned *)emulated_shared();
                             x[threadIdx.x] = threadIdx.x;
                             wrong += x[255 - threadIdx.x] != 255 - threadIdx.x;
                         }),
                     0);
    assert_true(wrong > 0);
}

void test_barrier_that_some_miss(void **)
{
    assert_int_equal(run(64, 0,
                         []() {
                             if (threadIdx.x % 2)
                                 __syncthreads();
                             else
                                 __syncwarp(1u << threadIdx.x % 32), __syncwarp();
                         }),
                     cudaErrorLaunchFailure);
    assert_int_equal(cudaGetLastError(), cudaErrorLaunchFailure);
}

void test_warp_operation_that_some_miss(void **)
{
    assert_int_equal(run(32, 0,
                         []() {
                             if (threadIdx.x < 31) __syncwarp();
                         }),
                     cudaErrorLaunchFailure);
    assert_int_equal(run(40, 0, []() { __syncwarp(); }), cudaErrorLaunchFailure);
    assert_int_equal(run(32, 0, []() { __syncwarp(threadIdx.x ? ~0u : 1u); }),
                     cudaErrorLaunchFailure);
    assert_int_equal(run(32, 0, []() { __syncwarp(~1u); }), cudaErrorLaunchFailure);
    assert_int_equal(run(32, 0, []() { __syncthreads(); }), 0); /* and the next launch is well */
}

void test_launches_that_a_device_refuses(void **)
{
    const auto nothing = []() {};
    assert_int_equal(run(1024, 48 << 10, nothing), 0);
    assert_int_equal(run(1024, (48 << 10) + 1, nothing), cudaErrorInvalidValue);
    const enum cudaFuncAttribute most = cudaFuncAttributeMaxDynamicSharedMemorySize;
    assert_int_equal(cudaFuncSetAttribute(nullptr, most, 232448), 0);
    assert_int_equal(run(1024, 232448, nothing), 0);
    assert_int_equal(cudaFuncSetAttribute(nullptr, most, 100), 0);
    assert_int_equal(run(1024, 101, nothing), cudaErrorInvalidValue);
    assert_int_equal(cudaFuncSetAttribute(nullptr, most, 232449), cudaErrorInvalidValue);
    const enum cudaFuncAttribute share = cudaFuncAttributePreferredSharedMemoryCarveout;
    assert_int_equal(cudaFuncSetAttribute(nullptr, share, 100), 0); /* and 100 bytes stay allowed */
    assert_int_equal(cudaFuncSetAttribute(nullptr, share, 101), cudaErrorInvalidValue);
    assert_int_equal(run(1024, 101, nothing), cudaErrorInvalidValue);
    assert_int_equal(run(1024, 100, nothing), 0);
    assert_int_equal(cudaFuncSetAttribute(nullptr, most, 232448), 0);
    assert_int_equal(run(1025, 0, nothing), cudaErrorInvalidConfiguration);
    assert_int_equal(run(0, 0, nothing), cudaErrorInvalidConfiguration);
    assert_int_equal(run(32, 232449, nothing), cudaErrorInvalidConfiguration);
    assert_int_equal(eie_emulate(nullptr, 1, 65536, 32, 0, stream, nothing),
                     cudaErrorInvalidConfiguration);
    assert_int_equal(eie_emulate(nullptr, 0, 1, 32, 0, stream, nothing),
                     cudaErrorInvalidConfiguration);
}

void test_stream_of_another_device(void **)
{
    setenv("EIE_EMULATOR_DEVICES", "2", 1);
    assert_int_equal(cudaSetDevice(1), 0);
    assert_int_equal(run(32, 0, []() {}), cudaErrorInvalidValue);
    assert_int_equal(cudaSetDevice(2), cudaErrorInvalidDevice);
    assert_int_equal(cudaSetDevice(0), 0);
    assert_int_equal(run(32, 0, []() {}), 0);
    unsetenv("EIE_EMULATOR_DEVICES");
}

void test_graph(void **)
{
    cudaGraph_t graph;
    cudaGraphExec_t made;
    unsigned calls = 0;
    assert_int_equal(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), 0);
    assert_int_equal(eie_emulate(nullptr, 2, 3, 4, 0, stream, [&]() { calls++; }), 0);
    assert_int_equal(calls, 0);
    assert_int_equal(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
    assert_int_equal(cudaStreamEndCapture(stream, &graph), 0);
    assert_int_equal(cudaGraphInstantiateWithFlags(&made, graph, 0), 0);
    assert_int_equal(cudaGraphDestroy(graph), 0);
    assert_int_equal(cudaGraphLaunch(made, stream), 0);
    assert_int_equal(cudaGraphLaunch(made, stream), 0);
    assert_int_equal(calls, 48);
    assert_int_equal(cudaGraphExecDestroy(made), 0);
}

/* Behind a kernel that waits for the host work lies until the host waits for the device. */
void test_work_behind_a_held_stream(void **)
{
    volatile uint32_t open = 0, late = 0;
    unsigned count = 0;
    const auto hold = [&]() { emulated_hold(&open, &late, 1000000); };
    const auto add = [&]() { count++; };
    for (const bool opened : {true, false}) {
        open = late = count = 0;
        assert_int_equal(eie_emulate(nullptr, 1, 1, 1, 0, stream, hold), 0);
        assert_int_equal(eie_emulate(nullptr, 1, 1, 32, 0, stream, add), 0);
        assert_int_equal(count, 0);
        open = opened;
        assert_int_equal(cudaStreamSynchronize(stream), 0);
        assert_int_equal(count, 32);
        assert_int_equal(late, !opened);
    }
    /* what a device refuses later is told to who waits */
    open = 0;
    assert_int_equal(eie_emulate(nullptr, 1, 1, 1, 0, stream, hold), 0);
    assert_int_equal(eie_emulate(nullptr, 1, 1, 32, 0, stream,
                                 []() { threadIdx.x ? __syncthreads() : (void)0; }),
                     0);
    open = 1;
    assert_int_equal(cudaStreamSynchronize(stream), cudaErrorLaunchFailure);
    assert_int_equal(cudaStreamSynchronize(stream), 0);
}

void test_memory_is_limited(void **)
{
    void *memory, *more;
    setenv("EIE_EMULATOR_MEMORY", "1000", 1);
    assert_int_equal(cudaMalloc(&memory, 900), 0);
    assert_int_equal((uintptr_t)memory % 256, 0);
    assert_int_equal(cudaMalloc(&more, 101), cudaErrorMemoryAllocation);
    assert_int_equal(cudaFree(memory), 0);
    assert_int_equal(cudaFree(memory), cudaErrorInvalidValue);
    assert_int_equal(cudaMalloc(&memory, 1000), 0);
    assert_int_equal(cudaFree(memory), 0);
    unsetenv("EIE_EMULATOR_MEMORY");
}

#if defined(__SANITIZE_ADDRESS__)
/* What a kernel does beyond a buffer ends the process with the sanitizer's words. */
bool is_found(unsigned shared_bytes, std::function<void()> kernel)
{
    int status = 0;
    const pid_t child = fork();
    if (!child) {
        if (!freopen("/dev/null", "w", stderr)) _exit(0);
        _exit(eie_emulate(nullptr, 1, 1, 32, shared_bytes, stream, kernel) ? 2 : 0);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 1; /* the sanitizer's */
}

void test_out_of_bounds(void **)
{
    volatile unsigned sink = 0;
    void *memory;
    assert_int_equal(cudaMalloc(&memory, 100), 0);
    const unsigned char *bytes = (const unsigned char *)memory;
    assert_false(is_found(64, [&]() { sink = bytes[99] + emulated_shared()[63]; }));
    assert_true(is_found(64, [&]() { sink = bytes[100]; }));
    assert_true(is_found(64, [&]() { sink = emulated_shared()[64]; }));
    assert_true(is_found(64, [&]() { emulated_shared()[64] = 1; }));
    assert_int_equal(cudaFree(memory), 0);
    assert_true(is_found(64, [&]() { sink = bytes[0]; }));
    (void)sink;
}
#endif

} // namespace

int main()
{
    const CMUnitTest tests[] = {
        cmocka_unit_test(test_shuffles),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_tile),
        cmocka_unit_test(test_part_of_a_warp),
        cmocka_unit_test(test_barrier),
        cmocka_unit_test(test_missing_barrier_shows),
        cmocka_unit_test(test_barrier_that_some_miss),
        cmocka_unit_test(test_warp_operation_that_some_miss),
        cmocka_unit_test(test_launches_that_a_device_refuses),
        cmocka_unit_test(test_stream_of_another_device),
        cmocka_unit_test(test_graph),
        cmocka_unit_test(test_work_behind_a_held_stream),
        cmocka_unit_test(test_memory_is_limited),
#if defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test(test_out_of_bounds),
#endif
    };
    return cmocka_run_group_tests(tests, begin, nullptr);
}
