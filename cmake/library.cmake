# libeie.a: the processor's kernels behind kernels/api/eie.h. It is one object, linked of what its own
# tables need: the kernels for devices and the models stay out of it, and with them the devices. Nothing
# is global in it but what the header declares, so that no name of a program's own can meet one of ours.
set(header ${PROJECT_SOURCE_DIR}/kernels/api/eie.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
file(READ ${header} text)
string(REGEX MATCHALL "eie_[a-z0-9_]+\\(" names "${text}")
list(REMOVE_DUPLICATES names)
list(JOIN names "\n" names)
string(REPLACE "(" "" names "${names}")
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/library_names.txt CONTENT "${names}\n")

set(names ${EIE_KERNEL_NAMES})
list(FILTER names EXCLUDE REGEX "^(opencl|cuda|model)_|^peers_(cublas|cublaslt|cusparse|clblast)_")
eie_kernel_table(${PROJECT_BINARY_DIR}/generated/library_kernels.c ${names})
eie_device_tables(${PROJECT_BINARY_DIR}/generated/library_devices.c)
add_library(eie_api OBJECT kernels/api/eie.c ${PROJECT_BINARY_DIR}/generated/library_kernels.c
            ${PROJECT_BINARY_DIR}/generated/library_devices.c)
target_link_libraries(eie_api PRIVATE eie_flags PkgConfig::JANSSON)

# It may also become part of a shared object. Kernels need nothing for that where compilers make
# position-independent programs by themselves: they name no data and no thread-local variable outside.
set_target_properties(eie_api eie_host PROPERTIES POSITION_INDEPENDENT_CODE ON)

set(EIE_LIBRARY ${PROJECT_BINARY_DIR}/libeie.a)
set(object ${PROJECT_BINARY_DIR}/generated/eie.o)
add_custom_command(OUTPUT ${EIE_LIBRARY}
  COMMAND ${CMAKE_LINKER} -r -o ${object} $<TARGET_OBJECTS:eie_api> --start-group
          $<TARGET_FILE:eie_kernels> $<TARGET_FILE:eie_host> --end-group
  COMMAND ${CMAKE_OBJCOPY} --keep-global-symbols=${PROJECT_BINARY_DIR}/generated/library_names.txt ${object}
  COMMAND ${CMAKE_COMMAND} -E rm -f ${EIE_LIBRARY}
  COMMAND ${CMAKE_AR} rcs ${EIE_LIBRARY} ${object}
  DEPENDS eie_api $<TARGET_OBJECTS:eie_api> eie_kernels eie_host ${PROJECT_BINARY_DIR}/generated/library_names.txt
  COMMENT "Linking libeie.a" COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(eie_library ALL DEPENDS ${EIE_LIBRARY})

# What it needs of others. Not as Requires.private: with --static pkg-config would ask for the
# development files of their own dependencies too (hwloc: libudev), which nothing here links.
set(EIE_LIBRARY_LINKS ${JANSSON_LDFLAGS} ${HWLOC_LDFLAGS} ${CRYPTO_LDFLAGS} -lpthread -lm -ldl)
list(REMOVE_DUPLICATES EIE_LIBRARY_LINKS)
foreach(folder IN LISTS CMAKE_C_IMPLICIT_LINK_DIRECTORIES) # where linkers look by themselves
  list(REMOVE_ITEM EIE_LIBRARY_LINKS -L${folder})
endforeach()
