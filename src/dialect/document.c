/*
 * docs/dialects.md. Nothing in its tables is told by hand: members and parts are written
 * in each dialect as requests are (sample.h), the rest stands in the tables that the
 * writers use.
 */
#include "dialect/document.h"

#include "dialect/sample.h"
#include "dialect/schema.h"

#define SPOKEN DIALECT_NATIVE /* the dialects before it */

static const char intro[] =
    "<!-- Made by `make docs` from the tables of the source; do not edit. -->\n"
    "\n"
    "# Dialects\n"
    "\n"
    "weir speaks six dialects on both sides. Where the provider speaks the caller's, "
    "bytes go through as they\n"
    "are, unknown members too. Else the request is read into one canonical form and "
    "written anew, and the answer\n"
    "comes back the same way. What has an equivalent arrives; what has none is named.\n"
    "\n"
    "| name | what | its callers ask |\n"
    "|---|---|---|\n"
    "| `openai` | OpenAI chat completions | `/v1/chat/completions` |\n"
    "| `responses` | OpenAI Responses | `/v1/responses` |\n"
    "| `anthropic` | Anthropic Messages | `/v1/messages` |\n"
    "| `gemini` | Gemini generateContent | `/v1beta/models/{model}:generateContent`, "
    "`:streamGenerateContent` |\n"
    "| `cohere` | Cohere chat v2 | `/v2/chat` |\n"
    "| `bedrock` | Bedrock Converse | `/model/{model}/converse`, `/converse-stream` |\n"
    "\n"
    "Who is asked for something that the provider's dialect cannot say refuses with a "
    "400 that names it, or, when\n"
    "the caller sent `x-weir-drop: allow` or the configuration says so, leaves it out "
    "and lists it in\n"
    "`x-weir-dropped`. In the tables:\n"
    "\n"
    "- `a`, `b.c`: it is carried; these members of the provider's request say it\n"
    "- **named**: it has no equivalent, and is refused or left out by name\n"
    "- \u2013: nothing is to be said, or it is left out by a rule that is told below\n"
    "\n"
    "The tables were made by writing requests in each dialect. Where models differ "
    "they tell what these get:\n";

static const char members_text[] =
    "\n"
    "## Members of requests\n"
    "\n"
    "A member that no table has is unknown: it passes within its dialect, and is named "
    "in any other. `null` is no\n"
    "member. The model is always the route's, and whether events are wanted stands in "
    "the URL for Gemini and\n"
    "Bedrock. `provider` is weir's own and never sent.\n";

static const char neutral_text[] =
    "\n"
    "### Values that say nothing\n"
    "\n"
    "They say what is so anyway, and so need no equivalent:\n"
    "\n"
    "| what | values |\n"
    "|---|---|\n";

static const char parts_text[] = "\n"
				 "## What conversations hold\n"
				 "\n"
				 "| what |";

static const char left_out_text[] =
    "\n"
    "## Left out without being named\n"
    "\n"
    "Where the target has no place for them. They say nothing about the answer that is "
    "wanted, or what is so anyway:\n"
    "\n"
    "| dialect | member | why |\n"
    "|---|---|---|\n";

static const char schemas_text[] =
    "\n"
    "## Schemas\n"
    "\n"
    "Schemas of tools and of answers are cut to what the target accepts, by these rules "
    "and by nothing else. Between\n"
    "dialects that take any schema they stay as they are.\n"
    "\n"
    "| rule | what is done | Gemini | Gemini, OpenAPI | Anthropic | strict | Cohere |\n"
    "|---|---|---|---|---|---|---|\n";

static const char words_text[] =
    "\n"
    "`Gemini, OpenAPI` is for models before 2.5, `Anthropic` for structured outputs and "
    "strict tools, `strict` for\n"
    "OpenAI's strict mode; `FROM_OPENAPI` is done to what callers of Gemini's dialect "
    "write. Words of JSON Schema\n"
    "that stay:\n"
    "\n"
    "| word | Gemini | Gemini, OpenAPI | Anthropic | strict | Cohere |\n"
    "|---|---|---|---|---|---|\n";

