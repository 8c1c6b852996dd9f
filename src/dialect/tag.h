/*
 * tag: whose reasoning it is. A signature, an encrypted thought, is good for the
 * provider that made it alone; callers of another dialect are told it with the
 * provider's name before it, "weir.PROVIDER.", so that it goes back to that one and
 * to no other. For dialect/ only.
 */
#ifndef DIALECT_TAG_H
#define DIALECT_TAG_H

#include "core/buf.h"

/* Puts the signature (raw) with its tag as the next value, a JSON string. */
void tag_put(struct buf *to, const char *provider, struct slice signature);

/* The signature without its tag. ptr NULL: it is another provider's, or has none. */
struct slice tag_of(const char *provider, struct slice said);

/* Has it a tag at all? */
bool tag_is(struct slice said);

#endif
