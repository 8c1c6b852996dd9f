/*
 * Any bytes as a request, an answer and a stream of Gemini.
 */
#include "dialect.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);

	(void)fuzz_prompt(&dialect_gemini, text, NULL);
	fuzz_answer(&dialect_gemini, text);
	fuzz_streams(&dialect_gemini, &dialect_gemini, text);
	fuzz_streams(&dialect_gemini, &dialect_anthropic, text);
	fuzz_streams(&dialect_openai, &dialect_gemini, text);
	return 0;
}
