#include "admin/level.h"

static const struct slice words[LEVELS] = {
    {"keys", 4}, {"users", 5}, {"teams", 5}, {"organisations", 13}};

struct slice
level_word(enum account_level l)
{
	return words[l];
}

enum account_level
level_of_path(struct slice path)
{
	struct slice behind = slice_from(path, S("/admin/v1/").len);

	for (enum account_level l = LEVEL_KEY; l < LEVELS; l++)
		if (slice_starts(behind, words[l]))
			return l;
	return LEVEL_KEY;
}
