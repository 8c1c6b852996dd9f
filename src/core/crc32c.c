#include "core/crc32c.h"

#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* 0x1edc6f41, the lowest bit first */

/* One bit after the other: for machines without the instruction, where it is still
 * short beside what a request costs. Half a byte at a time by a table of 16. */
uint32_t
crc32c_plain(uint32_t crc, const void *p, size_t n)
{
	const unsigned char *at = p;
	uint32_t table[16];

	for (uint32_t i = 0; i < 16; i++) {
		table[i] = i;
		for (unsigned bit = 0; bit < 4; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? POLYNOMIAL : 0);
	}
	crc = ~crc;
	for (; n > 0; n--) {
		crc ^= *at++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

#ifdef __x86_64__
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t
by_instruction(uint32_t crc, const void *p, size_t n)
{
	const unsigned char *at = p;
	uint64_t wide = (uint32_t)~crc;

	for (; n >= 8; n -= 8, at += 8) {
		uint64_t word;

		memcpy(&word, at, sizeof(word));
		wide = _mm_crc32_u64(wide, word);
	}
	for (; n > 0; n--)
		wide = _mm_crc32_u8((uint32_t)wide, *at++);
	return ~(uint32_t)wide;
}

static bool
has_instruction(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#else
#define by_instruction crc32c_plain

static bool
has_instruction(void)
{
	return false;
}
#endif

uint32_t
crc32c(uint32_t crc, const void *p, size_t n)
{
	return has_instruction() ? by_instruction(crc, p, n) : crc32c_plain(crc, p, n);
}
