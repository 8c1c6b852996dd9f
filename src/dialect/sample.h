/*
 * sample: what becomes of a member of a request, or of a part of a conversation, in a
 * dialect: found by writing a small request with it and the same without it. For
 * document.c, which so can say nothing but what is done.
 */
#ifndef DIALECT_SAMPLE_H
#define DIALECT_SAMPLE_H

#include "core/buf.h"
#include "dialect/fields.h"

enum fate {
	FATE_CARRIED,
	FATE_PARTLY,  /* and the rest is named as lost */
	FATE_NAMED,   /* as lost */
	FATE_LEFT_OUT /* by rule, or since nothing needs to say it */
};

/* A row of parts.def. */
struct sample_part {
	const char *text;
	enum dialect_id dialect;
	const char *ahead, *part, *behind;
};

/* The i-th row; NULL behind the last. */
const struct sample_part *sample_part(unsigned i);

/* The model that is asked in a dialect, where it makes a difference. Static text. */
const char *sample_model(enum dialect_id d);

/*
 * What the example of a field of `from` becomes in `to`; which members of the body say
 * it is appended to `where`: "`a`, `b.c`". NOMEM; BAD_REQUEST for a bad example.
 */
enum err sample_field(enum dialect_id from, const struct field *f, enum dialect_id to,
    enum fate *ret_fate, struct buf *where) MUST_CHECK;

/* The same of a part, and of an id of a call (raw): FATE_CARRIED, if it stays. */
enum err sample_of_part(
    const struct sample_part *p, enum dialect_id to, enum fate *ret_fate) MUST_CHECK;
enum err sample_id(const char *id, enum dialect_id to, enum fate *ret_fate) MUST_CHECK;

#endif
