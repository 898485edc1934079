#include "host/machine/topology.h"

#include <dirent.h>
#include <errno.h>
#include <hwloc.h>
#include <hwloc/linux.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    struct eie_topology summary;
    hwloc_topology_t hwloc;
    hwloc_bitmap_t usable; /* hardware threads that the process may use */
    unsigned *units;       /* [summary.cores] one hardware thread of each usable core */
    enum eie_status status;
    struct eie_error error;
} machine;

/* Usable hardware threads of a core, a cache, ... */
static hwloc_bitmap_t usable_part(hwloc_obj_t object)
{
    hwloc_bitmap_t part = hwloc_bitmap_alloc();
    if (part != NULL) hwloc_bitmap_and(part, object->cpuset, machine.usable);
    return part;
}

/* Fills units with one hardware thread of each usable core; a machine without cores in its
 * description (some virtual ones) has one for each hardware thread. */
static enum eie_status find_cores(struct eie_error *error)
{
    const int cores = hwloc_get_nbobjs_by_type(machine.hwloc, HWLOC_OBJ_CORE);
    const hwloc_obj_type_t type = cores > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
    const int count = hwloc_get_nbobjs_by_type(machine.hwloc, type);

    machine.units = count > 0 ? calloc((size_t)count, sizeof *machine.units) : NULL;
    if (machine.units == NULL) return eie_fail(error, EIE_MEMORY, "out of memory for the cores");
    for (int i = 0; i < count; i++) {
        hwloc_bitmap_t part = usable_part(hwloc_get_obj_by_type(machine.hwloc, type, (unsigned)i));
        const int unit = part != NULL ? hwloc_bitmap_first(part) : -1;
        if (unit >= 0) machine.units[machine.summary.cores++] = (unsigned)unit;
        hwloc_bitmap_free(part);
    }
    if (machine.summary.cores == 0)
        return eie_fail(error, EIE_SYSTEM, "hwloc finds no core that this process may use");
    return EIE_OK;
}

/* Size of the first usable core's cache of that type, and how many usable cores share it. */
static uint64_t cache_of_first_core(hwloc_obj_type_t type, uint32_t *sharing)
{
    hwloc_obj_t unit = hwloc_get_pu_obj_by_os_index(machine.hwloc, machine.units[0]);
    hwloc_obj_t cache =
        unit != NULL ? hwloc_get_ancestor_obj_by_type(machine.hwloc, type, unit) : NULL;

    *sharing = 0;
    if (cache == NULL) return 0;
    for (uint32_t i = 0; i < machine.summary.cores; i++)
        if (hwloc_bitmap_isset(cache->cpuset, machine.units[i])) ++*sharing;
    return cache->attr->cache.size;
}

static enum eie_status load(struct eie_error *error)
{
    struct eie_topology *summary = &machine.summary;
    uint32_t l1_cores;

    if (hwloc_topology_init(&machine.hwloc) != 0 || hwloc_topology_load(machine.hwloc) != 0)
        return eie_fail(error, EIE_SYSTEM, "hwloc cannot read this machine's topology");
    machine.usable = hwloc_bitmap_alloc();
    if (machine.usable == NULL) return eie_fail(error, EIE_MEMORY, "out of memory for a cpu set");

    /* Cores that the machine, cgroups and taskset leave to this process. */
    hwloc_const_bitmap_t allowed = hwloc_topology_get_allowed_cpuset(machine.hwloc);
    if (hwloc_get_cpubind(machine.hwloc, machine.usable, HWLOC_CPUBIND_PROCESS) != 0 ||
        !hwloc_bitmap_intersects(machine.usable, allowed))
        hwloc_bitmap_copy(machine.usable, allowed);
    hwloc_bitmap_and(machine.usable, machine.usable, allowed);

    const enum eie_status status = find_cores(error);
    if (status != EIE_OK) return status;
    summary->hardware_threads = (uint32_t)hwloc_bitmap_weight(machine.usable);
    const int nodes = hwloc_get_nbobjs_by_type(machine.hwloc, HWLOC_OBJ_NUMANODE);
    summary->numa_nodes = nodes > 0 ? (uint32_t)nodes : 1;
    summary->l1d_bytes = cache_of_first_core(HWLOC_OBJ_L1CACHE, &l1_cores);
    summary->l2_bytes = cache_of_first_core(HWLOC_OBJ_L2CACHE, &summary->l2_cores);
    summary->l3_bytes = cache_of_first_core(HWLOC_OBJ_L3CACHE, &summary->l3_cores);
    summary->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return EIE_OK;
}

