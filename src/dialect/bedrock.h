/*
 * bedrock: the parts of the Bedrock Converse dialect that stand in files of their own.
 * For dialect/ only.
 *
 * The model and whether events are wanted stand in the path, not in the body: whoever
 * reads a request sets prompt.model, prompt.stream and ask.model, ask.stream out of it.
 * (Some clients' documents have `modelId` in the body as well: it is read.) Streams are
 * frames of http/eventstream.h.
 */
#ifndef DIALECT_BEDROCK_H
#define DIALECT_BEDROCK_H

#include "dialect/dialect.h"
#include "dialect/reader.h"
#include "dialect/writer.h"

/* --- bedrock_media.c --- */

/* The format's word for a medium of that type ("image/png"), else by the file's name or
 * by how the data begins; empty when there is none. */
struct slice bedrock_format_of(const struct part *p);

/* The type for a word; empty when there is none. */
struct slice bedrock_type_of(enum part_kind kind, struct slice format);

#define BEDROCK_NAMES_MAX 64

/* The names of documents that were given. */
struct bedrock_names {
	uint64_t hash[BEDROCK_NAMES_MAX];
	unsigned count;
};

/* Puts a document's name as the next value: what the API takes of `name` (raw), and
 * another than those before. The same for the same document behind the same others. */
void bedrock_put_name(struct buf *to, struct bedrock_names *names, struct slice name);

/* --- bedrock_read.c; see struct translation --- */

enum err bedrock_read_prompt(const struct json *j, struct arena *a, struct prompt *ret,
    struct note *note, const char **ret_param) MUST_CHECK;

/* A message of an answer, into t's parts. */
void bedrock_read_said(struct reader *r, uint32_t message, struct turn *t);

/* --- bedrock_write.c; see struct translation --- */

bool bedrock_needs_bytes(const struct part *p, const struct write_plan *plan);

enum err bedrock_write_prompt(const struct prompt *p, const struct write_plan *plan,
    struct buf *to, struct losses *lost) MUST_CHECK;

/* --- bedrock_model.c: what is asked beside the conversation --- */

/* Whose model it is, by its id. */
enum maker {
	MAKER_CLAUDE = 1 << 0,
	MAKER_NOVA = 1 << 1,
	MAKER_NOVA_2 = 1 << 2,
	MAKER_MISTRAL = 1 << 3,
	MAKER_OPENAI = 1 << 4,
	MAKER_OTHER = 1 << 5,
	MAKER_UNKNOWN = 1 << 6, /* behind a name that does not tell */
};

/* A request in the making. */
struct bedrock_making {
	struct writer *w;
	unsigned makers;
	unsigned traits; /* enum trait, of Claude */
	bool caches;	 /* takes cache points */
	bool thinks;
	bool asks_max; /* the largest answer is to be told */
	uint64_t max_tok;
	enum effort effort; /* to be told beside the conversation */
	struct bedrock_names names;
};

/* Finds out about the model, and puts these members. */
void bedrock_model_put(struct bedrock_making *m);

/* --- bedrock_block.c: content blocks --- */

/* A block of a kind that every model takes: text, call, reasoning; in a prompt and in
 * an answer. `signature` and `sealed` instead of the part's own. */
void bedrock_put_text(struct buf *b, struct slice text);
void bedrock_put_reasoning(
    struct buf *b, const struct part *p, struct slice signature, struct slice sealed);

/* The content of a turn of this dialect, as it was read: an array, the next value. */
void bedrock_put_same(struct buf *b, const struct part *p);

/* A medium in this dialect's form; false when it has none. */
bool bedrock_put_media(
    struct buf *b, const struct part *p, struct bedrock_names *names, bool same);

/* A breakpoint behind a part. */
void bedrock_put_cache(struct buf *b, enum cache_life cache);

/* --- bedrock_answer.c; see struct translation --- */

enum err
bedrock_read_answer(const struct json *j, struct arena *a, struct answer *ret) MUST_CHECK;
void bedrock_write_answer(
    const struct answer *n, const struct answer_plan *plan, struct buf *b);

/* The words for why an answer ended. */
enum finish bedrock_finish_of(struct slice word);
struct slice bedrock_finish_word(enum finish f, bool stop_text);

/* The text that ended an answer, raw, among the fields of the model's own answer. */
struct slice bedrock_stop_of(const struct json *j);
void bedrock_put_stop(struct slice text, struct buf *b);

/* The member `usage`. */
void bedrock_put_usage(const struct usage *u, struct buf *b);

/* Reasoning that only its maker can read, as callers here are told it: base64 of the
 * tagged text, as the member is bytes. */
void bedrock_put_sealed(struct buf *b, const char *provider, struct slice sealed);

/* --- bedrock_stream.c --- */

extern const struct translation bedrock_translation;

#endif
