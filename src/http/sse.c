#include "http/sse.h"

#include <assert.h>

void
sse_init(struct sse *s, size_t max)
{
	buf_init(&s->partial, max);
	buf_init(&s->joined, max);
	s->line = s->scanned = 0;
	s->given = false;
}

void
sse_done(struct sse *s)
{
	buf_free(&s->partial);
	buf_free(&s->joined);
}

bool
sse_has_partial(const struct sse *s)
{
	return s->partial.len > 0 && !s->given;
}

/*
 * The first CR or LF at or behind `at`; s.len when there is none. Long lines want
 * memchr, but lines that end with CR only must not be searched for a LF as far as
 * the input goes, each anew: so it looks in steps that grow.
 */
static size_t
line_end(struct slice s, size_t at)
{
	for (size_t step = 512; at < s.len; step *= 2) {
		size_t n = step < s.len - at ? step : s.len - at;
		const char *lf = memchr(s.ptr + at, '\n', n);
		const char *cr =
		    memchr(s.ptr + at, '\r', lf == NULL ? n : (size_t)(lf - s.ptr) - at);

		if (cr != NULL)
			return (size_t)(cr - s.ptr);
		if (lf != NULL)
			return (size_t)(lf - s.ptr);
		at += n;
	}
	return s.len;
}

/*
 * The length of the first event in s: up to and with the empty line. 0 when it
 * is not complete; *line and *scanned are then where a line begins and what of it
 * was looked at, to go on from there when more has come. A CR at the very end may
 * be half of a CR LF: then more is needed. But where lines end with a bare CR, an
 * empty one does so too, and an event need not wait for the next one's first byte;
 * a LF that comes then is an event without data. *ret_line_len: the length of the
 * first line, if this call saw it.
 */
static size_t
event_length(struct slice s, size_t *line, size_t *scanned, size_t *ret_line_len)
{
	size_t from = *line, at = *scanned;

	assert(s.ptr != NULL);
	*ret_line_len = 0;
	for (;;) {
		at = line_end(s, at);
		if (from == 0)
			*ret_line_len = at;
		*line = from;
		*scanned = at;
		if (at == s.len)
			return 0;
		if (s.ptr[at] == '\r' && at == from && from > 0 &&
		    s.ptr[from - 1] == '\r')
			return at + 1;
		if (s.ptr[at] == '\r' && at + 1 == s.len)
			return 0;
		at += s.ptr[at] == '\r' && s.ptr[at + 1] == '\n' ? 2 : 1;
		if (at - from <= 2 && (s.ptr[from] == '\r' || s.ptr[from] == '\n'))
			return at;
		from = at;
	}
}

/* Cuts a line off s, without its end. */
static struct slice
cut_line(struct slice *s)
{
	size_t n = line_end(*s, 0);
	struct slice line = slice_head(*s, n);

	if (n + 1 < s->len && s->ptr[n] == '\r' && s->ptr[n + 1] == '\n')
		n++;
	*s = slice_from(*s, n + 1);
	return line;
}

/* The value of a line "field: value"; one blank behind the colon is not part. */
static bool
field_value(struct slice line, struct slice field, struct slice *ret_value)
{
	if (!slice_starts(line, field))
		return false;
	*ret_value = slice_from(line, field.len);
	if (ret_value->len == 0)
		return true;
	if (ret_value->ptr[0] != ':')
		return false;
	*ret_value = slice_from(*ret_value, 1);
	if (ret_value->len > 0 && ret_value->ptr[0] == ' ')
		*ret_value = slice_from(*ret_value, 1);
	return true;
}

enum err
sse_read(struct slice raw, struct buf *joined, struct sse_event *ret_event)
{
	struct slice rest = raw, value;
	unsigned lines = 0;

	*ret_event = (struct sse_event){.raw = raw};
	if (slice_starts(rest, S("\xef\xbb\xbf")))
		rest = slice_from(rest, 3);
	buf_clear(joined);
	while (rest.len > 0) {
		struct slice line = cut_line(&rest);

		if (field_value(line, S("event"), &value))
			ret_event->name = value;
		if (!field_value(line, S("data"), &value))
			continue;
		if (lines++ == 0) {
			ret_event->data = value;
			continue;
		}
		if (lines == 2)
			buf_add(joined, ret_event->data);
		buf_byte(joined, '\n');
		buf_add(joined, value);
		ret_event->data = buf_slice(joined);
	}
	return joined->err;
}

/* What most events are: one line of data, and the empty one. */
static bool
is_plain(struct slice raw, size_t line_len, struct sse_event *ret_event)
{
	struct slice value;

	if (line_len + 2 != raw.len || raw.ptr[line_len] != '\n' ||
	    !field_value(slice_head(raw, line_len), S("data"), &value))
		return false;
	*ret_event = (struct sse_event){.raw = raw, .data = value};
	return true;
}

bool
sse_next(struct sse *s, struct slice *in, struct sse_event *ret_event, enum err *ret_err)
{
	struct slice all;
	size_t had, length, line_len;

	*ret_err = ERR_OK;
	if (s->given) {
		buf_free(&s->partial); /* rare, and streams are many */
		s->given = false;
		s->line = s->scanned = 0;
	}
	if (in->len == 0)
		return false;
	had = s->partial.len;
	all = slice_head(*in, s->partial.max - had);
	if (had > 0) {
		buf_add(&s->partial, all);
		if (s->partial.err != ERR_OK) {
			*ret_err = s->partial.err;
			return false;
		}
		all = buf_slice(&s->partial);
	} else {
		s->line = s->scanned = 0;
	}
	length = event_length(all, &s->line, &s->scanned, &line_len);
	if (length == 0 && in->len > s->partial.max - had) {
		*ret_err = ERR_FULL;
		return false;
	}
	if (length == 0) {
		if (had == 0)
			buf_add(&s->partial, all);
		*ret_err = s->partial.err;
		*in = slice_from(*in, in->len);
		return false;
	}
	*in = slice_from(*in, length - had);
	s->given = had > 0;
	all = slice_head(all, length);
	if (is_plain(all, line_len, ret_event))
		return true;
	*ret_err = sse_read(all, &s->joined, ret_event);
	return *ret_err == ERR_OK;
}

bool
sse_rest(struct sse *s, struct sse_event *ret_event)
{
	if (!sse_has_partial(s))
		return false;
	s->given = true;
	return sse_read(buf_slice(&s->partial), &s->joined, ret_event) == ERR_OK;
}
