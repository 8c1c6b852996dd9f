/*
 * webhook: tells what is noted in the store (store/notices.h) to webhook.url: one POST of
 * JSON after the other, signed, and again later when it is not taken. On the main
 *thread's loop; the store's thread keeps what was told.
 *
 *	x-weir-signature: t=UNIX_SECONDS,v1=HEX of HMAC-SHA256(secret,
 *"UNIX_SECONDS.BODY")
 */
#ifndef MAIN_WEBHOOK_H
#define MAIN_WEBHOOK_H

#include "config/config.h"
#include "store/store.h"

struct webhook;

/* One that looks for what is due from now on. ERR_NOMEM. */
enum err webhook_start(struct loop *l, struct store *s, struct config *c,
    struct webhook **ret_webhook) MUST_CHECK;

/* The next posts go by this configuration. Takes a reference. */
void webhook_configure(struct webhook *w, struct config *c);

/* Sends no more; before the store is stopped. NULL does nothing, as below. */
void webhook_stop(struct webhook *w);

/* After webhook_stop, when the loop was drained. */
void webhook_free(struct webhook *w);

#endif
