#include "host/base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A character of three bytes may become one '?': four times the message leaves nothing half read.
 */
#define RAW_SIZE (4 * sizeof(((struct eie_error *)0)->message))

/* Bytes of the well-formed UTF-8 character at `text` (RFC 3629), or 0; its number in `point`. */
static size_t decode(const char *text, uint32_t *point)
{
    const unsigned char lead = (unsigned char)text[0];
    const size_t size = lead < 0x80                   ? 1
                        : lead >= 0xC2 && lead < 0xE0 ? 2
                        : lead >= 0xE0 && lead < 0xF0 ? 3
                        : lead >= 0xF0 && lead < 0xF5 ? 4
                                                      : 0;
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned lead_mask[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};

    if (size == 0) return 0;
    *point = lead & lead_mask[size];
    for (size_t i = 1; i < size; i++) {
        const unsigned char next = (unsigned char)text[i];
        if ((next & 0xC0) != 0x80) return 0; /* also the end of the string */
        *point = *point << 6 | (next & 0x3Fu);
    }
    const bool surrogate = *point >= 0xD800 && *point < 0xE000;
    return *point < least[size] || *point > 0x10FFFF || surrogate ? 0 : size;
}

/* Neither C0, DEL, C1, nor a separator of lines, nor a control of the writing direction. */
static bool printable(uint32_t point)
{
    return point >= 0x20 && !(point >= 0x7F && point < 0xA0) &&
           !(point >= 0x2028 && point <= 0x202E) && !(point >= 0x2066 && point <= 0x2069);
}

/* Copies `text` into the message as one line; "..." stands where it had to be cut. */
static void set(struct eie_error *error, const char *text)
{
    const size_t limit = sizeof error->message - sizeof "...";
    size_t length = 0, cut = 0;

    while (*text != '\0') {
        uint32_t point = 0;
        const size_t taken = decode(text, &point);
        const bool keep = taken > 0 && printable(point);
        const size_t written = keep ? taken : 1;

        if (length + written >= sizeof error->message) {
            strcpy(error->message + cut, "...");
            return;
        }
        if (keep)
            memcpy(error->message + length, text, taken);
        else
            error->message[length] = '?';
        length += written;
        text += taken > 0 ? taken : 1;
        if (length <= limit) cut = length;
    }
    error->message[length] = '\0';
}

/* Formats into `raw` and cuts white space at the end off, which libraries' own messages carry. */
static void format_raw(char *raw, const char *format, va_list arguments)
{
    if (vsnprintf(raw, RAW_SIZE, format, arguments) < 0) snprintf(raw, RAW_SIZE, "%s", format);
    size_t length = strlen(raw);
    while (length > 0 && strchr(" \t\r\n", raw[length - 1]) != NULL) raw[--length] = '\0';
}

enum eie_status(eie_fail)(struct eie_error *error, enum eie_status status, const char *format, ...)
{
    char raw[RAW_SIZE];
    va_list arguments;

    if (error == NULL) return status;
    va_start(arguments, format);
    format_raw(raw, format, arguments);
    va_end(arguments);
    set(error, raw);
    return status;
}

enum eie_status eie_error_prefix(struct eie_error *error, enum eie_status status,
                                 const char *format, ...)
{
    char raw[RAW_SIZE], whole[RAW_SIZE + sizeof error->message + sizeof ": "];
    va_list arguments;

    if (error == NULL) return status;
    va_start(arguments, format);
    format_raw(raw, format, arguments);
    va_end(arguments);
    snprintf(whole, sizeof whole, "%s: %s", raw, error->message);
    set(error, whole);
    return status;
}

int eie_exit_code(enum eie_status status)
{
    switch (status) {
    case EIE_OK:
        return 0;
    case EIE_MISMATCH:
        return 1;
    case EIE_USAGE:
    case EIE_INPUT:
        return 2;
    case EIE_UNSUPPORTED:
    case EIE_MISSING:
    case EIE_SYSTEM:
    case EIE_MEMORY:
        break;
    }
    return 3;
}
