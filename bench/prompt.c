/*
 * prompt: the CPU that it takes to translate an agent's long request: 60 tools and a
 * conversation of calls and results, 200 KB in all. It is made in OpenAI's dialect and
 * carried into each of the others; from there into each is what is measured, reading of
 * the JSON included. Prints the median of many.
 */
#include "core/buf.h"
#include "dialect/dialect.h"
#include "json/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PROMPT_BYTES 200000
#define TOOLS	     60
#define ROUNDS	     101
#define ARENA_BYTES  (64u << 20)

static void
put_tool(struct buf *b, unsigned i)
{
	buf_printf(b,
	    "%s{\"type\":\"function\",\"function\":{\"name\":\"tool_%u\",\"description\":"
	    "\"Does what the tool of this number does. Use it when nothing else fits, "
	    "and "
	    "say why.\",\"parameters\":{\"type\":\"object\",\"properties\":{\"path\":"
	    "{\"type\":\"string\",\"description\":\"An absolute path.\"},\"lines\":"
	    "{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},\"mode\":{\"type\":"
	    "\"string\",\"enum\":[\"read\",\"write\"]}},\"required\":[\"path\"]}}}",
	    i == 0 ? "" : ",", i);
}

static void
put_turn(struct buf *b, unsigned i)
{
	buf_printf(b,
	    ",{\"role\":\"assistant\",\"content\":\"I look at the file first.\","
	    "\"tool_calls\":[{\"id\":\"call_%06u\",\"type\":\"function\",\"function\":"
	    "{\"name\":\"tool_%u\",\"arguments\":\"{\\\"path\\\": "
	    "\\\"/src/%u.c\\\"}\"}}]},"
	    "{\"role\":\"tool\",\"tool_call_id\":\"call_%06u\",\"content\":\"",
	    i, i % TOOLS, i, i);
	for (unsigned line = 0; line < 24; line++)
		buf_printf(b, "%4u\\tif (err != 0) return \\\"bad\\\";\\n", line);
	buf_add(b, S("\"}"));
}

static void
make_prompt(struct buf *b)
{
	buf_add(b, S("{\"model\":\"acme/large\",\"max_tokens\":4096,\"tools\":["));
	for (unsigned i = 0; i < TOOLS; i++)
		put_tool(b, i);
	buf_add(
	    b, S("],\"messages\":[{\"role\":\"system\",\"content\":\"You are an agent "
		 "that works on code.\"},{\"role\":\"user\",\"content\":\"Mend it.\"}"));
	for (unsigned i = 0; b->len < PROMPT_BYTES; i++)
		put_turn(b, i);
	buf_add(b, S("]}"));
}

static void
translate(const struct dialect *from, const struct dialect *to, struct slice text,
    struct json *tape, struct buf *out)
{
	struct write_plan plan = {.model = S("large-v1"), .provider = "host"};
	struct arena arena;
	struct losses lost = {.arena = &arena};
	struct prompt prompt;
	struct note note;
	const char *param;
	enum err e = json_parse(tape, text, from->chat->keep);

	arena_init(&arena, NULL, 0, ARENA_BYTES);
	buf_clear(out);
	if (e == ERR_OK)
		e = from->chat->read_prompt(tape, &arena, &prompt, &note, &param);
	if (e == ERR_OK)
		e = to->chat->write_prompt(&prompt, &plan, out, &lost);
	arena_free(&arena);
	if (e == ERR_OK && lost.count == 0)
		return;
	(void)fprintf(stderr, "prompt: %s to %s: %s\n", from->name, to->name,
	    e == ERR_OK ? "something is lost" : err_code(e));
	exit(1);
}

static uint64_t
cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
measure(const struct dialect *from, const struct dialect *to, struct slice text,
    struct json *tape, struct buf *out)
{
	uint64_t took[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t start = cpu_ns();

		translate(from, to, text, tape, out);
		took[i] = cpu_ns() - start;
	}
	qsort(took, ROUNDS, sizeof(took[0]), by_size);
	printf(" %11.0f", (double)took[ROUNDS / 2] / 1000);
}

int
main(void)
{
	struct buf made, text[DIALECT_NATIVE], out;
	struct json tape;

	json_init(&tape, 4u << 20);
	buf_init(&made, 1u << 20);
	buf_init(&out, 8u << 20);
	make_prompt(&made);
	printf("A prompt of %zu KB with %d tools, us of CPU:\n%-10s", made.len / 1000,
	    TOOLS, "from, to");
	for (unsigned d = 0; d < DIALECT_NATIVE; d++)
		printf(" %11s", dialect_name((enum dialect_id)d));
	printf("\n");
	for (unsigned d = 0; d < DIALECT_NATIVE; d++) {
		const struct dialect *from = dialect_find((enum dialect_id)d);

		buf_init(&text[d], 8u << 20);
		translate(&dialect_openai, from, buf_slice(&made), &tape, &out);
		buf_add(&text[d], buf_slice(&out));
		printf("%-10s", from->name);
		for (unsigned t = 0; t < DIALECT_NATIVE; t++)
			if (t == d)
				printf(" %11s", "-");
			else
				measure(from, dialect_find((enum dialect_id)t),
				    buf_slice(&text[d]), &tape, &out);
		printf("\n");
		buf_free(&text[d]);
	}
	json_free(&tape);
	buf_free(&made);
	buf_free(&out);
	return 0;
}
