# The tables of runtimes and of energy meters: of the given files, those that define eie_runtime_NAME
# or eie_meter_NAME (host/devices/runtime.h, host/devices/meter.h), each NAME once. A program that
# links another such file in its place has other devices: tests/toys.
function(eie_device_tables output)
  set(declarations "")
  foreach(kind runtime meter)
    set(names "")
    foreach(source IN LISTS ARGN)
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
      file(STRINGS ${source} definition REGEX "^const struct eie_${kind} eie_${kind}_[a-z0-9_]+ =")
      foreach(line IN LISTS definition)
        string(REGEX REPLACE "^.*eie_${kind}_([a-z0-9_]+) =.*$" "\\1" name "${line}")
        list(APPEND names ${name})
      endforeach()
    endforeach()
    list(REMOVE_DUPLICATES names)
    list(SORT names)
    set(${kind}_entries "")
    foreach(name IN LISTS names)
      string(APPEND declarations "extern const struct eie_${kind} eie_${kind}_${name};\n")
      string(APPEND ${kind}_entries "    &eie_${kind}_${name},\n")
    endforeach()
  endforeach()
  file(CONFIGURE OUTPUT ${output} CONTENT
"/* Written by the build from the files that define a runtime or a meter. */
#include \"host/devices/meter.h\"
#include \"host/devices/runtime.h\"

#include <stddef.h>

@declarations@
const struct eie_runtime *const eie_runtimes[] = {
@runtime_entries@    NULL,
};
const struct eie_meter *const eie_meters[] = {
@meter_entries@    NULL,
};
" @ONLY)
endfunction()
