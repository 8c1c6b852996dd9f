/*
 * reader: what the readers of all dialects need: members by name, texts as they
 * stand, and a note of what is not understood. For dialect/ only.
 *
 * Faults are sticky, so a reader can go on to its end and ask once.
 */
#ifndef DIALECT_READER_H
#define DIALECT_READER_H

#include "chat/prompt.h"
#include "core/err.h"
#include "core/note.h"
#include "dialect/fields.h"
#include "json/tape.h"

struct reader {
	const struct json *j;
	struct arena *arena;
	struct unknown ***unknown; /* where the next one goes */
	struct note *note;
	const char *param; /* the member at fault; static text */
	enum err err;	   /* OK, NOMEM, BAD_REQUEST */
};

/* Which of the n names a key is; n when it is none of them. */
unsigned
reader_which(const struct reader *r, uint32_t key, const struct slice *names, unsigned n);

/* A string's raw text; a null gives ptr NULL. Anything else is a fault naming `param`. */
struct slice reader_text(struct reader *r, uint32_t v, const char *param);

/* A MIME type without escapes, and such that it needs none; see reader_text(). */
struct slice reader_mime(struct reader *r, uint32_t v, const char *param);

/* The same as decoded text: for what is compared or taken apart. */
struct slice reader_decoded(struct reader *r, uint32_t v, const char *param);

/* Notes that the member under `path` (formatted) is not understood; *ret_whole
 * becomes false. Gives the note; NULL without memory. */
struct unknown *reader_unknown(struct reader *r, uint32_t v, bool *ret_whole,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Notes every member of the object but the n named ones, under "path.key". */
void reader_others(struct reader *r, uint32_t object, const struct slice *names,
    unsigned n, bool *ret_whole, const char *path);

/* A member of the request under its path; its meaning, OWN for one that has none. */
struct member *reader_member(struct reader *r, struct prompt *p, struct member ***tail,
    enum dialect_id d, struct slice path, uint32_t v);

/* The members of an object inside the request, under "outer.key". */
void reader_members_inside(struct reader *r, struct prompt *p, struct member ***tail,
    enum dialect_id d, struct slice outer, uint32_t object);

/* The value is not what it must be: BAD_REQUEST with a note. */
void reader_bad(struct reader *r, const char *param, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Memory is out. Returns NULL, for allocators. */
void *reader_nomem(struct reader *r);

/* All members of an object, as they stand. */
struct member *reader_plain_members(struct reader *r, uint32_t object);

/* New ones at the end of their list; NULL with the fault noted. */
struct turn *reader_turn(
    struct reader *r, struct turn ***tail, enum role role, uint32_t v, unsigned index);
struct part *reader_part(struct reader *r, struct part ***tail, enum part_kind kind,
    uint32_t v, unsigned index);
struct tool *
reader_tool(struct reader *r, struct tool ***tail, uint32_t v, unsigned index);

/* The key of a member, raw; the path "base.key" of an unknown one. */
struct slice reader_key(const struct reader *r, uint32_t key);

/* A base64 or other URL as media: data: URLs are taken apart. */
void reader_url(struct reader *r, uint32_t v, const char *param, struct part *p);

#endif
