/*
 * limit_args: the flags by which commands say what a key, a user, a team or an
 * organisation may do, and how it is shown.
 */
#ifndef MAIN_LIMIT_ARGS_H
#define MAIN_LIMIT_ARGS_H

#include "core/buf.h"
#include "main/command.h"
#include "store/accountdb.h"

/* The lines of a command's help about them. */
#define LIMIT_ARGS_HELP                                                                  \
	"  --budget USD/PERIOD  spend no more than that: 25/month, 1.50/day, "           \
	"100/week,\n"                                                                    \
	"                       500/total; none\n"                                       \
	"  --timezone +HH:MM    where the budget's days begin (UTC)\n"                   \
	"  --model-budget PATTERN=USD/PERIOD\n"                                          \
	"                       the same for some models alone: 'acme/*=5/month',\n"     \
	"                       'acme/*=none'; none\n"                                   \
	"  --rpm N, --tpm N     requests and tokens a minute; none\n"                    \
	"  --input-tpm N, --output-tpm N\n"                                              \
	"                       tokens of prompts and of answers a minute; none\n"       \
	"  --spm USD            money a minute; none\n"                                  \
	"  --concurrent N       requests at a time; none\n"                              \
	"  --dry, --enforce     count only, refuse nothing; or refuse again\n"

#define LIMIT_ARGS_KEY_HELP                                                              \
	"  --models LIST        the models it may use: 'acme/*,openai/gpt-5-mini'; "     \
	"any\n"                                                                          \
	"  --providers LIST     the providers that may be asked for it; any\n"           \
	"  --networks LIST      where it may be used from: 10.0.0.0/8,::1; any\n"        \
	"  --expires WHEN       30d, 12h, 2026-12-31 (UTC), never\n"

/*
 * Takes the flag if it is one of these. 1: taken; 0: it is another; 2: bad, and it was
 * said. The flags of keys alone are taken for keys only.
 */
int limit_args_take(struct args *a, const char *arg, struct accountdb_row *row);

/* When something ends: "30d", "2026-12-31", "never" (0). 1: taken; 2: bad, and it was
 * said. */
int limit_args_expiry(struct args *a, const char *text, uint64_t *ret_ms);

/* "25/month, 60 rpm, ..." or "-"; appended. */
void limit_args_text(const struct accountdb_row *row, struct buf *to);

#endif
