/*
 * Any bytes as a request, an answer and a stream of Anthropic's Messages.
 */
#include "dialect.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);

	(void)fuzz_prompt(&dialect_anthropic, text, NULL);
	fuzz_answer(&dialect_anthropic, text);
	fuzz_streams(&dialect_anthropic, &dialect_anthropic, text);
	fuzz_streams(&dialect_anthropic, &dialect_gemini, text);
	fuzz_streams(&dialect_openai, &dialect_anthropic, text);
	return 0;
}
