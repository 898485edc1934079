#include "bench/rows/reproducer.h"
#include "kernels/plugin_load.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

EIE_PRINTF(2, 3) static void append(struct eie_reproducer *again, const char *format, ...)
{
    const size_t used = strlen(again->line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(again->line + used, sizeof again->line - used, format, arguments);
    va_end(arguments);
}

void eie_reproducer_word(struct eie_reproducer *again, const char *option, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._-+:@%,=";
    append(again, " %s ", option);
    if (*value && !value[strspn(value, plain)]) {
        append(again, "%s", value);
        return;
    }
    append(again, "'");
    for (; *value; value++) {
        if (*value == '\'')
            append(again, "'\\''");
        else
            append(again, "%c", *value);
    }
    append(again, "'");
}

void eie_reproducer_number(struct eie_reproducer *again, const char *option, uint64_t value)
{
    append(again, " %s %" PRIu64, option, value);
}

void eie_reproducer_begin(struct eie_reproducer *again, const char *verb,
                          const struct eie_kernel *kernel)
{
    const struct eie_plugin_file *plugin = eie_plugin_of(kernel);
    again->line[0] = 0;
    append(again, "eie %s", verb);
    eie_reproducer_word(again, "--kernel", kernel->name);
    if (plugin) eie_reproducer_word(again, "--plugin", plugin->path);
}
