/*
 * provider_key: `weir team provider-key NAME [PROVIDER]`: the keys that a team brings.
 */
#ifndef MAIN_PROVIDER_KEY_H
#define MAIN_PROVIDER_KEY_H

#include "main/command.h"

/* Is the word that comes next "provider-key"? */
bool provider_key_is_next(const struct args *a);

/* The command, from that word on. */
int provider_key_run(struct args *a, const char *help);

#endif
