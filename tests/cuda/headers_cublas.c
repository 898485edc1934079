/* What kernels/peers/cublas.h states of cuBLAS, and the library that tests take in its place, held
 * against NVIDIA's own headers: it compiles where they agree, and that is the whole test. */
#include <cublas_v2.h>
#include <library_types.h>

#include "kernels/peers/cublas.h"

_Static_assert(CUBLAS_AS_IT_IS == CUBLAS_OP_N && CUBLAS_TRANSPOSED == CUBLAS_OP_T, "");
_Static_assert(CUBLAS_MATH_DEFAULT == CUBLAS_DEFAULT_MATH, "");
_Static_assert(CUBLAS_SUMS_FLOAT == CUBLAS_COMPUTE_32F, "");
_Static_assert(CUBLAS_ANY_GEMM == CUBLAS_GEMM_DEFAULT, "");
_Static_assert(CUBLAS_SUCCESS == CUBLAS_STATUS_SUCCESS, "");
_Static_assert(CUBLAS_NO_MEMORY == CUBLAS_STATUS_ALLOC_FAILED, "");
_Static_assert(CUBLAS_WRONG_DEVICE == CUBLAS_STATUS_ARCH_MISMATCH, "");
_Static_assert(CUBLAS_UNSUPPORTED == CUBLAS_STATUS_NOT_SUPPORTED, "");
_Static_assert(CUDA_FLOAT == CUDA_R_32F && CUDA_HALF == CUDA_R_16F, "");
_Static_assert(MAJOR_VERSION == 0 && MINOR_VERSION == 1 && PATCH_LEVEL == 2, "");

extern const struct cublas_functions real;
const struct cublas_functions real = {
    .property = cublasGetProperty,
    .create = cublasCreate_v2,
    .destroy = cublasDestroy_v2,
    .set_stream = cublasSetStream_v2,
    .set_workspace = cublasSetWorkspace_v2,
    .set_math = cublasSetMathMode,
    .sgemv = cublasSgemv_v2,
    .sgemm = cublasSgemm_v2,
    .sgeam = cublasSgeam,
    .gemm = cublasGemmEx,
    .words = cublasGetStatusString,
};

/* Its declarations must be those of the headers, its constants too. */
#include "tests/cuda/fake_cublas.c"

_Static_assert(NOT_INITIALIZED == CUBLAS_STATUS_NOT_INITIALIZED, "");
_Static_assert(ALLOC_FAILED == CUBLAS_STATUS_ALLOC_FAILED, "");
_Static_assert(INVALID_VALUE == CUBLAS_STATUS_INVALID_VALUE, "");
_Static_assert(EXECUTION_FAILED == CUBLAS_STATUS_EXECUTION_FAILED, "");
_Static_assert(NOT_SUPPORTED == CUBLAS_STATUS_NOT_SUPPORTED, "");
_Static_assert(R_32F == CUDA_R_32F && R_16F == CUDA_R_16F, "");
_Static_assert(COMPUTE_32F == CUBLAS_COMPUTE_32F, "");
_Static_assert(DEFAULT_MATH == CUBLAS_DEFAULT_MATH && FAST_TF32 == CUBLAS_TF32_TENSOR_OP_MATH, "");
