/*
 * writer: what the writers of all dialects need: what stands under a meaning, losses
 * by the caller's own names, ids that the target accepts, and reasoning that comes
 * back to who made it. For dialect/ only.
 */
#ifndef DIALECT_WRITER_H
#define DIALECT_WRITER_H

#include "chat/loss.h"
#include "chat/prompt.h"
#include "core/buf.h"
#include "dialect/dialect.h"
#include "json/write.h"

struct writer {
	const struct prompt *p;
	const struct write_plan *plan;
	struct buf *to;
	struct losses *lost;
	enum dialect_id dialect;
	bool same; /* the prompt was read from this dialect */
};

/* The members whose values are plain and need no conversion, under this dialect's
 * names; others of `done` (a bit for each meaning) are the caller's. All that has no
 * place here is a loss. */
void writer_members(struct writer *w, uint64_t done);

/* Those whose place is inside the object `outer` ("generationConfig."), which is open;
 * writer_members() leaves them to this. Notes no losses. */
void writer_members_inside(struct writer *w, struct slice outer, uint64_t done);

/* The same dialect: the members in their order, each as it stood, but for those for
 * which `put` returns true. What is inside others is theirs. */
void writer_same(struct writer *w, bool (*put)(struct writer *w, const struct member *m));

/* How a dialect writes a whole body. */
struct writer_form {
	enum dialect_id dialect;
	/* The prompt was read from this dialect: as writer_same() has it. */
	bool (*put)(struct writer *w, const struct member *m);
	/* It was read from another one: everything inside the body's braces. */
	void (*cross)(struct writer *w);
};

/* Writes a body. ERR_NOMEM, ERR_FULL. */
enum err writer_prompt(const struct writer_form *form, const struct prompt *p,
    const struct write_plan *plan, struct buf *to, struct losses *lost) MUST_CHECK;

/* An event of a stream whose data tell its name as `type`: after it come further
 * members, then its end. */
void writer_event(struct buf *to, struct slice name);
void writer_event_end(struct buf *to);

/* What is unknown inside turns, tools, ... is lost in another dialect. */
void writer_unknown(struct writer *w);

/* Is there a tool that other dialects have as well? An empty list is refused by some.
 * If there is none, the others are lost. */
bool writer_has_functions(struct writer *w);

/* A part, or something of it, has no equivalent. */
void writer_lose_part(struct writer *w, const struct turn *t, const struct part *p);
void writer_lose(struct writer *w, enum meaning m);

/* What an id may be made of. */
enum id_rule {
	ID_ANY,
	ID_WORD, /* [A-Za-z0-9_-]{1,64} */
	ID_NINE, /* nine letters or digits */
};

/* Puts an id as the next value: as it is if the rule allows it, else one that is
 * always the same for the same. */
void writer_id(struct writer *w, enum id_rule rule, struct slice id);

/* The signature that a caller sent back, if the plan's provider made it (tag.h) or
 * it is of this dialect; else ptr NULL: reasoning of somebody else is left out. */
struct slice writer_signature(const struct writer *w, struct slice said);

/* The effort for a budget, and a budget for an effort out of a largest answer. */
enum effort writer_effort(const struct reasoning *r);
int64_t writer_budget(const struct reasoning *r, uint64_t max_output_tok);

/* The text parts of a list joined, as the next value (a string). `between` is raw. */
void writer_joined_text(struct writer *w, const struct part *p, struct slice between);

/* The texts of a result joined, where it cannot be marked as failed: its text says so. */
void
writer_result_text(struct writer *w, const struct part *result, struct slice between);

/* Is there anything but one text in the list? */
bool writer_is_one_text(const struct part *p);

/* A URL (raw) that only Google's own services can read. */
bool writer_is_googles(struct slice url);

/* Can another host have this medium? Not by an id, nor by such a URL. */
bool writer_is_open(const struct part *p);

/* JSON text as the next value where an object is demanded: as it is if it is one, else
 * {"_raw": text}, as of arguments that were cut off; {} for no text or null. */
void writer_object(struct buf *to, struct slice text);

/* A number (JSON) where 1 is the most that is taken. Static text, or what was given. */
struct slice writer_up_to_one(struct slice number);

/* A stop list as the next value: always an array. */
void writer_stop(struct writer *w, struct slice value);

#endif
