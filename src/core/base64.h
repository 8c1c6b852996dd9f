/*
 * base64: bytes as text (RFC 4648), for what is binary inside JSON.
 */
#ifndef CORE_BASE64_H
#define CORE_BASE64_H

#include "core/buf.h"

/* Appends the text of the bytes, in the common alphabet and padded. */
void base64_put(struct buf *b, struct slice bytes);

/* The bytes that a text of that length can stand for, at most. */
#define BASE64_BYTES(len) ((len) / 4 * 3 + 3)

/*
 * Decodes text of either alphabet, padded or not; `to` has BASE64_BYTES(text.len)
 * bytes. False when it is no base64.
 */
bool base64_decode(struct slice text, char *to, size_t *ret_len);

#endif
