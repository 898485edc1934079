/* A libnvidia-ml.so for tests: one board at bus 65 of every PCI domain, whose counter follows the
 * clock: FAKE_NVML_W watts (100), in steps of FAKE_NVML_STEP_MS (20). FAKE_NVML says what is wrong:
 * "init=CODE", "handle=CODE", "energy=CODE": that function fails; "lost": the counter does after
 * the first 10 looks; "mig": the board is divided; "throttled": its clocks are held down; "frozen":
 * it stands still; "wrapped": it goes back after every 20th. With -DWITHOUT_COUNTER the library is
 * one of old, without the function. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* FAKE_NVML is `word`, or begins with it and a code follows. */
static int asked(const char *word)
{
    const char *text = getenv("FAKE_NVML");
    if (!text || strncmp(text, word, strlen(word)) != 0) return 0;
    return text[strlen(word)] == '=' ? atoi(text + strlen(word) + 1) : 1;
}

int nvmlInit_v2(void);
int nvmlInit_v2(void)
{
    return asked("init");
}

int nvmlShutdown(void);
int nvmlShutdown(void)
{
    return 0;
}

const char *nvmlErrorString(int code);
const char *nvmlErrorString(int code)
{
    return code == 4    ? "Insufficient Permissions"
           : code == 9  ? "Driver Not Loaded"
           : code == 15 ? "GPU is lost"
                        : "Some Error";
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *pci, void **device);
int nvmlDeviceGetHandleByPciBusId_v2(const char *pci, void **device)
{
    static int board;
    const char *bus = strchr(pci, ':');
    if (asked("handle")) return asked("handle");
    if (!bus || strcmp(bus, ":65:00.0") != 0) return 6;
    *device = &board;
    return 0;
}

#ifndef WITHOUT_COUNTER
static double number(const char *name, double otherwise)
{
    const char *text = getenv(name);
    return text && *text ? atof(text) : otherwise;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj);
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj)
{
    static int looks;
    const double step_s = 1e-3 * number("FAKE_NVML_STEP_MS", 20);
    struct timespec now;
    (void)device;
    if (asked("energy")) return asked("energy");
    looks++;
    if (asked("lost") && looks > 10) return 15;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    if (asked("wrapped") && looks % 20 < 10) seconds += 1e6;
    if (asked("frozen")) seconds = 1;
    const double steps = (double)(long long)(seconds / step_s);
    *mj = (unsigned long long)(1e3 * number("FAKE_NVML_W", 100) * steps * step_s);
    return 0;
}
#endif

int nvmlDeviceGetName(void *device, char *name, unsigned length);
int nvmlDeviceGetName(void *device, char *name, unsigned length)
{
    (void)device;
    snprintf(name, length, "Made-up GPU");
    return 0;
}

int nvmlSystemGetDriverVersion(char *version, unsigned length);
int nvmlSystemGetDriverVersion(char *version, unsigned length)
{
    snprintf(version, length, "555.55");
    return 0;
}

int nvmlDeviceGetClockInfo(void *device, int kind, unsigned *mhz);
int nvmlDeviceGetClockInfo(void *device, int kind, unsigned *mhz)
{
    (void)device;
    *mhz = kind == 1 ? 1980 : kind == 2 ? 2619 : 0;
    return 0;
}

int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *celsius);
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *celsius)
{
    (void)device;
    *celsius = 41;
    return sensor ? 2 : 0;
}

int nvmlDeviceGetPowerManagementLimit(void *device, unsigned *mw);
int nvmlDeviceGetPowerManagementLimit(void *device, unsigned *mw)
{
    (void)device;
    *mw = 700000;
    return 0;
}

int nvmlDeviceGetMigMode(void *device, unsigned *now, unsigned *next);
int nvmlDeviceGetMigMode(void *device, unsigned *now, unsigned *next)
{
    (void)device;
    *now = *next = (unsigned)asked("mig");
    return 0;
}

int nvmlDeviceGetVirtualizationMode(void *device, unsigned *mode);
int nvmlDeviceGetVirtualizationMode(void *device, unsigned *mode)
{
    (void)device;
    *mode = 2;
    return 0;
}

int nvmlDeviceGetPersistenceMode(void *device, int *on);
int nvmlDeviceGetPersistenceMode(void *device, int *on)
{
    (void)device;
    *on = 1;
    return 0;
}

int nvmlDeviceGetEccMode(void *device, int *now, int *next);
int nvmlDeviceGetEccMode(void *device, int *now, int *next)
{
    (void)device;
    *now = *next = 0;
    return 3; /* not on this board */
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons);
int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons)
{
    (void)device;
    *reasons = asked("throttled") ? 0x4 | 0x20 : 0x1;
    return 0;
}
