#include "chat/usage.h"

static const struct {
	const char *name, *key;
	enum usage_class instead;
} classes[] = {
#define USAGE(class, name, key, instead) [USAGE_##class] = {name, key, USAGE_##instead},
#include "chat/usage.def"
};

const char *
usage_name(enum usage_class c)
{
	return classes[c].name;
}

const char *
usage_key(enum usage_class c)
{
	return classes[c].key;
}

enum usage_class
usage_instead(enum usage_class c)
{
	return classes[c].instead;
}

bool
usage_is_tokens(enum usage_class c)
{
	return c < USAGE_REQUESTS;
}

bool
usage_is_input(enum usage_class c)
{
	switch (c) {
	case USAGE_INPUT:
	case USAGE_CACHED:
	case USAGE_CACHE_WRITE:
	case USAGE_CACHE_WRITE_1H:
	case USAGE_AUDIO_IN:
	case USAGE_IMAGE_IN: return true;
	default: return false;
	}
}

void
usage_update(struct usage *u, const struct usage *later)
{
	const struct usage before = *u;

	*u = *later;
	if (!before.known || usage_input_tok(later) > usage_input_tok(&before))
		return;
	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		if (usage_is_input((enum usage_class)c))
			u->count[c] = before.count[c];
}

uint64_t
usage_input_tok(const struct usage *u)
{
	uint64_t sum = 0;

	for (unsigned c = 0; c < USAGE_CLASSES; c++)
		if (usage_is_input((enum usage_class)c))
			sum += u->count[c];
	return sum;
}

uint64_t
usage_output_tok(const struct usage *u)
{
	return u->count[USAGE_OUTPUT] + u->count[USAGE_REASONING] +
	       u->count[USAGE_AUDIO_OUT] + u->count[USAGE_IMAGE_OUT];
}
