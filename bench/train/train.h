/* `eie train`: networks trained, pruned, shared and stored by a recipe, one or several seeds, with
 * a ledger (Deep Compression, ICLR 2016; DSD, ICLR 2017).
 *
 * Every choice is made on images that are set apart from the training set; the test set is opened
 * once a seed, after its last phase, when the file is written. What is tested is the file, read
 * back from disk, beside what every phase left. */
#ifndef EIE_BENCH_TRAIN_TRAIN_H
#define EIE_BENCH_TRAIN_TRAIN_H

#include "bench/train/options.h"
#include "host/base/error.h"

#include <jansson.h>

/* Trains all seeds, prints a line an epoch, and gives the ledger:
 *
 * eie_format "eie-training-1"; network, parameters, weights, macs, dense_bytes (4 a parameter);
 * recipe, recipe_sha256 (of its file), recipe_text (the recipe's own words), where values were
 * changed recipe_changes (kept, bits: lists, of one number where it is for every layer); data,
 * images (learnt), validation (images); library, library_core, threads; revision; seeds: of each
 *   seed, file, resumed (true where it went on with a checkpoint; times are those of all its parts)
 *   phases: name, kind, taken_from (of one that another training's checkpoint gave: the times are
 *     of that training), epochs, seconds (wall), cpu_seconds, loss (the last epoch's),
 *     validation_errors, validation_error_pct; where weights were shared shared_validation_errors
 *     and shared_validation_error_pct, before the centroids learnt; test_errors, test_error_pct
 *   layers: name, outputs, inputs, positions (products an image), kept, kept_pct, active_pct (of a
 *     product's inputs those that are not 0, over 100 validation images), and where the file has
 *     codes code_bits, entries (fillers included), fillers, code_bits_huffman, run_bits_huffman
 *     (means a weight), bytes
 *   file_bytes, file_parts (header, tables, codes, runs, centroids, biases; of floats header,
 *   weights, biases: bytes that add up), rate_x = dense_bytes / file_bytes
 *   file_validation_errors, file_validation_error_pct: of the file, read back
 *   test_data ("MNIST" or "unknown data"); test: images, dense_errors, file_errors, both_wrong,
 *     only_dense_wrong, only_file_wrong (discordant pairs, McNemar's), dense_error_pct,
 *     file_error_pct; with a control control_test: the same with `control` for `dense`
 * and summary: rate_x, file_bytes, file_validation_error_pct, dense_error_pct, file_error_pct and
 * the paired file_less_dense_pct; with a control control_error_pct and file_less_control_pct; of
 * each seeds, mean, least, most, and of several seeds deviation and standard_error.
 *
 * Checkpoints stay until eie_train_finish: what a seed has come to is not lost with another one.
 * EIE_USAGE: there are some, and options->resume is false.
 *
 * A file of codes has the form `network` (host/layer/network_file.h); a recipe that shares no
 * weights writes floats, NAME.weight and NAME.bias. EIE_MISMATCH: a training diverged, no file. */
EIE_MUST_USE enum eie_status eie_train(const struct eie_train_options *options, json_t **ledger,
                                       struct eie_error *error);

/* Removes the checkpoints, for when the ledger is where it belongs. EIE_SYSTEM. */
EIE_MUST_USE enum eie_status eie_train_finish(const struct eie_train_options *options,
                                              struct eie_error *error);

/* The ledger's summary as a table. */
void eie_train_print(const json_t *ledger);

#endif
