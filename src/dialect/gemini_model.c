/*
 * Gemini: what a model can do, by its name. Rules of Google's documentation of 2026-08.
 */
#include "dialect/gemini.h"
#include "json/write.h"

static bool
has(struct slice model, const char *word)
{
	return slice_search(model, slice_str(word)) < model.len;
}

unsigned
gemini_model_version(struct slice model)
{
	struct slice rest = slice_from(model, slice_search(model, S("gemini-")));
	unsigned version;

	rest = slice_from(rest, 7);
	if (rest.len == 0 || rest.ptr[0] < '0' || rest.ptr[0] > '9')
		return 0;
	version = (unsigned)(rest.ptr[0] - '0') * 10;
	if (rest.len > 2 && rest.ptr[1] == '.' && rest.ptr[2] >= '0' &&
	    rest.ptr[2] <= '9')
		version += (unsigned)(rest.ptr[2] - '0');
	return version;
}

bool
gemini_model_lacks_system(struct slice model)
{
	return has(model, "gemma");
}

/* Those before 2.5 do not think, nor do some that draw and speak. */
static bool
thinks(struct slice model, unsigned version)
{
	if (version == 0)
		return !has(model, "gemma");
	return version >= 30 || (version >= 25 && !has(model, "image") &&
				    !has(model, "tts") && !has(model, "audio"));
}

/* From 3 on: a level. It cannot be turned off; what a model lacks is the next one. */
static const char *
level_of(struct slice model, unsigned version, enum effort effort)
{
	bool pro = has(model, "pro");

	switch (effort) {
	case EFFORT_UNSAID: return NULL;
	case EFFORT_NONE:
	case EFFORT_MINIMAL: return pro ? "LOW" : "MINIMAL";
	case EFFORT_LOW: return "LOW";
	case EFFORT_MEDIUM: return pro && version == 30 ? "HIGH" : "MEDIUM";
	case EFFORT_HIGH:
	case EFFORT_XHIGH:
	case EFFORT_MAX: break;
	}
	return "HIGH";
}

/* 2.5: a budget in tokens. Those of efforts are as in Google's own OpenAI layer. */
static int64_t
budget_of(struct slice model, const struct reasoning *r)
{
	static const int64_t efforts[] = {
	    [EFFORT_UNSAID] = -1,
	    [EFFORT_NONE] = 0,
	    [EFFORT_MINIMAL] = 1024,
	    [EFFORT_LOW] = 1024,
	    [EFFORT_MEDIUM] = 8192,
	    [EFFORT_HIGH] = 24576,
	    [EFFORT_XHIGH] = 32768,
	    [EFFORT_MAX] = 32768,
	};
	bool pro = has(model, "pro"), lite = has(model, "lite");
	int64_t budget = efforts[r->effort], most = pro ? 32768 : 24576;
	int64_t least = pro ? 128 : lite ? 512 : 0;

	if (r->effort == EFFORT_UNSAID && r->has_budget)
		budget = r->budget_tok;
	if (budget < 0)
		return -1; /* the model decides */
	if (budget == 0)
		return pro ? least : 0; /* pro cannot do without */
	return budget < least ? least : budget > most ? most : budget;
}

bool
gemini_model_put_thinking(struct slice model, const struct reasoning *r, struct buf *b)
{
	unsigned version = gemini_model_version(model);
	bool asked = r->effort != EFFORT_UNSAID || r->has_budget || r->adaptive;
	bool none = r->effort == EFFORT_NONE ||
		    (r->effort == EFFORT_UNSAID && r->has_budget && r->budget_tok == 0);
	bool show = !none && (r->show == SHOW_YES || r->summary.len > 0 ||
				 (r->show == SHOW_UNSAID && asked));
	const char *level;

	if (!asked && !show && r->show == SHOW_UNSAID)
		return true;
	if (!thinks(model, version))
		return none || (!asked && !show);
	json_key(b, S("thinkingConfig"));
	json_open(b, '{');
	if (version >= 30) {
		level = level_of(model, version, writer_effort(r));
		if (level != NULL)
			json_member(b, S("thinkingLevel"), slice_str(level));
	} else if (asked) {
		json_key(b, S("thinkingBudget"));
		json_put_i64(b, budget_of(model, r));
	}
	if (show || r->show == SHOW_NO) {
		json_key(b, S("includeThoughts"));
		json_put_bool(b, show);
	}
	json_close(b, '}');
	return true;
}
