/* Scripts for hosts: what real providers do, and what they should not. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Scripts live until world_free(). */
static struct arena memory;
static bool ready;

void scripts_clear(void);

void
scripts_clear(void)
{
	if (ready)
		arena_free(&memory);
	ready = false;
}

static struct script *
new_script(void)
{
	struct script *s;

	if (!ready)
		arena_init(&memory, NULL, 0, 64u << 20);
	ready = true;
	s = arena_zalloc(&memory, sizeof(*s));
	assert_non_null(s);
	s->connect_ms = 1;
	return s;
}

static void
act(struct script *s, uint64_t after_ms, struct slice bytes)
{
	assert_true(s->count < WORLD_ACTS_MAX);
	s->act[s->count].after_ms = after_ms;
	s->act[s->count].what = ACT_SEND;
	s->act[s->count++].bytes = bytes;
}

static void
end(struct script *s, uint64_t after_ms, int what)
{
	act(s, after_ms, S(""));
	s->act[s->count - 1].what = what;
}

const struct script *
silent(void)
{
	return new_script();
}

const struct script *
refused(void)
{
	struct script *s = new_script();

	s->refuses = true;
	return s;
}

const struct script *
no_such_host(void)
{
	struct script *s = new_script();

	s->unknown = true;
	return s;
}

static struct slice
http(unsigned status, const char *field, struct slice body)
{
	return arena_printf(&memory,
	    "HTTP/1.1 %u Any\r\nContent-Type: application/json\r\n%s%sContent-Length: "
	    "%zu\r\n\r\n%.*s",
	    status, field == NULL ? "" : field, field == NULL ? "" : "\r\n", body.len,
	    SLICE_ARGS(body));
}

static struct slice
usage_json(struct tokens u)
{
	return arena_printf(&memory,
	    "{\"prompt_tokens\":%u,\"completion_tokens\":%u,\"total_tokens\":%u,"
	    "\"prompt_tokens_details\":{\"cached_tokens\":%u}}",
	    u.fresh + u.cached, u.out, u.fresh + u.cached + u.out, u.cached);
}

const struct script *
answer(const char *text, struct tokens usage)
{
	struct script *s = new_script();
	struct slice body = arena_printf(&memory,
	    "{\"id\":\"c1\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":[{"
	    "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},"
	    "\"finish_reason\":\"stop\"}],\"usage\":%.*s}",
	    text, SLICE_ARGS(usage_json(usage)));

	act(s, 1, http(200, NULL, body));
	return s;
}

const struct script *
fault(unsigned status, const char *field, const char *message)
{
	struct script *s = new_script();

	act(s, 1,
	    http(status, field,
		arena_printf(&memory, "{\"error\":{\"message\":\"%s\"}}", message)));
	return s;
}

const struct script *
raw(uint64_t after_ms, const char *bytes)
{
	struct script *s = new_script();

	if (bytes[0] != '\0')
		act(s, after_ms, slice_str(bytes));
	end(s, bytes[0] != '\0' ? 0 : after_ms, ACT_CLOSE);
	return s;
}

const struct script *
pieces(struct slice bytes, size_t split, bool byte_by_byte, bool close)
{
	struct script *s = new_script();

	s->byte_by_byte = byte_by_byte;
	act(s, 1, slice_head(bytes, split > 0 ? split : bytes.len));
	if (split > 0 && split < bytes.len)
		act(s, 1, slice_from(bytes, split));
	if (close)
		end(s, 1, ACT_CLOSE);
	return s;
}

static struct slice
chunked(struct slice data)
{
	return arena_printf(&memory, "%zx\r\n%.*s\r\n", data.len, SLICE_ARGS(data));
}

/* The head and an event for each of the first n letters. */
static struct script *
letters(const char *text, unsigned n, uint64_t gap_ms)
{
	struct script *s = new_script();

	act(s, 1,
	    S("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	      "Transfer-Encoding: chunked\r\n\r\n"));
	act(s, 0,
	    chunked(
		S("data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
		  "\"content\":\"\"},\"finish_reason\":null}]}\n\n")));
	for (unsigned i = 0; i < n && text[i] != '\0'; i++)
		act(s, gap_ms,
		    chunked(arena_printf(&memory,
			"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%c\"},"
			"\"finish_reason\":null}]}\n\n",
			text[i])));
	return s;
}

const struct script *
stream_of(const char *text, struct tokens usage, uint64_t gap_ms)
{
	struct script *s = letters(text, 1000, gap_ms);

	act(s, gap_ms,
	    chunked(S("data: {\"choices\":[{\"index\":0,\"delta\":{},"
		      "\"finish_reason\":\"stop\"}]}\n\n")));
	act(s, 0,
	    chunked(arena_printf(&memory, "data: {\"choices\":[],\"usage\":%.*s}\n\n",
		SLICE_ARGS(usage_json(usage)))));
	act(s, 0, chunked(S("data: [DONE]\n\n")));
	act(s, 0, S("0\r\n\r\n"));
	return s;
}

const struct script *
cut_stream(const char *text, unsigned n)
{
	struct script *s = letters(text, n, 1);

	end(s, 1, ACT_RESET);
	return s;
}

const struct script *
stalled_stream(const char *text, unsigned n)
{
	return letters(text, n, 1);
}

const struct script *
after(uint64_t ms, const struct script *s)
{
	struct script *later = new_script();

	*later = *s;
	later->act[0].after_ms += ms;
	return later;
}
