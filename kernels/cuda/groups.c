#include "kernels/cuda/groups.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CODES  16
#define ROUNDS 3 /* of exchanges */

void cuda_groups_free(struct cuda_groups *groups)
{
    free(groups->group);
    free(groups->row);
    memset(groups, 0, sizeof *groups);
}

uint64_t cuda_groups_bound(const struct eie_layer *layer)
{
    struct eie_layer_counts counts;
    eie_layer_count(layer, NULL, &counts);
    const uint64_t longest = (uint64_t)layer->inputs / 4 + CODES, rows = layer->outputs + 32u;
    /* Each code of a row may need a group that is not full. A task has the steps of its longest
     * row, which the rows of the task before reach; the first may have one long row among 16 at
     * most. Steps are rounded up, and classes round up by a 23rd of the longest. */
    const uint64_t each = counts.nonzeros / 4 + CODES * rows + 16 * longest +
                          rows * (longest / (CUDA_CLASSES - 1) + 1 + 64);
    const uint64_t bytes = each * sizeof(uint64_t);
    return bytes + bytes / 16 + 64 + rows * sizeof(uint32_t); /* codes apart: 17 for 16 */
}

/* Units of 64 bytes of a task with codes apart. */
static uint32_t units_of(uint32_t steps)
{
    return steps / CUDA_CHUNK_STEPS * CUDA_CHUNK_UNITS + steps % CUDA_CHUNK_STEPS * CUDA_STEP_UNITS;
}

static void set_apart(struct cuda_tasks *tasks)
{
    uint32_t units = 0;
    for (uint32_t c = 0; c < tasks->class_count; c++) {
        struct cuda_class *class = &tasks->classes[c];
        class->first_step = units;
        units += (class->end_task - class->first_task) * units_of(class->steps);
    }
    tasks->row_at = (uint64_t)units * 64;
}

/* As the device code puts it together. */
static uint32_t code_in(uint64_t group)
{
    const uint32_t x = (uint32_t)group, y = (uint32_t)(group >> 32);
    const uint32_t bits = (x & 0x10001u) | (y & 0x10001u) << 1;
    return (bits | bits >> 14) & 15u;
}

/* Four steps of 32 groups. */
static void put_chunk(const uint64_t *group, char *chunk)
{
    uint64_t *columns = (uint64_t *)(void *)chunk; /* [2][32][2] */
    uint16_t *codes = (uint16_t *)(void *)(columns + CUDA_CHUNK_STEPS * 32);
    for (uint32_t s = 0; s < CUDA_CHUNK_STEPS; s++)
        for (uint32_t k = 0; k < 32; k++) {
            columns[(s / 2 * 32 + k) * 2 + s % 2] =
                group[s * 32 + k] & UINT64_C(0xfffefffefffefffe);
            codes[k] |= (uint16_t)(code_in(group[s * 32 + k]) << 4 * s);
        }
}

static void put_apart(const struct cuda_groups *groups, char *copy)
{
    const uint64_t *group = groups->group;
    for (uint32_t c = 0; c < groups->tasks.class_count; c++) {
        const struct cuda_class *class = &groups->tasks.classes[c];
        for (uint32_t t = class->first_task; t < class->end_task; t++) {
            for (uint32_t s = CUDA_CHUNK_STEPS; s <= class->steps; s += CUDA_CHUNK_STEPS) {
                put_chunk(group, copy);
                copy += CUDA_CHUNK_UNITS * 64;
                group += CUDA_CHUNK_STEPS * 32;
            }
            const size_t left = class->steps % CUDA_CHUNK_STEPS * 32;
            memcpy(copy, group, left * sizeof *group);
            copy += left * sizeof *group;
            group += left;
        }
    }
}

