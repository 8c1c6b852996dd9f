/*
 * load: the callers of the bench and the soak. One thread, epoll; each of its
 * connections sends its next request when the answer to the last one is complete.
 *
 *	load -p PORT [-c CONNECTIONS] [-n REQUESTS | -t SECONDS] [-s] [-h]
 *	     [-k KEY] [-m MODEL] [-b BYTES] [-g PERMILLE]
 *
 *   -s  asks for streams
 *   -h  holds: opens one stream a connection, prints "open" when each has had its
 *       first event, and then waits to be killed
 *   -b  length of the request's body (2048)
 *   -g  of a thousand answers, so many are left alone once their head came (0)
 *
 * Prints one JSON object: how many answers, by status and whole, broken or left, how
 * many of them tell of attempts, how many events, and the latency of an answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX    8192
#define EVENTS_MAX  256
#define LATENCY_MAX (1u << 20) /* kept: the last so many */

enum part { HEAD, SIZED, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, LAST_LINE, TO_THE_END };

struct caller {
	int fd;
	enum part part;
	char head[HEAD_MAX]; /* of the reply, or a chunk's size line */
	size_t len;
	uint64_t left; /* of the body or the chunk */
	unsigned status;
	bool closes, newline, any_event;
	uint64_t start_ns, events;
};

static struct {
	const char *key, *model;
	uint16_t port;
	unsigned connections, seconds, body_bytes, permille;
	uint64_t requests; /* to send in all; 0: until the time is over */
	bool stream, hold;
	char *request;
	size_t request_len;
	int epoll;
	uint64_t end_ns, sent, whole, broken, left, tried, bytes, events, open;
	uint64_t status[6]; /* by hundreds */
	uint32_t *latency_us;
	unsigned busy;
} load = {.model = "acme/large", .connections = 64, .body_bytes = 2048};

static uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
give_up(const char *what)
{
	perror(what);
	exit(1);
}

/* --- the request --- */

static void
make_request(void)
{
	size_t room = load.body_bytes + 2048, n;
	char *body = malloc(room);
	const char *stream = load.stream ? "\"stream\":true," : "";

	load.request = malloc(room + 2048);
	if (body == NULL || load.request == NULL)
		give_up("load");
	n = (size_t)snprintf(body, room,
	    "{\"model\":\"%s\",%s\"temperature\":0.7,\"max_tokens\":256,\"messages\":["
	    "{\"role\":\"system\",\"content\":\"You are a helpful assistant.\"},"
	    "{\"role\":\"user\",\"content\":\"",
	    load.model, stream);
	while (n + 4 < load.body_bytes)
		n += (size_t)snprintf(body + n, room - n, "%s",
		    n % 96 < 8 ? "a line ends here\\n" : "lorem ipsum ");
	n += (size_t)snprintf(body + n, room - n, "\"}]}");
	load.request_len = (size_t)snprintf(load.request, room + 2048,
	    "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:%u\r\n"
	    "authorization: Bearer %s\r\ncontent-type: application/json\r\n"
	    "accept: application/json\r\nuser-agent: OpenAI/Python 3.54.0\r\n"
	    "content-length: %zu\r\n\r\n%s",
	    load.port, load.key == NULL ? "none" : load.key, n, body);
	free(body);
}

/* The same answers are left in every run. */
static bool
leaves(void)
{
	static uint64_t seed = 1;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % 1000 < load.permille;
}

static bool
may_send(void)
{
	if (load.requests > 0)
		return load.sent < load.requests;
	return now_ns() < load.end_ns;
}

static void
reconnect(struct caller *c)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons(load.port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
	int on = 1;

	if (c->fd >= 0)
		(void)close(c->fd);
	/* Loopback connects at once; only reading is asynchronous. */
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		give_up("load: connect");
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &e) != 0)
		give_up("load: epoll");
}

static void
send_request(struct caller *c)
{
	if (!may_send()) {
		(void)close(c->fd);
		c->fd = -1;
		load.busy--;
		return;
	}
	load.sent++;
	c->part = HEAD;
	c->len = 0;
	c->closes = false;
	c->start_ns = now_ns();
	if (send(c->fd, load.request, load.request_len, MSG_NOSIGNAL) < 0)
		c->closes = true; /* what follows is read, and ends it */
}

/* --- the reply --- */

static void
done(struct caller *c, bool whole)
{
	uint64_t us = (now_ns() - c->start_ns) / 1000;

	if (whole) {
		load.latency_us[load.whole % LATENCY_MAX] =
		    us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
		load.whole++;
	} else {
		load.broken++;
	}
	if (c->part != HEAD)
		load.status[c->status / 100 < 6 ? c->status / 100 : 5]++;
	if (!whole || c->closes)
		reconnect(c);
	send_request(c);
}

static const char *
field(const char *head, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = strchr(head, '\n'); at != NULL; at = strchr(at + 1, '\n'))
		if (strncasecmp(at + 1, name, len) == 0)
			return at + 1 + len;
	return NULL;
}

static void
read_head(struct caller *c)
{
	const char *length = field(c->head, "content-length:");
	const char *coding = field(c->head, "transfer-encoding:");
	const char *connection = field(c->head, "connection:");

	c->status = (unsigned)strtoul(c->head + 9, NULL, 10);
	load.tried += field(c->head, "x-weir-attempts:") != NULL;
	c->closes = connection != NULL && strncasecmp(connection, " close", 6) == 0;
	c->len = 0;
	if (coding != NULL) {
		c->part = CHUNK_SIZE;
	} else if (length != NULL) {
		c->left = strtoull(length, NULL, 10);
		c->part = SIZED;
	} else {
		c->part = TO_THE_END;
	}
}

