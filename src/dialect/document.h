/* document: what becomes of what between the dialects, as docs/dialects.md. */
#ifndef DIALECT_DOCUMENT_H
#define DIALECT_DOCUMENT_H

#include "core/buf.h"

/* Writes docs/dialects.md. */
void document_dialects(struct buf *to);

#endif
