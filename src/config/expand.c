#include "config/expand.h"

#include <stdlib.h>

#define NAME_BYTES_MAX 128

static bool
is_name_byte(char c, bool first)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

/* The NAME of a text that starts with `${`; empty when it does not go on so. */
static struct slice
name_of(struct slice s)
{
	size_t close = slice_find(s, '}');
	struct slice name = slice_from(slice_head(s, close), 2);

	if (close == s.len || name.len > NAME_BYTES_MAX)
		return S("");
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_byte(name.ptr[i], i == 0))
			return S("");
	return name;
}

static struct slice
value_of(struct slice name, struct expansion *e)
{
	char text[NAME_BYTES_MAX + 1];
	const char *value;

	memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	value = getenv(text);
	if ((value == NULL || value[0] == '\0') && e->unset.len == 0) {
		e->unset = name;
		e->is_set = value != NULL;
	}
	return slice_str(value);
}

/* Cuts the next piece off *s and returns what it stands for. */
static bool
next_piece(struct slice *s, struct expansion *e, struct slice *ret_piece)
{
	size_t at = 0;

	while (at < s->len && !slice_starts(slice_from(*s, at), S("${")) &&
	       !slice_starts(slice_from(*s, at), S("$${")))
		at++;
	if (at > 0) {
		*ret_piece = slice_head(*s, at);
	} else if (slice_starts(*s, S("$${"))) {
		*ret_piece = slice_of(s->ptr + 1, 2);
		at = 3;
	} else {
		struct slice name = name_of(*s);

		if (name.len == 0)
			return false;
		*ret_piece = value_of(name, e);
		at = name.len + 3;
	}
	*s = slice_from(*s, at);
	return true;
}

/* Once to count (to NULL), once to write. */
static bool
run(struct slice raw, struct expansion *e, char *to, size_t *ret_len)
{
	size_t len = 0;

	while (raw.len > 0) {
		struct slice piece;

		if (!next_piece(&raw, e, &piece) || piece.len > EXPAND_BYTES_MAX - len)
			return false;
		if (to != NULL && piece.len > 0)
			memcpy(to + len, piece.ptr, piece.len);
		len += piece.len;
	}
	*ret_len = len;
	return true;
}

enum err
expand(struct slice raw, struct expansion *ret)
{
	struct expansion e = {.unset = S(""), .name = S("")};
	size_t len = 0;

	if (!run(raw, &e, NULL, &len))
		return ERR_SYNTAX;
	e.text.bytes = malloc(len + 1);
	if (e.text.bytes == NULL)
		return ERR_NOMEM;
	(void)run(raw, &e, e.text.bytes, &len);
	e.text.bytes[len] = '\0';
	e.text.len = len;
	if (slice_starts(raw, S("${")) && slice_find(raw, '}') + 1 == raw.len)
		e.name = name_of(raw);
	*ret = e;
	return ERR_OK;
}

const char *
expand_fault(const struct expansion *e)
{
	return e->is_set ? "is empty" : "is not set";
}

const char *
expand_variable(const char *name)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? NULL : value;
}
