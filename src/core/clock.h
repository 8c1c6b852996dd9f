/*
 * clock: the machine's clocks, for any thread. Loop threads ask loop_now(),
 * which is read once a turn and replaceable in tests; this is for the rest.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>

/* Milliseconds since some start; never goes back. */
uint64_t clock_mono_ms(void);

/* Milliseconds since 1970-01-01 UTC. */
uint64_t clock_unix_ms(void);

#endif