static void load_once(void)
{
    machine.status = load(&machine.error);
}

enum eie_status eie_topology_get(const struct eie_topology **topology, struct eie_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, load_once);
    *topology = &machine.summary;
    if (machine.status == EIE_OK) return EIE_OK;
    return eie_fail(error, machine.status, "%s", machine.error.message);
}

/* ---- binding -------------------------------------------------------------------------------- */

enum eie_status eie_bind_thread(uint32_t index, struct eie_error *error)
{
    const struct eie_topology *topology;
    enum eie_status status = eie_topology_get(&topology, error);

    if (status != EIE_OK) return status;
    if (index != EIE_BIND_ANY && index >= topology->cores)
        return eie_fail(error, EIE_USAGE, "no core %u: this process may use %u", index,
                        topology->cores);
    hwloc_bitmap_t set = hwloc_bitmap_dup(machine.usable);
    if (set == NULL) return eie_fail(error, EIE_MEMORY, "out of memory for a cpu set");
    if (index != EIE_BIND_ANY) hwloc_bitmap_only(set, machine.units[index]);
    if (hwloc_set_cpubind(machine.hwloc, set, HWLOC_CPUBIND_THREAD) != 0)
        status =
            eie_fail(error, EIE_SYSTEM, "a thread cannot be bound to a core: %s", strerror(errno));
    hwloc_bitmap_free(set);
    return status;
}

static _Atomic uint32_t process_bindings;

/* The cores of the `others`-th thread beside the caller: all of them, or, spread, one each. */
static void choose_cores(hwloc_bitmap_t set, uint32_t count, bool spread, bool caller,
                         uint32_t others)
{
    hwloc_bitmap_zero(set);
    if (spread)
        hwloc_bitmap_set(set, machine.units[caller || count == 1 ? 0 : 1 + others % (count - 1)]);
    for (uint32_t i = 0; i < count && !spread; i++) hwloc_bitmap_set(set, machine.units[i]);
}

static int by_number(const void *a, const void *b)
{
    const int left = *(const int *)a, right = *(const int *)b;
    return (left > right) - (left < right);
}

/* The process's threads; NULL where they cannot be read. The caller frees it. */
static int *list_threads(uint32_t *count)
{
    uint32_t room = 0;
    int *ids = NULL;
    DIR *tasks = opendir("/proc/self/task");
    *count = 0;
    if (tasks == NULL) return NULL;
    for (const struct dirent *task; (task = readdir(tasks)) != NULL;) {
        const int id = (int)strtol(task->d_name, NULL, 10);
        if (id <= 0) continue;
        if (*count == room) {
            room = room > 0 ? 2 * room : 64;
            int *larger = realloc(ids, room * sizeof *ids);
            if (larger == NULL) goto fail;
            ids = larger;
        }
        ids[(*count)++] = id;
    }
    closedir(tasks);
    if (ids != NULL) qsort(ids, *count, sizeof *ids, by_number);
    return ids;
fail:
    closedir(tasks);
    free(ids);
    return NULL;
}

static enum eie_status bind_all(uint32_t count, bool spread, struct eie_error *error)
{
    const struct eie_topology *topology;
    const pid_t caller = gettid();
    uint32_t threads, others = 0;
    enum eie_status status = eie_topology_get(&topology, error);

    if (status != EIE_OK) return status;
    if (count == 0) return eie_fail(error, EIE_USAGE, "a process cannot be bound to no core");
    if (count > topology->cores) count = topology->cores;
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    int *ids = list_threads(&threads);
    if (set == NULL || ids == NULL) {
        status = eie_fail(error, EIE_SYSTEM, "the process's threads cannot be listed: %s",
                          strerror(errno));
        goto end;
    }
    atomic_fetch_add(&process_bindings, 1);
    for (uint32_t i = 0; i < threads; i++) {
        choose_cores(set, count, spread, ids[i] == caller, others);
        others += ids[i] != caller;
        if (hwloc_linux_set_tid_cpubind(machine.hwloc, ids[i], set) == 0) continue;
        if (errno == ESRCH) continue; /* ended meanwhile */
        status = eie_fail(error, EIE_SYSTEM, "the process cannot be bound to cores: %s",
                          strerror(errno));
        goto end;
    }
end:
    free(ids);
    hwloc_bitmap_free(set);
    return status;
}

uint32_t eie_threads_now(int *ids, uint32_t most)
{
    uint32_t count;
    int *all = list_threads(&count);
    if (all == NULL) return 0;
    if (ids != NULL) memcpy(ids, all, (count < most ? count : most) * sizeof *ids);
    free(all);
    return count;
}

