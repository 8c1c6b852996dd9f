/*
 * cohere: the parts of Cohere's v2 dialect that stand in files of their own. For
 * dialect/ only.
 *
 * What it calls `tool_plan` is reasoning here, told apart from `thinking` by its
 * signature: COHERE_PLAN. So it finds its place again when a caller of another dialect
 * sends it back.
 */
#ifndef DIALECT_COHERE_H
#define DIALECT_COHERE_H

#include "dialect/dialect.h"
#include "dialect/reader.h"

#define COHERE_PLAN S("plan")

/* cohere_read.c; see struct translation. */
enum err cohere_read_prompt(const struct json *j, struct arena *a, struct prompt *ret,
    struct note *note, const char **ret_param) MUST_CHECK;

/* What an assistant's message says, into t's parts: of requests and of answers. */
void cohere_read_said(struct reader *r, uint32_t message, struct turn *t);

/* cohere_write.c; see struct translation. */
enum err cohere_write_prompt(const struct prompt *p, const struct write_plan *plan,
    struct buf *to, struct losses *lost) MUST_CHECK;

/* An assistant's message of its own dialect, as it was read. */
void cohere_put_same(struct buf *b, const struct turn *t);

/* A call of a tool; its signature, if any, as the next member of it. */
void cohere_put_call(struct buf *b, const struct part *p, const char *provider);

/* cohere_answer.c; see struct translation. */
enum err
cohere_read_answer(const struct json *j, struct arena *a, struct answer *ret) MUST_CHECK;
void cohere_write_answer(
    const struct answer *n, const struct answer_plan *plan, struct buf *b);

/* The words for why an answer ended. */
enum finish cohere_finish_of(struct slice word);
struct slice cohere_finish_word(enum finish f, bool stop_text);

/* The member `usage`. */
void cohere_put_usage(const struct usage *u, struct buf *b);

/* Log probabilities of its form, in OpenAI's: appends to `to`, which must be empty. */
void cohere_take_logprobs(const struct json *j, uint32_t list, struct buf *to);

/* cohere_stream.c */
extern const struct translation cohere_translation;

/* Of cohere_embed.c. */
extern const struct embedding_translation cohere_embed;

#endif
