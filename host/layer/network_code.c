#include "host/layer/network_code.h"

#include <stdlib.h>
#include <string.h>

#define SPLITS      8u   /* 0..7 */
#define CONTEXTS    16u  /* t is 0..15 */
#define LONGEST_MAX 255u /* a */
#define DISTANCES   64u /* d is tried up to here: rows of images are not longer in small networks */

static enum eie_status no_memory(struct eie_error *error)
{
    return eie_fail(error, EIE_MEMORY, "out of memory for a network's weights");
}

/* ---- lines ---------------------------------------------------------------------------------- */

void eie_network_lines_free(struct eie_network_lines *lines)
{
    free(lines->rank);
    *lines = (struct eie_network_lines){0};
}

/* The length of the stretch from `at` on that is as `at` is. */
static uint32_t stretch(const struct eie_network_lines *lines, uint32_t at)
{
    const bool dead = lines->rank[at] == EIE_LINE_DEAD;
    uint32_t end = at;
    while (end < lines->count && (lines->rank[end] == EIE_LINE_DEAD) == dead) end++;
    return end - at;
}

static uint64_t bits_of_stretches(const struct eie_network_lines *lines)
{
    uint64_t bits = lines->rank[0] == EIE_LINE_DEAD ? 0 : eie_bits_of_number(0);
    for (uint32_t at = 0, length; at < lines->count; at += length) {
        length = stretch(lines, at);
        bits += eie_bits_of_number(length);
    }
    return bits;
}

static uint64_t bits_of_lines(const struct eie_network_lines *lines)
{
    return lines->form == EIE_LIVE_BITS        ? lines->count
           : lines->form == EIE_LIVE_STRETCHES ? bits_of_stretches(lines)
                                               : 0;
}

/* `live`: by line, or NULL for all. */
static enum eie_status make_lines(uint32_t count, const uint8_t *live,
                                  struct eie_network_lines *lines, struct eie_error *error)
{
    *lines = (struct eie_network_lines){.count = count, .rank = malloc(count * sizeof(uint32_t))};
    if (!lines->rank) return no_memory(error);
    for (uint32_t i = 0; i < count; i++)
        lines->rank[i] = !live || live[i] ? lines->live++ : EIE_LINE_DEAD;
    if (lines->live < count)
        lines->form = bits_of_stretches(lines) < count ? EIE_LIVE_STRETCHES : EIE_LIVE_BITS;
    return EIE_OK;
}

static enum eie_status copy_lines(const struct eie_network_lines *from,
                                  struct eie_network_lines *to, struct eie_error *error)
{
    *to = *from;
    to->rank = malloc(from->count * sizeof *to->rank);
    if (!to->rank) return no_memory(error);
    memcpy(to->rank, from->rank, from->count * sizeof *to->rank);
    return EIE_OK;
}

void eie_network_put_lines(struct eie_bits_out *out, const struct eie_network_lines *lines)
{
    eie_bits_put(out, lines->form, 2);
    for (uint32_t i = 0; i < lines->count && lines->form == EIE_LIVE_BITS; i++)
        eie_bits_put(out, lines->rank[i] != EIE_LINE_DEAD, 1);
    if (lines->form != EIE_LIVE_STRETCHES) return;
    if (lines->rank[0] != EIE_LINE_DEAD) eie_bits_put_number(out, 0);
    for (uint32_t at = 0, length; at < lines->count; at += length) {
        length = stretch(lines, at);
        eie_bits_put_number(out, length);
    }
}

/* ---- weights in order ----------------------------------------------------------------------- */

static enum eie_status allocate(struct eie_network_plan *plan, struct eie_error *error)
{
    const size_t count = (size_t)plan->weight_count + 1;
    plan->row = malloc(count * sizeof *plan->row);
    plan->column = malloc(count * sizeof *plan->column);
    plan->code = malloc(count);
    plan->run = malloc(count * sizeof *plan->run);
    return plan->row && plan->column && plan->code && plan->run ? EIE_OK : no_memory(error);
}

static void add_weight(struct eie_network_plan *plan, uint32_t at, uint32_t row, uint32_t column,
                       uint8_t code)
{
    plan->row[at] = row;
    plan->column[at] = column;
    plan->code[at] = code;
}

