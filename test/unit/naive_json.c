#include "naive_json.h"

#include <ctype.h>
#include <stdio.h>

struct text {
	const unsigned char *at, *end;
	unsigned keep;
	size_t values;
};

static bool value(struct text *t, unsigned depth);

/* The next byte, or -1. */
static int
peek(const struct text *t)
{
	return t->at < t->end ? *t->at : -1;
}

static bool
eat(struct text *t, const char *word)
{
	const unsigned char *from = t->at;

	for (; *word != '\0'; word++, t->at++) {
		if (peek(t) != (unsigned char)*word) {
			t->at = from;
			return false;
		}
	}
	return true;
}

static void
blanks(struct text *t)
{
	while (peek(t) == ' ' || peek(t) == '\t' || peek(t) == '\n' || peek(t) == '\r')
		t->at++;
}

static bool
digits(struct text *t)
{
	const unsigned char *from = t->at;

	while (peek(t) >= '0' && peek(t) <= '9')
		t->at++;
	return t->at > from;
}

static bool
number(struct text *t)
{
	(void)eat(t, "-");
	if (!eat(t, "0") && !digits(t))
		return false;
	if (eat(t, ".") && !digits(t))
		return false;
	if (eat(t, "e") || eat(t, "E")) {
		if (!eat(t, "+"))
			(void)eat(t, "-");
		return digits(t);
	}
	return true;
}

/* A character of several bytes: its code point must not fit in fewer. */
static bool
wide_character(struct text *t)
{
	unsigned first = *t->at++, more, code, least;

	if (first >= 0xf0 && first < 0xf8) {
		more = 3;
		least = 0x10000;
		code = first & 7;
	} else if (first >= 0xe0) {
		more = 2;
		least = 0x800;
		code = first & 15;
	} else {
		more = 1;
		least = 0x80;
		code = first & 31;
	}
	if (first < 0xc0 || first >= 0xf8)
		return false;
	for (; more > 0; more--, t->at++) {
		if (peek(t) < 0x80 || peek(t) > 0xbf)
			return false;
		code = code << 6 | (*t->at & 63);
	}
	return code >= least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static bool
character(struct text *t)
{
	if (eat(t, "\\u")) {
		for (unsigned i = 0; i < 4; i++, t->at++)
			if (peek(t) < 0 || !isxdigit(peek(t)))
				return false;
		return true;
	}
	if (eat(t, "\\")) {
		if (peek(t) < 0 || memchr("\"\\/bfnrt", peek(t), 8) == NULL)
			return false;
		t->at++;
		return true;
	}
	if (peek(t) < 0x20)
		return false;
	if (peek(t) >= 0x80)
		return wide_character(t);
	t->at++;
	return true;
}

static bool
string(struct text *t)
{
	if (!eat(t, "\""))
		return false;
	while (!eat(t, "\""))
		if (!character(t))
			return false;
	return true;
}

static bool
element(struct text *t, unsigned depth, bool object)
{
	blanks(t);
	if (object) {
		t->values += depth <= t->keep;
		if (!string(t))
			return false;
		blanks(t);
		if (!eat(t, ":"))
			return false;
		blanks(t);
	}
	if (!value(t, depth))
		return false;
	blanks(t);
	return true;
}

static bool
container(struct text *t, unsigned depth, bool object)
{
	const char *close = object ? "}" : "]";

	blanks(t);
	if (eat(t, close))
		return true;
	do {
		if (!element(t, depth + 1, object))
			return false;
	} while (eat(t, ","));
	return eat(t, close);
}

static bool
value(struct text *t, unsigned depth)
{
	t->values += depth <= t->keep;
	if (eat(t, "{"))
		return container(t, depth, true);
	if (eat(t, "["))
		return container(t, depth, false);
	if (peek(t) == '"')
		return string(t);
	return eat(t, "true") || eat(t, "false") || eat(t, "null") || number(t);
}

bool
naive_json(struct slice text, unsigned keep, size_t *ret_values)
{
	struct text t = {.keep = keep};

	t.at = (const unsigned char *)text.ptr;
	t.end = t.at + text.len;
	blanks(&t);
	if (!value(&t, 0))
		return false;
	blanks(&t);
	if (t.at != t.end)
		return false;
	*ret_values = t.values;
	return true;
}

/* --- making --- */

struct out {
	struct random *random;
	char *to;
	size_t len, cap;
};

static void
put(struct out *o, const char *text)
{
	int n = snprintf(o->to + (o->len < o->cap ? o->len : o->cap),
	    o->len < o->cap ? o->cap - o->len : 0, "%s", text);

	o->len += (size_t)n;
}

static const char *
pick(struct out *o, const char *const *from, size_t count)
{
	return from[random_below(o->random, count)];
}

#define PICK(o, ...)                                                                     \
	pick((o), (const char *const[]){__VA_ARGS__},                                    \
	    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void
make_string(struct out *o)
{
	put(o, "\"");
	for (uint64_t n = random_below(o->random, 8); n > 0; n--)
		put(o,
		    PICK(o, "a", "Z", " ", "0123456789", "key", "\\n", "\\\"", "\\\\",
			"\\/", "\\u0041", "\\uD83D\\uDE00", "\\ud800", "\xc3\xbc",
			"\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x7f", "{", "]", ",", ":"));
	put(o, "\"");
}

static void
make_blanks(struct out *o)
{
	put(o, PICK(o, "", "", "", " ", "\n", "\t", "\r\n", "  "));
}

static void
make_value(struct out *o, unsigned depth)
{
	uint64_t kind = random_below(o->random, depth > 6 ? 6 : 10);
	bool object = kind % 2 == 0;

	if (kind < 4) {
		put(o, PICK(o, "0", "-1", "12", "1.5", "-0.25e-3", "1E+9",
			   "12345678901234", "true", "false", "null"));
		return;
	}
	if (kind < 6) {
		make_string(o);
		return;
	}
	put(o, object ? "{" : "[");
	make_blanks(o);
	for (uint64_t n = random_below(o->random, 5); n > 0; n--) {
		if (object) {
			make_string(o);
			make_blanks(o);
			put(o, ":");
			make_blanks(o);
		}
		make_value(o, depth + 1);
		make_blanks(o);
		put(o, n > 1 ? "," : "");
		make_blanks(o);
	}
	put(o, object ? "}" : "]");
}

size_t
naive_json_make(struct random *r, char *to, size_t cap)
{
	struct out o = {r, to, 0, cap};

	make_blanks(&o);
	make_value(&o, 0);
	make_blanks(&o);
	return o.len < cap ? o.len : 0;
}

size_t
naive_json_break(struct random *r, char *text, size_t len, size_t cap)
{
	static const char bytes[] = "\"\\,:{}[]0-.eEtn \n\x01\x80\xc3\xed\xff/u";

	for (uint64_t n = 1 + random_below(r, 2); n > 0 && len > 0; n--) {
		size_t at = random_below(r, len), other = random_below(r, len);
		char c = text[at];

		switch (random_below(r, 5)) {
		case 0: text[at] = bytes[random_below(r, sizeof(bytes) - 1)]; break;
		case 1: memmove(text + at, text + at + 1, --len - at); break;
		case 2:
			if (len == cap)
				break;
			memmove(text + at + 1, text + at, len++ - at);
			break;
		case 3:
			text[at] = text[other];
			text[other] = c;
			break;
		default: len = at; /* cut */
		}
	}
	return len;
}
