/* A SHA-256 (FIPS 180-4) as text: what layers, devices, files and plug-ins are known by, in rows
 * and in messages. A struct of its own, so that nothing but the one header needs libcrypto's
 * (host/base/sha256.h). */
#ifndef EIE_HOST_BASE_HASH_H
#define EIE_HOST_BASE_HASH_H

struct eie_hash {
    char hex[65]; /* 64 lower-case digits and the end */
};

#endif
