# The revision and the flags that a results file states. The header is rewritten at every build,
# and touched only when it changes.
set(EIE_REVISION_HEADER ${PROJECT_BINARY_DIR}/generated/revision.h)
string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
add_custom_target(eie_revision ALL
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DOUTPUT=${EIE_REVISION_HEADER}
          -DVERSION=${PROJECT_VERSION} -DBUILD_TYPE=${CMAKE_BUILD_TYPE}
          "-DCOMPILER=${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}"
          "-DFLAGS=${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${build_type}}"
          -P ${PROJECT_SOURCE_DIR}/cmake/write_revision.cmake
  BYPRODUCTS ${EIE_REVISION_HEADER}
  VERBATIM)
