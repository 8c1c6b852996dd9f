/*
 * anthropic: the parts of the Anthropic Messages dialect that stand in files of their
 * own. For dialect/ only.
 */
#ifndef DIALECT_ANTHROPIC_H
#define DIALECT_ANTHROPIC_H

#include "dialect/dialect.h"
#include "dialect/reader.h"
#include "dialect/writer.h"

/* anthropic_read.c; see struct translation. */
enum err anthropic_read_prompt(const struct json *j, struct arena *a, struct prompt *ret,
    struct note *note, const char **ret_param) MUST_CHECK;

/* The blocks of a content, into t's parts: of requests and of answers. */
void anthropic_read_content(struct reader *r, uint32_t content, struct turn *t);

/* anthropic_write.c; see struct translation. */
enum err anthropic_write_prompt(const struct prompt *p, const struct write_plan *plan,
    struct buf *to, struct losses *lost) MUST_CHECK;

/* What a model of Anthropic's takes, whoever hosts it. */
enum trait {
	TRAIT_ADAPTIVE = 1 << 0,     /* it decides how much to think; effort, no budget */
	TRAIT_NO_SAMPLING = 1 << 1,  /* temperature, top_p, top_k are refused */
	TRAIT_ONE_SAMPLING = 1 << 2, /* temperature or top_p, not both */
};

/* enum trait, by the model's id. */
unsigned anthropic_traits(struct slice model);

/* Puts the member `thinking`, if any is wished; true when it thinks. The budget is part
 * of max_tokens there: it is added to *max_tok. *ret_effort: to be told as well. */
bool anthropic_put_thinking(
    struct writer *w, unsigned traits, uint64_t *max_tok, enum effort *ret_effort);

/* May this wish for sampling be told to a model that has the traits? */
bool
anthropic_samples(const struct prompt *p, unsigned traits, bool thinks, enum meaning m);

/* Its word for an effort above none. */
struct slice anthropic_effort(enum effort e);

/* anthropic_answer.c; see struct translation. */
enum err anthropic_read_answer(
    const struct json *j, struct arena *a, struct answer *ret) MUST_CHECK;
void anthropic_write_answer(
    const struct answer *n, const struct answer_plan *plan, struct buf *b);

/* The words for why an answer ended. */
enum finish anthropic_finish_of(struct slice word);
struct slice anthropic_finish_word(enum finish f, bool stop_text);

/* The member `usage`. */
void anthropic_put_usage(const struct usage *u, struct buf *b);

/* anthropic_stream.c */
extern const struct translation anthropic_translation;

#endif
