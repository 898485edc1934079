#include "host/base/names.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Takes the next pattern of the list, without blanks around it; false at the end of the list. A
 * pattern that does not fit comes as one that matches nothing. */
static bool next_pattern(const char **list, char *pattern, size_t size)
{
    if (*list == NULL) return false;
    const char *start = *list, *end = strchrnul(start, ',');

    *list = *end == ',' ? end + 1 : NULL;
    while (start < end && *start == ' ') start++;
    while (end > start && end[-1] == ' ') end--;
    if ((size_t)(end - start) >= size) end = start;
    memcpy(pattern, start, (size_t)(end - start));
    pattern[end - start] = '\0';
    return true;
}

static bool matches(const char *pattern, const char *name)
{
    return strcmp(pattern, name) == 0 || (*pattern != '\0' && fnmatch(pattern, name, 0) == 0);
}

bool eie_names_match(const char *patterns, const char *name)
{
    char pattern[1024];

    if (patterns == NULL || *patterns == '\0') return true;
    while (next_pattern(&patterns, pattern, sizeof pattern))
        if (matches(pattern, name)) return true;
    return false;
}

bool eie_names_exact(const char *patterns, const char *name)
{
    char pattern[1024];

    if (patterns == NULL || *patterns == '\0') return false;
    while (next_pattern(&patterns, pattern, sizeof pattern))
        if (strcmp(pattern, name) == 0) return true;
    return false;
}

bool eie_names_may_begin(const char *patterns, const char *prefix)
{
    const size_t length = strlen(prefix);
    char pattern[1024];

    if (patterns == NULL || *patterns == '\0') return true;
    while (next_pattern(&patterns, pattern, sizeof pattern)) {
        const size_t plain = strcspn(pattern, "*?[\\");
        if (plain < length && pattern[plain] == '\0') continue;
        if (strncmp(pattern, prefix, plain < length ? plain : length) == 0) return true;
    }
    return false;
}

bool eie_names_unmatched(const char *patterns, const char *const *names, unsigned count,
                         char *unmatched, unsigned size)
{
    char pattern[1024];

    if (patterns == NULL || *patterns == '\0') return false;
    while (next_pattern(&patterns, pattern, sizeof pattern)) {
        bool any = false;
        for (unsigned i = 0; i < count && !any; i++) any = matches(pattern, names[i]);
        if (!any) {
            if (size > 0) snprintf(unmatched, size, "%s", pattern);
            return true;
        }
    }
    return false;
}

#define HINT_MAX 128 /* letters that are compared */

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    const unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Letters that differ, whatever their case; a pair that is exchanged counts as one. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][HINT_MAX + 1];
    const size_t b_length = strlen(b);

    if (strlen(a) > HINT_MAX || b_length > HINT_MAX) return HINT_MAX;
    for (unsigned j = 0; j <= b_length; j++) rows[0][j] = j;
    for (unsigned i = 1; a[i - 1] != '\0'; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b_length; j++) {
            const int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]) && two_above[j - 2] + 1 < row[j])
                row[j] = two_above[j - 2] + 1;
        }
    }
    return rows[strlen(a) % 3][b_length];
}

struct eie_hint eie_names_hint(const char *wrong, const char *const *names, unsigned count)
{
    struct eie_hint hint = {""};
    const unsigned allowed = strlen(wrong) < 3 ? 0 : strlen(wrong) < 8 ? 1 : 2;
    unsigned nearest = allowed + 1;

    for (unsigned i = 0; i < count; i++) {
        const unsigned far = distance(wrong, names[i]);
        if (far >= nearest) continue;
        nearest = far;
        snprintf(hint.text, sizeof hint.text, "; did you mean %s?", names[i]);
    }
    return hint;
}

bool eie_names_newer(const char *format, const char *known)
{
    size_t prefix = strlen(known);

    while (prefix > 0 && isdigit((unsigned char)known[prefix - 1])) prefix--;
    if (format == NULL || strncmp(format, known, prefix) != 0) return false;
    const char *number = format + prefix, *own = known + prefix;
    const size_t digits = strlen(number);
    if (digits == 0 || strspn(number, "0123456789") != digits || *number == '0') return false;
    return digits != strlen(own) ? digits > strlen(own) : strcmp(number, own) > 0;
}

void eie_name_key(const char *name, char *key, unsigned size)
{
    unsigned length = 0;

    if (size == 0) return;
    for (bool inside = false; *name != '\0' && length + 1 < size; name++) {
        const unsigned char c = (unsigned char)*name;
        const bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
        const bool other = (c >= '0' && c <= '9') || c == '.' || c == '_';

        if (inside && (c & 0xC0) == 0x80) continue; /* the rest of a UTF-8 character */
        inside = c >= 0x80;
        if (upper)
            key[length++] = (char)(c - 'A' + 'a');
        else
            key[length++] = lower || other ? (char)c : '-';
    }
    key[length] = '\0';
}
