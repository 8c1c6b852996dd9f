/*
 * Any bytes as a request, an answer and a stream of Bedrock's Converse. As checksums
 * would hide nearly all of them, they are also the events of frames with good ones: a
 * line each, "name data"; a name that begins with "!" is an exception's.
 */
#include "dialect.h"

static void
frame_lines(struct slice lines, struct buf *to)
{
	while (lines.len > 0) {
		struct slice data = slice_cut(&lines, '\n');
		struct slice name = slice_cut(&data, ' ');
		bool exception = slice_starts(name, S("!"));
		size_t begun = eventstream_begin(
		    to, exception, slice_head(slice_from(name, exception), 255));

		buf_add(to, data);
		eventstream_end(to, begun);
	}
	HOLDS(to->err == ERR_OK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct buf framed;

	buf_init(&framed, FUZZ_MAX);
	(void)fuzz_prompt(&dialect_bedrock, text, NULL);
	fuzz_answer(&dialect_bedrock, text);
	fuzz_streams(&dialect_openai, &dialect_bedrock, text);
	frame_lines(text, &framed);
	fuzz_streams(&dialect_bedrock, &dialect_bedrock, buf_slice(&framed));
	fuzz_streams(&dialect_bedrock, &dialect_anthropic, buf_slice(&framed));
	buf_free(&framed);
	return 0;
}
