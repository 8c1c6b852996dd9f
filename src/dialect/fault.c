#include "dialect/fault.h"

/*
 * The shapes in which hosts word an error: {error:{message,...}}, {error:"..."},
 * {message,...}, {detail:"..."}, {detail:[{msg}]}, {detail:{error}}, and any of them
 * in an array.
 */
static void
read_words(const struct json *j, struct fault *f)
{
	uint32_t root = json_is(j, 0, JSON_ARRAY) ? json_at(j, 0, 0) : 0;
	uint32_t error = json_get(j, root, S("error"));
	uint32_t detail = json_get(j, root, S("detail"));
	uint32_t from = json_is(j, error, JSON_OBJECT) ? error : root;

	f->message = json_inner(j, json_get(j, from, S("message")));
	if (f->message.ptr == NULL)
		f->message = json_inner(j, error);
	if (f->message.ptr == NULL)
		f->message = json_inner(j, detail);
	if (f->message.ptr == NULL)
		f->message = json_inner(j, json_get(j, json_at(j, detail, 0), S("msg")));
	if (f->message.ptr == NULL)
		f->message = json_inner(j, json_get(j, detail, S("error")));
	f->type = json_inner(j, json_get(j, from, S("type")));
	f->code = json_inner(j, json_get(j, from, S("code")));
	f->param = json_inner(j, json_get(j, from, S("param")));
	if (f->code.ptr == NULL && json_is(j, json_get(j, from, S("code")), JSON_NUMBER))
		f->code = json_raw(j, json_get(j, from, S("code")));
}

/* Is one of the words in the text, in any case? */
static bool
has_word(struct slice text, const char *const *words)
{
	for (; *words != NULL; words++)
		for (size_t at = 0; at < text.len; at++)
			if (slice_istarts(slice_from(text, at), slice_str(*words)))
				return true;
	return false;
}

/*
 * Its code or its type has one of the words. They are the host's own; a message may
 * repeat what the caller wrote, who must not have a key benched by it.
 */
static bool
is_named(const struct fault *f, const char *const *words)
{
	return has_word(f->code, words) || has_word(f->type, words);
}

static bool
tells_of(const struct fault *f, const char *const *words)
{
	return is_named(f, words) || has_word(f->message, words);
}

/* Words by which hosts say that the prompt is too long (recorded, or their docs). */
static const char *const too_long[] = {"context_length", "context length",
    "exceed_context_size", "prompt is too long", "context window", "too many tokens",
    "maximum context", "reduce the length", "input is too long", "max_model_len", NULL};
static const char *const too_long_codes[] = {"1261", NULL};

/* By which they say that the account is out of money. That of a rate limit may advise
 * to pay, and Google's to look at the quota and the billing details. */
static const char *const no_money_codes[] = {"insufficient_quota", "credit_balance",
    "billing_", "insufficient_balance", "1113", NULL};
static const char *const no_money[] = {"insufficient balance", "insufficient credit",
    "credit balance", "out of credits", "depleted", NULL};

static const char *const too_many[] = {"rate_limit", NULL};

/* By which they say that the key is wrong, though the status is 400. */
static const char *const bad_key[] = {"API_KEY_INVALID", "invalid_api_key", NULL};
#define BAD_KEY_BEGINS S("API key not valid")

/* Words of a refusal for what is said, which another host would refuse as well. */
static const char *const bad_content[] = {
    "content_policy", "content_filter", "moderation", "flagged", NULL};

static enum err
caller_kind(unsigned status, const struct fault *f)
{
	if (is_named(f, bad_key) || slice_istarts(f->message, BAD_KEY_BEGINS))
		return ERR_UP_CREDENTIAL;
	if (is_named(f, no_money_codes))
		return ERR_UP_QUOTA;
	if (is_named(f, too_many))
		return ERR_RATE_LIMITED;
	return status == 413 || tells_of(f, too_long) || is_named(f, too_long_codes)
		   ? ERR_CONTEXT_LENGTH
		   : ERR_UP_CALLER;
}

enum err
fault_kind(unsigned status, const struct fault *f)
{
	switch (status) {
	case 400:
	case 413:
	case 422: return caller_kind(status, f);
	case 401: return ERR_UP_CREDENTIAL;
	case 402: return ERR_UP_QUOTA;
	case 403: return tells_of(f, bad_content) ? ERR_UP_CALLER : ERR_UP_CREDENTIAL;
	case 404:
	case 410: return ERR_UP_MISSING;
	case 408: return ERR_UP_TIMEOUT;
	case 425: return ERR_UP_5XX;
	case 429:
	case 498:
		return is_named(f, no_money_codes) ||
			       (!is_named(f, too_many) && has_word(f->message, no_money))
			   ? ERR_UP_QUOTA
			   : ERR_RATE_LIMITED;
	case 504: return ERR_UP_TIMEOUT;
	default: return status >= 400 && status < 499 ? ERR_UP_CALLER : ERR_UP_5XX;
	}
}

enum err
fault_read(unsigned status, const struct json *j, struct fault *ret_fault)
{
	struct fault f = {0};
	uint64_t inner;

	if (j->count > 0)
		read_words(j, &f);
	/* An error in a reply of status 200 may have its status as its code. */
	if (status < 400)
		status = slice_u64(f.code, &inner) && inner >= 400 && inner < 600
			     ? (unsigned)inner
			 : tells_of(&f, bad_content) ? 400
						     : 500;
	*ret_fault = f;
	return fault_kind(status, &f);
}
