/*
 * Any bytes as a request, an answer and a stream of OpenAI's Responses.
 */
#include "dialect.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);

	(void)fuzz_prompt(&dialect_responses, text, NULL);
	fuzz_answer(&dialect_responses, text);
	fuzz_streams(&dialect_responses, &dialect_responses, text);
	fuzz_streams(&dialect_responses, &dialect_openai, text);
	fuzz_streams(&dialect_openai, &dialect_responses, text);
	return 0;
}
