/* host/train/idx.h: either naming, plain and gzip, and all that is refused with its place. MNIST
 * itself where EIE_MNIST names its folder. */
#include "host/train/idx.h"
#include "tests/support/test.h"

#include <zlib.h>

#define COUNT   3
#define ROWS    2
#define COLUMNS 4
#define PIXELS  (16 + COUNT * ROWS * COLUMNS)
#define LABELS  (8 + COUNT)

static uint8_t pixels[PIXELS + 8], labels[LABELS + 8];

static void set_word(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Three good images. */
static void reset(void)
{
    set_word(pixels, 0x803);
    set_word(pixels + 4, COUNT);
    set_word(pixels + 8, ROWS);
    set_word(pixels + 12, COLUMNS);
    for (int i = 16; i < PIXELS; i++) pixels[i] = (uint8_t)(9 * i);
    set_word(labels, 0x801);
    set_word(labels + 4, COUNT);
    memcpy(labels + 8, "\7\0\11", COUNT);
}

static void write_gzip(const char *path, const void *bytes, size_t size)
{
    gzFile file = gzopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)size), size);
    assert_int_equal(gzclose(file), Z_OK);
}

static void remove_all(const struct test_folder *folder)
{
    test_folder_remove(folder);
    assert_int_equal(mkdir(folder->path, 0700), 0);
}

static void assert_images(const struct eie_images *images)
{
    assert_int_equal(images->count, COUNT);
    assert_int_equal(images->rows, ROWS);
    assert_int_equal(images->columns, COLUMNS);
    assert_memory_equal(images->pixels, pixels + 16, PIXELS - 16);
    assert_memory_equal(images->labels, labels + 8, COUNT);
    assert_string_equal(images->data, "unknown data");
    assert_int_equal(strlen(images->pixels_hash.hex), 64);
}

