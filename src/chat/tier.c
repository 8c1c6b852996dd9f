#include "chat/tier.h"

enum tier
tier_of(struct slice word)
{
	static const struct {
		const char *word;
		enum tier tier;
	} words[] = {
#define TIER_WORD(tier, word) {word, TIER_##tier},
#include "chat/tier.def"
	};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_ieq(word, slice_str(words[i].word)))
			return words[i].tier;
	return TIERS;
}

const char *
tier_name(enum tier t)
{
	static const char *const names[TIERS + 1] = {
#define TIER(tier, name) name,
#include "chat/tier.def"
	    ""};

	return names[t];
}
