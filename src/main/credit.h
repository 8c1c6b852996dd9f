/*
 * credit: `weir org|team|user|key credit NAME [USD]`: what was paid beforehand.
 */
#ifndef MAIN_CREDIT_H
#define MAIN_CREDIT_H

#include "main/command.h"
#include "quota/account.h"

/* The lines of a command's help about it. */
#define CREDIT_HELP                                                                      \
	"credit shows what was paid beforehand and is left, or adds an amount of USD:\n" \
	"once there is a credit, requests cannot cost more than what is left.\n"

/* Is the word that comes next "credit"? */
bool credit_is_next(const struct args *a);

/* The command, from that word on. */
int credit_run(struct args *a, enum account_level level, const char *help);

#endif
