#include "local/program.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The launcher is part of the program. */
__asm__(".section .rodata\n"
	"engine_py:\n"
	".incbin \"src/local/engine.py\"\n"
	"engine_py_end:\n"
	".previous\n");

extern const char engine_py[], engine_py_end[];

static struct slice
launcher(void)
{
	return slice_of(engine_py, (uintptr_t)engine_py_end - (uintptr_t)engine_py);
}

#define SERVER	     "llama-server"
#define ARGS_MAX     32
#define ENV_MAX	     128
#define HEADER_BYTES 65536 /* of a model file, where its own settings stand */

/* A text for an embedding must fit into one batch, whose memory grows with its square. */
#define INPUT_TOK 2048

/* Old prompts that llama.cpp keeps in memory to go on from: its own default is 8 GiB. */
#define CACHE_MIB "512"

/* Reads as many bytes of Python as its first argument says, and runs them. */
#define BOOTSTRAP "import sys; exec(sys.stdin.buffer.read(int(sys.argv.pop(1))))"

extern char **environ;

/* --- what is to be served --- */

/* Does the model's header say how embeddings are made? Else llama.cpp makes none. */
static bool
file_pools(const char *file)
{
	char *header = malloc(HEADER_BYTES);
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 || header == NULL ? 0 : read(fd, header, HEADER_BYTES);
	struct slice s = slice_of(header, n > 0 ? (size_t)n : 0);
	bool pools = slice_search(s, S(".pooling_type")) < s.len;

	if (fd >= 0)
		(void)close(fd);
	free(header);
	return pools;
}

