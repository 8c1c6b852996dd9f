#include "main/command.h"
#include "main/server.h"

#include <stdlib.h>

int
cmd_serve(struct args *a)
{
	static const char help[] =
	    "usage: weir serve [-c FILE]\n\n"
	    "Starts the server in the foreground: http://127.0.0.1:8080 unless `listen`\n"
	    "says otherwise. SIGHUP loads the configuration anew; SIGTERM ends it, once\n"
	    "the requests being answered are done (limits.shutdown_time).\n\n"
	    "Needs no configuration: provider keys come from the environment\n"
	    "(GROQ_API_KEY, OPENAI_API_KEY, ...), the catalog is built in, the ledger "
	    "is\n"
	    "an SQLite file. `weir help options` lists what can be set.\n";
	const char *arg;
	struct server *s;
	struct config *c;
	int status;

	arg = args_next(a, help);
	if (arg != NULL)
		return args_unknown(a, arg);
	c = command_config(a, true);
	s = c == NULL ? NULL : calloc(1, sizeof(*s));
	if (s == NULL)
		return 1;
	status = server_run(s, c, a->config_file);
	free(s);
	return status;
}