static enum eie_status list_weights(const struct eie_network_matrix *matrix,
                                    struct eie_network_plan *plan, struct eie_error *error)
{
    const uint32_t outputs = matrix->outputs, inputs = matrix->inputs;
    uint32_t *next = calloc((size_t)inputs + 1, sizeof *next), count = 0;
    if (!next) return no_memory(error);
    for (size_t k = 0; k < (size_t)outputs * inputs; k++) count += matrix->codes[k] != 0;
    plan->weight_count = count;
    enum eie_status status = allocate(plan, error);
    if (status) goto done;
    for (uint32_t i = 0; i < outputs && plan->by_column; i++)
        for (uint32_t j = 0; j < inputs; j++)
            next[j + 1] += matrix->codes[(size_t)i * inputs + j] != 0;
    for (uint32_t j = 0; j < inputs; j++) next[j + 1] += next[j];
    count = 0;
    for (uint32_t i = 0; i < outputs; i++)
        for (uint32_t j = 0; j < inputs; j++) {
            const uint8_t code = matrix->codes[(size_t)i * inputs + j];
            if (code) add_weight(plan, plan->by_column ? next[j]++ : count++, i, j, code);
        }
done:
    free(next);
    return status;
}

static void find_runs(struct eie_network_plan *plan)
{
    uint64_t next = 0;
    for (uint32_t k = 0; k < plan->weight_count; k++) {
        const uint64_t row = plan->rows.rank[plan->row[k]];
        const uint64_t column = plan->columns.rank[plan->column[k]];
        const uint64_t place =
            plan->by_column ? column * plan->rows.live + row : row * plan->columns.live + column;
        plan->run[k] = (uint32_t)(place - next);
        next = place + 1;
    }
}

/* ---- tables --------------------------------------------------------------------------------- */

static uint32_t run_table(const struct eie_network_plan *plan, uint32_t run_before)
{
    return plan->context_from && run_before >> (plan->context_from - 1) != 0;
}

/* Tables of runs for the plan's numbers, and the bits of all: tables, symbols, bits behind them. */
static enum eie_status code_runs(struct eie_network_plan *plan, uint64_t *bits,
                                 struct eie_error *error)
{
    uint64_t tally[2][EIE_HUFFMAN_SYMBOLS] = {{0}};
    uint32_t before = 0;
    *bits = (uint64_t)plan->weight_count * plan->split;
    for (uint32_t k = 0; k < plan->weight_count; k++) {
        uint64_t *own = tally[run_table(plan, before)];
        const uint32_t symbol = plan->run[k] >> plan->split;
        before = plan->run[k];
        own[plan->longest] += symbol / plan->longest;
        own[symbol % plan->longest]++;
    }
    for (int c = 0; c <= (plan->context_from != 0); c++) {
        enum eie_status status = eie_huffman_build(tally[c], &plan->runs[c], error);
        if (status) return status;
        *bits += eie_huffman_bits(&plan->runs[c], tally[c]) +
                 eie_bits_of_table(&plan->runs[c], 0, plan->longest);
    }
    return EIE_OK;
}

/* What decides on the next code's table. All 0 at the beginning. */
struct signs {
    bool last;
    uint8_t *of_row;
};

static enum eie_status make_signs(const struct eie_network_plan *plan, struct signs *signs,
                                  struct eie_error *error)
{
    *signs = (struct signs){false, calloc(plan->rows.count, 1)};
    return signs->of_row ? EIE_OK : no_memory(error);
}

static void free_signs(struct signs *signs)
{
    free(signs->of_row);
}

/* The table of weight `k`, in order. */
static uint32_t code_table(const struct eie_network_plan *plan, struct signs *signs, uint32_t k)
{
    const uint32_t row = plan->row[k], column = plan->column[k];
    const bool of[] = {false, signs->last, signs->of_row[row]};
    if (plan->code_context == EIE_CODE_BY_NEIGHBOURS)
        return eie_code_neighbours(plan->matrix + (size_t)row * plan->columns.count, column,
                                   plan->distance, plan->positive);
    signs->last = plan->positive[plan->code[k]];
    signs->of_row[row] = signs->last;
    return of[plan->code_context];
}

