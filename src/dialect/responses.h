/*
 * responses: the parts of OpenAI's Responses dialect that stand in files of their own.
 * For dialect/ only.
 *
 * A conversation is a list of items: messages, calls, results, and what was thought.
 * What was thought is told in an item with a readable part (a summary, or the text)
 * and an encrypted one, `encrypted_content`. Callers of this dialect are told the
 * signatures of other providers there too, tagged (tag.h); what stands behind the tag
 * is the sealed form of what was thought, or with a mark at its end (below) the
 * signature of the readable part, or of the call that follows.
 */
#ifndef DIALECT_RESPONSES_H
#define DIALECT_RESPONSES_H

#include "dialect/dialect.h"
#include "dialect/reader.h"

#define RESPONSES_OF_TEXT S(".s")
#define RESPONSES_OF_CALL S(".c")

/* responses_read.c; see struct translation. */
enum err responses_read_prompt(const struct json *j, struct arena *a, struct prompt *ret,
    struct note *note, const char **ret_param) MUST_CHECK;

/* --- responses_item.c: what items are made of --- */

enum responses_item_member {
	I_TYPE,
	I_ID,
	I_STATUS,
	I_ROLE,
	I_CONTENT,
	I_PHASE,
	I_CALL_ID,
	I_NAME,
	I_ARGUMENTS,
	I_OUTPUT,
	I_SUMMARY,
	I_ENCRYPTED,
	I_MEMBERS
};

extern const struct slice responses_item_members[I_MEMBERS];

/* The parts of a message's content, also of a result; `path` is the item's. Returns
 * whether they are understood wholly. */
bool responses_read_parts(struct reader *r, uint32_t list, struct part ***tail,
    enum role role, const char *path);

/* What was thought, into p. False: nothing is told. */
bool responses_read_reasoning(struct reader *r, uint32_t item, struct part *p);

/* A call, into p. */
void responses_read_call(struct reader *r, uint32_t item, struct part *p);

/* Has it a member that says null? That is written again only by the raw bytes. */
bool responses_has_null(const struct reader *r, uint32_t object);

/* responses_write.c; see struct translation. */
enum err responses_write_prompt(const struct prompt *p, const struct write_plan *plan,
    struct buf *to, struct losses *lost) MUST_CHECK;

/* responses_answer.c; see struct translation. */
enum err responses_read_answer(
    const struct json *j, struct arena *a, struct answer *ret) MUST_CHECK;
void responses_write_answer(
    const struct answer *n, const struct answer_plan *plan, struct buf *b);

/* Why a response ended, by its object. */
enum finish responses_finish_of(const struct json *j, uint32_t response, bool calls);

/* --- responses_object.c: what whole answers and streams write alike --- */

/* A response as far as it is known. */
struct responses_object {
	const struct answer_plan *plan;
	struct slice id, model, tier; /* raw; of the provider, may be empty */
	uint64_t created_s;	      /* 0: not told */
	bool ended;
	enum finish finish;	    /* if it ended */
	struct slice message, code; /* of FINISH_ERROR */
	const struct usage *usage;  /* NULL: not known */
};

/* The object, up to and with `"output":[`, and what comes behind that. */
void responses_open(const struct responses_object *o, struct buf *b);
void responses_close(struct buf *b);

/* What items are, and the letters that their ids begin with. */
enum responses_item {
	RESPONSES_NONE,
	RESPONSES_MESSAGE,
	RESPONSES_REASONING,
	RESPONSES_CALL,
	RESPONSES_IMAGE
};

/* The id of the n-th item as the next value: always the same. */
void responses_put_id(
    struct buf *b, const struct answer_plan *plan, enum responses_item kind, unsigned n);

/* An item up to its id, open; its status as told. */
void responses_open_item(struct buf *b, const struct answer_plan *plan,
    enum responses_item kind, unsigned n, struct slice status);

/* A part of a message's content, TEXT or REFUSAL; logprobs as an array, or empty. */
void responses_put_content(
    struct buf *b, enum part_kind kind, struct slice text, struct slice logprobs);

/* The members of an item of what was thought. `mark` is empty for a sealed form. */
void responses_put_thought(struct buf *b, const struct answer_plan *plan,
    struct slice text, struct slice secret, struct slice mark);

/* What OpenAI's chat has as {"content": [...]} is the array alone here. */
struct slice responses_logprobs(struct slice chat);

/* The status of a response that ended so, and of a message that was its last. */
struct slice responses_status(enum finish f);
struct slice responses_item_status(enum finish f);

/* An event with which a stream fails; *number is the next one's, and is moved. */
void responses_put_fault(const struct fault *f, uint64_t *number, struct buf *b);

/* --- responses_in.c: streams in; see struct translation --- */

struct responses_in {
	bool started, ended;
	bool called;	     /* the answer calls a tool */
	bool active;	     /* an item is being told: */
	uint64_t item;	     /* its output_index */
	bool told;	     /* something of it was told */
	bool open;	     /* a part of it is: */
	enum part_kind kind; /* which */
	uint64_t piece;	     /* index of the content or summary that it is */
	bool filled;	     /* something of that part was told */
	bool by_summary;     /* what was thought is told by its summary */
	uint64_t done[4];    /* the items that were told wholly: a bit for each */
	uint64_t missed[4];  /* those of which a piece was passed over */
	struct buf logprobs; /* in the form of OpenAI's chat */
};

void responses_in_event(void *state, const struct sse_event *e, const struct json *j,
    delta_fn *fn, void *arg);
void responses_in_end(void *state, delta_fn *fn, void *arg);
void responses_in_done(void *state);

/* --- responses_out.c: streams out --- */

extern const struct translation responses_translation;

#endif
