#include "host/weights/sparse_npz.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct load {
    const struct eie_sparse_npz *sparse;
    struct eie_sparse_array data, first, second; /* the arrays of indices, by format */
    struct eie_coordinates entries;
    struct eie_error *error;
};

static enum eie_status fault(const struct load *load, const char *what)
{
    return eie_fail(load->error, EIE_INPUT, "%s: sparse matrix of scipy (%s): %s",
                    load->sparse->where, load->sparse->format, what);
}

static bool is_integer(const struct eie_sparse_array *array)
{
    switch (array->entry.dtype) {
    case EIE_F16:
    case EIE_BF16:
    case EIE_F32:
    case EIE_F64:
        return false;
    default:
        return true;
    }
}

static double element(const struct eie_sparse_array *array, uint64_t index)
{
    return eie_weight_element(array->bytes.data + array->entry.offset, index, &array->entry);
}

/* An index: integers beyond 2^53 are beyond every matrix too. */
static bool take_index(const struct eie_sparse_array *array, uint64_t index, uint64_t limit,
                       uint64_t *value)
{
    const double number = element(array, index);
    if (!(number >= 0) || number >= (double)limit) return false;
    *value = (uint64_t)number;
    return true;
}

static void free_array(struct eie_sparse_array *array)
{
    eie_bytes_free(&array->bytes);
}

enum eie_status eie_sparse_npz_open(struct eie_sparse_npz *sparse, struct eie_error *error)
{
    static const char *const formats[] = {"csr", "csc", "coo", "bsr", "dia"};
    struct eie_sparse_array shape;
    const struct load load = {.sparse = sparse, .error = error};
    bool known = false;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        known = known || !strcmp(formats[i], sparse->format);
    if (!known) return fault(&load, "of the formats csr, csc, coo, bsr and dia are read");
    enum eie_status status = sparse->array(sparse->context, "shape", &shape, error);
    if (status) return status;
    if (!is_integer(&shape) || shape.entry.rank != 1 || shape.count != 2 ||
        !take_index(&shape, 0, UINT64_C(1) << 53, &sparse->rows) ||
        !take_index(&shape, 1, UINT64_C(1) << 53, &sparse->columns))
        status = fault(&load, "'shape' is not rows and columns");
    free_array(&shape);
    return status;
}

static void add(struct load *load, uint64_t row, uint64_t column, double value)
{
    struct eie_coordinates *entries = &load->entries;
    entries->place[entries->count] = (uint32_t)(row * load->sparse->columns + column);
    entries->value[entries->count++] = value;
}

static enum eie_status begin(struct load *load, uint64_t count)
{
    return eie_coordinates_begin(load->sparse->where, count, &load->entries, load->error);
}

static enum eie_status take_arrays(struct load *load, const char *first, const char *second)
{
    const struct eie_sparse_npz *sparse = load->sparse;
    enum eie_status status = sparse->array(sparse->context, "data", &load->data, load->error);
    if (!status) status = sparse->array(sparse->context, first, &load->first, load->error);
    if (!status && second)
        status = sparse->array(sparse->context, second, &load->second, load->error);
    if (!status && (!is_integer(&load->first) || (second && !is_integer(&load->second))))
        status = fault(load, "an array of indices is not of integers");
    return status;
}

/* Rows and columns in two arrays, or in one of two rows, as later versions of scipy may do. */
static enum eie_status load_coo(struct load *load)
{
    const struct eie_sparse_npz *sparse = load->sparse;
    uint64_t row, column;
    const bool together = sparse->has(sparse->context, "coords");
    enum eie_status status =
        together ? take_arrays(load, "coords", NULL) : take_arrays(load, "row", "col");
    if (status) return status;
    const struct eie_sparse_array *columns = together ? &load->first : &load->second;
    const uint64_t count = load->data.count;
    const bool paired = together && load->first.entry.fortran_order;
    if (load->first.count != (together ? 2 * count : count) ||
        (together && (load->first.entry.rank != 2 || load->first.entry.shape[0] != 2)) ||
        (!together && load->second.count != count))
        return fault(load, "rows, columns and 'data' are not equally long");
    status = begin(load, count);
    for (uint64_t i = 0; i < count && !status; i++) {
        if (!take_index(&load->first, paired ? 2 * i : i, sparse->rows, &row) ||
            !take_index(columns,
                        paired     ? 2 * i + 1
                        : together ? count + i
                                   : i,
                        sparse->columns, &column))
            status = fault(load, "the index of a row or column is outside of the matrix");
        else
            add(load, row, column, element(&load->data, i));
    }
    return status;
}