void *cuda_groups_copy(const struct cuda_groups *groups, struct cuda_tasks *tasks, uint64_t *bytes)
{
    const uint64_t rows = (uint64_t)groups->tasks.count * groups->form.rows * sizeof *groups->row;
    *tasks = groups->tasks;
    if (groups->form.apart) set_apart(tasks);
    *bytes = tasks->row_at + rows;
    char *copy = calloc(*bytes, 1);
    if (!copy) return NULL;
    if (groups->form.apart)
        put_apart(groups, copy);
    else
        memcpy(copy, groups->group, tasks->row_at);
    memcpy(copy + tasks->row_at, groups->row, rows);
    return copy;
}

/* ---- tasks and classes ---------------------------------------------------------------------- */

static uint32_t groups_of_row(const struct eie_row_lists *rows, uint32_t row)
{
    uint32_t count[CODES] = {0}, all = 0;
    for (uint32_t e = rows->start[row]; e < rows->start[row + 1]; e++) count[rows->code[e]]++;
    for (int c = 0; c < CODES; c++) all += (count[c] + 3) / 4;
    return all;
}

static int falling(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Rows, longest first: groups in the upper half of each key, the row in the lower. */
static uint64_t *sort(const struct eie_layer *layer, const struct eie_row_lists *rows)
{
    uint64_t *key = malloc(layer->outputs * sizeof *key);
    if (!key) return NULL;
    for (uint32_t i = 0; i < layer->outputs; i++)
        key[i] = (uint64_t)groups_of_row(rows, i) << 32 | (UINT32_MAX - i);
    qsort(key, layer->outputs, sizeof *key, falling);
    return key;
}

/* Steps of the tasks are rounded up so that there are at most CUDA_CLASSES numbers of them. */
static void classify(const uint64_t *key, const struct eie_layer *layer, struct cuda_groups *groups)
{
    const struct cuda_groups_form *form = &groups->form;
    const uint32_t longest = ((uint32_t)(key[0] >> 32) + form->lanes - 1) / form->lanes;
    const uint32_t unit = (longest + CUDA_CLASSES - 2) / (CUDA_CLASSES - 1);
    groups->tasks.count = (layer->outputs - 1) / form->rows + 1;
    for (uint32_t t = 0; t < groups->tasks.count; t++) {
        const uint32_t most = (uint32_t)(key[(size_t)t * form->rows] >> 32);
        const uint32_t exact = (most + form->lanes - 1) / form->lanes;
        const uint32_t steps = unit ? (exact + unit - 1) / unit * unit : 0;
        struct cuda_class *last = &groups->tasks.classes[groups->tasks.class_count];
        if (!groups->tasks.class_count || last[-1].steps != steps) {
            *last = (struct cuda_class){t, t, steps, groups->steps};
            groups->tasks.class_count++;
        }
        groups->tasks.classes[groups->tasks.class_count - 1].end_task++;
        groups->steps += steps;
    }
    groups->tasks.row_at =
        (uint64_t)groups->steps * form->rows * form->lanes * sizeof *groups->group;
}

/* ---- packing -------------------------------------------------------------------------------- */

/* A row while its groups are given out. */
struct bin {
    uint32_t first[CODES], left[CODES], pads[CODES]; /* columns of a code that are left */
    uint32_t end[CODES];                             /* groups of this code and those before */
    uint32_t steps;                                  /* that its lanes need */
};

/* The look-ups of all lanes at one place of one step. */
struct looks {
    uint32_t worst;    /* of the loads, at least 1: passes that they take */
    uint32_t load[32]; /* of each bank */
};

struct packer {
    struct cuda_groups *groups;
    uint32_t inputs;  /* the first of the zeros */
    uint32_t *column; /* by row and code; those that are given out are replaced by the last */
    struct bin bin[32];
    struct looks *looks; /* [longest task's steps][CUDA_GROUP_COLUMNS] */
};

static void open_bin(const struct eie_row_lists *rows, uint32_t row, struct packer *packer,
                     struct bin *bin)
{
    uint32_t at[CODES];
    memset(bin, 0, sizeof *bin);
    if (row == CUDA_NO_ROW) return;
    for (uint32_t e = rows->start[row]; e < rows->start[row + 1]; e++) bin->left[rows->code[e]]++;
    uint32_t groups = 0;
    for (uint32_t c = 0, begin = rows->start[row]; c < CODES; c++) {
        const uint32_t here = (bin->left[c] + 3) / 4;
        bin->end[c] = groups += here;
        bin->pads[c] = 4 * here - bin->left[c];
        at[c] = bin->first[c] = begin;
        begin += bin->left[c];
        packer->groups->counts.padding += bin->pads[c];
    }
    bin->steps = (groups + packer->groups->form.lanes - 1) / packer->groups->form.lanes;
    for (uint32_t e = rows->start[row]; e < rows->start[row + 1]; e++)
        packer->column[at[rows->code[e]]++] =
            packer->groups->form.turned ? cuda_groups_turned(rows->column[e]) : rows->column[e];
}

/* Of a look-up by lane k of the task; the halves of a warp have banks of their own. */
static uint32_t bank_of(const struct cuda_groups_form *form, uint32_t k, uint32_t column)
{
    const uint32_t half = k * form->halves / (form->rows * form->lanes);
    return half * form->banks + (column >> form->bank_shift) % form->banks;
}

/* For lane k, a column of that code whose bank is asked for least; the zero where all others would
 * wait. */
static uint32_t take(struct packer *packer, struct bin *bin, uint32_t code, uint32_t k,
                     struct looks *looks)
{
    const struct cuda_groups_form *form = &packer->groups->form;
    uint32_t *column = packer->column + bin->first[code];
    uint32_t best = 0, least = UINT32_MAX;
    for (uint32_t i = 0; i < bin->left[code] && least; i++) {
        const uint32_t load = looks->load[bank_of(form, k, column[i])];
        if (load < least) best = i, least = load;
    }
    if (least && bin->pads[code]) {
        bin->pads[code]--;
        return packer->inputs;
    }
    const uint32_t taken = column[best];
    column[best] = column[--bin->left[code]];
    looks->load[bank_of(form, k, taken)]++;
    return taken;
}

static void put(uint64_t *group, uint32_t place, uint32_t column, uint32_t code)
{
    static const uint32_t bit_of[CUDA_GROUP_COLUMNS] = {0, 2, 1, 3};
    const uint64_t word = column << 1 | (code >> bit_of[place] & 1);
    *group |= word << 16 * place;
}

static uint32_t column_at(uint64_t group, uint32_t place)
{
    return (uint32_t)(group >> (16 * place + 1)) & 0x7fffu;
}

static void set_column(uint64_t *group, uint32_t place, uint32_t column)
{
    *group &= ~(UINT64_C(0xfffe) << 16 * place);
    *group |= (uint64_t)column << (16 * place + 1);
}

static void find_worst(const struct cuda_groups_form *form, struct looks *looks)
{
    looks->worst = 1;
    for (uint32_t b = 0; b < form->banks * form->halves; b++)
        if (looks->load[b] > looks->worst) looks->worst = looks->load[b];
}

static uint32_t passes_of(const struct cuda_groups_form *form, const struct looks *looks)
{
    uint32_t passes = 0;
    for (uint32_t h = 0; h < form->halves; h++) {
        uint32_t worst = 1;
        for (uint32_t b = h * form->banks; b < (h + 1) * form->banks; b++)
            if (looks->load[b] > worst) worst = looks->load[b];
        passes += worst;
    }
    return passes;
}

/* The code of the group that a lane of the row has in a step, or CODES. A lane stays with a code as
 * long as it can, so that lanes which look up together have many columns to choose from. */
static uint32_t code_of(const struct bin *bin, uint32_t lane, uint32_t step)
{
    const uint32_t group = lane * bin->steps + step;
    uint32_t code = 0;
    if (step >= bin->steps) return CODES;
    while (code < CODES && group >= bin->end[code]) code++;
    return code;
}

/* One step of a task: a group for each lane that has one. */
static void pack_step(struct packer *packer, uint32_t step, uint64_t *group)
{
    const struct cuda_groups_form *form = &packer->groups->form;
    const uint32_t all = form->rows * form->lanes;
    uint32_t code[32];
    for (uint32_t k = 0; k < all; k++)
        code[k] = code_of(&packer->bin[k / form->lanes], k % form->lanes, step);
    for (uint32_t place = 0; place < CUDA_GROUP_COLUMNS; place++) {
        struct looks *looks = &packer->looks[step * CUDA_GROUP_COLUMNS + place];
        memset(looks, 0, sizeof *looks);
        for (uint32_t k = 0; k < all; k++) {
            const bool filled = code[k] < CODES;
            const uint32_t column =
                filled ? take(packer, &packer->bin[k / form->lanes], code[k], k, looks)
                       : packer->inputs;
            put(&group[k], place, column, filled ? code[k] : 0);
            packer->groups->counts.padding += !filled;
        }
        find_worst(form, looks);
    }
}

/* Exchanges the column of lane k at a place of a step for another of the same row and code, if both
 * places are no worse for it and this one has less in its fullest bank. */
static bool exchange(struct packer *packer, uint64_t *group, uint32_t step, uint32_t place,
                     uint32_t k)
{
    const struct cuda_groups_form *form = &packer->groups->form;
    const uint32_t width = form->rows * form->lanes, row = k / form->lanes;
    const struct bin *bin = &packer->bin[row];
    const uint32_t code = code_of(bin, k % form->lanes, step);
    struct looks *here = &packer->looks[step * CUDA_GROUP_COLUMNS + place];
    const uint32_t column = column_at(group[step * width + k], place);
    const uint32_t bank = bank_of(form, k, column);
    if (code == CODES || column == packer->inputs || here->load[bank] < here->worst) return false;
    for (uint32_t g = code ? bin->end[code - 1] : 0; g < bin->end[code]; g++) {
        const uint32_t s = g % bin->steps, other_k = row * form->lanes + g / bin->steps;
        uint64_t *other_group = &group[s * width + other_k];
        for (uint32_t p = 0; p < CUDA_GROUP_COLUMNS; p++) {
            struct looks *there = &packer->looks[s * CUDA_GROUP_COLUMNS + p];
            const uint32_t other = column_at(*other_group, p);
            const uint32_t to = bank_of(form, other_k, column), back = bank_of(form, k, other);
            const bool zero = other == packer->inputs;
            if (there == here || there->load[to] >= there->worst ||
                (!zero && here->load[back] + 1 >= here->worst))
                continue;
            here->load[bank]--, there->load[to]++;
            if (!zero) here->load[back]++, there->load[bank_of(form, other_k, other)]--;
            set_column(&group[step * width + k], place, other);
            set_column(other_group, p, column);
            find_worst(form, there);
            return true;
        }
    }
    return false;
}

static void improve(struct packer *packer, uint64_t *group, uint32_t steps)
{
    const struct cuda_groups_form *form = &packer->groups->form;
    for (uint32_t i = 0; i < steps * CUDA_GROUP_COLUMNS; i++) {
        struct looks *looks = &packer->looks[i];
        for (uint32_t k = 0; k < form->rows * form->lanes && looks->worst > 1; k++)
            if (exchange(packer, group, i / CUDA_GROUP_COLUMNS, i % CUDA_GROUP_COLUMNS, k))
                find_worst(form, looks);
    }
}

/* The zeros of a place go to a bank that nobody else asks for: there is one, since they themselves
 * do not. */
static void place_zeros(const struct packer *packer, const struct looks *looks, uint64_t *group,
                        uint32_t place)
{
    const struct cuda_groups_form *form = &packer->groups->form;
    for (uint32_t k = 0; k < form->rows * form->lanes; k++) {
        uint32_t zero = packer->inputs;
        if (column_at(group[k], place) != zero) continue;
        while (zero + 1 < packer->inputs + CUDA_ZEROS && looks->load[bank_of(form, k, zero)])
            zero++;
        set_column(&group[k], place, zero);
    }
}

static void pack_task(const struct eie_row_lists *rows, struct packer *packer, uint32_t task,
                      uint32_t steps, uint64_t *group)
{
    struct cuda_groups *groups = packer->groups;
    const uint32_t width = groups->form.rows * groups->form.lanes;
    for (uint32_t r = 0; r < groups->form.rows; r++)
        open_bin(rows, groups->row[(size_t)task * groups->form.rows + r], packer, &packer->bin[r]);
    for (uint32_t s = 0; s < steps; s++) pack_step(packer, s, group + (size_t)s * width);
    for (uint32_t i = 0; i < ROUNDS; i++) improve(packer, group, steps);
    for (uint32_t i = 0; i < steps * CUDA_GROUP_COLUMNS; i++) {
        groups->counts.wavefronts += passes_of(&groups->form, &packer->looks[i]);
        place_zeros(packer, &packer->looks[i], group + (size_t)(i / CUDA_GROUP_COLUMNS) * width,
                    i % CUDA_GROUP_COLUMNS);
    }
    groups->counts.look_ups += (uint64_t)steps * CUDA_GROUP_COLUMNS;
}

static void pack(const struct eie_row_lists *rows, struct packer *packer)
{
    struct cuda_groups *groups = packer->groups;
    const size_t width = (size_t)groups->form.rows * groups->form.lanes;
    uint64_t *group = groups->group;
    for (uint32_t c = 0; c < groups->tasks.class_count; c++)
        for (uint32_t t = groups->tasks.classes[c].first_task;
             t < groups->tasks.classes[c].end_task; t++) {
            pack_task(rows, packer, t, groups->tasks.classes[c].steps, group);
            group += groups->tasks.classes[c].steps * width;
        }
}

enum eie_status cuda_groups_make(const struct eie_layer *layer, const struct eie_row_lists *rows,
                                 const struct cuda_groups_form *form, struct cuda_groups *groups,
                                 struct eie_error *error)
{
    *groups = (struct cuda_groups){.form = *form};
    if (layer->inputs > CUDA_COLUMNS_MAX)
        return eie_fail(error, EIE_UNSUPPORTED, "a layer has at most %u inputs here",
                        CUDA_COLUMNS_MAX);
    struct packer *packer = calloc(1, sizeof *packer);
    uint64_t *key = sort(layer, rows);
    bool room = packer && key;
    if (room) {
        classify(key, layer, groups);
        const size_t places = (size_t)groups->tasks.count * form->rows;
        groups->group =
            calloc((size_t)groups->steps * form->rows * form->lanes + 1, sizeof *groups->group);
        groups->row = malloc(places * sizeof *groups->row);
        packer->groups = groups;
        packer->inputs = form->turned ? (layer->inputs + 7) / 8 * 8 : layer->inputs;
        packer->column = malloc((rows->start[layer->outputs] + (size_t)1) * sizeof *packer->column);
        packer->looks = malloc(((size_t)groups->tasks.classes[0].steps * CUDA_GROUP_COLUMNS + 1) *
                               sizeof *packer->looks);
        room = groups->group && groups->row && packer->column && packer->looks;
        for (size_t i = 0; room && i < places; i++)
            groups->row[i] = i < layer->outputs ? UINT32_MAX - (uint32_t)key[i] : CUDA_NO_ROW;
    }
    if (room) pack(rows, packer);
    if (packer) free(packer->column), free(packer->looks);
    free(packer);
    free(key);
    if (room) return EIE_OK;
    cuda_groups_free(groups);
    return eie_fail(error, EIE_MEMORY, "out of memory for the groups of layer %s", layer->name);
}
