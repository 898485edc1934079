/* Import of the layer dump of the EIE authors' simulator: a folder with act.dat (float32 inputs),
 * arithm.dat (float32[16] codebook), ptr/ptrK.dat (uint32 column pointers of PE K: the columns, one
 * bias column whose input is 1.0, the end) and spm/spmK.dat (pairs of uint32: code, zero run).
 * Little-endian. The bias column stays a column: the imported layer has one input more, and its
 * sample's last value is 1.0. */
#ifndef EIE_HOST_LAYER_IMPORT_DUMP_H
#define EIE_HOST_LAYER_IMPORT_DUMP_H

#include "host/layer/quantize.h"

/* `outputs` is not in the dump: the caller states it. The number of PEs is one more than the
 * highest K. EIE_INPUT with file and position of the first fault. */
EIE_MUST_USE enum eie_status eie_import_dump(const char *folder, const char *name, uint32_t outputs,
                                             struct eie_layer **layer,
                                             struct eie_quantization *report,
                                             struct eie_error *error);

#endif
