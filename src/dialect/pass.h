/*
 * pass: what dialects share where a request passes as it is: refusals, the declared
 * edits, names in a path. For dialect/ only.
 */
#ifndef DIALECT_PASS_H
#define DIALECT_PASS_H

#include "dialect/dialect.h"

/* BAD_REQUEST with the text as its note; `param` (static text, or NULL) is at fault. */
enum err pass_refuse(struct note *note, const char **ret_param, const char *param,
    const char *text) MUST_CHECK;

/* Notes the service tier that a request asks for in the member v (JSON_NONE: in none). */
void pass_tier(const struct json *j, uint32_t v, struct ask *ask);

/* What a part of a prompt holds beside text. */
enum media { MEDIA_PICTURE, MEDIA_SOUND, MEDIA_OTHER };

/* Notes such a part, of which v has the data or says where they are: it is no text. */
void pass_media(const struct json *j, uint32_t v, enum media kind, struct ask *ask);

/* How many answers the member v asks for, also in a string, as some hosts take it; 1
 * where it does not say; UINT64_MAX when that cannot be told. */
uint64_t pass_answers(const struct json *j, uint32_t v);

/*
 * The edits of a body that names the model: the provider's id in the place of every
 * `model`, as which of several a provider takes is not known, and `provider` removed.
 * Adds to what is there. ERR_FULL, ERR_NOMEM.
 */
enum err pass_edit(const struct json *j, const struct ask *ask, struct slice model,
    struct arena *a, struct json_edits *edits) MUST_CHECK;

/* Appends a name as a part of a path: all is encoded but letters, digits, "-._~" and
 * what `also` has. */
void pass_path(struct buf *to, struct slice name, const char *also);

#endif
