// Google Benchmark 1.7.1 behind gbench.h: the one C++ file.
#include "bench/measure/gbench.h"

#include <benchmark/benchmark.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <ostream>
#include <streambuf>
#include <string>
#include <vector>

#ifndef EIE_GBENCH_VERSION
#define EIE_GBENCH_VERSION "unknown"
#endif

namespace
{

// Swallows what is written to it.
class NullBuffer : public std::streambuf
{
    int overflow(int c) override
    {
        return traits_type::not_eof(c);
    }
    std::streamsize xsputn(const char *, std::streamsize size) override
    {
        return size;
    }
};

// Collects the repetitions of each case. Cases are registered as "c0", "c1", ...: Google Benchmark
// makes the longer name "c0/iterations:10/repeats:5/manual_time" of it and keeps ours beside.
class Collector : public benchmark::BenchmarkReporter
{
  public:
    Collector(eie_gbench_case *cases, int32_t count) : cases_(cases), count_(count), null_(&buffer_)
    {
        SetOutputStream(&null_);
        SetErrorStream(&null_);
    }

    bool ReportContext(const Context &) override
    {
        return true;
    }

    void ReportRuns(const std::vector<Run> &runs) override
    {
        for (const Run &run : runs)
            if (run.run_type == Run::RT_Iteration) collect(run);
    }

  private:
    // A repetition that failed comes with the time 0 and is no sample.
    void collect(const Run &run)
    {
        const std::string &name = run.run_name.function_name;
        const long index = name.size() > 1 ? std::strtol(name.c_str() + 1, nullptr, 10) : -1;
        if (index < 0 || index >= count_ || run.error_occurred || run.iterations <= 0) return;
        eie_gbench_case &c = cases_[index];
        if (c.samples >= c.repetitions || !(run.real_accumulated_time > 0)) return;
        const double calls = static_cast<double>(run.iterations);
        c.sample_ns[c.samples] = run.real_accumulated_time * 1e9 / calls;
        c.sample_cpu_ns[c.samples] = run.cpu_accumulated_time * 1e9 / calls;
        c.samples++;
    }

    eie_gbench_case *cases_;
    int32_t count_;
    NullBuffer buffer_;
    std::ostream null_;
};

// One repetition: untimed preparation, then one block whose time the block itself states. A block
// that failed has the time 0, which Collector drops. Not by SkipWithError: ComputeStats of 1.7.1
// aborts the process when a case has both skipped and good repetitions.
// Whatever a kernel throws ends the process, which knows whose code is running.
void run_block(benchmark::State &state, const eie_gbench_case &c, bool &given_up) noexcept
{
    while (state.KeepRunningBatch(state.max_iterations)) {
        if (!given_up) {
            state.PauseTiming(); // CPU time leaves the preparation out
            given_up = c.warm != nullptr && !c.warm(c.context);
            state.ResumeTiming();
        }
        const double ns = given_up ? -1 : c.block(c.context, c.calls);
        state.SetIterationTime(ns > 0 && std::isfinite(ns) ? ns * 1e-9 : 0);
    }
}

// Every option is given, since each has an environment variable too (BENCHMARK_OUT would write a
// file, V would print) that is none of our users' business.
void initialize()
{
    static bool done = false;
    static char program[] = "eie";
    static const char *const options[] = {"--benchmark_enable_random_interleaving=true",
                                          "--benchmark_list_tests=false",
                                          "--benchmark_filter=.",
                                          "--benchmark_repetitions=1",
                                          "--benchmark_min_warmup_time=0",
                                          "--benchmark_report_aggregates_only=false",
                                          "--benchmark_display_aggregates_only=false",
                                          "--benchmark_format=console",
                                          "--benchmark_out=",
                                          "--benchmark_out_format=json",
                                          "--benchmark_color=false",
                                          "--benchmark_counters_tabular=false",
                                          "--benchmark_perf_counters=",
                                          "--benchmark_time_unit=ns",
                                          "--v=0"};
    if (done) return;
    std::vector<std::string> words(std::begin(options), std::end(options));
    std::vector<char *> arguments{program};
    for (std::string &word : words) arguments.push_back(&word[0]);
    int count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    benchmark::Initialize(&count, arguments.data());
    done = true;
}

bool refuse(char *reason, unsigned size, const char *text)
{
    if (reason != nullptr && size > 0) std::snprintf(reason, size, "Google Benchmark: %s", text);
    return false;
}

// What CPUInfo of 1.7.1 reads, and exits without: of each cache that has a size also these, while
// the size is still open.
bool can_look_at_machine(char *reason, unsigned size)
{
    static const char *const files[] = {"type", "level", "shared_cpu_map"};
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index";
    for (int index = 0;; index++) {
        const std::string cache = folder + std::to_string(index) + "/";
        std::FILE *held = std::fopen((cache + "size").c_str(), "r");
        if (held == nullptr && errno != EMFILE && errno != ENFILE) return true;
        bool good = held != nullptr;
        for (const char *name : files) {
            std::FILE *file = good ? std::fopen((cache + name).c_str(), "r") : nullptr;
            good = file != nullptr;
            if (!good) break;
            std::fclose(file);
        }
        const int code = errno;
        if (held != nullptr) std::fclose(held);
        if (good) continue;
        std::snprintf(reason, size, "%s cannot be read: %s%s", cache.c_str(), std::strerror(code),
                      code == EMFILE ? ": raise the limit (ulimit -n)" : "");
        return false;
    }
}

void copy(char *to, size_t size, const std::string &from)
{
    std::snprintf(to, size, "%s", from.c_str());
}

} // namespace

