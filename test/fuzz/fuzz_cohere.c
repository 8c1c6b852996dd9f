/*
 * Any bytes as a request, an answer and a stream of Cohere's v2.
 */
#include "dialect.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);

	(void)fuzz_prompt(&dialect_cohere, text, NULL);
	fuzz_answer(&dialect_cohere, text);
	fuzz_streams(&dialect_cohere, &dialect_cohere, text);
	fuzz_streams(&dialect_cohere, &dialect_anthropic, text);
	fuzz_streams(&dialect_openai, &dialect_cohere, text);
	return 0;
}
