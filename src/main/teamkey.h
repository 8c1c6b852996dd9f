/*
 * teamkey: `weir team provider-key NAME [PROVIDER]`: the keys that a team brings.
 */
#ifndef MAIN_TEAMKEY_H
#define MAIN_TEAMKEY_H

#include "main/command.h"

/* Is the word that comes next "provider-key"? */
bool teamkey_is_next(const struct args *a);

/* The command, from that word on. */
int teamkey_run(struct args *a, const char *help);

#endif
