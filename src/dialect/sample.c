#include "dialect/sample.h"

#include "dialect/dialect.h"

#define BODY_MAX (1u << 16)
#define PROVIDER "sample"

/* A request, and what was written for it. */
struct
try {
	struct buf asked, body;
	struct json tape; /* of the body */
	struct losses lost;
	struct arena arena;
};

static const struct sample_part parts[] = {
#define PART(text, dialect, ahead, part, behind)                                         \
	{text, DIALECT_##dialect, ahead, part, behind},
#include "dialect/parts.def"
};

const struct sample_part *
sample_part(unsigned i)
{
	return i < sizeof(parts) / sizeof(parts[0]) ? &parts[i] : NULL;
}

const char *
sample_model(enum dialect_id d)
{
	switch (d) {
	case DIALECT_ANTHROPIC: return "claude-sonnet-4-5";
	case DIALECT_GEMINI: return "gemini-2.5-pro";
	case DIALECT_COHERE: return "command-a-03-2025";
	case DIALECT_BEDROCK: return "anthropic.claude-sonnet-4-5-20250929-v1:0";
	default: return "gpt-5";
	}
}

/* --- a request --- */

/* JSON in which ' stands for ". */
static void
put_json(struct buf *to, const char *text)
{
	for (; *text != '\0'; text++)
		buf_byte(to, (char)(*text == '\'' ? '"' : *text));
}

/* How much of the path is the object that holds the member, with its dot. */
static size_t
outer_len(struct slice path)
{
	size_t dot = slice_rfind(path, '.');

	return dot < path.len ? dot + 1 : 0;
}

static void
put_field(struct buf *to, const struct field *f)
{
	struct slice name = slice_from(f->path, outer_len(f->path));

	buf_printf(to, "\"%.*s\":", SLICE_ARGS(name));
	put_json(to, f->example);
}

/* ,"a":{"b":{"x":1,"y":2}} for "a.b.x" and "a.b.y"; either may be missing. */
static void
put_fields(struct buf *to, const struct field *f, const struct field *other)
{
	struct slice outer;
	unsigned depth = 0;

	if (f == NULL)
		return;
	outer = slice_head(f->path, outer_len(f->path));
	if (other != NULL &&
	    !slice_eq(outer, slice_head(other->path, outer_len(other->path)))) {
		put_fields(to, other, NULL);
		other = NULL;
	}
	buf_byte(to, ',');
	for (; outer.len > 0; depth++) {
		struct slice name = slice_cut(&outer, '.');

		buf_printf(to, "\"%.*s\":{", SLICE_ARGS(name));
	}
	if (other != NULL) {
		put_field(to, other);
		buf_byte(to, ',');
	}
	put_field(to, f);
	while (depth-- > 0)
		buf_byte(to, '}');
}

/* What must be there for the field to say something; NULL: nothing. */
static const struct field *
needed(enum dialect_id d, const struct field *f)
{
	const struct field *other;

	switch (f->meaning) {
	case MEANING_TOOL_CHOICE:
	case MEANING_PARALLEL:
	case MEANING_STRICT_TOOLS: return fields_for(d, MEANING_TOOLS);
	case MEANING_TOP_LOGPROBS: return fields_for(d, MEANING_LOGPROBS);
	case MEANING_FORMAT: /* Gemini's schemas beside their type */
		other = fields_for(d, MEANING_FORMAT);
		return d == DIALECT_GEMINI && other != f ? other : NULL;
	default: return NULL;
	}
}

static const char *
greeting(enum dialect_id d)
{
	switch (d) {
	case DIALECT_GEMINI: return "[{'role':'user','parts':[{'text':'Hi'}]}]";
	case DIALECT_BEDROCK: return "[{'role':'user','content':[{'text':'Hi'}]}]";
	default: return "[{'role':'user','content':'Hi'}]";
	}
}

static void
open_request(struct buf *to, enum dialect_id d)
{
	const struct field *turns = fields_for(d, MEANING_TURNS);

	buf_printf(to, "{\"%.*s\":", SLICE_ARGS(turns->path));
}

/* --- trying it --- */

static void
try_init(struct try *t)
{
	buf_init(&t->asked, BODY_MAX);
	buf_init(&t->body, BODY_MAX);
	json_init(&t->tape, BODY_MAX);
	arena_init(&t->arena, NULL, 0, 1u << 20);
	t->lost = (struct losses){.arena = &t->arena};
}

static void
try_done(struct try *t)
{
	buf_free(&t->asked);
	buf_free(&t->body);
	json_free(&t->tape);
	arena_free(&t->arena);
}

/* Writes what is asked; the body's tape is made. */
static enum err
try_write(struct try *t, enum dialect_id from, enum dialect_id to)
{
	const struct translation *in = dialect_find(from)->chat,
				 *out = dialect_find(to)->chat;
	struct write_plan plan = {
	    .model = slice_str(sample_model(to)), .provider = PROVIDER};
	struct note note = {""};
	const char *param;
	struct prompt prompt;
	struct json asked;
	enum err e;

	json_init(&asked, BODY_MAX);
	e = t->asked.err;
	if (e == ERR_OK)
		e = json_parse(&asked, buf_slice(&t->asked), in->keep);
	if (e == ERR_OK)
		e = in->read_prompt(&asked, &t->arena, &prompt, &note, &param);
	if (e == ERR_OK)
		e = out->write_prompt(&prompt, &plan, &t->body, &t->lost);
	if (e == ERR_OK)
		e = json_parse(&t->tape, buf_slice(&t->body), JSON_KEEP_ALL);
	json_free(&asked);
	return e;
}

/* --- what differs --- */

static void
put_where(struct buf *where, struct slice outer, struct slice key)
{
	buf_printf(where, "%s`%.*s%.*s`", where->len > 0 ? ", " : "", SLICE_ARGS(outer),
	    SLICE_ARGS(key));
}

/* Names the members of `with` (an object) that `without` does not have so. */
static void
compare(struct try *with, uint32_t a, struct try *without, uint32_t b, enum dialect_id to,
    struct buf *where)
{
	JSON_FOR_EACH_KEY (k, &with->tape, a) {
		struct slice key = json_inner(&with->tape, k);
		uint32_t other = json_get(&without->tape, b, key);
		const struct field *f = fields_find(to, key);

		if (other != JSON_NONE && slice_eq(json_raw(&with->tape, k + 1),
					      json_raw(&without->tape, other)))
			continue;
		if (f == NULL || f->meaning != MEANING_OUTER ||
		    !json_is(&with->tape, k + 1, JSON_OBJECT)) {
			put_where(where, S(""), key);
			continue;
		}
		JSON_FOR_EACH_KEY (i, &with->tape, k + 1) {
			struct slice inner = json_inner(&with->tape, i);
			uint32_t was = json_get(&without->tape, other, inner);
			struct slice outer =
			    arena_printf(&with->arena, "%.*s.", SLICE_ARGS(key));

			if (was == JSON_NONE || !slice_eq(json_raw(&with->tape, i + 1),
						    json_raw(&without->tape, was)))
				put_where(where, outer, inner);
		}
	}
}

static enum err
judge(struct try *with, struct try *without, enum dialect_id from, enum dialect_id to,
    struct buf *where, enum fate *ret_fate)
{
	enum err e = try_write(with, from, to);
	bool lost, said;

	if (e == ERR_OK)
		e = try_write(without, from, to);
	if (e != ERR_OK)
		return e;
	compare(with, 0, without, 0, to, where);
	lost = with->lost.count > without->lost.count;
	said = where->len > 0;
	*ret_fate = lost && said ? FATE_PARTLY
		    : lost	 ? FATE_NAMED
		    : said	 ? FATE_CARRIED
				 : FATE_LEFT_OUT;
	return where->err;
}

enum err
sample_field(enum dialect_id from, const struct field *f, enum dialect_id to,
    enum fate *ret_fate, struct buf *where)
{
	const struct field *other = needed(from, f);
	struct try with, without;
	enum err e;

	try_init(&with);
	try_init(&without);
	open_request(&without.asked, from);
	put_json(&without.asked, greeting(from));
	put_fields(&without.asked, other, NULL);
	buf_byte(&without.asked, '}');
	open_request(&with.asked, from);
	put_json(&with.asked, f->meaning == MEANING_TURNS ? f->example : greeting(from));
	if (f->meaning != MEANING_TURNS)
		put_fields(&with.asked, f, other);
	buf_byte(&with.asked, '}');
	e = judge(&with, &without, from, to, where, ret_fate);
	try_done(&with);
	try_done(&without);
	return e;
}

enum err
sample_of_part(const struct sample_part *p, enum dialect_id to, enum fate *ret_fate)
{
	struct try with, without;
	struct buf where;
	enum err e;

	try_init(&with);
	try_init(&without);
	buf_init(&where, BODY_MAX);
	open_request(&with.asked, p->dialect);
	put_json(&with.asked, p->ahead);
	put_json(&with.asked, p->part);
	put_json(&with.asked, p->behind);
	buf_byte(&with.asked, '}');
	open_request(&without.asked, p->dialect);
	put_json(&without.asked, p->ahead);
	put_json(&without.asked, p->behind);
	buf_byte(&without.asked, '}');
	e = judge(&with, &without, p->dialect, to, &where, ret_fate);
	if (*ret_fate == FATE_PARTLY)
		*ret_fate = FATE_NAMED; /* what differs is but the form of the rest */
	try_done(&with);
	try_done(&without);
	buf_free(&where);
	return e;
}

enum err
sample_id(const char *id, enum dialect_id to, enum fate *ret_fate)
{
	struct try t;
	struct slice said;
	enum err e;

	try_init(&t);
	buf_printf(&t.asked,
	    "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":"
	    "\"assistant\","
	    "\"tool_calls\":[{\"type\":\"function\",\"id\":\"%s\",\"function\":{\"name\":"
	    "\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"%s\","
	    "\"content\":\"A\"}]}",
	    id, id);
	e = try_write(&t, DIALECT_OPENAI, to);
	said = buf_slice(&t.body);
	*ret_fate =
	    slice_search(said, slice_str(id)) < said.len ? FATE_CARRIED : FATE_LEFT_OUT;
	try_done(&t);
	return e;
}
