/*
 * prompt: a chat request in the form that every dialect can be read into and
 * written from.
 *
 * A prompt is turns of typed parts, tools, and what else was asked (meanings.def).
 * It lives in the request's arena and borrows the request's bytes: a text is the
 * inside of a JSON string, escapes and all ("raw"), since all dialects are JSON and
 * take it as it is; a number keeps its spelling. Two things are not raw: the
 * arguments of a call, which are JSON text of their own (some dialects have them as
 * an object, some as a string that holds one), and ids and names that a rule had to
 * change.
 *
 * Whoever reads puts what it does not know under `unknown`, by its path; written in
 * the same dialect that stays, in another it is a loss (loss.h). Turns and parts
 * stay in the caller's order and grouping; whoever writes a dialect with stricter
 * rules (one message a turn, results before text) groups them anew by
 * prompt_group(). Nothing here depends on a dialect; one thread.
 */
#ifndef CHAT_PROMPT_H
#define CHAT_PROMPT_H

#include "core/arena.h"
#include "core/slice.h"

#include <stdint.h>

enum meaning {
#define MEANING(id, neutral, text) MEANING_##id,
#include "chat/meanings.def"
	MEANINGS
};

/* Static text. */
const char *meaning_name(enum meaning m);
const char *meaning_text(enum meaning m);

/* Does this value (JSON as it stands) say only what is so anyway? */
bool meaning_is_neutral(enum meaning m, struct slice value);

enum part_kind {
	PART_TEXT,
	PART_IMAGE,
	PART_AUDIO,
	PART_FILE, /* a document */
	PART_VIDEO,
	PART_CALL,	/* of a tool */
	PART_RESULT,	/* of a call; has parts of its own */
	PART_REASONING, /* thinking; with a signature, or only the encrypted form */
	PART_REFUSAL,
	PART_OTHER /* of one dialect only: see `raw` */
};

enum cache_life { CACHE_NONE, CACHE_DEFAULT, CACHE_5M, CACHE_1H };

/* Where the bytes of an image, a sound, a file are. */
enum media_source { MEDIA_DATA, MEDIA_URL, MEDIA_ID };

struct part {
	enum part_kind kind;
	enum cache_life cache; /* a cache breakpoint stands behind it */
	struct slice text;     /* TEXT, REASONING (ptr NULL: not shown), REFUSAL */
	union {
		struct {
			enum media_source source;
			struct slice data; /* base64, URL or id; raw */
			struct slice type; /* "image/png"; empty: not told */
			struct slice name; /* of a file; raw */
			struct slice detail;
		} media;
		struct {
			struct slice id, name;	/* raw */
			struct slice arguments; /* JSON text; empty: none */
			struct slice signature; /* that belongs to the call (Gemini) */
		} call;
		struct {
			struct slice id;    /* of the call */
			struct slice name;  /* of the tool, where it is told */
			struct part *parts; /* text, images, documents */
			bool failed;
			bool is_text; /* written as one text, not as parts */
		} result;
		struct {
			struct slice signature; /* raw; of the text */
			struct slice sealed;	/* redacted or encrypted form; raw */
			struct slice id;
			bool summary; /* the text is a summary */
		} reasoning;
	};
	struct slice raw; /* the JSON that it was read from */
	bool whole;	  /* everything in it is understood */
	uint16_t index;	  /* in the caller's list */
	struct part *next;
};

enum role { ROLE_SYSTEM, ROLE_DEVELOPER, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL };

struct turn {
	enum role role;
	struct part *parts;
	struct slice name;
	bool is_text; /* its content was one text, not a list of parts */
	bool ahead;   /* stood apart from the conversation, before it (SYSTEM) */
	const char *parts_name; /* of its parts' list, for paths; NULL: the prompt's */
	struct slice raw;
	bool whole;
	uint16_t index;
	struct turn *next;
};

struct tool {
	struct slice name, description; /* raw; description.ptr NULL: none */
	struct slice schema;		/* JSON; empty: takes no arguments */
	enum { STRICT_UNSAID, STRICT_NO, STRICT_YES } strict;
	enum cache_life cache;
	bool is_function; /* else the provider's own: only `raw` and `name` */
	struct slice raw;
	bool whole;
	uint16_t index;
	struct tool *next;
};

