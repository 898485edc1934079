/* What kernels/peers/cublaslt.h states of cublasLt, and the library that tests take in its place,
 * held against NVIDIA's own headers: it compiles where they agree, and that is the whole test. */
#include <cublasLt.h>
#include <library_types.h>
#include <stddef.h>

#define CUBLASLT_PRODUCT    cublasLtMatmulDescOpaque_t
#define CUBLASLT_LAYOUT     cublasLtMatrixLayoutOpaque_t
#define CUBLASLT_PREFERENCE cublasLtMatmulPreferenceOpaque_t
#define CUBLASLT_ALGORITHM  cublasLtMatmulAlgo_t
#define CUBLASLT_PROPOSAL   cublasLtMatmulHeuristicResult_t
#include "kernels/peers/cublaslt.h"

_Static_assert(CUBLASLT_SUMS_INT == CUBLAS_COMPUTE_32I, "");
_Static_assert(CUBLASLT_OPERATION_A == CUBLASLT_MATMUL_DESC_TRANSA, "");
_Static_assert(CUBLASLT_OPERATION_B == CUBLASLT_MATMUL_DESC_TRANSB, "");
_Static_assert(CUBLASLT_WORKSPACE_MOST == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, "");
_Static_assert(CUDA_BYTE == CUDA_R_8I && CUDA_INT == CUDA_R_32I, "");
_Static_assert(sizeof(struct cublaslt_algorithm) == sizeof(cublasLtMatmulAlgo_t), "");
_Static_assert(sizeof(struct cublaslt_proposal) == sizeof(cublasLtMatmulHeuristicResult_t), "");
_Static_assert(offsetof(struct cublaslt_proposal, workspace_bytes) ==
                   offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize),
               "");
_Static_assert(offsetof(struct cublaslt_proposal, state) ==
                   offsetof(cublasLtMatmulHeuristicResult_t, state),
               "");

extern const struct cublaslt_functions real;
const struct cublaslt_functions real = {
    .property = cublasLtGetProperty,
    .create = cublasLtCreate,
    .product_create = cublasLtMatmulDescCreate,
    .product_destroy = cublasLtMatmulDescDestroy,
    .product_set = cublasLtMatmulDescSetAttribute,
    .layout_create = cublasLtMatrixLayoutCreate,
    .layout_destroy = cublasLtMatrixLayoutDestroy,
    .preference_create = cublasLtMatmulPreferenceCreate,
    .preference_destroy = cublasLtMatmulPreferenceDestroy,
    .preference_set = cublasLtMatmulPreferenceSetAttribute,
    .propose = cublasLtMatmulAlgoGetHeuristic,
    .multiply = cublasLtMatmul,
    .words = cublasLtGetStatusString,
};

/* Its declarations must be those of the headers, its constants too. */
#define FAKE_PRODUCT    cublasLtMatmulDescOpaque_t
#define FAKE_LAYOUT     cublasLtMatrixLayoutOpaque_t
#define FAKE_PREFERENCE cublasLtMatmulPreferenceOpaque_t
#define FAKE_ALGORITHM  cublasLtMatmulAlgo_t
#define FAKE_PROPOSAL   cublasLtMatmulHeuristicResult_t
#include "tests/cuda/fake_cublaslt.c"

_Static_assert(NOT_INITIALIZED == CUBLAS_STATUS_NOT_INITIALIZED, "");
_Static_assert(ALLOC_FAILED == CUBLAS_STATUS_ALLOC_FAILED, "");
_Static_assert(INVALID_VALUE == CUBLAS_STATUS_INVALID_VALUE, "");
_Static_assert(EXECUTION_FAILED == CUBLAS_STATUS_EXECUTION_FAILED, "");
_Static_assert(NOT_SUPPORTED == CUBLAS_STATUS_NOT_SUPPORTED, "");
_Static_assert(R_8I == CUDA_R_8I && R_32I == CUDA_R_32I, "");
_Static_assert(COMPUTE_32I == CUBLAS_COMPUTE_32I, "");
_Static_assert(OPERATION_A == CUBLASLT_MATMUL_DESC_TRANSA, "");
_Static_assert(OPERATION_B == CUBLASLT_MATMUL_DESC_TRANSB, "");
_Static_assert(MOST_WORKSPACE == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, "");
_Static_assert(NONE == CUBLAS_OP_N && TRANSPOSED == CUBLAS_OP_T, "");
_Static_assert(sizeof(struct proposal) == sizeof(cublasLtMatmulHeuristicResult_t), "");