static void all_names(void **state)
{
    static const char *const names[][2] = {
        {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
        {"train-images.idx3-ubyte", "train-labels.idx1-ubyte"},
        {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"},
        {"train-images.idx3-ubyte.gz", "train-labels.idx1-ubyte.gz"},
        {"train-images.idx3-ubyte", "train-labels-idx1-ubyte.gz"}};
    struct test_folder folder;
    struct eie_images images;
    struct eie_error error;
    (void)state;
    test_folder_make(&folder);
    for (size_t n = 0; n < TEST_COUNT(names); n++) {
        const bool packed[] = {strstr(names[n][0], ".gz") != NULL,
                               strstr(names[n][1], ".gz") != NULL};
        reset();
        (packed[0] ? write_gzip : test_write)(test_path(&folder, names[n][0]), pixels, PIXELS);
        (packed[1] ? write_gzip : test_write)(test_path(&folder, names[n][1]), labels, LABELS);
        assert_good(eie_idx_read_training(folder.path, &images, &error), error);
        assert_images(&images);
        eie_images_free(&images);
        /* what is there is the training set: the test set is another file, and not looked for */
        assert_bad(eie_idx_read_test(folder.path, &images, &error), EIE_INPUT, error,
                   "neither t10k-images-idx3-ubyte nor t10k-images.idx3-ubyte");
        remove_all(&folder);
    }
    reset();
    test_write(test_path(&folder, "t10k-images-idx3-ubyte"), pixels, PIXELS);
    assert_bad(eie_idx_read_test(folder.path, &images, &error), EIE_INPUT, error,
               "neither t10k-labels-idx1-ubyte");
    test_write(test_path(&folder, "t10k-labels-idx1-ubyte"), labels, LABELS);
    assert_good(eie_idx_read_test(folder.path, &images, &error), error);
    assert_images(&images);
    eie_images_free(&images);
    test_folder_remove(&folder);
}

static struct eie_bytes copy_of(const uint8_t *from, size_t size)
{
    struct eie_bytes bytes = {malloc(size + 1), size};
    assert_non_null(bytes.data);
    memcpy(bytes.data, from, size);
    bytes.data[size] = 0;
    return bytes;
}

static enum eie_status parse(size_t pixels_size, size_t labels_size, struct eie_error *error)
{
    struct eie_bytes first = copy_of(pixels, pixels_size), second = copy_of(labels, labels_size);
    struct eie_images images;
    const enum eie_status status = eie_idx_parse(&first, "I", &second, "L", &images, error);
    assert_null(first.data);
    assert_null(second.data);
    if (status) assert_null(images.pixels_file.data);
    eie_images_free(&images);
    reset();
    return status;
}

static void what_is_refused(void **state)
{
    struct eie_error error;
    (void)state;
    reset();
    assert_good(parse(PIXELS, LABELS, &error), error);
    for (size_t size = 0; size < PIXELS; size++)
        assert_bad(parse(size, LABELS, &error), EIE_INPUT, error, "I: cut");
    for (size_t size = 0; size < LABELS; size++)
        assert_bad(parse(PIXELS, size, &error), EIE_INPUT, error, "L: cut");
    assert_bad(parse(PIXELS + 2, LABELS, &error), EIE_INPUT, error,
               "I: byte 40: 2 bytes behind what its head states");
    assert_bad(parse(PIXELS, LABELS + 1, &error), EIE_INPUT, error, "L: byte 11: 1 bytes behind");
    set_word(pixels, 0x801);
    assert_bad(parse(PIXELS, LABELS, &error), EIE_INPUT, error, "labels where images belong");
    set_word(labels, 0x803);
    assert_bad(parse(PIXELS, LABELS, &error), EIE_INPUT, error, "images where labels belong");
    set_word(pixels, 0xD03);
    assert_bad(parse(PIXELS, LABELS, &error), EIE_INPUT, error, "0x00000D03");
    for (size_t at = 4; at < 16; at += 4) {
        set_word(pixels + at, 0);
        assert_bad(parse(PIXELS, LABELS, &error), EIE_INPUT, error, "holds no images");
    }
    set_word(pixels + 4, UINT32_MAX);
    set_word(pixels + 8, UINT32_MAX);
    set_word(pixels + 12, UINT32_MAX);
    assert_bad(parse(PIXELS, LABELS, &error), EIE_INPUT, error, "no file can hold");
    set_word(labels + 4, COUNT - 1);
    assert_bad(parse(PIXELS, LABELS - 1, &error), EIE_INPUT, error,
               "L: 2 labels for the 3 images of I");
    labels[9] = 10;
    assert_bad(parse(PIXELS, LABELS, &error), EIE_INPUT, error,
               "L: byte 9: label 10 of image 1 is above 9");
    pixels[0] = 0x1F, pixels[1] = 0x8B; /* looks like gzip */
    assert_bad(parse(PIXELS, LABELS, &error), EIE_INPUT, error, "gzip");
}

static void folders(void **state)
{
    const char *folder, *mnist = getenv("EIE_MNIST");
    char *kept = mnist ? strdup(mnist) : NULL;
    struct eie_error error;
    (void)state;
    unsetenv("EIE_MNIST");
    assert_bad(eie_idx_folder(NULL, &folder, &error), EIE_USAGE, error, "--data DIR");
    assert_bad(eie_idx_folder("", &folder, &error), EIE_USAGE, error, "EIE_MNIST");
    setenv("EIE_MNIST", "there", 1);
    assert_good(eie_idx_folder(NULL, &folder, &error), error);
    assert_string_equal(folder, "there");
    assert_good(eie_idx_folder("here", &folder, &error), error);
    assert_string_equal(folder, "here");
    unsetenv("EIE_MNIST");
    if (kept) setenv("EIE_MNIST", kept, 1);
    free(kept);
}

/* The published files: counts of each class, and the name only they get. */
static void mnist(void **state)
{
    static const uint32_t per_class[] = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
    const char *folder = getenv("EIE_MNIST");
    struct eie_images images;
    struct eie_error error;
    uint32_t counts[EIE_IDX_CLASSES] = {0};
    (void)state;
    if (!folder || !*folder) {
        print_message("mnist: EIE_MNIST is not set\n");
        skip();
    }
    assert_good(eie_idx_read_test(folder, &images, &error), error);
    assert_string_equal(images.data, "MNIST");
    assert_int_equal(images.count, 10000);
    for (uint32_t i = 0; i < images.count; i++) counts[images.labels[i]]++;
    assert_memory_equal(counts, per_class, sizeof counts);
    struct eie_images training;
    assert_good(eie_idx_read_training(folder, &training, &error), error);
    assert_string_equal(training.data, "MNIST");
    assert_int_equal(training.count, 60000);
    assert_memory_equal(training.labels, "\5\0\4\1\11\2\1\3\1\4", 10);
    eie_images_free(&training);
    struct test_folder other;
    test_folder_make(&other);
    test_write(test_path(&other, "train-images-idx3-ubyte"), images.pixels_file.data,
               images.pixels_file.size);
    test_write(test_path(&other, "train-labels-idx1-ubyte"), images.labels_file.data,
               images.labels_file.size);
    eie_images_free(&images);
    assert_bad(eie_idx_read_training(other.path, &images, &error), EIE_INPUT, error,
               "test images where its training images belong");
    test_folder_remove(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_names),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(folders),
        cmocka_unit_test(mnist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