enum choice_mode {
	CHOICE_UNSAID,
	CHOICE_AUTO,
	CHOICE_NONE,
	CHOICE_REQUIRED,
	CHOICE_NAMED /* of those in `names`, one if `required` */
};

struct tool_choice {
	enum choice_mode mode;
	bool required; /* of NAMED: a call must be made */
	unsigned count;
	struct slice names[16];
};

enum format_kind { FORMAT_UNSAID, FORMAT_TEXT, FORMAT_JSON, FORMAT_SCHEMA };

struct format {
	enum format_kind kind;
	struct slice name, description, schema; /* raw; JSON */
	enum { FORMAT_STRICT_UNSAID, FORMAT_STRICT_NO, FORMAT_STRICT_YES } strict;
};

/* From none to all; the names are those of OpenAI. */
enum effort {
	EFFORT_UNSAID,
	EFFORT_NONE,
	EFFORT_MINIMAL,
	EFFORT_LOW,
	EFFORT_MEDIUM,
	EFFORT_HIGH,
	EFFORT_XHIGH,
	EFFORT_MAX
};

struct reasoning {
	enum effort effort;
	bool has_budget, adaptive; /* adaptive: the model decides */
	int64_t budget_tok;	   /* -1: the model decides; 0: none */
	enum { SHOW_UNSAID, SHOW_NO, SHOW_YES } show;
	struct slice summary; /* "auto", "concise", "detailed": raw; empty: unsaid */
};

/* A member of the request, in the caller's order. */
struct member {
	struct slice key;   /* raw; "generationConfig.topP" for one inside another */
	struct slice value; /* JSON */
	enum meaning meaning;
	bool inside; /* it stands inside another one, whose meaning is OUTER */
	struct member *next;
};

/* Something further inside that its reader does not know. */
struct unknown {
	struct slice path;  /* "thinking.display", "messages[2].content[0].foo" */
	struct slice value; /* JSON */
	bool kept;	    /* it stands for what its provider keeps */
	struct unknown *next;
};

struct prompt {
	unsigned origin; /* enum dialect_id of its reader */
	struct slice model;
	struct turn *turns;
	struct turn
	    *aside; /* what stood between the turns and only the dialect itself
		     * can say again; index as of turns. Losses are in `unknown` */
	struct tool *tools;
	struct tool_choice choice;
	bool one_call; /* not several calls at once */
	struct format format;
	struct reasoning reasoning;
	struct slice user;     /* JSON: a string; empty: unsaid */
	enum cache_life cache; /* a breakpoint behind all there is */
	struct member
	    *members; /* all of them, also those that were read into the above */
	const struct member *by[MEANINGS]; /* the last of that meaning; NULL: none */
	struct unknown *unknown;
	/* Names of the caller's lists, for paths: "messages", "content". */
	const char *turns_name, *parts_name, *tools_name;
	bool stream;
};

/* An empty prompt. */
void prompt_init(struct prompt *p, unsigned origin);

/* New members at the end of their list; zeroed. NULL when out of memory. Linear in
 * nothing: *tail is where the next goes, and is moved. */
struct turn *prompt_add_turn(struct arena *a, struct turn ***tail, enum role role);
struct part *prompt_add_part(struct arena *a, struct part ***tail, enum part_kind kind);
struct tool *prompt_add_tool(struct arena *a, struct tool ***tail);

/* The value of the last member of that meaning; ptr NULL when there is none. */
struct slice prompt_value(const struct prompt *p, enum meaning m);

/* Whose turn: SYSTEM and DEVELOPER, USER and TOOL, ASSISTANT are one side each. */
enum side { SIDE_SYSTEM, SIDE_USER, SIDE_ASSISTANT };
enum side turn_side(const struct turn *t);

/* The last of the turns from t on that are of one side. */
const struct turn *prompt_group(const struct turn *t);

/* The name of the tool that the call of this id called; empty when there is none. */
struct slice prompt_tool_of(const struct prompt *p, struct slice call_id);

/* Is there anything of that kind in the prompt? */
bool prompt_has(const struct prompt *p, enum part_kind kind);

/* "image/png" of "data:image/png;base64,..."; false when it is no such URL. The
 * parts are slices of it. */
bool
media_split_data_url(struct slice url, struct slice *ret_type, struct slice *ret_data);

/* The names that OpenAI gives to efforts; false when there is no such. */
bool effort_parse(struct slice s, enum effort *ret_effort);
const char *effort_name(enum effort e);

#endif