static enum eie_status code_codes(struct eie_network_plan *plan, uint64_t *bits,
                                  struct eie_error *error)
{
    uint64_t tally[EIE_CODE_TABLES_MAX][EIE_HUFFMAN_SYMBOLS] = {{0}};
    struct signs signs;
    enum eie_status status = make_signs(plan, &signs, error);
    *bits = plan->code_context == EIE_CODE_BY_NEIGHBOURS ? eie_bits_of_number(plan->distance) : 0;
    for (uint32_t k = 0; k < plan->weight_count && !status; k++)
        tally[code_table(plan, &signs, k)][plan->code[k]]++;
    for (uint32_t c = 0; c < eie_code_tables(plan->code_context) && !status; c++) {
        status = eie_huffman_build(tally[c], &plan->codes[c], error);
        *bits += eie_huffman_bits(&plan->codes[c], tally[c]) +
                 eie_bits_of_table(&plan->codes[c], 1, plan->clusters);
    }
    free_signs(&signs);
    return status;
}

/* ---- choice --------------------------------------------------------------------------------- */

/* The best numbers of runs until now. */
struct best {
    uint32_t split, context_from, longest;
    uint64_t bits;
};

static enum eie_status try_runs(struct eie_network_plan *plan, uint32_t split,
                                uint32_t context_from, uint32_t longest, struct best *best,
                                struct eie_error *error)
{
    uint64_t bits;
    if (split >= SPLITS || !longest || longest > LONGEST_MAX) return EIE_OK;
    plan->split = split;
    plan->context_from = context_from;
    plan->longest = longest;
    enum eie_status status = code_runs(plan, &bits, error);
    if (!status && bits < best->bits) *best = (struct best){split, context_from, longest, bits};
    return status;
}

/* One number after the other, the others as they were best. */
static enum eie_status choose_runs(struct eie_network_plan *plan, struct best *best,
                                   struct eie_error *error)
{
    static const uint32_t some[] = {12, 24, 48, LONGEST_MAX};
    static const uint32_t many[] = {4,  6,  8,  10, 14, 16, 18, 20,  22,  28,
                                    32, 36, 40, 56, 64, 80, 96, 128, 160, 192};
    enum eie_status status = EIE_OK;
    uint32_t most = 0;
    *best = (struct best){.bits = UINT64_MAX};
    for (uint32_t k = 0; k < plan->weight_count; k++)
        if (plan->run[k] > most) most = plan->run[k];
    for (uint32_t s = 0; s < SPLITS && !status; s++) {
        const uint32_t whole = (most >> s) + 1; /* with this one no run needs a filler */
        for (size_t a = 0; a < sizeof some / sizeof *some && !status; a++)
            if (some[a] < whole) status = try_runs(plan, s, 0, some[a], best, error);
        if (!status) status = try_runs(plan, s, 0, whole, best, error);
        if (whole == 1) break;
    }
    const struct best alone = *best;
    for (uint32_t t = 1; t < CONTEXTS && !status && most >> (t - 1); t++)
        for (uint32_t s = alone.split ? alone.split - 1 : 0; s <= alone.split + 1 && !status; s++)
            status = try_runs(plan, s, t, alone.longest, best, error);
    for (size_t a = 0; a < sizeof many / sizeof *many && !status; a++)
        if (many[a] <= most >> best->split)
            status = try_runs(plan, best->split, best->context_from, many[a], best, error);
    return status;
}

static enum eie_status choose_codes(struct eie_network_plan *plan, uint64_t *best,
                                    struct eie_error *error)
{
    const uint32_t ways = EIE_CODE_BY_NEIGHBOURS + DISTANCES; /* the last with each distance */
    uint32_t chosen = 0;
    enum eie_status status = EIE_OK;
    *best = UINT64_MAX;
    for (uint32_t way = 0; way <= ways && !status; way++) {
        uint64_t bits;
        const uint32_t now = way < ways ? way : chosen; /* in the end once more what was best */
        plan->code_context = now < EIE_CODE_BY_NEIGHBOURS ? now : EIE_CODE_BY_NEIGHBOURS;
        plan->distance = now < EIE_CODE_BY_NEIGHBOURS ? 0 : now - EIE_CODE_BY_NEIGHBOURS + 1;
        if (way == ways || (plan->distance && plan->distance >= plan->columns.count)) continue;
        status = code_codes(plan, &bits, error);
        if (!status && bits < *best) *best = bits, chosen = way;
    }
    return status;
}

/* The lines to try of one side: all, those that have weights, those of the part before. */
struct choice {
    struct eie_network_lines lines[3];
    uint32_t count;
};

