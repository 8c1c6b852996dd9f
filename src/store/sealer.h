/*
 * sealer: secrets at rest. AES-256-GCM with a key out of secret.key; what is sealed is
 * bound to what it is for, so that one row's text cannot be put into another's place.
 */
#ifndef STORE_SEALER_H
#define STORE_SEALER_H

#include "core/buf.h"
#include "core/secret.h"

struct sealer {
	bool any; /* there is a key */
	unsigned char key[32];
};

#define SEALER_LEAST 32 /* bytes of secret.key */

/* Out of the text of secret.key; an empty one: nothing can be sealed or opened. */
void sealer_init(struct sealer *s, struct slice text);

/* Appends the sealed text. False when it cannot be done. */
bool sealer_seal(
    const struct sealer *s, struct slice plain, struct slice bound_to, struct buf *to);

/* Opens it; the caller frees the secret. False: another key, another place, or damaged.
 */
bool sealer_open(const struct sealer *s, struct slice sealed, struct slice bound_to,
    struct secret *ret);

#endif
