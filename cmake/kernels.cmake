# Compiles each kernels/FOLDER with its own flags, and writes the table of the kernels that its files
# define: EIE_KERNEL_NAMES, sorted. A file defines any number of them; one without is a helper.
include(cmake/kernel_names.cmake)
set(EIE_KERNEL_FOLDERS cpu scalar avx2 avx512 neon opencl cuda peers model)
set(EIE_PROCESSOR_avx2 x86_64|AMD64) # folders that only one kind of processor compiles
set(EIE_PROCESSOR_avx512 x86_64|AMD64)
set(EIE_PROCESSOR_neon aarch64|arm64)
set(EIE_FLAGS_avx2 -mavx2 -mfma -mbmi2)
set(EIE_FLAGS_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512cd -mfma -mbmi2)

set(EIE_KERNEL_NAMES "")
set(objects "")
foreach(folder IN LISTS EIE_KERNEL_FOLDERS)
  if(EIE_PROCESSOR_${folder} AND NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(${EIE_PROCESSOR_${folder}})$")
    continue()
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/${folder}/*.c)
  if(NOT sources)
    continue()
  endif()
  add_library(eie_kernels_${folder} OBJECT ${sources})
  target_link_libraries(eie_kernels_${folder} PUBLIC eie_flags PkgConfig::JANSSON)
  target_compile_options(eie_kernels_${folder} PRIVATE ${EIE_FLAGS_${folder}} -fno-lto)
  list(APPEND objects $<TARGET_OBJECTS:eie_kernels_${folder}>)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sources})
  eie_kernel_names(${folder} "${sources}" EIE_KERNEL_NAMES)
endforeach()
# Device code: kernels/opencl/NAME.cl becomes a text in the program, and common.cl, which stands
# before each.
file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/opencl/*.cl)
foreach(source IN LISTS sources)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  get_filename_component(stem ${source} NAME_WE)
  file(READ ${source} text HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${text}")
  string(APPEND texts "static const char ${stem}_cl[] = {${bytes}0};\n")
  if(NOT stem STREQUAL common)
    string(APPEND rows "    {\"${stem}\", common_cl, ${stem}_cl},\n")
  endif()
endforeach()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/opencl_sources.c CONTENT
"/* Written by the build from kernels/opencl/NAME.cl. */
#include \"kernels/opencl/plan.h\"

@texts@
const struct eie_opencl_source opencl_sources[] = {
@rows@    {NULL, NULL, NULL},
};
" @ONLY)

# The table of kernels: their names without eie_kernel_.
function(eie_kernel_table output)
  set(declarations "")
  set(entries "")
  list(SORT ARGN)
  foreach(name IN LISTS ARGN)
    string(APPEND declarations "extern const struct eie_kernel eie_kernel_${name};\n")
    string(APPEND entries "    &eie_kernel_${name},\n")
  endforeach()
  list(JOIN EIE_KERNEL_FOLDERS "\", \"" folders)
  file(GENERATE OUTPUT ${output} CONTENT
"/* Written by the build from kernels/FOLDER/NAME.c. */
#include \"kernels/registry.h\"

#include <stddef.h>

${declarations}
const struct eie_kernel *const eie_builtin_kernels[] = {
${entries}    NULL,
};
const uint32_t eie_builtin_kernel_count =
    sizeof eie_builtin_kernels / sizeof *eie_builtin_kernels - 1;
const char *const eie_builtin_folders[] = {\"${folders}\", NULL};
")
endfunction()
eie_kernel_table(${PROJECT_BINARY_DIR}/generated/kernel_table.c ${EIE_KERNEL_NAMES})
file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/*.c)
add_library(eie_kernels STATIC ${sources}
            ${PROJECT_BINARY_DIR}/generated/kernel_table.c
            ${PROJECT_BINARY_DIR}/generated/opencl_sources.c ${objects})
target_link_libraries(eie_kernels PUBLIC eie_host)
