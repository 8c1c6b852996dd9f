/*
 * write: JSON text, member by member, into a buf. Commas are put by looking at
 * what stands before, so a writer needs no state:
 *
 *	json_open(b, '{');
 *	json_key(b, S("id")); json_quote(b, id);
 *	json_key(b, S("tokens")); json_put_u64(b, 12);
 *	json_close(b, '}');
 */
#ifndef JSON_WRITE_H
#define JSON_WRITE_H

#include "core/arena.h"
#include "core/buf.h"

/* '{' or '[', as the next value. */
void json_open(struct buf *b, char bracket);
/* '}' or ']'. */
void json_close(struct buf *b, char bracket);

/* The next member's name; its value must follow. */
void json_key(struct buf *b, struct slice name);

/* The same, for a name that is JSON already, escapes and all. */
void json_key_inner(struct buf *b, struct slice inner);

/* The next value, as a string with what needs it escaped. Bytes that are not
 * UTF-8 are replaced by U+FFFD. */
void json_quote(struct buf *b, struct slice text);

/* The same, without looking whether a comma is wanted. */
void json_text(struct buf *b, struct slice text);

/* The next value, as a string whose inside is JSON already, escapes and all. */
void json_put_inner(struct buf *b, struct slice inner);

/* The text as a JSON string in the arena. False when out of memory. */
bool json_quoted(struct arena *a, struct slice text, struct slice *ret);

/* The next value, already JSON. */
void json_put_raw(struct buf *b, struct slice json);
/* The same on one line, as an event of a stream must be. */
void json_put_line(struct buf *b, struct slice json);
void json_put_u64(struct buf *b, uint64_t value);
void json_put_i64(struct buf *b, int64_t value);
void json_put_bool(struct buf *b, bool value);
void json_put_null(struct buf *b);

/* Shorthands for a member. */
void json_member(struct buf *b, struct slice name, struct slice text);
void json_member_u64(struct buf *b, struct slice name, uint64_t value);
void json_member_inner(struct buf *b, struct slice name, struct slice inner);
void json_member_raw(struct buf *b, struct slice name, struct slice json);

#endif
