/*
 * embedding: texts that are to become vectors, and the vectors, in no dialect's form.
 * Texts and vectors are slices of what was read: the insides of JSON strings, and JSON
 * arrays of numbers, or base64 of 32-bit floats, the least byte first.
 */
#ifndef CHAT_EMBEDDING_H
#define CHAT_EMBEDDING_H

#include "chat/loss.h"
#include "core/buf.h"
#include "json/tape.h"

/* What the vectors are for. */
enum embed_task {
	EMBED_UNSAID,
	EMBED_QUERY,
	EMBED_DOCUMENT,
	EMBED_CLASSIFICATION,
	EMBED_CLUSTERING
};

struct embed_prompt {
	struct slice *texts;
	unsigned ntexts;
	enum embed_task task;
	struct slice task_path; /* as the caller calls it */
	uint64_t dimensions;	/* 0: the model's */
	bool base64;		/* the caller reads base64 */
	bool one;		/* the caller reads one vector, and no list */
	struct losses own;	/* what no other dialect has */
};

struct embed_answer {
	struct slice *vectors;
	unsigned nvectors;
	bool base64; /* they are */
};

/* Appends the vector as a JSON array, or as a JSON string of base64. */
void embedding_put_array(struct buf *to, struct slice vector, bool base64);
void embedding_put_base64(struct buf *to, struct slice vector, bool base64);

/*
 * The strings of the array (or the one string) that v is, as texts. ERR_NO_EQUIVALENT
 * when it holds anything else; ERR_NOMEM.
 */
enum err embedding_texts(
    const struct json *j, uint32_t v, struct arena *a, struct embed_prompt *p) MUST_CHECK;

/* Notes the object's members that are not among the n known ones. */
void embedding_note(const struct json *j, uint32_t object, const struct slice *known,
    unsigned n, struct losses *own);

#endif
