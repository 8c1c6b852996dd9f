/*
 * tier: the service tiers that have prices of their own (tier.def).
 */
#ifndef CHAT_TIER_H
#define CHAT_TIER_H

#include "core/slice.h"

enum tier {
#define TIER(tier, name) TIER_##tier,
#include "chat/tier.def"
	TIERS /* not said, or left to the provider ("auto") */
};

/* What a request or a reply calls a tier; TIERS for another word or none. */
enum tier tier_of(struct slice word);

/* Its name in prices. Static text. */
const char *tier_name(enum tier t);

#endif
