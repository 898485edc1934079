set(revision "unknown")
find_package(Git QUIET)
if(GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${SOURCE} describe --always --dirty --abbrev=12
                  OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE
                  RESULT_VARIABLE failed ERROR_QUIET)
  if(NOT failed)
    set(revision ${described})
  endif()
endif()
string(STRIP "${FLAGS}" FLAGS)
file(WRITE ${OUTPUT}.new
"/* Written by the build. */
#define EIE_VERSION \"${VERSION}\"
#define EIE_REVISION \"${revision}\"
#define EIE_COMPILER \"${COMPILER}\"
#define EIE_FLAGS \"${FLAGS}\"
#define EIE_BUILD_TYPE \"${BUILD_TYPE}\"
")
execute_process(COMMAND ${CMAKE_COMMAND} -E copy_if_different ${OUTPUT}.new ${OUTPUT})
