#include "main/server.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/version.h"
#include "loop/signals.h"
#include "main/notify.h"
#include "main/webhook.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define QUIET_MS 20 /* how often a stopping thread looks whether it is done */

/* --- letters to the threads --- */

/* New keys or a new configuration for one thread. */
struct letter {
	struct mail mail;
	struct worker *worker;
	struct key_set *keys;  /* or NULL */
	struct config *config; /* or NULL */
};

static void
on_letter(void *arg)
{
	struct letter *l = arg;

	if (l->keys != NULL)
		worker_set_keys(l->worker, l->keys);
	if (l->config != NULL)
		worker_set_config(l->worker, l->config);
	free(l);
}

static void
write_letters(struct server *s, struct key_set *keys, struct config *config)
{
	for (unsigned i = 0; i < s->nthreads; i++) {
		struct letter *l = calloc(1, sizeof(*l));

		if (l == NULL) {
			log_event(
			    LOG_ERROR, "out of memory: a thread keeps old settings");
			continue;
		}
		l->worker = &s->threads[i].worker;
		l->keys = key_set_ref(keys);
		l->config = config == NULL ? NULL : config_ref(config);
		l->mail.fn = on_letter;
		l->mail.arg = l;
		loop_post(s->threads[i].loop, &l->mail);
	}
}

/* On the store's thread, and once on the main thread before there are others. */
static void
on_keys(void *arg, struct key_set *keys)
{
	struct server *s = arg;

	atomic_store(&s->any_key, key_set_any(keys));
	write_letters(s, keys, NULL);
	key_set_unref(keys);
}

/* --- the threads --- */

static void
on_quiet(void *arg)
{
	struct server_thread *t = arg;

	if (worker_is_idle(&t->worker))
		loop_stop(t->loop);
	else
		timer_set(&t->quiet, loop_now(t->loop) + QUIET_MS);
}

static void
on_stop(void *arg)
{
	struct server_thread *t = arg;

	worker_stop(&t->worker);
	on_quiet(t);
}

static void
on_abort(void *arg)
{
	struct server_thread *t = arg;

	worker_abort(&t->worker);
}

static void
post(struct loop *to, struct mail *m, task_fn *fn, struct server_thread *t)
{
	m->fn = fn;
	m->arg = t;
	loop_post(to, m);
}

static void
on_thread_ended(void *arg)
{
	struct server_thread *t = arg;
	struct server *s = t->server;

	if (--s->running == 0)
		loop_stop(s->loop);
}

static void *
run_thread(void *arg)
{
	struct server_thread *t = arg;

	loop_run(t->loop);
	post(t->server->loop, &t->ended, on_thread_ended, t);
	return NULL;
}

/* How many loop threads there are to be. */
static unsigned
wanted_threads(const struct options *o)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t n = o->threads;

	if (n == 0)
		n = cores < 1 ? 1 : (uint64_t)cores;
	return n < SERVER_THREADS_MAX ? (unsigned)n : SERVER_THREADS_MAX;
}

static bool
make_threads(struct server *s)
{
	unsigned n = wanted_threads(&s->config->options);

	s->threads = calloc(n, sizeof(s->threads[0]));
	if (s->threads == NULL)
		return false;
	for (unsigned i = 0; i < n; i++) {
		struct server_thread *t = &s->threads[i];

		t->server = s;
		if (loop_new(&t->loop) != ERR_OK)
			return false;
		s->nthreads++;
		if (worker_init(&t->worker, i, t->loop, s->config, NULL) != ERR_OK)
			return false;
		t->worker.nworkers = n;
		t->worker.peers = s->workers;
		t->worker.services = &admin_services;
		t->worker.hub = &s->hub;
		if (store_journal(s->hub.store, &t->worker.journal) != ERR_OK)
			return false;
		timer_init(&t->quiet, loop_wheel(t->loop), on_quiet, t);
		s->workers[i] = &t->worker;
	}
	s->hub.workers = s->workers;
	s->hub.nworkers = s->nthreads;
	return true;
}

