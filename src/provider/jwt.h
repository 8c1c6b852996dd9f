/*
 * jwt: what a service account signs to be given a token (RFC 7523, with RS256), as
 * Google's take it. No I/O; the time is given.
 */
#ifndef PROVIDER_JWT_H
#define PROVIDER_JWT_H

#include "core/buf.h"
#include "core/secret.h"

/* A service account; without one, `issuer` is NULL. */
struct jwt_account {
	char *issuer;	   /* its e-mail address */
	char *key_id;	   /* "": not told */
	char *audience;	   /* the URL where tokens are given */
	struct secret key; /* private, PEM */
};

/* How long an assertion is good for. */
#define JWT_SPAN_S 3600

/* Is it a private RSA key (PEM)? */
bool jwt_is_key(struct slice pem);

/*
 * Appends the assertion. ERR_SYNTAX: the key is none; ERR_NOMEM. The buffer then holds
 * a credential.
 */
enum err jwt_put(const struct jwt_account *a, struct slice scope, uint64_t unix_s,
    struct buf *to) MUST_CHECK;

/* Frees what it holds. */
void jwt_account_done(struct jwt_account *a);

#endif