enum eie_status eie_bind_each(const int *ids, uint32_t count, struct eie_error *error)
{
    const struct eie_topology *topology;
    enum eie_status status = eie_topology_get(&topology, error);
    if (status != EIE_OK) return status;
    const bool cores = count <= topology->cores;
    if (!cores && count > topology->hardware_threads)
        return eie_fail(error, EIE_UNSUPPORTED, "%u threads, and %u hardware threads", count,
                        topology->hardware_threads);
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    if (set == NULL) return eie_fail(error, EIE_MEMORY, "out of memory for a cpu set");
    uint32_t bound = 0;
    for (int unit = -1; bound < count && status == EIE_OK; bound += status == EIE_OK) {
        unit = cores ? (int)machine.units[bound] : hwloc_bitmap_next(machine.usable, unit);
        hwloc_bitmap_only(set, (unsigned)unit);
        if (hwloc_linux_set_tid_cpubind(machine.hwloc, ids[bound], set) != 0 && errno != ESRCH)
            status = eie_fail(error, EIE_SYSTEM, "a thread cannot be bound to a core: %s",
                              strerror(errno));
    }
    for (uint32_t i = 0; status != EIE_OK && i < bound; i++)
        (void)hwloc_linux_set_tid_cpubind(machine.hwloc, ids[i], machine.usable);
    hwloc_bitmap_free(set);
    return status;
}

enum eie_status eie_bind_process(uint32_t count, struct eie_error *error)
{
    return bind_all(count, false, error);
}

enum eie_status eie_bind_threads_apart(uint32_t count, struct eie_error *error)
{
    return bind_all(count, true, error);
}

enum eie_status eie_bind_memory(uint32_t count, struct eie_error *error)
{
    const struct eie_topology *topology;
    enum eie_status status = eie_topology_get(&topology, error);

    if (status != EIE_OK || topology->numa_nodes < 2) return status;
    if (count > topology->cores) count = topology->cores;
    hwloc_bitmap_t cores = hwloc_bitmap_alloc(), nodes = hwloc_bitmap_alloc();
    if (cores == NULL || nodes == NULL) {
        status = eie_fail(error, EIE_MEMORY, "out of memory for a cpu set");
        goto end;
    }
    for (uint32_t i = 0; i < count; i++) hwloc_bitmap_set(cores, machine.units[i]);
    hwloc_cpuset_to_nodeset(machine.hwloc, cores, nodes);
    const hwloc_membind_policy_t policy =
        hwloc_bitmap_weight(nodes) > 1 ? HWLOC_MEMBIND_INTERLEAVE : HWLOC_MEMBIND_BIND;
    if (hwloc_set_membind(machine.hwloc, nodes, policy,
                          HWLOC_MEMBIND_THREAD | HWLOC_MEMBIND_BYNODESET) != 0)
        status = eie_fail(error, EIE_SYSTEM, "memory cannot be bound to NUMA nodes: %s",
                          strerror(errno));
end:
    hwloc_bitmap_free(cores);
    hwloc_bitmap_free(nodes);
    return status;
}

uint32_t eie_bind_process_count(void)
{
    return atomic_load_explicit(&process_bindings, memory_order_relaxed);
}

/* ---- caches --------------------------------------------------------------------------------- */

/* All caches of one level that the first `threads` cores reach, together. */
static uint64_t reached(uint64_t bytes, uint32_t sharing, uint32_t threads)
{
    return sharing == 0 ? 0 : bytes * ((threads + sharing - 1) / sharing);
}

uint64_t eie_cache_bytes(uint32_t level, uint32_t threads)
{
    const struct eie_topology *t;

    if (eie_topology_get(&t, NULL) != EIE_OK) return 0;
    if (threads == 0) threads = 1;
    if (threads > t->cores) threads = t->cores;
    if (level == 1) return t->l1d_bytes * threads;
    if (level == 2) return reached(t->l2_bytes, t->l2_cores, threads);
    return level == 3 ? reached(t->l3_bytes, t->l3_cores, threads) : 0;
}

uint64_t eie_private_bytes(uint32_t threads)
{
    return eie_cache_bytes(1, threads) + eie_cache_bytes(2, threads);
}

const char *eie_resident(uint64_t bytes, uint32_t threads)
{
    if (bytes <= eie_cache_bytes(1, threads)) return "l1";
    if (bytes <= eie_cache_bytes(2, threads)) return "l2";
    return bytes <= eie_cache_bytes(3, threads) ? "l3" : "dram";
}
