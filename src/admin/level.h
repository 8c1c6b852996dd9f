/* level: whose path it is under /admin/v1: keys, users, teams or organisations. */
#ifndef ADMIN_LEVEL_H
#define ADMIN_LEVEL_H

#include "quota/account.h"

/* The level that the path of a row of surface.def is for; LEVEL_KEY for others. */
enum account_level level_of_path(struct slice path);

/* "keys", "users", "teams", "organisations". */
struct slice level_word(enum account_level l);

#endif
