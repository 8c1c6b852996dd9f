/*
 * A library to be loaded before others (LD_PRELOAD): a disk that fails when it is told
 * to. In the folder $FAULTY the file `full` makes every growth of a file fail, `unsynced`
 * every sync.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int
told(const char *what)
{
	char path[4096];
	const char *folder = getenv("FAULTY");

	if (folder == NULL)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/%s", folder, what);
	return access(path, F_OK) == 0;
}

/* The function that this one stands before. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int
posix_fallocate(int fd, off_t at, off_t n)
{
	return told("full") ? ENOSPC : REAL(posix_fallocate)(fd, at, n);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (told("full")) {
		errno = ENOSPC;
		return -1;
	}
	return REAL(pwrite)(fd, p, n, at);
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return pwrite(fd, p, n, at);
}

static int
unsynced(void)
{
	errno = EIO;
	return told("unsynced");
}

int
fsync(int fd)
{
	return unsynced() ? -1 : REAL(fsync)(fd);
}

int
fdatasync(int fd)
{
	return unsynced() ? -1 : REAL(fdatasync)(fd);
}

int
msync(void *p, size_t n, int flags)
{
	return unsynced() ? -1 : REAL(msync)(p, n, flags);
}
