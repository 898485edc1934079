#include "host/base/foreign.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define SAVE           "load it where it came from and save it as .safetensors or .npy"
#define TEXT_LOOKED_AT 65536u

static const struct {
    const char *mark;
    size_t offset, length;
    const char *what;
} marks[] = {
    {"version https://git-lfs", 0, 23,
     "is a Git LFS pointer, not the file that it stands for: run 'git lfs pull'"},
    {"version https://hawser", 0, 22,
     "is a Git LFS pointer, not the file that it stands for: run 'git lfs pull'"},
    {"\x93NUMPY", 0, 6, "is an array of NumPy: 'eie compress' makes a layer of it"},
    {"%%MatrixMarket", 0, 14, "is a Matrix Market file: 'eie compress' makes a layer of it"},
    {"PK\x03\x04", 0, 4, "is a zip archive (.npz and PyTorch's .pt are such): " SAVE},
    {"PK\x05\x06", 0, 4, "is an empty zip archive"},
    {"\x89HDF\r\n\x1a\n", 0, 8, "is an HDF5 file (Keras .h5): " SAVE},
    {"GGUF", 0, 4,
     "is a GGUF file (llama.cpp), whose weights are quantised already: take the "
     "model's .safetensors"},
    {"lmgg", 0, 4, "is a GGML file (llama.cpp): take the model's .safetensors"},
    {"TFL3", 4, 4, "is a TensorFlow Lite model: " SAVE},
    {"MATLAB 5.0", 0, 10, "is a MATLAB file: " SAVE},
    {"PAR1", 0, 4, "is a Parquet file: " SAVE},
    {"\x1f\x8b", 0, 2, "is compressed with gzip: unpack it first (gunzip)"},
    {"BZh", 0, 3, "is compressed with bzip2: unpack it first (bunzip2)"},
    {"\xfd"
     "7zXZ",
     0, 6, "is compressed with xz: unpack it first (unxz)"},
    {"\x28\xb5\x2f\xfd", 0, 4, "is compressed with zstd: unpack it first (unzstd)"},
    {"7z\xbc\xaf\x27\x1c", 0, 6, "is a 7-Zip archive: unpack it first"},
    {"ustar", 257, 5, "is a tar archive: unpack it first (tar xf)"},
    {"\x7f"
     "ELF",
     0, 4, "is a program, not a file of weights"},
};

static bool ends_in(const char *text, const char *end)
{
    const size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && !strcasecmp(text + length - end_length, end);
}

static bool begins(const char *text, size_t size, const char *wanted)
{
    return size >= strlen(wanted) && !strncasecmp(text, wanted, strlen(wanted));
}

static const char *known_text(const uint8_t *bytes, size_t size)
{
    const char *text = (const char *)bytes;
    if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) text += 3, size -= 3;
    while (size && *text && strchr(" \t\r\n", *text)) text++, size--;
    if (begins(text, size, "<!doctype html") || begins(text, size, "<html") ||
        begins(text, size, "<head") || begins(text, size, "<!--"))
        return "is an HTML page, often the error that a download gave: fetch the file again";
    if (begins(text, size, "<?xml") || begins(text, size, "<error"))
        return "is an XML text, often the error that a download gave: fetch the file again";
    if (!size || (*text != '{' && *text != '[')) return NULL;
    if (memmem(text, size < TEXT_LOOKED_AT ? size : TEXT_LOOKED_AT, "\"weight_map\"", 12))
        return "is only the index of a model in several files: name one of the files that it lists";
    return "is a JSON text, not a file of weights";
}

/* A pickle of protocol 2 to 5: its mark and the number, then an opcode; it ends in a full stop. */
static bool is_pickle(const uint8_t *bytes, size_t size)
{
    return size > 3 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5 && bytes[size - 1] == '.';
}

/* PyTorch's files before 2020: pickled numbers and tables, then raw storages. */
static bool is_old_torch(const uint8_t *bytes, size_t size)
{
    return size > 14 &&
           !memcmp(bytes, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14);
}

/* ONNX is a protobuf without a mark: field 1, the version, and behind it the producer's name. */
static bool is_onnx(const char *path, const uint8_t *bytes, size_t size)
{
    return size > 3 && bytes[0] == 8 &&
           (ends_in(path, ".onnx") || (bytes[1] < 32 && bytes[2] == 0x12));
}

const char *eie_foreign_file(const char *path, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (size >= marks[i].offset + marks[i].length &&
            !memcmp(bytes + marks[i].offset, marks[i].mark, marks[i].length))
            return marks[i].what;
    if (is_old_torch(bytes, size) || is_pickle(bytes, size))
        return "is a Python pickle (PyTorch .pt, .pth, .bin), which runs code when it is opened "
               "and "
               "is not read: " SAVE;
    if (is_onnx(path, bytes, size)) return "is an ONNX model: " SAVE;
    return known_text(bytes, size);
}
