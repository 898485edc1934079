# CUDA: host/devices/cuda*.c and the device code, NAME.cu, where nvcc is at hand, else
# host/devices/cuda_absent.c, whose one device says why. EIE_CUDA: AUTO, ON (an error without
# nvcc) or OFF. The result is the library eie_cuda, which programs link behind eie_bench; tests link
# another one in its place (tests/cuda).
set(EIE_CUDA AUTO CACHE STRING "Build the CUDA kernels: AUTO, ON or OFF")
set(EIE_CUDA_ARCHITECTURES "75-real;80-real;86-real;89-real;90" CACHE STRING
    "Compute capabilities, as CMAKE_CUDA_ARCHITECTURES; code of the last runs on later ones too")
file(GLOB EIE_CUDA_CODE CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/cuda/*.cu
     ${PROJECT_SOURCE_DIR}/host/devices/cuda*.cu)
file(GLOB EIE_CUDA_HOST_CODE CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/host/devices/cuda*.c)
list(FILTER EIE_CUDA_HOST_CODE EXCLUDE REGEX "/cuda_absent\\.c$")
set(cuda_why "this build was made with EIE_CUDA=OFF")
set(EIE_HAS_CUDA OFF)

if(NOT EIE_CUDA STREQUAL "OFF")
  set(cuda_why "nvcc was not found when this program was built (CUDACXX names it)")
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    # where NVIDIA's own packages put it, and PyPI's (`run gpu`)
    file(GLOB homes /usr/local/cuda-* ${PROJECT_SOURCE_DIR}/.venv/lib/python3.*/site-packages/nvidia/cu*)
    find_program(EIE_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH /usr/local/cuda /opt/cuda ${homes}
                 PATH_SUFFIXES bin)
    if(EIE_NVCC)
      set(ENV{CUDACXX} ${EIE_NVCC})
      set(cuda_why "${EIE_NVCC} compiles nothing here")
    endif()
  endif()
  if(NOT CMAKE_CUDA_HOST_COMPILER AND NOT DEFINED ENV{CUDAHOSTCXX})
    find_program(EIE_CUDA_HOST g++)
    if(EIE_CUDA_HOST)
      set(ENV{CUDAHOSTCXX} ${EIE_CUDA_HOST})
    endif()
  endif()
  set(CMAKE_CUDA_ARCHITECTURES ${EIE_CUDA_ARCHITECTURES})
  include(CheckLanguage)
  if(NOT CMAKE_CUDA_COMPILER)
    unset(CMAKE_CUDA_COMPILER CACHE) # there was none; one may have been installed since
  endif()
  check_language(CUDA) # tries it, so that one that does not work is as none
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    # not find_package(CUDAToolkit), which wants the shared runtime too: PyPI's package has none to link
    get_filename_component(cuda_home ${CMAKE_CUDA_COMPILER} REALPATH)
    get_filename_component(cuda_home ${cuda_home} DIRECTORY)
    find_library(EIE_CUDA_RUNTIME cudart_static HINTS ${cuda_home}/../lib64 ${cuda_home}/../lib
                 ${CMAKE_CUDA_IMPLICIT_LINK_DIRECTORIES})
    find_path(EIE_CUDA_HEADERS cuda_runtime_api.h HINTS ${cuda_home}/../include
              ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
    if(EIE_CUDA_RUNTIME AND EIE_CUDA_HEADERS)
      set(EIE_HAS_CUDA ON)
    else()
      set(cuda_why "${CMAKE_CUDA_COMPILER} has no static runtime beside it")
    endif()
  endif()
  if(EIE_CUDA STREQUAL "ON" AND NOT EIE_HAS_CUDA)
    message(FATAL_ERROR "EIE_CUDA=ON: ${cuda_why}")
  endif()
endif()
message(STATUS "CUDA kernels: ${EIE_HAS_CUDA}")

if(EIE_HAS_CUDA)
  add_library(eie_cuda OBJECT ${EIE_CUDA_HOST_CODE} ${EIE_CUDA_CODE})
  set_target_properties(eie_cuda PROPERTIES CUDA_STANDARD 17 CUDA_EXTENSIONS OFF
                                            CUDA_RUNTIME_LIBRARY Static)
  target_compile_options(eie_cuda PRIVATE
    $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra -Xptxas=--warn-on-spills -lineinfo>
    "$<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${EIE_WERROR}>>:-Xcompiler=-Werror;--Werror=all-warnings>")
  string(REGEX MATCHALL "[0-9]+" chips "${EIE_CUDA_ARCHITECTURES}")
  if(chips) # "native" names none: then the usual least
    list(SORT chips COMPARE NATURAL)
    list(GET chips 0 chip)
    target_compile_definitions(eie_cuda PRIVATE EIE_CUDA_LEAST=${chip})
  endif()
  target_include_directories(eie_cuda SYSTEM PRIVATE ${EIE_CUDA_HEADERS})
  target_link_libraries(eie_cuda PUBLIC ${EIE_CUDA_RUNTIME} Threads::Threads ${CMAKE_DL_LIBS} rt)
else()
  add_library(eie_cuda OBJECT host/devices/cuda_absent.c)
  target_compile_definitions(eie_cuda PRIVATE "EIE_CUDA_WHY=\"${cuda_why}\"")
endif()
target_link_libraries(eie_cuda PUBLIC eie_host)
