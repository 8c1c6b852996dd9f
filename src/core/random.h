/*
 * random: two kinds. random_bytes() is the kernel's, for keys and ids that
 * nobody may guess. struct random is fast and reproducible from its seed, for
 * jitter and exploration; never for secrets.
 */
#ifndef CORE_RANDOM_H
#define CORE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state[2];
};

/* Fills n bytes from the kernel; aborts when it has none to give. */
void random_bytes(void *p, size_t n);

void random_seed(struct random *r, uint64_t seed);

/* A number below `below` (at least 1). */
uint64_t random_below(struct random *r, uint64_t below);

#endif