/* Element [block][i][j] of the data. */
static double block_element(const struct eie_sparse_array *data, uint64_t block, uint64_t i,
                            uint64_t j)
{
    const uint64_t *shape = data->entry.shape;
    return element(data, data->entry.fortran_order ? block + shape[0] * (i + shape[1] * j)
                                                   : (block * shape[1] + i) * shape[2] + j);
}

/* Line by line, a row of blocks (csr: of 1 x 1) or a column. */
static enum eie_status load_lines(struct load *load)
{
    const struct eie_sparse_npz *sparse = load->sparse;
    const bool by_column = !strcmp(sparse->format, "csc"), blocks = !strcmp(sparse->format, "bsr");
    enum eie_status status = take_arrays(load, "indptr", "indices");
    if (status) return status;
    const struct eie_sparse_array *data = &load->data;
    const uint64_t height = blocks && data->entry.rank == 3 ? data->entry.shape[1] : 1;
    const uint64_t width = blocks && data->entry.rank == 3 ? data->entry.shape[2] : 1;
    if (data->entry.rank != (blocks ? 3 : 1)) return fault(load, "'data' has other dimensions");
    if (!height || !width || sparse->rows % height || sparse->columns % width)
        return fault(load, "the matrix is no whole number of blocks");
    const uint64_t lines = by_column ? sparse->columns : sparse->rows / height;
    const uint64_t across = by_column ? sparse->rows : sparse->columns / width;
    const uint64_t given = data->entry.shape[0];
    const uint64_t most = given < load->second.count ? given : load->second.count;
    uint64_t from, to, index;
    if (load->first.count != lines + 1 || !take_index(&load->first, 0, 1, &from) ||
        !take_index(&load->first, lines, most + 1, &to))
        return fault(load, "'indptr' does not fit the shape, 'indices' and 'data'");
    const uint64_t total = to;
    status = begin(load, total * height * width);
    for (uint64_t line = 0; line < lines && !status; line++, from = to) {
        if (!take_index(&load->first, line + 1, total + 1, &to) || to < from)
            return fault(load, "'indptr' falls, or leads beyond 'indices'");
        for (uint64_t e = from; e < to && !status; e++) {
            if (!take_index(&load->second, e, across, &index))
                return fault(load, "an index of 'indices' is outside of the matrix");
            for (uint64_t i = 0; i < height; i++)
                for (uint64_t j = 0; j < width; j++)
                    add(load, by_column ? index : line * height + i,
                        by_column ? line : index * width + j,
                        blocks ? block_element(data, e, i, j) : element(data, e));
        }
    }
    return status;
}

/* data[k][j] stands in column j, offsets[k] above the diagonal. */
static enum eie_status load_dia(struct load *load)
{
    enum eie_status status = take_arrays(load, "offsets", NULL);
    if (status) return status;
    const struct eie_sparse_npz *sparse = load->sparse;
    const struct eie_sparse_array *data = &load->data;
    if (data->entry.rank != 2 || data->entry.shape[0] != load->first.count)
        return fault(load, "'data' has other dimensions than 'offsets'");
    const uint64_t diagonals = data->entry.shape[0], width = data->entry.shape[1];
    const uint64_t columns = width < sparse->columns ? width : sparse->columns;
    status = begin(load, diagonals * columns);
    for (uint64_t k = 0; k < diagonals && !status; k++) {
        const double offset = element(&load->first, k);
        for (uint64_t j = 0; j < columns; j++) {
            const double row = (double)j - offset;
            const uint64_t at = data->entry.fortran_order ? k + diagonals * j : k * width + j;
            const double value = element(data, at);
            if (row >= 0 && row < (double)sparse->rows && value != 0.0)
                add(load, (uint64_t)row, j, value);
        }
    }
    return status;
}

enum eie_status eie_sparse_npz_load(const struct eie_sparse_npz *sparse,
                                    struct eie_weights *weights, struct eie_error *error)
{
    struct load load = {.sparse = sparse, .error = error};
    enum eie_status status = !strcmp(sparse->format, "coo")   ? load_coo(&load)
                             : !strcmp(sparse->format, "dia") ? load_dia(&load)
                                                              : load_lines(&load);
    free_array(&load.data);
    free_array(&load.first);
    free_array(&load.second);
    if (!status) status = eie_coordinates_merge(sparse->where, false, &load.entries, error);
    if (!status) return eie_weights_take(sparse->where, &load.entries, weights, error);
    eie_coordinates_free(&load.entries);
    return status;
}
