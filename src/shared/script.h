/*
 * script: what is done in the server, each in one atomic step. A script touches one key,
 * whose name has the part that a cluster goes by in braces. For shared/ only.
 */
#ifndef SHARED_SCRIPT_H
#define SHARED_SCRIPT_H

#include "quota/account.h"
#include "shared/redis.h"

#define SCRIPT_SHA	41
#define SCRIPT_NAME_MAX 17

enum script { SCRIPT_DRAW, SCRIPT_PEERS, SCRIPTS };

struct scripts {
	char sha[SCRIPTS][SCRIPT_SHA]; /* by which the server knows them */
};

/* Tells the server all of them, once a connection. ERR_IO with a note. */
enum err scripts_load(struct scripts *s, struct redis *r, struct note *note) MUST_CHECK;

/* Sends one: the key, and n words. ERR_IO. */
#define SCRIPT_WORDS_MAX 512
enum err script_send(const struct scripts *s, enum script which, struct redis *r,
    struct slice key, const struct slice *words, unsigned n) MUST_CHECK;

/* Sends what an account of that process draws. ERR_IO. */
enum err script_draw(const struct scripts *s, struct redis *r, const char *process,
    const struct account *a, const struct account_draw *d) MUST_CHECK;

struct script_drawn {
	int64_t granted[RATES], level[RATES], slots;
};

/* The answer to it. ERR_IO with a note, also when it is an error. */
enum err
script_drawn(struct redis *r, struct script_drawn *ret, struct note *note) MUST_CHECK;

#endif