static bool
start_threads(struct server *s)
{
	sigset_t all, before;

	/* Signals are the main thread's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < s->nthreads; i++) {
		struct server_thread *t = &s->threads[i];

		t->started = pthread_create(&t->thread, NULL, run_thread, t) == 0;
		s->running += t->started;
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return s->running == s->nthreads;
}

/* --- listening --- */

bool
server_has_keys(const struct server *s, const struct config *c)
{
	return c->nkeys > 0 || atomic_load(&s->any_key);
}

static int
refuse(const char *text)
{
	(void)fprintf(stderr, "weir: %s\n", text);
	return 1;
}

static int
read_addresses(struct server *s)
{
	const struct texts *list = &s->config->options.listen;

	for (unsigned i = 0; i < list->count && i < WORKER_LISTENERS_MAX; i++) {
		struct address *a = &s->addresses[s->naddresses++];

		if (address_parse(slice_str(list->at[i]), a) != ERR_OK)
			return refuse("cannot read an address of `listen`");
		s->beyond = s->beyond || !address_is_loopback(a);
	}
	if (s->beyond && !server_has_keys(s, s->config))
		return refuse(
		    "no key is defined, so weir listens on loopback only: anybody who "
		    "reaches it could spend your money. Make one with `weir key create "
		    "--name NAME` (or set WEIR_KEY), then start it again.");
	if (s->beyond && s->config->tls_server == NULL)
		log_event(LOG_WARN, "listening beyond this machine without TLS: keys and "
				    "prompts can be read on the way (tls.cert, tls.key)");
	return 0;
}

static int
listen_all(struct server *s)
{
	char why[128], text[200];
	enum err e = ERR_OK;

	for (unsigned i = 0; e == ERR_OK && i < s->naddresses; i++)
		e = listener_check(&s->addresses[i], why);
	for (unsigned i = 0; e == ERR_OK && i < s->nthreads; i++)
		e = worker_listen(
		    &s->threads[i].worker, s->addresses, s->naddresses, why);
	if (e == ERR_OK)
		return 0;
	(void)snprintf(
	    text, sizeof(text), "%s; `listen` or WEIR_LISTEN names another address", why);
	return refuse(text);
}

/* --- signals --- */

static void
on_engines_gone(void *arg)
{
	struct server *s = arg;

	for (unsigned i = 0; i < 3; i++)
		signal_stop(s->signals[i]);
	loop_stop(s->loop);
}

static void
on_deadline(void *arg)
{
	struct server *s = arg;

	log_event(LOG_WARN, "ending requests that are still being answered");
	for (unsigned i = 0; i < s->nthreads; i++)
		post(s->threads[i].loop, &s->threads[i].abort, on_abort, &s->threads[i]);
}

static void
on_term(void *arg)
{
	struct server *s = arg;

	if (s->stopping) { /* asked twice: at once */
		timer_set(&s->deadline, loop_now(s->loop));
		return;
	}
	s->stopping = true;
	atomic_store(&s->hub.stopping, true);
	notify("STOPPING=1");
	log_event(LOG_INFO, "stopping: no new requests; those being answered have %llu s",
	    (unsigned long long)s->config->options.shutdown_time / 1000);
	for (unsigned i = 0; i < s->nthreads; i++)
		post(s->threads[i].loop, &s->threads[i].stop, on_stop, &s->threads[i]);
	timer_set(&s->deadline, loop_now(s->loop) + s->config->options.shutdown_time);
}

static void
log_lines(enum log_level level, struct slice lines)
{
	while (lines.len > 0) {
		struct slice line = slice_cut(&lines, '\n');

		if (line.len > 0)
			log_event(level, "%.*s", SLICE_ARGS(line));
		if (lines.ptr == NULL)
			break;
	}
}

/* What is taken at the start only, and stands otherwise in the new configuration. */
static void
warn_of_fixed(const struct options *old, const struct options *new)
{
	bool listen = old->listen.count != new->listen.count;

	for (unsigned i = 0; !listen && i < old->listen.count; i++)
		listen = strcmp(old->listen.at[i], new->listen.at[i]) != 0;
	if (listen)
		log_event(LOG_WARN, "`listen` stays as it is until weir is started anew");
	if (old->threads != new->threads)
		log_event(
		    LOG_WARN, "`threads` stays as it is until weir is started anew");
	if (old->journal_segment != new->journal_segment ||
	    old->journal_max != new->journal_max ||
	    old->journal_sync != new->journal_sync)
		log_event(LOG_WARN,
		    "`journal` stays as it is until weir is started anew, but for "
		    "`on_full`");
	if (old->shared_timeout != new->shared_timeout ||
	    old->shared_alone != new->shared_alone ||
	    !slice_eq(secret_reveal(&old->shared_url), secret_reveal(&new->shared_url)))
		log_event(LOG_WARN, "`shared` stays as it is until weir is started anew");
	if (strcmp(old->data, new->data) != 0)
		log_event(LOG_WARN, "`data` stays as it is until weir is started anew");
}

static void
on_hup(void *arg)
{
	struct server *s = arg;
	struct config *c;
	struct buf errors;

	notify("RELOADING=1");
	buf_init(&errors, 1u << 20);
	if (config_load(s->config_file, &c, &errors) != ERR_OK) {
		log_lines(LOG_ERROR, buf_slice(&errors));
		log_event(LOG_ERROR, "the configuration is refused; the old one stays");
	} else if (s->beyond && !server_has_keys(s, c)) {
		log_event(LOG_ERROR, "without a key weir would be open to everybody who "
				     "reaches it; the old configuration stays");
		config_unref(c);
	} else if (engines_configure(s->engines, c) != ERR_OK ||
		   health_attach(c->catalog) != ERR_OK) {
		log_event(LOG_ERROR, "out of memory; the old configuration stays");
		config_unref(c);
	} else {
		log_lines(LOG_WARN, buf_slice(&c->warnings));
		warn_of_fixed(&s->config->options, &c->options);
		log_setup(c->options.log_level, c->options.log_format);
		write_letters(s, NULL, c);
		webhook_configure(s->webhook, c);
		store_secret(s->hub.store, secret_reveal(&c->options.secret_key));
		config_unref(s->config);
		s->config = c;
		log_event(LOG_INFO, "the configuration was loaded anew");
	}
	buf_free(&errors);
	notify("READY=1");
}

static bool
watch_signals(struct server *s)
{
	(void)signal(SIGPIPE, SIG_IGN);
	s->signals[0] = signal_start(s->loop, SIGTERM, on_term, s);
	s->signals[1] = signal_start(s->loop, SIGINT, on_term, s);
	s->signals[2] = signal_start(s->loop, SIGHUP, on_hup, s);
	timer_init(&s->deadline, loop_wheel(s->loop), on_deadline, s);
	return s->signals[0] != NULL && s->signals[1] != NULL && s->signals[2] != NULL;
}

/* --- from start to end --- */

/* Keys and prompts must not get into a core file, whoever collects them. */
static void
forbid_core_dumps(const struct config *c)
{
	struct rlimit none = {0, 0};

	if (c->options.core_dumps)
		return;
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
}

static void
raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

/*
 * glibc takes a large block for a small one, and so from a heap that it cannot give
 * back, once one of that size was freed: memory grew for a million requests. With a
 * fixed bound large buffers are mapped and unmapped.
 */
#ifdef M_MMAP_THRESHOLD
static void
keep_memory_flat(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, 128 << 10);
}
#else
static void
keep_memory_flat(void)
{
}
#endif

