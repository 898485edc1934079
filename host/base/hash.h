/* A SHA-256 as text. */
#ifndef EIE_HOST_BASE_HASH_H
#define EIE_HOST_BASE_HASH_H

struct eie_hash {
    char hex[65]; /* 64 lower-case digits and the end */
};

#endif
