/* What the toy runtime and its kernel share. */
#ifndef EIE_TOY_H
#define EIE_TOY_H

#include <stdbool.h>

/* Does TOY_RUNTIME say this word? */
bool toy_asked(const char *word);

/* A kernel has lost the device: no later call of this process can use it. */
extern bool toy_lost;

#endif