/* Each thread has at least two segments: they are smaller where there is little room. */
static struct journal_limits
journal_limits(const struct options *o)
{
	struct journal_limits l = {.segment_bytes = o->journal_segment,
	    .max_bytes = o->journal_max,
	    .sync_ms = o->journal_sync};
	uint64_t segments = 2 * (uint64_t)wanted_threads(o);

	if (l.max_bytes < segments * SEGMENT_LEAST)
		l.max_bytes = segments * SEGMENT_LEAST;
	if (l.segment_bytes > l.max_bytes / segments)
		l.segment_bytes = l.max_bytes / segments;
	return l;
}

/* What is counted together with other processes. */
static bool
start_shared(struct server *s)
{
	const struct options *o = &s->config->options;
	struct shared_options shared = {
	    .timeout_ms = o->shared_timeout, .alone_permille = (unsigned)o->shared_alone};
	unsigned shares = 0;
	struct note note;
	enum err e;

	if (o->store_url.len > 0) {
		shares |= SHARE_MONEY;
		s->lenders.money = store_lender(s->hub.store);
	}
	if (o->store_url.len == 0 && o->shared_url.len == 0)
		return true;
	for (unsigned i = 0; i < s->nthreads; i++)
		s->threads[i].worker.lenders = &s->lenders;
	account_share(shares);
	if (o->shared_url.len == 0)
		return true;
	e = redis_parse(secret_reveal(&o->shared_url), &shared.place, &note);
	if (e == ERR_OK)
		e = shared_start(&shared, &s->hub.shared);
	secret_wipe(&shared, sizeof(shared));
	if (e != ERR_OK)
		return false;
	account_share(shares | SHARE_RATES);
	s->lenders.rates = shared_lender(s->hub.shared);
	return true;
}

