/*
 * A library to be loaded before others (LD_PRELOAD): whoever has sent something rests
 * then, so that what was sent arrives before anything else is done.
 */
#include <dlfcn.h>
#include <sys/socket.h>
#include <unistd.h>

#define REST_US 3000

/* The function that this one stands before. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t
send(int fd, const void *p, size_t n, int flags)
{
	ssize_t sent = REAL(send)(fd, p, n, flags);

	(void)usleep(REST_US);
	return sent;
}

ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	ssize_t sent = REAL(sendmsg)(fd, m, flags);

	(void)usleep(REST_US);
	return sent;
}
