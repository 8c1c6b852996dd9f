/*
 * A library to be loaded before others (LD_PRELOAD): the time of day is $CLOCK_OFFSET_MS
 * away from what it is, so that a test need not wait for midnight.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	static __typeof__(&clock_gettime) real;
	const char *offset = getenv("CLOCK_OFFSET_MS");
	long long ms;
	int status;

	if (real == NULL)
		real = (__typeof__(&clock_gettime))dlsym(RTLD_NEXT, "clock_gettime");
	status = real(id, ts);
	if (id != CLOCK_REALTIME || offset == NULL)
		return status;
	ms = (long long)ts->tv_sec * 1000 + ts->tv_nsec / 1000000 + atoll(offset);
	ts->tv_sec = ms / 1000;
	ts->tv_nsec = ms % 1000 * 1000000 + ts->tv_nsec % 1000000;
	return status;
}