bool eie_gbench_run(struct eie_gbench_case *cases, int32_t count, void (*tick)(void *),
                    void *ticker, char *reason, unsigned reason_size)
{
    bool good = true;

    for (int32_t i = 0; i < count; i++) {
        cases[i].samples = 0;
        if (cases[i].calls < 1 || cases[i].repetitions < 1)
            return refuse(reason, reason_size, "a case without calls or repetitions");
    }
    if (count <= 0) return true;
    try {
        std::vector<char> given_up(static_cast<size_t>(count), 0);
        initialize();
        benchmark::ClearRegisteredBenchmarks();
        for (int32_t i = 0; i < count; i++) {
            const eie_gbench_case &c = cases[i];
            char &over = given_up[static_cast<size_t>(i)];
            const std::string name = "c" + std::to_string(i);
            auto *registered = benchmark::RegisterBenchmark(
                name.c_str(), [&c, &over, tick, ticker](benchmark::State &state) {
                    bool now = over != 0;
                    run_block(state, c, now);
                    over = now ? 1 : 0;
                    if (tick != nullptr) tick(ticker);
                });
            registered->UseManualTime()->Iterations(c.calls)->Repetitions(c.repetitions);
            if (c.process_cpu) registered->MeasureProcessCPUTime();
        }
        Collector collector(cases, count);
        const size_t ran = benchmark::RunSpecifiedBenchmarks(&collector, ".");
        if (ran != static_cast<size_t>(count))
            good = refuse(reason, reason_size, "did not run all cases");
    } catch (const std::exception &problem) {
        good = refuse(reason, reason_size, problem.what());
    } catch (...) {
        good = refuse(reason, reason_size, "unknown exception");
    }
    benchmark::ClearRegisteredBenchmarks();
    return good;
}

bool eie_gbench_get_context(struct eie_gbench_context *context, char *reason, unsigned reason_size)
{
    *context = eie_gbench_context();
    if (!can_look_at_machine(reason, reason_size)) return false;
    context->cpu_scaling_enabled = -1;
    std::snprintf(context->version, sizeof context->version, "%s", EIE_GBENCH_VERSION);
    try {
        const benchmark::BenchmarkReporter::Context found;
        const benchmark::CPUInfo &cpu = found.cpu_info;
        copy(context->host_name, sizeof context->host_name, found.sys_info.name);
        context->num_cpus = cpu.num_cpus;
        context->mhz_per_cpu = static_cast<int>(std::lround(cpu.cycles_per_second / 1e6));
        if (cpu.scaling != benchmark::CPUInfo::UNKNOWN)
            context->cpu_scaling_enabled = cpu.scaling == benchmark::CPUInfo::ENABLED ? 1 : 0;
        for (const benchmark::CPUInfo::CacheInfo &cache : cpu.caches) {
            if (context->cache_count == 16) break;
            eie_gbench_cache &to = context->caches[context->cache_count++];
            copy(to.type, sizeof to.type, cache.type);
            to.level = cache.level;
            to.size = cache.size;
            to.num_sharing = cache.num_sharing;
        }
        for (const double load : cpu.load_avg)
            if (context->load_count < 3) context->load_avg[context->load_count++] = load;
    } catch (...) {
        // What was found until here stays.
    }
    return true;
}
