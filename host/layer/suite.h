/* Suites: named lists of layers in data/suites/NAME.json, generated or imported. */
#ifndef EIE_HOST_LAYER_SUITE_H
#define EIE_HOST_LAYER_SUITE_H

#include "host/layer/generate.h"
#include "host/layer/layer_file.h"
#include "host/layer/shape.h"

struct eie_suite_layer {
    struct eie_layer_spec spec; /* generated layers */
    char import_folder[256];    /* imported layers: folder below EIE_MODELS, else "" */
    uint32_t import_outputs;
    char source[256]; /* where the numbers come from; travels in a generated layer */
};

struct eie_suite {
    char name[EIE_NAME_MAX];
    char summary[256];
    char default_kernels[256]; /* glob list that `eie bench` takes when none is named; "*" mostly */
    struct eie_hash hash;      /* SHA-256 of its file */
    char basis[16];            /* "generated", "calibrated" or "real": what its layers are */
    bool in_default_matrix;
    bool needs_models; /* its layers come from EIE_MODELS */
    bool by_shape;     /* each of its layers is a suite by itself: "shape:" and its name */
    uint32_t pe_count; /* as the suite's files are written; 64 */
    uint32_t layer_count;
    struct eie_suite_layer *layers;
    struct eie_layer_set
        file; /* the layers themselves where the suite is a layer file, else none */
};

/* `name` is a suite's name, or the path of a JSON file (contains '/' or ends in ".json"), of a
 * layer file (ends in ".safetensors"), whose layers then are the suite, or "shape:" and a layer's
 * name by its shape (host/layer/shape.h). EIE_INPUT with file, line
 * and path of the first fault; EIE_USAGE for an unknown name (the message lists the known ones). */
EIE_MUST_USE enum eie_status eie_suite_read(const char *name, struct eie_suite *suite,
                                            struct eie_error *error);
void eie_suite_free(struct eie_suite *suite);

/* The suite EIE_SHAPE_SUITE with these layers ([count], each with another name). Its hash is that
 * of the way in which shapes become layers, whatever shapes they are. As eie_shape_check;
 * EIE_MEMORY.
 */
EIE_MUST_USE enum eie_status eie_suite_of_shapes(const struct eie_shape *shapes, uint32_t count,
                                                 struct eie_suite *suite, struct eie_error *error);

/* All names in data/suites, sorted; free with eie_suite_names_free. */
struct eie_suite_names {
    uint32_t count;
    char **names;
};
EIE_MUST_USE enum eie_status eie_suite_list(struct eie_suite_names *names, struct eie_error *error);
void eie_suite_names_free(struct eie_suite_names *names);

/* The hash that data/suites/manifest.json states for SUITE/LAYER at the suite's own number of PEs;
 * NULL when it states none. The string lives until the process ends. */
EIE_MUST_USE enum eie_status eie_suite_manifest(const char *suite, const char *layer,
                                                const char **hash, struct eie_error *error);

/* Folder of real layers given by EIE_MODELS; NULL when unset or empty. */
const char *eie_models_dir(void);

/* Generates or imports one layer of the suite for `pe_count` PEs (0: the suite's own).
 * EIE_MISSING when it needs EIE_MODELS and that is unset. */
EIE_MUST_USE enum eie_status eie_suite_build(const struct eie_suite *suite, uint32_t index,
                                             uint32_t pe_count, struct eie_layer **layer,
                                             struct eie_error *error);

/* that are drawn, where the layer has fewer; of a convolution as many as it has positions */
#define EIE_SUITE_INPUTS_MAX 1024u

/* `count` inputs ([count][inputs]) for the layer that eie_suite_build made: its samples, and behind
 * them, where they are too few, those that the generator would have drawn next
 * (host/layer/generate.h): `drawn`, which the caller frees; NULL where the layer's own do.
 * EIE_UNSUPPORTED beyond EIE_SUITE_INPUTS_MAX, and for a layer that was not drawn here: a file's or
 * real data's are never repeated, since a batch of equal inputs would be other work; EIE_MEMORY. */
EIE_MUST_USE enum eie_status eie_suite_inputs(const struct eie_suite *suite, uint32_t index,
                                              const struct eie_layer *layer, uint32_t count,
                                              int16_t **drawn, struct eie_error *error);

#endif
