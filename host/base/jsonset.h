/* Setting members of JSON objects that are written: text that need not be UTF-8, numbers that need
 * not be finite, neither of which JSON can hold. An object keeps the order in which its keys were
 * set; a key that is there gets the new value. Out of memory, a key is left out. */
#ifndef EIE_HOST_BASE_JSONSET_H
#define EIE_HOST_BASE_JSONSET_H

#include <jansson.h>
#include <math.h>
#include <stdint.h>

/* A copy of the text; "(not UTF-8)" where it is not, or is NULL. */
static inline void eie_set(json_t *object, const char *key, const char *value)
{
    json_t *text = json_string(value); /* NULL for a path that is no UTF-8 */
    json_object_set_new(object, key, text ? text : json_string("(not UTF-8)"));
}

/* In full digits; NaN and infinities, which stand for "no number", leave the key out. */
static inline void eie_set_number(json_t *object, const char *key, double value)
{
    if (isfinite(value)) json_object_set_new(object, key, json_real(value));
}

/* Below 2^63. */
static inline void eie_set_integer(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

#endif
