# cmake -DFOLDER=... -P kernel_names.cmake: which kernels cmake/kernel_names.cmake finds in sources, and
# what it refuses. FOLDER is remade.
cmake_minimum_required(VERSION 3.25)
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)

if(INNER)
  include(${root}/cmake/kernel_names.cmake)
  set(names "")
  foreach(folder cpu peers)
    file(GLOB sources ${FOLDER}/${folder}/*.c)
    eie_kernel_names(${folder} "${sources}" names)
  endforeach()
  message(STATUS "found: ${names}")
  return()
endif()

# What the sources given as FILE TEXT ... yield must match `wanted`.
function(expect code wanted)
  file(REMOVE_RECURSE ${FOLDER})
  while(ARGN)
    list(POP_FRONT ARGN file text)
    file(WRITE ${FOLDER}/${file} "${text}")
  endwhile()
  execute_process(COMMAND ${CMAKE_COMMAND} -DINNER=1 -DFOLDER=${FOLDER} -P ${CMAKE_CURRENT_LIST_FILE}
                  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " output "${output}")
  if(NOT result EQUAL code OR NOT output MATCHES "${wanted}")
    message(SEND_ERROR "exit code ${result} instead of ${code}, or no \"${wanted}\" in: ${output}")
  endif()
endfunction()

set(one "const struct eie_kernel eie_kernel_cpu_one = {\n    .abi = 1,\n}\n")
set(two "/* two */\nconst struct eie_kernel eie_kernel_cpu_two = {\n}\n")
set(peer "const struct eie_kernel eie_kernel_peers_one = {\n}\n")
set(helper "extern const struct eie_kernel eie_kernel_cpu_three\nstatic const struct eie_kernel kernel = {0}\n")

expect(0 "found: cpu_one;cpu_two;peers_one $" cpu/any.c "${one}${two}" cpu/helper.c "${helper}" peers/b.c "${peer}")
expect(0 "found: cpu_two;cpu_one $" cpu/a.c "${two}" cpu/b.c "${one}")
expect(0 "found: $" cpu/helper.c "${helper}")
expect(1 "b.c: eie_kernel_cpu_one: there is a kernel cpu_one already, in [^ ]*/cpu/a.c" cpu/a.c "${one}${two}" cpu/b.c "${one}")
expect(1 "a.c: eie_kernel_cpu_two: there is a kernel cpu_two already, in [^ ]*/cpu/a.c" cpu/a.c "${two}${two}")
expect(1 "eie_kernel_peers_one: a kernel of folder cpu is called eie_kernel_cpu_NAME" cpu/a.c "${peer}")
file(REMOVE_RECURSE ${FOLDER})
