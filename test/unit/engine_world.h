/*
 * engine_world: the supervisor of local engines on a real loop with real processes.
 * The engines are the test program itself, which plays llama-server (fake_server) or
 * the fetched engine's Python (fake_python); what it is to do is said by the model's
 * name. Each start adds its process id to the file MODEL.starts. The program's main
 * is ENGINE_WORLD_MAIN(tests).
 */
#ifndef UNIT_ENGINE_WORLD_H
#define UNIT_ENGINE_WORLD_H

#include "core/clock.h"
#include "local/supervise.h"
#include "loop/loop_uv.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TEST(name) static void name(void **state)

#define PATIENCE_MS 20000
#define MODELS	    4

/* --- the engines' side --- */

static inline const char *
argument(int argc, char **argv, const char *name)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return argv[i + 1];
	return "";
}

static inline void
path_of(char to[PATH_MAX], const char *model, const char *ending)
{
	if (snprintf(to, PATH_MAX, "%s%s", model, ending) >= PATH_MAX)
		abort();
}

static inline void
note_start(const char *model)
{
	char path[PATH_MAX];
	FILE *f;

	path_of(path, model, ".starts");
	f = fopen(path, "a");
	if (f == NULL)
		abort();
	(void)fprintf(f, "%d\n", (int)getpid());
	(void)fclose(f);
}

static inline int
listen_at(uint16_t port, uint16_t *ret_port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 16) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		abort();
	*ret_port = ntohs(at.sin_port);
	return fd;
}

/* /health is for all, the rest wants the key; /die ends the process. */
static inline void
answer_one(int listening, const char *key)
{
	char request[2048] = "", bearer[100];
	size_t len = 0;
	ssize_t n = 1;
	bool welcome;
	int fd = accept(listening, NULL, NULL);

	while (n > 0 && strstr(request, "\r\n\r\n") == NULL) {
		n = recv(fd, request + len, sizeof(request) - 1 - len, 0);
		len += n > 0 ? (size_t)n : 0;
		request[len] = '\0';
	}
	(void)snprintf(bearer, sizeof(bearer), "Bearer %s\r\n", key);
	welcome =
	    strncmp(request, "GET /health ", 12) == 0 || strstr(request, bearer) != NULL;
	if (strncmp(request, "GET /die ", 9) == 0)
		_exit(9);
	(void)dprintf(fd, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n",
	    welcome ? "200 OK" : "401 No");
	(void)close(fd);
}

static inline int
fake_server(int argc, char **argv)
{
	const char *name = argument(argc, argv, "--alias"),
		   *model = argument(argc, argv, "-m"), *key = getenv("LLAMA_API_KEY");
	char go[PATH_MAX];
	uint16_t port;
	int fd;

	note_start(model);
	if (strcmp(name, "dies") == 0) {
		(void)fputs("loading\nerror: no tensor 'blk.0'\nbye\n", stderr);
		_exit(3);
	}
	if (strcmp(name, "stubborn") == 0)
		(void)signal(SIGTERM, SIG_IGN);
	path_of(go, model, ".go");
	while (strcmp(name, "slow") == 0 && access(go, F_OK) != 0)
		(void)poll(NULL, 0, 2);
	if (key == NULL || getenv("TEST_PROVIDER_KEY") != NULL ||
	    strcmp(name, "deaf") == 0)
		return pause();
	fd = listen_at((uint16_t)atoi(argument(argc, argv, "--port")), &port);
	for (;;)
		answer_one(fd, key);
}

/* Takes the launcher's text as Python would, and ends with its standard input. */
static inline int
fake_python(int argc, char **argv)
{
	size_t want = (size_t)atol(argv[4]), len = 0;
	char *text = calloc(1, want + 1);
	struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.events = POLLIN}};
	ssize_t n = 1;
	uint16_t port;

	note_start(argument(argc, argv, "--model"));
	if (text == NULL)
		_exit(5);
	for (; n > 0 && len < want; len += (size_t)n)
		n = read(0, text + len, want - len);
	if (n <= 0 || strstr(text, "xllamacpp.Server(") == NULL)
		_exit(4);
	fds[1].fd = listen_at(0, &port);
	(void)printf("http://127.0.0.1:%u\n", (unsigned)port);
	(void)fflush(stdout);
	while (poll(fds, 2, -1) > 0 && fds[0].revents == 0)
		answer_one(fds[1].fd, getenv("WEIR_ENGINE_KEY"));
	_exit(0);
}

/* --- the supervisor's side --- */

