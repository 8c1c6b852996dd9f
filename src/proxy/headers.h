/*
 * headers: which header fields pass, each way (headers.def).
 */
#ifndef PROXY_HEADERS_H
#define PROXY_HEADERS_H

#include "config/config.h"
#include "http/parser.h"

/* Is the caller's field passed on to a provider? */
bool headers_to_provider(const struct options *o, struct slice name);

/* Does it belong to the caller's dialect, and say nothing in another? */
bool headers_of_dialect(struct slice name);

/* Of a reply in another dialect: does it describe the bytes that are not passed on? */
bool headers_of_body(struct slice name);

/* Is the provider's field passed on to the caller? `head` is the reply's: what its
 * Connection field names stays here. */
bool headers_to_caller(const struct http_head *head, struct slice name);

#endif
