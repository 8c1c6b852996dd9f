#include "dialect/quirk.h"

static const struct {
	const char *name, *text;
} quirks[] = {
#define QUIRK(bit, what) [bit##_INDEX] = {#bit, what},
#include "dialect/quirks.def"
};

const char *
quirk_name(unsigned i)
{
	return quirks[i].name;
}

const char *
quirk_text(unsigned i)
{
	return quirks[i].text;
}

const char *
dialect_name(enum dialect_id d)
{
	static const char *const names[] = {
	    "openai", "responses", "anthropic", "gemini", "cohere", "bedrock", "native"};

	return names[d];
}