static const char ids_text[] =
    "\n"
    "## Ids of tool calls\n"
    "\n"
    "An id that the target accepts is kept. Another becomes one that is always the same "
    "for the same id, so that call\n"
    "and result still meet, and a longer conversation begins with the bytes of the "
    "shorter one.\n"
    "\n"
    "| an id such as |";

static const char reasoning_text[] =
    "\n"
    "## Reasoning\n"
    "\n"
    "- A signature, an encrypted or redacted thought is good for the provider that made "
    "it alone. Callers of another\n"
    "  dialect are told it with a tag, `weir.PROVIDER.`, before it. When it comes back, "
    "it "
    "goes without its tag to that\n"
    "  provider and to no other: on a failover it is left out, by this rule and without "
    "being named.\n"
    "- Efforts and budgets are told in the target's own way. An effort where only "
    "budgets are taken becomes a share of\n"
    "  the longest answer; a budget where only efforts are taken becomes the nearest "
    "effort.\n"
    "- Whether and how thoughts are shown (`summary`, `exclude`) is told where it can be "
    "told, else left out.\n"
    "\n"
    "## Cache breakpoints\n"
    "\n"
    "- Anthropic's `cache_control` and Bedrock's `cachePoint` become each other, with "
    "their lifetimes. OpenAI's hosts\n"
    "  and Gemini cache by themselves; there a breakpoint is left out, by this rule and "
    "without being named, unless the\n"
    "  host is known to take `cache_control`.\n"
    "- The bytes written for a longer conversation begin with those for the shorter one: "
    "members stand in a fixed order,\n"
    "  the conversation last, and nothing in it depends on later turns.\n";

static void
put(struct buf *to, const char *text)
{
	buf_add(to, slice_str(text));
}

void
document_cell(struct buf *to, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			buf_byte(to, '\\');
		buf_byte(to, *text);
	}
}

/* The head of a table that has a column for each dialect, but for one. */
static void
put_columns(struct buf *to, unsigned before, enum dialect_id but)
{
	for (unsigned d = 0; d < SPOKEN; d++)
		if (d != but)
			buf_printf(to, " %s |", dialect_name((enum dialect_id)d));
	put(to, "\n|");
	for (unsigned i = 0; i < before; i++)
		put(to, "---|");
	for (unsigned d = 0; d < SPOKEN; d++)
		if (d != but)
			put(to, "---|");
	put(to, "\n");
}

static void
put_fate(struct buf *to, enum fate fate, struct slice where)
{
	switch (fate) {
	case FATE_CARRIED: buf_add(to, where); break;
	case FATE_PARTLY:
		buf_add(to, where);
		put(to, "; the rest **named**");
		break;
	case FATE_NAMED: put(to, "**named**"); break;
	case FATE_LEFT_OUT: put(to, "\u2013"); break;
	}
}

static void
put_error(struct buf *to, enum err e)
{
	if (e != ERR_OK && to->err == ERR_OK)
		to->err = e;
}

/* --- members --- */

static void
put_member(struct buf *to, enum dialect_id from, const struct field *f)
{
	buf_printf(to, "| `%.*s` | %s |", SLICE_ARGS(f->path), meaning_text(f->meaning));
	for (unsigned d = 0; d < SPOKEN; d++) {
		enum fate fate = FATE_LEFT_OUT;
		struct buf where;

		if (d == from)
			continue;
		buf_init(&where, 4096);
		if (f->example[0] != '\0')
			put_error(
			    to, sample_field(from, f, (enum dialect_id)d, &fate, &where));
		put(to, " ");
		if (f->meaning == MEANING_MODEL)
			put(to, "the route's");
		else if (f->example[0] == '\0')
			put(to, "its members");
		else
			put_fate(to, fate, buf_slice(&where));
		put(to, " |");
		buf_free(&where);
	}
	put(to, "\n");
}