static uint64_t
file_bytes(const char *file)
{
	struct stat st;

	return stat(file, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

enum err
engine_spec_init(
    struct engine_spec *s, const struct config *c, const struct config_engine *from)
{
	*s = (struct engine_spec){
	    .name = slice_dup(slice_str(from->name)),
	    .file = slice_dup(slice_str(from->file)),
	    .mmproj = slice_dup(slice_str(from->mmproj)),
	    .program = slice_dup(slice_str(c->options.local_engine)),
	    .context_tok =
		from->context_tok != 0 ? from->context_tok : c->options.local_context,
	    .parallel = c->options.local_parallel,
	    .threads = c->options.local_threads,
	    .embedding = from->embedding,
	};
	if (s->name == NULL || s->file == NULL || s->mmproj == NULL ||
	    s->program == NULL) {
		engine_spec_done(s);
		return ERR_NOMEM;
	}
	if (s->parallel == 0)
		s->parallel = 1;
	s->file_bytes = file_bytes(s->file);
	if (s->file_bytes != 0 && s->mmproj[0] != '\0')
		s->file_bytes += file_bytes(s->mmproj);
	s->pools = s->embedding && file_pools(s->file);
	return ERR_OK;
}

void
engine_spec_done(struct engine_spec *s)
{
	free(s->name);
	free(s->file);
	free(s->mmproj);
	free(s->program);
	*s = (struct engine_spec){0};
}

bool
engine_spec_same(const struct engine_spec *a, const struct engine_spec *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->file, b->file) == 0 &&
	       strcmp(a->mmproj, b->mmproj) == 0 && strcmp(a->program, b->program) == 0 &&
	       a->context_tok == b->context_tok && a->parallel == b->parallel &&
	       a->threads == b->threads && a->file_bytes == b->file_bytes &&
	       a->embedding == b->embedding && a->pools == b->pools;
}

/* --- the program --- */

static bool
may_run(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Finds the name on PATH. */
static bool
on_path(const char *name, char to[PATH_MAX])
{
	struct slice dirs = slice_str(getenv("PATH"));

	while (dirs.ptr != NULL) {
		struct slice dir = slice_cut(&dirs, ':');
		int n = snprintf(to, PATH_MAX, "%.*s/%s", SLICE_ARGS(dir), name);

		if (dir.len > 0 && n > 0 && n < PATH_MAX && may_run(to))
			return true;
	}
	return false;
}

/* The Python that tools/engine.sh puts into the cache. */
static bool
fetched(char to[PATH_MAX])
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n;

	if (cache != NULL && cache[0] != '\0')
		n = snprintf(to, PATH_MAX, "%s/weir/engine/bin/python", cache);
	else
		n = snprintf(to, PATH_MAX, "%s/.cache/weir/engine/bin/python",
		    home == NULL ? "" : home);
	return n > 0 && n < PATH_MAX && may_run(to);
}

/* A program that the configuration names: by its path, or by its name on PATH. */
static bool
named(const char *option, char to[PATH_MAX])
{
	if (strchr(option, '/') == NULL)
		return on_path(option, to);
	return snprintf(to, PATH_MAX, "%s", option) < PATH_MAX && may_run(to);
}

enum err
program_find(const char *option, struct program *ret_program, const char **ret_why)
{
	struct program p = {.kind = PROGRAM_SERVER};
	const char *why = "there is no llama-server on PATH and no fetched engine: run "
			  "`make engine`, or set local.engine to a llama-server";
	bool found;

	if (option == NULL)
		option = "";
	if (strcmp(option, "off") == 0) {
		found = false;
		why = "local models are switched off (local.engine: off)";
	} else if (option[0] != '\0') {
		found = named(option, p.path);
		why = "local.engine names no program that can be run";
	} else {
		found = on_path(SERVER, p.path);
		if (!found) {
			p.kind = PROGRAM_LAUNCHER;
			found = fetched(p.path);
		}
	}
	if (found)
		*ret_program = p;
	else
		*ret_why = why;
	return found ? ERR_OK : ERR_ENGINE;
}

const char *
program_text(const struct program *p, char to[ENGINE_WHY_MAX])
{
	(void)snprintf(to, ENGINE_WHY_MAX, "%s %.200s",
	    p->kind == PROGRAM_SERVER ? "llama-server" : "llama.cpp of", p->path);
	return to;
}

/* --- how it is started --- */

/* Texts for the child, ended by NULL. What does not fit any more makes it fail. */
struct texts_to {
	struct arena *a;
	char **at;
	unsigned n, max;
	bool failed;
};

static void
add(struct texts_to *t, const char *text)
{
	if (text == NULL || t->at == NULL || t->n + 1 >= t->max) {
		t->failed = true;
		return;
	}
	/* execve only reads, but its type has no const. */
	memcpy(&t->at[t->n++], &text, sizeof(text));
}

static void
add_pair(struct texts_to *t, const char *name, const char *value)
{
	add(t, name);
	add(t, value);
}

static void
add_number(struct texts_to *t, uint64_t value)
{
	struct slice text = arena_printf(t->a, "%llu", (unsigned long long)value);

	add(t, text.len == 0 ? NULL : text.ptr);
}

/* These are the same for both programs. */
static void
add_threads(struct texts_to *t, const struct engine_spec *s)
{
	if (s->threads == 0)
		return;
	add(t, "--threads");
	add_number(t, s->threads);
}

static void
add_embedding(struct texts_to *t, const struct engine_spec *s)
{
	if (!s->embedding)
		return;
	add(t, "--embedding");
	add(t, "--ubatch-size");
	add_number(t, s->context_tok < INPUT_TOK ? s->context_tok : INPUT_TOK);
	if (!s->pools)
		add_pair(t, "--pooling", "mean");
}

static void
add_server(struct texts_to *t, const struct engine_spec *s, uint16_t port)
{
	add_pair(t, "--host", "127.0.0.1");
	add(t, "--port");
	add_number(t, port);
	add_pair(t, "-m", s->file);
	if (s->mmproj[0] != '\0')
		add_pair(t, "--mmproj", s->mmproj);
	/* Its context is shared out among the requests. */
	add(t, "-c");
	add_number(t, s->context_tok * s->parallel);
	add(t, "-np");
	add_number(t, s->parallel);
	add_pair(t, "--alias", s->name);
	add_threads(t, s);
	add_embedding(t, s);
}

static void
add_launcher(struct texts_to *t, const struct engine_spec *s)
{
	add(t, "-I"); /* Python: nothing of the user's own */
	add_pair(t, "-c", BOOTSTRAP);
	add_number(t, launcher().len);
	add_pair(t, "--model", s->file);
	if (s->mmproj[0] != '\0')
		add_pair(t, "--mmproj", s->mmproj);
	add(t, "--context");
	add_number(t, s->context_tok * s->parallel);
	add(t, "--parallel");
	add_number(t, s->parallel);
	add_pair(t, "--alias", s->name);
	add_pair(t, "--cache", CACHE_MIB);
	add_threads(t, s);
	add_embedding(t, s);
}

/* An engine gets what it may need of our environment, and no provider's key. */
static bool
passes(struct slice variable)
{
	static const char *const prefixes[] = {"PATH=", "HOME=", "USER=", "LOGNAME=",
	    "LANG=", "LC_", "TZ=", "TMPDIR=", "XDG_", "LD_", "DYLD_", "CUDA_", "NVIDIA_",
	    "HIP_", "HSA_", "ROCM_", "ROCR_", "GPU_", "GGML_", "LLAMA_ARG_",
	    "LLAMA_CACHE", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "VK_", "SYCL_",
	    "ONEAPI_", "ZE_", "MUSA_", "CANN_", "ASCEND_"};

	for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (slice_starts(variable, slice_str(prefixes[i])))
			return true;
	return false;
}

static void
add_environment(struct texts_to *t, enum program_kind kind, const char *key)
{
	bool server = kind == PROGRAM_SERVER;
	struct slice variable = arena_printf(
	    t->a, "%s=%s", server ? "LLAMA_API_KEY" : "WEIR_ENGINE_KEY", key);

	add(t, variable.len == 0 ? NULL : variable.ptr);
	/* By variables: a server that does not know them yet is not stopped by them. */
	if (server) {
		add(t, "LLAMA_ARG_NO_WEBUI=1");
		add(t, "LLAMA_ARG_NO_UI=1");
	}
	for (char **v = environ; *v != NULL && t->n + 2 < t->max; v++)
		if (passes(slice_str(*v)))
			add(t, *v);
	if (server && getenv("LLAMA_ARG_CACHE_RAM") == NULL && t->n + 1 < t->max)
		add(t, "LLAMA_ARG_CACHE_RAM=" CACHE_MIB);
}

enum err
program_plan(const struct program *p, const struct engine_spec *s, const char *key,
    uint16_t port, struct arena *a, struct process_plan *ret_plan)
{
	struct texts_to args = {
	    a, arena_zalloc(a, ARGS_MAX * sizeof(char *)), 0, ARGS_MAX, false};
	struct texts_to env = {
	    a, arena_zalloc(a, ENV_MAX * sizeof(char *)), 0, ENV_MAX, false};

	add_pair(&args, "weir", "engine-child");
	add_number(&args, (uint64_t)getpid());
	add(&args, p->path);
	if (p->kind == PROGRAM_SERVER)
		add_server(&args, s, port);
	else
		add_launcher(&args, s);
	add_environment(&env, p->kind, key);
	if (args.failed || env.failed)
		return ERR_NOMEM;
	*ret_plan = (struct process_plan){
	    .file = "/proc/self/exe", .argv = args.at, .env = env.at};
	if (p->kind == PROGRAM_LAUNCHER)
		ret_plan->input = launcher();
	return ERR_OK;
}

uint16_t
program_free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint16_t port = 0;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&at, &len) == 0)
		port = ntohs(at.sin_port);
	if (fd >= 0)
		(void)close(fd);
	return port;
}

bool
program_port_is_ours(uint16_t port)
{
	FILE *f = fopen("/proc/net/tcp", "re");
	char line[256];
	unsigned at, state, user;
	bool ours = true;

	if (f == NULL)
		return true;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, " %*u: %*8x:%4x %*x:%*x %2x %*x:%*x %*x:%*x %*x %u", &at,
			&state, &user) == 3 &&
		    at == port && state == TCP_LISTEN && user != geteuid())
			ours = false;
	(void)fclose(f);
	return ours;
}