static void
count_events(struct caller *c, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool newline = bytes[i] == '\n';

		load.events += newline && c->newline;
		if (newline && c->newline && !c->any_event) {
			c->any_event = true;
			load.open++;
		}
		c->newline = newline;
	}
}

/* Takes bytes up to a line's end into c->head; true when the line is there. */
static bool
take_line(struct caller *c, const char **at, const char *end, const char *last)
{
	size_t want = strlen(last);

	while (*at < end) {
		if (c->len + 1 == HEAD_MAX)
			give_up("load: a head that is too long");
		c->head[c->len++] = *(*at)++;
		c->head[c->len] = '\0';
		if (c->len >= want && memcmp(c->head + c->len - want, last, want) == 0)
			return true;
	}
	return false;
}

static void
take_body(struct caller *c, const char **at, const char *end)
{
	uint64_t n = (uint64_t)(end - *at);

	if (c->part != TO_THE_END && n > c->left)
		n = c->left;
	count_events(c, *at, n);
	*at += n;
	c->left -= c->part == TO_THE_END ? 0 : n;
}

/* One part of the reply; false when more must come. */
static bool
take(struct caller *c, const char **at, const char *end)
{
	switch (c->part) {
	case HEAD:
		if (!take_line(c, at, end, "\r\n\r\n"))
			return false;
		read_head(c);
		if (!leaves())
			return true;
		load.left++;
		load.broken--; /* it is not */
		done(c, false);
		return false;
	case CHUNK_SIZE:
		if (!take_line(c, at, end, "\r\n"))
			return false;
		c->left = strtoull(c->head, NULL, 16);
		c->len = 0;
		c->part = c->left == 0 ? LAST_LINE : CHUNK_DATA;
		return true;
	case CHUNK_DATA:
		take_body(c, at, end);
		c->part = c->left == 0 ? CHUNK_END : CHUNK_DATA;
		return c->left == 0;
	case CHUNK_END:
	case LAST_LINE:
		if (!take_line(c, at, end, "\r\n"))
			return false;
		c->len = 0;
		if (c->part == LAST_LINE) {
			done(c, true);
			return false;
		}
		c->part = CHUNK_SIZE;
		return true;
	case SIZED:
		take_body(c, at, end);
		if (c->left == 0)
			done(c, true);
		return false;
	case TO_THE_END: take_body(c, at, end); return false;
	}
	return false;
}

static void
read_caller(struct caller *c)
{
	static char bytes[65536];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	const char *at = bytes;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		c->closes = true;
		done(c, n == 0 && c->part == TO_THE_END);
		return;
	}
	load.bytes += (uint64_t)n;
	while (at < bytes + n && take(c, &at, bytes + n))
		;
}

/* --- the run --- */

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
report(double seconds)
{
	uint64_t n = load.whole < LATENCY_MAX ? load.whole : LATENCY_MAX;

	qsort(load.latency_us, n, sizeof(load.latency_us[0]), compare);
	printf(
	    "{\"sent\":%llu,\"whole\":%llu,\"broken\":%llu,\"left\":%llu,\"tried\":%llu",
	    (unsigned long long)load.sent, (unsigned long long)load.whole,
	    (unsigned long long)load.broken, (unsigned long long)load.left,
	    (unsigned long long)load.tried);
	for (unsigned i = 1; i < 6; i++)
		printf(",\"%uxx\":%llu", i, (unsigned long long)load.status[i]);
	printf(",\"events\":%llu,\"bytes\":%llu,\"seconds\":%.3f,\"p50_us\":%u,"
	       "\"p99_us\":%u}\n",
	    (unsigned long long)load.events, (unsigned long long)load.bytes, seconds,
	    n == 0 ? 0 : load.latency_us[n / 2],
	    n == 0 ? 0 : load.latency_us[n * 99 / 100]);
}

static void
run(struct caller *callers)
{
	struct epoll_event events[EVENTS_MAX];
	bool told = false;

	for (unsigned i = 0; i < load.connections; i++) {
		callers[i].fd = -1;
		load.busy++;
		reconnect(&callers[i]);
		send_request(&callers[i]);
	}
	while (load.busy > 0) {
		int n = epoll_wait(load.epoll, events, EVENTS_MAX, 1000);

		for (int i = 0; i < n; i++)
			read_caller(events[i].data.ptr);
		if (load.hold && !told && load.open == load.connections) {
			told = true;
			puts("open");
			(void)fflush(stdout);
		}
	}
}

static void
read_options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "p:c:n:t:k:m:b:g:sh")) != -1) {
		switch (c) {
		case 'p': load.port = (uint16_t)strtoul(optarg, NULL, 10); break;
		case 'c': load.connections = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'n': load.requests = strtoull(optarg, NULL, 10); break;
		case 't': load.seconds = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'b': load.body_bytes = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'g': load.permille = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'k': load.key = optarg; break;
		case 'm': load.model = optarg; break;
		case 's': load.stream = true; break;
		case 'h': load.hold = load.stream = true; break;
		default: exit(2);
		}
	}
	if (load.hold)
		load.requests = load.connections;
	load.end_ns = now_ns() + load.seconds * 1000000000ull;
}

int
main(int argc, char **argv)
{
	struct caller *callers;
	uint64_t start = now_ns();

	read_options(argc, argv);
	make_request();
	load.epoll = epoll_create1(0);
	callers = calloc(load.connections, sizeof(*callers));
	load.latency_us = malloc(LATENCY_MAX * sizeof(load.latency_us[0]));
	if (callers == NULL || load.latency_us == NULL || load.epoll < 0)
		give_up("load");
	run(callers);
	report((double)(now_ns() - start) / 1e9);
	free(callers);
	free(load.latency_us);
	free(load.request);
	return 0;
}
