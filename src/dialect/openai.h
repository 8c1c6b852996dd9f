/*
 * openai: the parts of OpenAI's chat dialect that stand in files of their own. For
 * dialect/ only.
 */
#ifndef DIALECT_OPENAI_H
#define DIALECT_OPENAI_H

#include "dialect/dialect.h"
#include "dialect/reader.h"

/* openai_read.c; see struct translation. */
enum err openai_read_prompt(const struct json *j, struct arena *a, struct prompt *ret,
    struct note *note, const char **ret_param) MUST_CHECK;

/* What an assistant's message says, into t's parts: of requests and of answers. */
void openai_read_said(struct reader *r, uint32_t message, struct turn *t);

/* openai_write.c; see struct translation. */
enum err openai_write_prompt(const struct prompt *p, const struct write_plan *plan,
    struct buf *to, struct losses *lost) MUST_CHECK;
bool openai_needs_bytes(const struct part *p, const struct write_plan *plan);

/* The URL of a medium as the next value; its data as a data: URL. */
void openai_put_url(struct buf *b, const struct part *p);

/* "wav" of "audio/wav", "audio/x-wav", "wav". */
struct slice openai_audio_format(struct slice type);

/* openai_answer.c; see struct translation. */
enum err
openai_read_answer(const struct json *j, struct arena *a, struct answer *ret) MUST_CHECK;
void openai_write_answer(
    const struct answer *n, const struct answer_plan *plan, struct buf *b);

/* The words for why an answer ended. */
enum finish openai_finish_of(struct slice word);
struct slice openai_finish_word(enum finish f);

/* The member `usage`. */
void openai_put_usage(const struct usage *u, struct buf *b);

/* Members of an alternative, of an answer and of an event. */
enum choice_member { C_INDEX, C_MESSAGE, C_FINISH, C_LOGPROBS, C_DELTA, C_MEMBERS };
extern const struct slice openai_choice_members[C_MEMBERS];

/* openai_stream.c */
extern const struct translation openai_translation;

/* Of openai_embed.c. */
extern const struct embedding_translation openai_embed;

#endif