struct world {
	char dir[64];
	struct loop *loop;
	uv_timer_t tick; /* so that a condition is looked at again and again */
	struct engines *engines;
	struct config config;
	struct config_engine models[MODELS];
	unsigned stopped;
};

struct user {
	struct engine_use use;
	unsigned ran;
	enum err err;
};

/* One turn of the loop, unless the patience is at its end. */
static inline void
turn(struct world *w, uint64_t end_ms, const char *what)
{
	if (clock_mono_ms() > end_ms)
		fail_msg("it never came: %s", what);
	(void)uv_run(loop_uv(w->loop), UV_RUN_ONCE);
}

#define UNTIL(w, condition)                                                              \
	for (uint64_t end_ms_ = clock_mono_ms() + PATIENCE_MS; !(condition);)            \
	turn((w), end_ms_, #condition)

static inline void
on_tick(uv_timer_t *timer)
{
	(void)timer;
}

static inline void
on_stopped(void *arg)
{
	struct world *w = arg;

	w->stopped++;
}

static inline void
file_of(const struct world *w, const char *name, const char *ending, char to[PATH_MAX])
{
	if (snprintf(to, PATH_MAX, "%s/%s.gguf%s", w->dir, name, ending) >= PATH_MAX)
		abort();
}

/* Adds a model with a file of so many bytes. */
static inline void
add_model(struct world *w, const char *name, long bytes)
{
	struct config_engine *m = &w->models[w->config.nengines++];
	char path[PATH_MAX];
	FILE *f;

	assert_true(w->config.nengines <= MODELS);
	file_of(w, name, "", path);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), bytes), 0);
	(void)fclose(f);
	*m = (struct config_engine){.name = slice_dup(slice_str(name)),
	    .file = slice_dup(slice_str(path)),
	    .context_tok = 100};
}

static inline void
drop_models(struct world *w)
{
	while (w->config.nengines > 0) {
		struct config_engine *m = &w->models[--w->config.nengines];

		free(m->name);
		free(m->file);
	}
}

static inline struct provider *
new_provider(void)
{
	struct provider *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->name = slice_dup(S("local"));
	p->alias = slice_dup(S(""));
	p->auth = AUTH_ENGINE;
	return p;
}

/* Makes the catalog of the models anew and hands all to the supervisor. */
static inline void
configure(struct world *w)
{
	struct provider *p = new_provider();

	catalog_free(w->config.catalog);
	w->config.catalog = catalog_new();
	assert_non_null(w->config.catalog);
	assert_int_equal(catalog_add_provider(w->config.catalog, p), ERR_OK);
	for (unsigned i = 0; i < w->config.nengines; i++) {
		struct slice name = slice_str(w->models[i].name);
		struct model *m = catalog_model(w->config.catalog, name);

		assert_non_null(catalog_offer(w->config.catalog, m, p, name));
	}
	assert_int_equal(engines_configure(w->engines, &w->config), ERR_OK);
}

static inline const struct offer *
offer_of(struct world *w, const char *name)
{
	return catalog_model(w->config.catalog, slice_str(name))->offers;
}

static inline struct engine *
engine_of(struct world *w, const char *name)
{
	struct engine *e = offer_of(w, name)->engine;

	assert_non_null(e);
	return e;
}

static inline void
set_program(struct world *w, const char *path)
{
	free(w->config.options.local_engine);
	w->config.options.local_engine = slice_dup(slice_str(path));
}

static inline struct world *
world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(w != NULL && n > 0);
	self[n] = '\0';
	memcpy(w->dir, "/tmp/weir-test-engine-XXXXXX", 29);
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(loop_new(&w->loop), ERR_OK);
	assert_int_equal(uv_timer_init(loop_uv(w->loop), &w->tick), 0);
	assert_int_equal(uv_timer_start(&w->tick, on_tick, 1, 1), 0);
	assert_int_equal(engines_new(w->loop, &w->engines), ERR_OK);
	w->engines->kill_ms = 100;
	w->engines->pause_ms = 10;
	w->config.engines = w->models;
	w->config.options.local_start = PATIENCE_MS;
	w->config.options.local_parallel = 2;
	set_program(w, self);
	return w;
}

static inline int
setup(void **state)
{
	struct world *w = world_new();

	add_model(w, "tiny", 1);
	configure(w);
	*state = w;
	return 0;
}

static inline void
stop_all(struct world *w)
{
	engines_stop(w->engines, on_stopped, w);
	assert_int_equal(w->stopped, 0);
	UNTIL(w, w->stopped == 1);
}