static void
put_members(struct buf *to)
{
	enum dialect_id of = DIALECT_NATIVE, d;
	const struct field *f;

	put(to, members_text);
	for (unsigned i = 0; (f = fields_at(i, &d)) != NULL; i++) {
		if (d != of) {
			buf_printf(to, "\n### %s\n\n| member | what |", dialect_name(d));
			put_columns(to, 2, d);
		}
		of = d;
		put_member(to, d, f);
	}
	put(to, neutral_text);
	for (unsigned m = 0; m < MEANINGS; m++) {
		struct slice all = slice_str(meaning_neutral((enum meaning)m));

		if (all.len == 0)
			continue;
		buf_printf(to, "| %s | ", meaning_text((enum meaning)m));
		while (all.len > 0) {
			struct slice one = slice_cut(&all, '|');

			buf_printf(
			    to, "`%.*s`%s", SLICE_ARGS(one), all.len > 0 ? ", " : "");
		}
		put(to, " |\n");
	}
}

/* --- conversations --- */

static void
put_parts(struct buf *to)
{
	const struct sample_part *p;

	put(to, parts_text);
	put_columns(to, 1, DIALECT_NATIVE);
	for (unsigned i = 0; (p = sample_part(i)) != NULL; i++) {
		buf_printf(to, "| %s |", p->text);
		for (unsigned d = 0; d < SPOKEN; d++) {
			enum fate fate = FATE_LEFT_OUT;

			put_error(to, sample_of_part(p, (enum dialect_id)d, &fate));
			put(to, " ");
			put_fate(to, fate, S("carried"));
			put(to, " |");
		}
		put(to, "\n");
	}
}

static void
put_ids(struct buf *to)
{
	static const char *const ids[] = {"call_abc123", "functions.f:0",
	    "call_01234567890123456789012345678901234567890123456789012345678901"};

	put(to, ids_text);
	put_columns(to, 1, DIALECT_NATIVE);
	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		buf_printf(to, "| `%s` |", ids[i]);
		for (unsigned d = 0; d < SPOKEN; d++) {
			enum fate fate = FATE_LEFT_OUT;

			put_error(to, sample_id(ids[i], (enum dialect_id)d, &fate));
			put(to, fate == FATE_CARRIED ? " kept |" : " another |");
		}
		put(to, "\n");
	}
}

static void
put_left_out(struct buf *to)
{
	static const struct {
		enum dialect_id dialect;
		const char *path, *why;
	} rows[] = {
#define LEFT_OUT(dialect, path, why) {DIALECT_##dialect, path, why},
#include "dialect/left_out.def"
	};

	put(to, left_out_text);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		buf_printf(to, "| %s | `%s` | %s |\n", dialect_name(rows[i].dialect),
		    rows[i].path, rows[i].why);
}

/* --- schemas --- */

static const unsigned targets[] = {SCHEMA_FOR_GEMINI, SCHEMA_FOR_GEMINI_OPENAPI,
    SCHEMA_FOR_ANTHROPIC, SCHEMA_FOR_STRICT, SCHEMA_FOR_COHERE};

#define TARGETS (sizeof(targets) / sizeof(targets[0]))

static void
put_schemas(struct buf *to)
{
	static const struct {
		const char *word;
		unsigned lists;
	} words[] = {
#define WORD(word, use, lists) {word, lists},
#include "dialect/schema.def"
	};

	put(to, schemas_text);
	for (unsigned i = 0; i < SCHEMA_RULES; i++) {
		buf_printf(to, "| `%s` | ", schema_rule_name(i));
		document_cell(to, schema_rule_text(i));
		put(to, " |");
		for (unsigned t = 0; t < TARGETS; t++)
			put(to, (targets[t] >> i & 1) != 0 ? " yes |" : " |");
		put(to, "\n");
	}
	put(to, words_text);
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		buf_printf(to, "| `%s` |", words[i].word);
		for (unsigned t = 0; t < TARGETS; t++)
			put(to, (targets[t] & words[i].lists) != 0 ? " yes |" : " |");
		put(to, "\n");
	}
}

void
document_dialects(struct buf *to)
{
	put(to, intro);
	for (unsigned d = 0; d < SPOKEN; d++)
		buf_printf(to, "%s%s `%s`", d == 0 ? "" : ",\n",
		    dialect_name((enum dialect_id)d), sample_model((enum dialect_id)d));
	put(to, ".\n");
	put_members(to);
	put_parts(to);
	put_left_out(to);
	put_schemas(to);
	put_ids(to);
	put(to, reasoning_text);
}
