#include "chat/answer.h"

void
answer_init(struct answer *a, unsigned origin)
{
	*a = (struct answer){.origin = origin};
}

struct alternative *
answer_add(struct arena *a, struct alternative ***tail)
{
	struct alternative *n = arena_zalloc(a, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->turn.role = ROLE_ASSISTANT;
	n->turn.whole = true;
	**tail = n;
	*tail = &n->next;
	return n;
}
