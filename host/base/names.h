/* Choosing things by name: comma-separated lists of exact names and globs. */
#ifndef EIE_HOST_BASE_NAMES_H
#define EIE_HOST_BASE_NAMES_H

#include <stdbool.h>

/* Does `name` match one of the comma-separated patterns? NULL or "" matches everything. */
bool eie_names_match(const char *patterns, const char *name);

/* Does one of the patterns equal `name` to the letter? */
bool eie_names_exact(const char *patterns, const char *name);

/* Can one of the patterns match a name that begins with `prefix`, by what stands before its first
 * wildcard? NULL or "" can. */
bool eie_names_may_begin(const char *patterns, const char *prefix);

/* The first pattern of the list that matches none of `names` ([count]), copied into `unmatched`
 * (size bytes); false when every pattern matches something. */
bool eie_names_unmatched(const char *patterns, const char *const *names, unsigned count,
                         char *unmatched, unsigned size);

/* For the end of a message that refuses `wrong`: "; did you mean NAME?" with the one of `names`
 * ([count]) that differs from it by case alone, by one letter that is wrong, missing, too much or
 * exchanged with its neighbour, or by two of eight and more; "" where there is none. */
struct eie_hint {
    char text[160];
};
struct eie_hint eie_names_hint(const char *wrong, const char *const *names, unsigned count);

/* Is `format` what a later version would write: `known` ("1", "eie-suite-1") with a larger number
 * at its end? NULL is not. */
bool eie_names_newer(const char *format, const char *known);

/* Lower case, every character other than a-z 0-9 . _ becomes one '-': a device's name in a row. */
void eie_name_key(const char *name, char *key, unsigned size);

#endif
