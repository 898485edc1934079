/* What kernels/peers/cusparse.h states of cuSPARSE, and the library that tests take in its place,
 * held against NVIDIA's own headers: it compiles where they agree, and that is the whole test. */
#include <cusparse.h>
#include <library_types.h>

#include "kernels/peers/cusparse.h"

_Static_assert(CUSPARSE_AS_IT_IS == CUSPARSE_OPERATION_NON_TRANSPOSE, "");
_Static_assert(CUSPARSE_INT32 == CUSPARSE_INDEX_32I, "");
_Static_assert(CUSPARSE_FROM_ZERO == CUSPARSE_INDEX_BASE_ZERO, "");
_Static_assert(CUSPARSE_BY_COLUMN == CUSPARSE_ORDER_COL, "");
_Static_assert(CUSPARSE_BY_ROW == CUSPARSE_ORDER_ROW, "");
_Static_assert(CUSPARSE_FAILURE == CUSPARSE_STATUS_EXECUTION_FAILED, "");
_Static_assert(CUSPARSE_MV_ANY == CUSPARSE_SPMV_ALG_DEFAULT, "");
_Static_assert(CUSPARSE_MV_CSR_1 == CUSPARSE_SPMV_CSR_ALG1, "");
_Static_assert(CUSPARSE_MV_CSR_2 == CUSPARSE_SPMV_CSR_ALG2, "");
_Static_assert(CUSPARSE_MM_ANY == CUSPARSE_SPMM_ALG_DEFAULT, "");
_Static_assert(CUSPARSE_MM_CSR_1 == CUSPARSE_SPMM_CSR_ALG1, "");
_Static_assert(CUSPARSE_MM_CSR_2 == CUSPARSE_SPMM_CSR_ALG2, "");
_Static_assert(CUSPARSE_MM_CSR_3 == CUSPARSE_SPMM_CSR_ALG3, "");
_Static_assert(CUSPARSE_SUCCESS == CUSPARSE_STATUS_SUCCESS, "");
_Static_assert(CUSPARSE_NO_MEMORY == CUSPARSE_STATUS_ALLOC_FAILED, "");
_Static_assert(CUSPARSE_WRONG_DEVICE == CUSPARSE_STATUS_ARCH_MISMATCH, "");
_Static_assert(CUSPARSE_UNSUPPORTED == CUSPARSE_STATUS_NOT_SUPPORTED, "");
_Static_assert(CUSPARSE_NO_RESOURCES == CUSPARSE_STATUS_INSUFFICIENT_RESOURCES, "");
_Static_assert(CUDA_FLOAT == CUDA_R_32F, "");
_Static_assert(MAJOR_VERSION == 0 && MINOR_VERSION == 1 && PATCH_LEVEL == 2, "");

extern const struct cusparse_functions real;
const struct cusparse_functions real = {
    .property = cusparseGetProperty,
    .words = cusparseGetErrorString,
    .create = cusparseCreate,
    .set_stream = cusparseSetStream,
    .make_csr = cusparseCreateCsr,
    .make_vector = cusparseCreateDnVec,
    .make_dense = cusparseCreateDnMat,
    .end_csr = cusparseDestroySpMat,
    .end_vector = cusparseDestroyDnVec,
    .end_dense = cusparseDestroyDnMat,
    .mv_bytes = cusparseSpMV_bufferSize,
    .mm_bytes = cusparseSpMM_bufferSize,
    .mv = cusparseSpMV,
    .mv_prepare = cusparseSpMV_preprocess,
    .mm = cusparseSpMM,
    .mm_prepare = cusparseSpMM_preprocess,
};

/* Its declarations must be those of the headers, its constants too. */
#include "tests/cuda/fake_cusparse.c"

_Static_assert(NOT_INITIALIZED == CUSPARSE_STATUS_NOT_INITIALIZED, "");
_Static_assert(ALLOC_FAILED == CUSPARSE_STATUS_ALLOC_FAILED, "");
_Static_assert(INVALID_VALUE == CUSPARSE_STATUS_INVALID_VALUE, "");
_Static_assert(EXECUTION_FAILED == CUSPARSE_STATUS_EXECUTION_FAILED, "");
_Static_assert(NOT_SUPPORTED == CUSPARSE_STATUS_NOT_SUPPORTED, "");
_Static_assert(R_32F == CUDA_R_32F && INDEX_32I == CUSPARSE_INDEX_32I, "");
_Static_assert(BASE_ZERO == CUSPARSE_INDEX_BASE_ZERO, "");
_Static_assert(ORDER_COL == CUSPARSE_ORDER_COL && ORDER_ROW == CUSPARSE_ORDER_ROW, "");
