/*
 * crc32c: the checksum (Castagnoli) of what is written to be read again after a
 * crash. Any thread.
 */
#ifndef CORE_CRC32C_H
#define CORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what `crc` is the checksum of (0: nothing) and the n bytes behind. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

/* The same without the processor's instruction; for the tests. */
uint32_t crc32c_plain(uint32_t crc, const void *p, size_t n);

#endif
