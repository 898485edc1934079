#include "host/graph/tensor.h"

#include <string.h>

#define TYPE           float
#define NAME(function) function##_float
#include "host/graph/tensor_body.h"
#undef TYPE
#undef NAME

#define TYPE           int16_t
#define NAME(function) function##_int16
#include "host/graph/tensor_body.h"