static void free_choice(struct choice *choice)
{
    for (uint32_t i = 0; i < choice->count; i++) eie_network_lines_free(&choice->lines[i]);
}

/* Have all that `live` names a place in the lines of the part before? */
static bool covers(const struct eie_network_lines *before, uint32_t count, const uint8_t *live)
{
    if (before->count != count || before->live == count) return false;
    for (uint32_t i = 0; i < count; i++)
        if (live[i] && before->rank[i] == EIE_LINE_DEAD) return false;
    return true;
}

static enum eie_status make_choice(uint32_t count, const uint8_t *live,
                                   const struct eie_network_lines *before, struct choice *choice,
                                   struct eie_error *error)
{
    enum eie_status status = make_lines(count, NULL, &choice->lines[choice->count++], error);
    if (!status && memchr(live, 0, count))
        status = make_lines(count, live, &choice->lines[choice->count++], error);
    if (!status && before && covers(before, count, live)) {
        struct eie_network_lines *lines = &choice->lines[choice->count++];
        status = copy_lines(before, lines, error);
        lines->form = EIE_LIVE_AS_ROWS_BEFORE;
    }
    return status;
}

/* What was best in both orders. */
struct found {
    uint64_t bits;
    struct best runs;
    uint32_t code_context, distance;
    uint32_t row_choice, column_choice;
    bool by_column;
};

/* In the plan's order; rows and columns of the plan are not its own afterwards. */
static enum eie_status try_order(struct eie_network_plan *plan, const struct choice *rows,
                                 const struct choice *columns, struct found *found,
                                 struct eie_error *error)
{
    uint64_t code_bits;
    plan->rows = rows->lines[0];
    plan->columns = columns->lines[0];
    enum eie_status status = choose_codes(plan, &code_bits, error);
    for (uint32_t r = 0; r < rows->count && !status; r++)
        for (uint32_t c = 0; c < columns->count && !status; c++) {
            struct best best;
            plan->rows = rows->lines[r];
            plan->columns = columns->lines[c];
            find_runs(plan);
            status = choose_runs(plan, &best, error);
            const uint64_t bits =
                code_bits + best.bits + bits_of_lines(&plan->rows) + bits_of_lines(&plan->columns);
            if (!status && bits < found->bits)
                *found = (struct found){bits, best, plan->code_context, plan->distance,
                                        r,    c,    plan->by_column};
        }
    plan->rows = plan->columns = (struct eie_network_lines){0};
    return status;
}

static void free_weights(struct eie_network_plan *plan)
{
    free(plan->row);
    free(plan->column);
    free(plan->code);
    free(plan->run);
    plan->row = plan->column = plan->run = NULL;
    plan->code = NULL;
}

void eie_network_plan_free(struct eie_network_plan *plan)
{
    eie_network_lines_free(&plan->rows);
    eie_network_lines_free(&plan->columns);
    free_weights(plan);
}

/* Takes the chosen lines out of the choices and rebuilds the tables. */
static enum eie_status settle(const struct found *found, struct choice *rows,
                              struct choice *columns, struct eie_network_plan *plan,
                              struct eie_error *error)
{
    uint64_t bits;
    plan->rows = rows->lines[found->row_choice];
    plan->columns = columns->lines[found->column_choice];
    rows->lines[found->row_choice] = columns->lines[found->column_choice] =
        (struct eie_network_lines){0};
    if (!plan->weight_count) return EIE_OK;
    plan->split = found->runs.split;
    plan->context_from = found->runs.context_from;
    plan->longest = found->runs.longest;
    plan->code_context = found->code_context;
    plan->distance = found->distance;
    find_runs(plan);
    enum eie_status status = code_runs(plan, &bits, error);
    return status ? status : code_codes(plan, &bits, error);
}

