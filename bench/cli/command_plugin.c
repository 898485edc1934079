#include "bench/cli/command.h"
#include "bench/cli/commands.h"
#include "kernels/plugin_load.h"

int eie_command_plugin(const char *path)
{
    struct eie_error error;
    const enum eie_status status = eie_plugin_load(path, &error);
    return status ? eie_command_fail(status, &error) : -1;
}
