# The bundle: one folder with `eie`, the small shared libraries that a bare Linux lacks, data/,
# and what measures a GPU in one call. It runs where it lies. It is the install component `bundle` of any build tree,
#   cmake --install build/release --component bundle --prefix NEW_FOLDER
# and preset `bundle` makes it with every build.
option(EIE_BUNDLE "Make the bundle with every build" OFF)
set(EIE_BUNDLE_LIMIT_MIB 40 CACHE STRING "The build fails when the bundle is larger")

# The program looks in lib/ beside itself first. RPATH, not RUNPATH: it holds for what its libraries
# need as well, and LD_LIBRARY_PATH does not lead past it. Where there is no lib/ it does nothing. It
# is in a file for the linker: BUILD_RPATH would end in a colon, which means the current folder, and
# as an option $ORIGIN does not reach the linker from every generator.
file(WRITE ${PROJECT_BINARY_DIR}/generated/rpath.txt "--disable-new-dtags -rpath=$ORIGIN/lib\n")
target_link_options(eie PRIVATE -Wl,@${PROJECT_BINARY_DIR}/generated/rpath.txt)

install(CODE "
set(PROGRAM \"$<TARGET_FILE:eie>\")
set(SOURCE \"${PROJECT_SOURCE_DIR}\")
set(VERSION \"${PROJECT_VERSION}\")
set(PROCESSOR \"${CMAKE_SYSTEM_PROCESSOR}\")
set(LIMIT_MIB \"${EIE_BUNDLE_LIMIT_MIB}\")
set(OBJDUMP \"${CMAKE_OBJDUMP}\")
set(STRIP \"${CMAKE_STRIP}\")
set(FOLDER \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
" COMPONENT bundle EXCLUDE_FROM_ALL)
install(SCRIPT cmake/write_bundle.cmake COMPONENT bundle EXCLUDE_FROM_ALL)

if(EIE_BUNDLE)
  set(name eiebench-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
  add_custom_target(bundle ALL
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${name} ${name}.tar.gz
    COMMAND ${CMAKE_COMMAND} --install . --component bundle --prefix ${PROJECT_BINARY_DIR}/${name}
    COMMAND ${CMAKE_COMMAND} -E tar czf ${name}.tar.gz ${name}
    WORKING_DIRECTORY ${PROJECT_BINARY_DIR}
    COMMENT "Making the bundle ${name}"
    VERBATIM)
  add_dependencies(bundle eie)
endif()
