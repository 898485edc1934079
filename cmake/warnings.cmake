# For gcc and clang alike; errors in the developers' presets only, since the next compiler may know more of them.
option(EIE_WERROR "Warnings are errors" OFF)
set(EIE_WARNINGS
    -Wall -Wextra -Wpedantic -Wshadow -Wvla $<$<BOOL:${EIE_WERROR}>:-Werror>
    $<$<COMPILE_LANGUAGE:C>:-Wconversion>
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>)
