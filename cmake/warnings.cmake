# Warnings are errors, for gcc and clang alike.
set(EIE_WARNINGS
    -Wall -Wextra -Wpedantic -Wshadow -Wvla -Werror
    $<$<COMPILE_LANGUAGE:C>:-Wconversion>
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>)
