/*
 * secret: a provider key or another text that must not be seen. It has a type
 * of its own so that no printing function takes it by accident; its bytes are
 * wiped when it goes. secret_reveal() is the one way to them: grep for it.
 */
#ifndef CORE_SECRET_H
#define CORE_SECRET_H

#include "core/slice.h"

struct secret {
	char *bytes; /* terminated; NULL when there is none */
	size_t len;
};

/* Copies the text; the empty secret when out of memory or s is empty. */
struct secret secret_new(struct slice s);

/* Wipes and frees; the secret is then empty. */
void secret_free(struct secret *s);

/* The text, for the wire; borrowed from the secret. */
struct slice secret_reveal(const struct secret *s);

/* Overwrites n bytes at p in a way that the compiler keeps. */
void secret_wipe(void *p, size_t n);

/* Equality in a time that depends on the lengths only. */
bool secret_same(struct slice a, struct slice b);

#endif
