#include "local/engine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FIRST_STRAY 3

/* A descriptor that somebody forgot to mark close-on-exec is not for an engine. */
static void
close_strays(void)
{
	long max = sysconf(_SC_OPEN_MAX);

	if (close_range(FIRST_STRAY, ~0u, 0) == 0)
		return;
	for (int fd = FIRST_STRAY; fd < (max > 0 && max < 65536 ? max : 65536); fd++)
		(void)close(fd);
}

int
engine_child_main(int argc, char **argv)
{
	if (argc < 3) {
		(void)fputs("weir engine-child: for weir's own use\n", stderr);
		return 2;
	}
	/* The signal comes when the thread that forked us ends; if it did before we
	 * asked for it, our parent is another by now. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
	    (long)getppid() != strtol(argv[1], NULL, 10))
		return 1;
	close_strays();
	(void)execv(argv[2], argv + 2);
	(void)fprintf(stderr, "cannot run %s: %s\n", argv[2], strerror(errno));
	return 127;
}
