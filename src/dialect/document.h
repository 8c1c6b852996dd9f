/* document: what becomes of what between the dialects, as docs/dialects.md. */
#ifndef DIALECT_DOCUMENT_H
#define DIALECT_DOCUMENT_H

#include "core/buf.h"

/* A cell's text of a table in Markdown, in which "|" would end it. */
void document_cell(struct buf *to, const char *text);

/* Writes docs/dialects.md. */
void document_dialects(struct buf *to);

#endif
