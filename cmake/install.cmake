# What a plug-in gets: the headers that are installed, the functions that they declare as dynamic
# symbols of the program, and the files that lead a build to them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(EIE_INSTALLED_HEADERS
    kernels/kernel.h kernels/cpu_plan.h kernels/plugin.h
    host/base/error.h host/base/hash.h host/devices/device.h host/layer/layer.h host/layer/numbers.h host/layer/window.h
    host/machine/cpu.h host/machine/pages.h host/machine/threads.h host/machine/topology.h)

# The program exports what these headers declare and nothing else, and holds it even where nothing
# of its own calls it.
set(exports ${PROJECT_BINARY_DIR}/generated/exports.list)
set(names "")
foreach(header IN LISTS EIE_INSTALLED_HEADERS)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${header})
  file(READ ${header} text)
  string(REGEX MATCHALL "eie_[a-z0-9_]+\\(" found "${text}")
  list(APPEND names ${found})
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/eiebench/${folder})
endforeach()
list(REMOVE_DUPLICATES names)
list(SORT names)
string(REPLACE "(" "" names "${names}")
list(JOIN names ";\n  " names)
file(CONFIGURE OUTPUT ${exports} CONTENT "{\n  @names@;\n};\n" @ONLY)
target_link_options(eie PRIVATE -Wl,--dynamic-list=${exports})
set_property(TARGET eie APPEND PROPERTY LINK_DEPENDS ${exports})
set_property(TARGET eie PROPERTY LINK_LIBRARY_OVERRIDE "WHOLE_ARCHIVE,eie_kernels,eie_host")

install(TARGETS eie)
install(DIRECTORY data/ DESTINATION ${CMAKE_INSTALL_DATADIR}/eiebench/data)
install(DIRECTORY kernels/plugin_example DESTINATION ${CMAKE_INSTALL_DATADIR}/eiebench)

# Both find the headers from where they lie themselves: an installation can be moved.
set(configs ${CMAKE_INSTALL_LIBDIR}/cmake/eiebench)
file(RELATIVE_PATH EIE_PREFIX_OF_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/eiebench.pc.in generated/eiebench.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/generated/eiebench.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
configure_package_config_file(cmake/eiebenchConfig.cmake.in generated/eiebenchConfig.cmake
                              INSTALL_DESTINATION ${configs} PATH_VARS CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/generated/eiebenchConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/generated/eiebenchConfig.cmake
              ${PROJECT_BINARY_DIR}/generated/eiebenchConfigVersion.cmake DESTINATION ${configs})

# libeie.a (cmake/library.cmake), its header and its example, found the same way.
list(JOIN EIE_LIBRARY_LINKS " " EIE_LIBRARY_LINKS_TEXT)
configure_file(cmake/eie.pc.in generated/eie.pc @ONLY)
install(FILES ${EIE_LIBRARY} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES kernels/api/eie.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES kernels/api/example.c DESTINATION ${CMAKE_INSTALL_DATADIR}/eiebench)
install(FILES ${PROJECT_BINARY_DIR}/generated/eie.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
