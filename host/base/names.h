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

/* Lower case, every character other than a-z 0-9 . _ becomes one '-': a device's name in a row. */
void eie_name_key(const char *name, char *key, unsigned size);

#endif
