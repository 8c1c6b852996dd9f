/*
 * gemini: the parts of the Gemini dialect that stand in files of their own. For
 * dialect/ only.
 */
#ifndef DIALECT_GEMINI_H
#define DIALECT_GEMINI_H

#include "dialect/dialect.h"
#include "dialect/reader.h"
#include "dialect/writer.h"

/*
 * gemini_part.c. Names come in two spellings, as protocol buffers allow: the first
 * `both` of `all` have one with underscores, behind the n.
 */
struct gemini_names {
	const struct slice *all;
	unsigned n, both;
};

#define GEMINI_NAMES_MAX 24

/* json_pick() of n values, in either spelling. True when one was of the second. */
bool gemini_part_pick(const struct json *j, uint32_t object,
    const struct gemini_names *names, uint32_t *ret_values);

/* The value under either name. */
uint32_t gemini_part_get(
    const struct json *j, uint32_t object, struct slice name, struct slice other);

/* The members of a part. */
enum gemini_part_member {
	GEMINI_INLINE_DATA,
	GEMINI_FILE_DATA,
	GEMINI_CALL,
	GEMINI_RESPONSE,
	GEMINI_CODE,
	GEMINI_CODE_RESULT,
	GEMINI_SIGNATURE,
	GEMINI_RESOLUTION,
	GEMINI_TEXT,
	GEMINI_THOUGHT,
	GEMINI_PART_MEMBERS
};
extern const struct gemini_names gemini_part_names;

/* What stands around a part that is read. */
struct gemini_place {
	const char *turns;   /* "contents", "candidates" */
	const char *between; /* "parts", "content.parts" */
	unsigned turn, part; /* their indexes */
	struct slice seed;   /* of ids that are made for calls without one */
	unsigned *calls;     /* how many calls there were; counts on */
};

/* One part of a content: up to two of ours, as a signature may stand on a text. */
void gemini_part_read(
    struct reader *r, uint32_t v, const struct gemini_place *at, struct part ***tail);

/* An id for the n-th call of what the seed stands for; empty when out of memory. */
struct slice gemini_part_id(struct arena *a, struct slice seed, unsigned n);

/* Was the id made by gemini_part_id()? The provider does not know it, then. */
bool gemini_part_id_is_made(struct slice id);

/* What an image, a sound, ... is by its type. */
enum part_kind gemini_part_kind(struct slice mime_type);

/* The member `inlineData` or `fileData`. False, with nothing put, when the medium has
 * no form here. */
bool gemini_part_put_media(struct buf *b, const struct part *p);

/*
 * The member `thoughtSignature` of an answer that another provider gave. Clients take
 * it for base64: so it is that of the tag and what it is put before.
 */
void
gemini_part_put_signature(struct buf *b, const char *provider, struct slice signature);

/* gemini_read.c; see struct translation. */
enum err gemini_read_prompt(const struct json *j, struct arena *a, struct prompt *ret,
    struct note *note, const char **ret_param) MUST_CHECK;

/* gemini_write.c; see struct translation. */
enum err gemini_write_prompt(const struct prompt *p, const struct write_plan *plan,
    struct buf *to, struct losses *lost) MUST_CHECK;
bool gemini_needs_bytes(const struct part *p, const struct write_plan *plan);

/* gemini_turns.c: what was said, as the members systemInstruction and contents. */
void gemini_turns_put_system(struct writer *w);
void gemini_turns_put(struct writer *w);

/* The same, as it stood. */
void gemini_turns_put_same_system(struct writer *w);
void gemini_turns_put_same(struct writer *w);

/* The parts of a content, as they stood, into a list that is open. */
void gemini_turns_put_same_parts(struct writer *w, const struct turn *t);

/* gemini_model.c: 25 of "gemini-2.5-flash"; 0 when its name does not tell. */
unsigned gemini_model_version(struct slice model);

/* Does the name tell that it takes no systemInstruction? */
bool gemini_model_lacks_system(struct slice model);

/* The member thinkingConfig. False when the model cannot do what was asked. */
bool
gemini_model_put_thinking(struct slice model, const struct reasoning *r, struct buf *b);

/* gemini_answer.c; see struct translation. */
enum err
gemini_answer_read(const struct json *j, struct arena *a, struct answer *ret) MUST_CHECK;
void gemini_answer_write(
    const struct answer *n, const struct answer_plan *plan, struct buf *b);

/* Why an answer ended. The value may be a word or its number. */
enum finish gemini_answer_finish(const struct json *j, uint32_t v, struct slice *ret_raw);
struct slice gemini_answer_finish_word(enum finish f);

/* {"chosenCandidates": [...], "topCandidates": [{"candidates": [...]}]} as OpenAI has
 * it; nothing when there is none. */
void gemini_answer_read_logprobs(const struct json *j, uint32_t v, struct buf *b);

/* The member logprobsResult, from OpenAI's form. */
void gemini_answer_put_logprobs(struct slice logprobs, struct buf *b);

/* The members modelVersion and responseId: the provider's, else the plan's. */
void gemini_answer_put_names(
    struct buf *b, const struct answer_plan *plan, struct slice model, struct slice id);

/* The member usageMetadata. */
void gemini_answer_put_usage(const struct usage *u, struct slice tier, struct buf *b);

/* gemini_stream.c */
extern const struct translation gemini_translation;

/* Of gemini_embed.c. */
extern const struct embedding_translation gemini_embed;

#endif
