/*
 * pictures: images and documents that a prompt names by URL, for a provider that takes
 * bytes only. All that one needs are fetched before anything is sent, at once, and kept
 * as long as the request, so that no failover fetches them again; a provider that takes
 * URLs gets the URL. For the request machine only.
 */
#ifndef PROXY_PICTURES_H
#define PROXY_PICTURES_H

#include "dialect/dialect.h"
#include "proxy/request.h"

#define PICTURES_MAX 20 /* a request */

struct pictures; /* of a request; in its arena, but for the bytes */

/*
 * Puts into the prompt what is needed to write it by that plan, and takes out what is
 * not. With *ret_wait something is still on its way: request_run() follows. BAD_REQUEST
 * with the request's note when one cannot be had; NOMEM.
 */
enum err pictures_put(struct request *r, const struct translation *to,
    const struct write_plan *plan, bool *ret_wait) MUST_CHECK;

/* Ends what is on its way and frees the bytes. */
void pictures_drop(struct request *r);

#endif
