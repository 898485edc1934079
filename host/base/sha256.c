#include "host/base/sha256.h"

#include <openssl/evp.h>
#include <stdio.h>

/* struct eie_sha256 is libcrypto's context under our name */
static EVP_MD_CTX *context(struct eie_sha256 *sha)
{
    return (EVP_MD_CTX *)sha;
}

enum eie_status eie_sha256_begin(struct eie_sha256 **sha, struct eie_error *error)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL)) {
        EVP_MD_CTX_free(ctx);
        return eie_fail(error, EIE_MEMORY, "SHA-256 is not available from libcrypto");
    }
    *sha = (struct eie_sha256 *)ctx;
    return EIE_OK;
}

enum eie_status eie_sha256_add(struct eie_sha256 *sha, const void *bytes, size_t size,
                               struct eie_error *error)
{
    if (size && !EVP_DigestUpdate(context(sha), bytes, size))
        return eie_fail(error, EIE_MEMORY, "SHA-256 failed in libcrypto");
    return EIE_OK;
}

enum eie_status eie_sha256_end(struct eie_sha256 *sha, struct eie_hash *hash,
                               struct eie_error *error)
{
    unsigned char digest[32];
    unsigned size = 0;
    const int good = EVP_DigestFinal_ex(context(sha), digest, &size);
    eie_sha256_free(sha);
    if (!good || size != sizeof digest)
        return eie_fail(error, EIE_MEMORY, "SHA-256 failed in libcrypto");
    for (unsigned i = 0; i < size; i++) snprintf(hash->hex + (size_t)2 * i, 3, "%02x", digest[i]);
    return EIE_OK;
}

void eie_sha256_free(struct eie_sha256 *sha)
{
    EVP_MD_CTX_free(context(sha));
}

enum eie_status eie_sha256_of(const void *bytes, size_t size, struct eie_hash *hash,
                              struct eie_error *error)
{
    struct eie_sha256 *sha = NULL;
    enum eie_status status = eie_sha256_begin(&sha, error);
    if (status) return status;
    status = eie_sha256_add(sha, bytes, size, error);
    if (!status) return eie_sha256_end(sha, hash, error);
    eie_sha256_free(sha);
    return status;
}