static inline int
teardown(void **state)
{
	struct world *w = *state;
	char command[100];

	if (w->stopped == 0)
		stop_all(w);
	uv_close((uv_handle_t *)&w->tick, NULL);
	loop_drain(w->loop);
	engines_free(w->engines);
	loop_free(w->loop);
	drop_models(w);
	catalog_free(w->config.catalog);
	set_program(w, "");
	free(w->config.options.local_engine);
	(void)snprintf(command, sizeof(command), "rm -r %s", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

static inline void
on_use(void *arg, enum err why)
{
	struct user *u = arg;

	u->ran++;
	u->err = why;
}

static inline void
begin(struct world *w, struct user *u, const char *name)
{
	*u = (struct user){.use = {.loop = w->loop, .fn = on_use, .arg = u}};
	engine_use_start(engine_of(w, name), &u->use);
	assert_int_equal(u->ran, 0);
}

static inline enum err
outcome(struct world *w, struct user *u)
{
	UNTIL(w, u->ran > 0);
	assert_int_equal(u->ran, 1);
	return u->err;
}

/* Begins a use and waits until it is answered with OK. */
static inline void
use(struct world *w, struct user *u, const char *name)
{
	begin(w, u, name);
	if (outcome(w, u) != ERR_OK)
		fail_msg("%s: %s", err_name(u->err), u->use.why);
}

/* How often the model's engine was started; the last one's process in *ret_pid. */
static inline unsigned
starts(const struct world *w, const char *name, int *ret_pid)
{
	char path[PATH_MAX];
	unsigned n = 0;
	FILE *f;

	file_of(w, name, ".starts", path);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	while (fscanf(f, "%d", ret_pid) == 1)
		n++;
	(void)fclose(f);
	return n;
}

/* Orphans stay as zombies where nobody collects them. */
static inline bool
is_alive(int pid)
{
	char path[40], kind = 'Z';
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (f == NULL)
		return false;
	if (fscanf(f, "%*d (%*[^)]) %c", &kind) != 1)
		kind = 'Z';
	(void)fclose(f);
	return kind != 'Z';
}

/* A request to 127.0.0.1, without the loop; the reply in `to` (may be NULL). The
 * status, or 0 when there is nobody. */
static inline int
ask(const struct engine_use *u, const char *head, const char *key, const char *body,
    char *to, size_t cap)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(u->host.port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), status = 0;
	char reply[16384] = "";
	size_t len = 0;
	ssize_t n = 1;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_string_equal(u->host.name, "127.0.0.1");
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		(void)dprintf(fd,
		    "%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
		    "Content-Type: application/json\r\nContent-Length: %zu\r\n"
		    "Connection: close\r\n\r\n%s",
		    head, key, strlen(body), body);
	for (; n > 0 && len<sizeof(reply) - 1; len += n> 0 ? (size_t)n : 0)
		n = recv(fd, reply + len, sizeof(reply) - 1 - len, 0);
	(void)close(fd);
	(void)sscanf(reply, "HTTP/1.1 %d", &status);
	if (to != NULL)
		(void)snprintf(to, cap, "%s", reply);
	return status;
}

static inline int
get(const struct user *u, const char *path, const char *key)
{
	char head[100];

	(void)snprintf(head, sizeof(head), "GET %s", path);
	return ask(&u->use, head, key, "", NULL, 0);
}

/* --- the programs that the test program plays --- */

/* A weir with an engine, until somebody kills it. */
static inline int
parent_main(void)
{
	void *state;
	struct world *w;
	struct user u;
	int pid = 0;

	(void)setup(&state);
	w = state;
	use(w, &u, "tiny");
	(void)starts(w, "tiny", &pid);
	(void)printf("%d %s\n", pid, w->dir);
	(void)fflush(stdout);
	loop_run(w->loop);
	return 1;
}

/* The part that the command line asks for; -1: none, the tests are to be run. */
static inline int
play(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "engine-child") == 0)
		return engine_child_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "--host") == 0)
		return fake_server(argc, argv);
	if (argc > 4 && strcmp(argv[1], "-I") == 0)
		return fake_python(argc, argv);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setenv("TEST_PROVIDER_KEY", "sk-secret", 1);
	log_setup(getenv("TEST_LOG") == NULL ? LOG_ERROR : LOG_DEBUG, LOG_TEXT);
	return argc > 1 && strcmp(argv[1], "parent") == 0 ? parent_main() : -1;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#define ENGINE_WORLD_MAIN(tests)                                                         \
	int main(int argc, char **argv)                                                  \
	{                                                                                \
		int status = play(argc, argv);                                           \
                                                                                         \
		return status >= 0 ? status : cmocka_run_group_tests(tests, NULL, NULL); \
	}

#endif
