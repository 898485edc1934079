/* Setting members of JSON objects: text that need not be UTF-8, numbers that need not be finite. */
#ifndef EIE_HOST_BASE_JSONSET_H
#define EIE_HOST_BASE_JSONSET_H

#include <jansson.h>
#include <math.h>
#include <stdint.h>

static inline void eie_set(json_t *object, const char *key, const char *value)
{
    json_t *text = json_string(value); /* a path on the command line need not be UTF-8 */
    json_object_set_new(object, key, text ? text : json_string("(not UTF-8)"));
}

/* Left out where there is no number. */
static inline void eie_set_number(json_t *object, const char *key, double value)
{
    if (isfinite(value)) json_object_set_new(object, key, json_real(value));
}

static inline void eie_set_integer(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

#endif
