#include "main/command.h"

int
cmd_check(struct args *a)
{
	static const char help[] = "usage: weir check [-c FILE]\n\n"
				   "Checks the configuration and shows what it amounts "
				   "to: every option with its\n"
				   "value and where that comes from, the providers and "
				   "whether they can be used,\n"
				   "the models. Secrets are never shown. Errors go to "
				   "standard error, one a line,\n"
				   "and make the exit status 1.\n";
	const char *arg;
	struct config *c;
	struct buf out;

	arg = args_next(a, help);
	if (arg != NULL)
		return args_unknown(a, arg);
	c = command_config(a, true);
	if (c == NULL)
		return 1;
	buf_init(&out, 16u << 20);
	config_print(c, &out);
	command_print(buf_slice(&out));
	buf_free(&out);
	config_unref(c);
	return 0;
}