enum eie_status eie_network_plan(const struct eie_network_matrix *matrix,
                                 const struct eie_network_lines *before,
                                 struct eie_network_plan *plan, struct eie_error *error)
{
    const uint32_t outputs = matrix->outputs, inputs = matrix->inputs;
    struct choice rows = {.count = 0}, columns = {.count = 0};
    struct found found = {.bits = UINT64_MAX};
    uint8_t *live_rows = calloc(outputs, 1), *live_columns = calloc(inputs, 1);
    *plan = (struct eie_network_plan){
        .matrix = matrix->codes, .clusters = matrix->clusters, .positive = matrix->positive};
    enum eie_status status = live_rows && live_columns ? EIE_OK : no_memory(error);
    if (!status) status = list_weights(matrix, plan, error);
    for (uint32_t k = 0; k < plan->weight_count && !status; k++)
        live_rows[plan->row[k]] = live_columns[plan->column[k]] = 1;
    if (!status) status = make_choice(outputs, live_rows, NULL, &rows, error);
    if (!status) status = make_choice(inputs, live_columns, before, &columns, error);
    if (!status && plan->weight_count) {
        status = try_order(plan, &rows, &columns, &found, error);
        for (int by_column = 1; by_column >= 0 && !status; by_column--) {
            if (!by_column && found.by_column) break; /* that is what the plan holds */
            free_weights(plan);
            plan->by_column = by_column;
            status = list_weights(matrix, plan, error);
            if (!status && by_column) status = try_order(plan, &rows, &columns, &found, error);
        }
    }
    if (!status) status = settle(&found, &rows, &columns, plan, error);
    free_choice(&rows);
    free_choice(&columns);
    free(live_rows);
    free(live_columns);
    if (status) eie_network_plan_free(plan);
    return status;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void put_tables(struct eie_bits_out *out, const struct eie_network_plan *plan)
{
    for (int c = 0; c <= (plan->context_from != 0); c++)
        eie_bits_put_table(out, &plan->runs[c], 0, plan->longest);
    for (uint32_t c = 0; c < eie_code_tables(plan->code_context); c++)
        eie_bits_put_table(out, &plan->codes[c], 1, plan->clusters);
}

/* Codes of symbols with the tables' lengths. */
struct coder {
    uint16_t runs[2][EIE_HUFFMAN_SYMBOLS], codes[EIE_CODE_TABLES_MAX][EIE_HUFFMAN_SYMBOLS];
};

static void put_run(struct eie_bits_out *out, const struct eie_network_plan *plan,
                    const struct coder *coder, uint32_t run, uint32_t table, uint64_t *fillers)
{
    const uint8_t *length = plan->runs[table].length;
    const uint16_t *codes = coder->runs[table];
    uint32_t symbol = run >> plan->split;
    for (; symbol >= plan->longest; symbol -= plan->longest, ++*fillers)
        eie_bits_put(out, codes[plan->longest], length[plan->longest]);
    eie_bits_put(out, codes[symbol], length[symbol]);
    eie_bits_put(out, run & ((1u << plan->split) - 1), plan->split);
}

enum eie_status eie_network_put_weights(struct eie_bits_out *out,
                                        const struct eie_network_plan *plan,
                                        struct eie_network_streams *streams,
                                        struct eie_error *error)
{
    struct coder coder;
    struct signs signs;
    uint64_t mark = out->count;
    uint32_t before = 0;
    *streams = (struct eie_network_streams){0};
    eie_bits_put_number(out, plan->weight_count);
    streams->header = out->count - mark;
    if (!plan->weight_count) return EIE_OK;
    eie_bits_put(out, plan->by_column, 1);
    eie_bits_put(out, plan->split, 3);
    eie_bits_put(out, plan->context_from, 4);
    eie_bits_put(out, plan->code_context, 2);
    eie_bits_put(out, plan->longest, 8);
    if (plan->code_context == EIE_CODE_BY_NEIGHBOURS) eie_bits_put_number(out, plan->distance);
    streams->header = out->count - mark;
    mark = out->count;
    put_tables(out, plan);
    streams->tables = out->count - mark;
    for (int c = 0; c < 2; c++) (void)eie_huffman_codes(&plan->runs[c], coder.runs[c]);
    for (uint32_t c = 0; c < EIE_CODE_TABLES_MAX; c++)
        (void)eie_huffman_codes(&plan->codes[c], coder.codes[c]);
    enum eie_status status = make_signs(plan, &signs, error);
    for (uint32_t k = 0; k < plan->weight_count && !status; k++) {
        mark = out->count;
        put_run(out, plan, &coder, plan->run[k], run_table(plan, before), &streams->fillers);
        before = plan->run[k];
        streams->runs += out->count - mark;
        const uint32_t table = code_table(plan, &signs, k);
        const uint8_t code = plan->code[k], length = plan->codes[table].length[code];
        eie_bits_put(out, coder.codes[table][code], length);
        streams->codes += length;
    }
    free_signs(&signs);
    return status;
}
