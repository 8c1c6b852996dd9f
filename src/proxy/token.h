/*
 * token: access tokens of service accounts, for providers with AUTH_GOOGLE. Each thread
 * has its own of each account; requests that need one at the same time wait for the same.
 * It is renewed some minutes before it ends.
 */
#ifndef PROXY_TOKEN_H
#define PROXY_TOKEN_H

#include "core/list.h"
#include "core/secret.h"
#include "provider/provider.h"

struct worker;

/* Embedded in whoever needs one. */
struct token_wait {
	struct link link;
	/* words: on failure, a sentence for people. */
	void (*fn)(void *arg, enum err why, const char *words);
	void *arg;
	struct secret token; /* with OK; of the waiter, who frees it */
};

/*
 * Calls wait->fn once, at once where there is a token, or later. Errors: UP_CREDENTIAL
 * when the account is refused, those of the way there, NOMEM.
 */
void token_get(struct worker *w, const struct provider *p, struct token_wait *wait);

/* wait->fn does not run; legal before token_get on a wait that is all zeros. */
void token_cancel(struct token_wait *wait);

/* The provider took it. */
void token_took(struct worker *w, const struct provider *p);

/* The provider refused it: the next one to ask gets another. True when it had been taken
 * before, and so may only be out of date. */
bool token_refused(struct worker *w, const struct provider *p, struct slice token);

/* Forgets all of the thread; nobody may be waiting. */
void token_forget(struct worker *w);

#endif
