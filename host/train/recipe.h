/* How a network is trained and compressed, as data (data/recipes/NAME.json): phases one behind the
 * other, each with all of its hyperparameters. */
#ifndef EIE_HOST_TRAIN_RECIPE_H
#define EIE_HOST_TRAIN_RECIPE_H

#include "host/train/network.h"
#include "host/weights/kmeans.h"

#define EIE_PHASES_MAX 12

enum eie_phase_kind {
    EIE_PHASE_DENSE, /* all weights learn; those that were pruned begin again at 0 */
    EIE_PHASE_PRUNE, /* the smallest magnitudes go, the rest learns on (Deep Compression, section 2)
                      */
    EIE_PHASE_SHARE, /* k-means, then the codes stay and the centroids learn, each by the sum of its
                        members' gradients (section 3) */
};

/* The rate over a phase of which the share t, 0 to 1, is done. */
enum eie_schedule {
    EIE_SCHEDULE_CONSTANT,
    EIE_SCHEDULE_COSINE, /* rate x (1 + cos(pi t)) / 2 */
    EIE_SCHEDULE_STEP,   /* rate, a tenth from t = 1/2, a hundredth from t = 3/4 */
};

struct eie_phase {
    char name[EIE_NODE_NAME_MAX];
    enum eie_phase_kind kind;
    uint32_t epochs;
    double rate;
    enum eie_schedule schedule;
    double momentum;     /* v = momentum v - rate (gradient + decay w); w = w + v */
    double decay;        /* of weights, not of biases; of centroids none */
    double dropout;      /* share of a fully-connected layer's outputs; 0: none */
    bool dropout_scaled; /* times sqrt(share of the layer's weights that is left) (Han et al., NIPS
                            2015, section 3.2) */
    uint32_t shift;      /* images are moved by up to so many pixels in both directions */
    /* prune */
    double kept[EIE_NODES_MAX]; /* share of each part's weights that stays; with total > 0 it is
                                   chosen when the phase begins */
    double total;  /* share of all weights: layer by layer by magnitude over that of the layer's
                      larger weights (layer-adaptive magnitude, Lee et al., ICLR 2021); no layer
                      gets back what a pruning before took from it */
    double ramp;   /* share of the phase in which the weights go, as 1 - (1 - t)^3 (Zhu and Gupta
                      2017); 0: at once */
    uint32_t cuts; /* in an epoch of the ramp */
    /* share */
    uint32_t bits[EIE_NODES_MAX]; /* of each part's codes, 2 to 8; code 0 is no weight */
    bool adam;                    /* else SGD with `momentum` */
    enum eie_centroids centroids; /* where k-means begins */
    uint32_t bias_bits;           /* of a bias in the file, 2 to 16 */
    bool int16;                   /* the file states how to compute in 16 bits (ISCA 2016) */
    /* a control's */
    bool restart;    /* begins with what the first phase left */
    uint32_t random; /* number of the phase whose random numbers it uses: its own */
};

struct eie_recipe {
    char name[EIE_NODE_NAME_MAX];
    char sha256[65]; /* of the file */
    char *text;      /* the part for this network as JSON, for a ledger, changes in it */
    uint32_t batch;
    uint32_t validation; /* images of the training set that choices are made on */
    uint32_t phase_count;
    /* With `control` true the first phase_count - controls are the recipe's, and the rest the same
       once more but for the first, with the same epochs, rates and random numbers and no mask. */
    uint32_t controls;
    struct eie_phase phases[EIE_PHASES_MAX];
};

/* What stands in the place of a recipe's own values, for sweeps; all 0: nothing. `kept` goes into
 * its last phase of kind prune, `bits` into that of kind share. */
struct eie_recipe_changes {
    uint32_t kept_count, bits_count; /* 0: as in the file; 1: of every part; else one a part */
    double kept[EIE_NODES_MAX];
    uint32_t bits[EIE_NODES_MAX];
};

/* A name (data/recipes/NAME.json of eie_data_dir) or a path, for this network: the member of
 * "networks" of its name, else "*", with the changes (or NULL) in it, as in recipe->text.
 * EIE_USAGE: no such name, a change of a phase that the recipe has not, or for another number of
 * parts; EIE_INPUT with place, also for a phase that would keep more weights than the pruning
 * before it left (a dense phase between brings them back), and for int16 with codes above 4 bits,
 * which no kernel reads. To be freed.
 *
 * {"format": "eie-recipe-1", "summary": text, "control": false,
 *  "networks": {"lenet-300-100": {"batch": 128, "validation": 5000, "phases": [
 *    {"name": "dense", "kind": "dense", "epochs": 20, "rate": 0.1, "schedule": "cosine",
 *     "momentum": 0.9, "decay": 0.0001, "dropout": 0.2, "dropout_scaled": false, "shift": 0},
 *    {..., "kind": "prune", "kept": [0.08, 0.09, 0.26] (or one number, or "total": 0.05 in its
 *     place), "ramp": 0.67, "cuts": 8},
 *    {..., "kind": "share", "bits": [6, 6, 6] (or one number), "optimizer": "adam" or "sgd",
 *     "centroids": "linear", "density" or "random", "bias_bits": 16, "int16": false}]}}} */
EIE_MUST_USE enum eie_status eie_recipe_read(const char *name, const struct eie_network *network,
                                             const struct eie_recipe_changes *changes,
                                             struct eie_recipe *recipe, struct eie_error *error);
void eie_recipe_free(struct eie_recipe *recipe);

#endif