static int
start(struct server *s)
{
	struct journal_limits limits = journal_limits(&s->config->options);
	const struct db_place place = {.folder = s->folder,
	    .url = secret_reveal(&s->config->options.store_url),
	    .patience_ms = s->config->options.store_time};
	struct note note;

	(void)store_folder(s->config->options.data, s->folder);
	if (store_open(&place, &limits, &s->hub.store, &note) != ERR_OK)
		return refuse(note.text);
	if (!make_threads(s) || engines_new(s->loop, &s->engines) != ERR_OK ||
	    engines_configure(s->engines, s->config) != ERR_OK ||
	    health_attach(s->config->catalog) != ERR_OK || !watch_signals(s))
		return refuse("out of memory");
	if (!start_shared(s))
		return refuse("out of memory");
	store_secret(s->hub.store, secret_reveal(&s->config->options.secret_key));
	if (store_start(s->hub.store, on_keys, s, &note) != ERR_OK)
		return refuse(note.text);
	if (webhook_start(s->loop, s->hub.store, s->config, &s->webhook) != ERR_OK)
		return refuse("out of memory");
	/* The keys are known now, though the letters were not read yet. */
	for (unsigned i = 0; i < s->nthreads; i++)
		loop_read_mail(s->threads[i].loop);
	if (read_addresses(s) != 0 || listen_all(s) != 0)
		return 1;
	return start_threads(s) ? 0 : refuse("cannot start a thread");
}

static void
finish(struct server *s)
{
	for (unsigned i = 0; i < s->nthreads; i++) {
		struct server_thread *t = &s->threads[i];

		if (t->started)
			(void)pthread_join(t->thread, NULL);
		worker_stop(&t->worker);
		worker_abort(&t->worker);
		worker_close_pool(&t->worker);
	}
	if (s->engines != NULL) {
		engines_stop(s->engines, on_engines_gone, s);
		loop_run(s->loop);
	}
	webhook_stop(s->webhook);
	shared_stop(s->hub.shared);
	/* Rows and look-ups end before the loops that wait for them. */
	store_stop(s->hub.store);
	for (unsigned i = 0; i < s->nthreads; i++) {
		loop_drain(s->threads[i].loop);
		worker_done(&s->threads[i].worker);
		loop_free(s->threads[i].loop);
	}
	engines_free(s->engines);
	loop_drain(s->loop);
	webhook_free(s->webhook);
	loop_free(s->loop);
	config_unref(s->config);
	free(s->threads);
}

int
server_run(struct server *s, struct config *c, const char *config_file)
{
	int status;

	*s = (struct server){.config = c, .config_file = config_file};
	s->hub.started_ms = clock_unix_ms();
	log_setup(c->options.log_level, c->options.log_format);
	forbid_core_dumps(c);
	raise_file_limit();
	keep_memory_flat();
	if (loop_new(&s->loop) != ERR_OK)
		return refuse("out of memory");
	status = start(s);
	if (status == 0) {
		banner_print(s);
		if (log_start(STDERR_FILENO) != ERR_OK)
			log_event(
			    LOG_WARN, "no thread for the log: it is written at once");
		notify("READY=1");
		loop_run(s->loop);
		log_event(LOG_INFO, "stopped");
	}
	finish(s);
	log_stop();
	return status;
}
