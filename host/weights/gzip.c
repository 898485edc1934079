#include "host/weights/gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define GZIP_WINDOW    (15 + 16) /* the largest, with gzip's header */
#define FIRST_CAPACITY 65536u

bool eie_is_gzip(const struct eie_bytes *bytes)
{
    return bytes->size > 2 && bytes->data[0] == 0x1F && bytes->data[1] == 0x8B;
}

/* zlib counts in 32 bits. */
static uInt step(size_t size)
{
    return size < UINT_MAX ? (uInt)size : UINT_MAX;
}

size_t eie_gzip_peek(const struct eie_bytes *bytes, uint8_t *first, size_t size)
{
    z_stream stream = {.next_in = bytes->data,
                       .avail_in = step(bytes->size),
                       .next_out = first,
                       .avail_out = step(size)};
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK) return 0;
    (void)inflate(&stream, Z_SYNC_FLUSH);
    inflateEnd(&stream);
    return size - stream.avail_out;
}

static bool only_zeros(const uint8_t *at, const uint8_t *end)
{
    while (at < end && !*at) at++;
    return at == end;
}

static bool enlarge(struct eie_bytes *bytes, size_t capacity)
{
    uint8_t *larger = aligned_alloc(64, (capacity / 64 + 1) * 64);
    if (!larger) return false;
    if (bytes->size) memcpy(larger, bytes->data, bytes->size);
    free(bytes->data);
    bytes->data = larger;
    return true;
}

static enum eie_status unpack(const char *where, const struct eie_bytes *packed, z_stream *stream,
                              struct eie_bytes *out, struct eie_error *error)
{
    const uint8_t *end = packed->data + packed->size;
    const size_t most = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE) / 2;
    size_t capacity = 0;
    stream->next_in = packed->data;
    for (;;) {
        if (out->size == capacity) {
            capacity = capacity ? 2 * capacity : FIRST_CAPACITY;
            if (out->size >= most)
                return eie_fail(error, EIE_INPUT,
                                "%s: unpacks to more than half of this machine's memory", where);
            if (!enlarge(out, capacity))
                return eie_fail(error, EIE_MEMORY, "%s: out of memory for %zu bytes", where,
                                capacity);
        }
        const uInt room = step(capacity - out->size), given = step((size_t)(end - stream->next_in));
        stream->next_out = out->data + out->size;
        stream->avail_out = room;
        stream->avail_in = given;
        const int code = inflate(stream, Z_NO_FLUSH);
        out->size += room - stream->avail_out;
        if (code == Z_MEM_ERROR) return eie_fail(error, EIE_MEMORY, "%s: out of memory", where);
        if (code == Z_STREAM_END) {
            if (only_zeros(stream->next_in, end)) return EIE_OK;
            if (inflateReset(stream) != Z_OK) break; /* another member */
        } else if (code != Z_OK || (room == stream->avail_out && given == stream->avail_in)) {
            break;
        }
    }
    return eie_fail(error, EIE_INPUT, "%s: gzip: damaged or truncated%s%s", where,
                    stream->msg ? ": " : "", stream->msg ? stream->msg : "");
}

enum eie_status eie_gunzip(const char *where, struct eie_bytes *bytes, struct eie_error *error)
{
    struct eie_bytes out = {0};
    z_stream stream = {0};
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return eie_fail(error, EIE_MEMORY, "%s: out of memory", where);
    enum eie_status status = unpack(where, bytes, &stream, &out, error);
    inflateEnd(&stream);
    if (!status && !enlarge(&out, out.size + 1))
        status = eie_fail(error, EIE_MEMORY, "%s: out of memory", where);
    if (status) {
        eie_bytes_free(&out);
        return status;
    }
    out.data[out.size] = 0;
    eie_bytes_free(bytes);
    *bytes = out;
    return EIE_OK;
}
