#include "core/random.h"

#include "core/wide.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void
random_bytes(void *p, size_t n)
{
	char *at = p;

	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort(); /* a key that can be guessed is worse than none */
		at += got;
		n -= (size_t)got;
	}
}

/* splitmix64, to spread a small seed over the state. */
static uint64_t
spread(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void
random_seed(struct random *r, uint64_t seed)
{
	r->state[0] = spread(&seed);
	r->state[1] = spread(&seed);
}

/* xorshift128+ */
static uint64_t
next(struct random *r)
{
	uint64_t a = r->state[0], b = r->state[1];

	r->state[0] = b;
	a ^= a << 23;
	r->state[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
	return r->state[1] + b;
}

uint64_t
random_below(struct random *r, uint64_t below)
{
	return (uint64_t)(((uwide)next(r) * below) >> 64);
}
