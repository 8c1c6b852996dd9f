/*
 * upstream: the provider that the bench and the soak stand in front of. One
 * thread, epoll, HTTP/1.1 with keep-alive; as cheap as can be, so that what is
 * measured is the proxy.
 *
 *	upstream [-a] [-d MS] [-n EVENTS] [-f PERMILLE] [-s SEED]
 *
 *   -a  speaks Anthropic's Messages, and says the same
 *   -d  milliseconds between two events of a stream (5)
 *   -n  events of a stream that carry text (64)
 *   -f  of a thousand requests, so many meet a fault: 500, 429, a reset, a reply
 *       that is cut, an error in the stream, a kept connection that is closed (0)
 *
 * Prints its port, then serves until it is killed. On SIGTERM it prints how many
 * requests it saw and how many it answered whole.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
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

#define INPUT_MAX  (256u << 10)
#define EVENTS_MAX 256

enum fault { NONE, STATUS_500, STATUS_429, RESET, CUT, ERROR_EVENT, CLOSE_AFTER, FAULTS };

struct peer {
	int fd;
	char *input;
	size_t len, cap;
	unsigned left;	   /* events to send; 0: none is being sent */
	enum fault fault;  /* of the stream */
	uint64_t due_ns;   /* of the next event */
	struct peer *next; /* in the queue of streams */
};

static struct {
	unsigned gap_ms, events, permille;
	bool messages; /* Anthropic's */
	uint64_t seed;
	int epoll;
	uint64_t requests, answered;
	/* Every stream waits equally long, so the queue is in the order of time. */
	struct peer *first, *last;
} up = {.gap_ms = 5, .events = 64, .seed = 1};

static volatile sig_atomic_t ended;

#define WORDS                                                                            \
	"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod "       \
	"tempor incididunt ut labore et dolore magna aliqua. Ut enim ad minim veniam, "  \
	"quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo "       \
	"consequat. Duis aute irure dolor in reprehenderit in voluptate velit esse "     \
	"cillum dolore eu fugiat nulla pariatur. Excepteur sint occaecat cupidatat non " \
	"proident, sunt in culpa qui officia deserunt mollit anim id est laborum."

static const char body[] =
    "{\"id\":\"chatcmpl-0123456789abcdef\",\"object\":\"chat.completion\","
    "\"created\":1764000000,\"model\":\"large-v1\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"content\":\"" WORDS "\"},\"logprobs\":null,"
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":400,"
    "\"completion_tokens\":100,\"total_tokens\":500,\"prompt_tokens_details\":"
    "{\"cached_tokens\":64,\"audio_tokens\":0},\"completion_tokens_details\":"
    "{\"reasoning_tokens\":0,\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
    "\"rejected_prediction_tokens\":0}},\"service_tier\":\"default\","
    "\"system_fingerprint\":\"fp_0123456789\"}";

#define CHUNK(delta, finish, more)                                                       \
	"data: {\"id\":\"chatcmpl-0123456789abcdef\",\"object\":"                        \
	"\"chat.completion.chunk\",\"created\":1764000000,\"model\":\"large-v1\","       \
	"\"choices\":[" delta finish "]" more "}\n\n"

static const char text_event[] = CHUNK(
    "{\"index\":0,\"delta\":{\"content\":\" word\"},", "\"finish_reason\":null}", "");
static const char last_event[] =
    CHUNK("{\"index\":0,\"delta\":{},", "\"finish_reason\":\"stop\"}", "");
static const char usage_event[] = CHUNK("", "",
    ",\"usage\":{\"prompt_tokens\":400,\"completion_tokens\":64,\"total_tokens\":464,"
    "\"prompt_tokens_details\":{\"cached_tokens\":64}}");
static const char done_event[] = "data: [DONE]\n\n";
static const char error_event[] = "data: {\"error\":{\"message\":\"overloaded\","
				  "\"type\":\"server_error\",\"code\":503}}\n\n";

/* The same, as Anthropic's Messages. */
#define USAGE(output)                                                                    \
	"\"usage\":{\"input_tokens\":336,\"cache_creation_input_tokens\":0,"             \
	"\"cache_read_input_tokens\":64,\"cache_creation\":{"                            \
	"\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},"              \
	"\"output_tokens\":" output ",\"service_tier\":\"standard\"}"
#define NAMED(name, data) "event: " name "\ndata: {\"type\":\"" name "\"," data "}\n\n"

static const char message_body[] =
    "{\"id\":\"msg_0123456789abcdefghijkl\",\"type\":\"message\","
    "\"role\":\"assistant\",\"model\":\"large-v1\",\"content\":[{\"type\":\"text\","
    "\"text\":\"" WORDS
    "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null," USAGE("100") "}";
static const char message_start[] = NAMED("message_start",
    "\"message\":{\"id\":\"msg_0123456789abcdefghijkl\",\"type\":\"message\","
    "\"role\":\"assistant\",\"model\":\"large-v1\",\"content\":[],"
    "\"stop_reason\":null,\"stop_sequence\":null," USAGE("1") "}")
    NAMED("content_block_start",
	"\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}");
static const char message_event[] = NAMED("content_block_delta",
    "\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" word\"}");
static const char message_end[] = NAMED("content_block_stop", "\"index\":0")
    NAMED("message_delta", "\"delta\":{\"stop_reason\":\"end_turn\","
			   "\"stop_sequence\":null},\"usage\":{\"output_tokens\":"
			   "64}") "event: message_stop\ndata: "
				  "{\"type\":\"message_stop\"}\n\n";

static const char cut_reply[] = "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"id\":";

static uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* xorshift: the same faults in the same order in every run. */
static unsigned
draw(unsigned below)
{
	up.seed ^= up.seed << 13;
	up.seed ^= up.seed >> 7;
	up.seed ^= up.seed << 17;
	return (unsigned)(up.seed % below);
}

static void
drop(struct peer *p, bool reset)
{
	struct linger at_once = {1, 0};

	if (reset)
		(void)setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	(void)close(p->fd);
	p->fd = -1;
	p->len = 0;
	if (p->left == 0) {
		free(p->input);
		free(p);
	}
}

/* The replies are small: one that does not fit into the socket is a slow reader,
 * whom the bench has not. */
static void
say(struct peer *p, const char *bytes, size_t len)
{
	if (send(p->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len && p->left == 0)
		(void)shutdown(p->fd, SHUT_RDWR);
}

static void
say_head(struct peer *p, const char *status, const char *fields, const char *content)
{
	char reply[4096];
	int n = snprintf(reply, sizeof(reply),
	    "HTTP/1.1 %s\r\ncontent-type: application/json\r\n%scontent-length: %zu\r\n"
	    "\r\n%s",
	    status, fields, strlen(content), content);

	say(p, reply, (size_t)n);
}

static void
say_chunk(struct peer *p, const char *event, size_t len)
{
	char chunk[2048];
	int n = snprintf(chunk, sizeof(chunk), "%zx\r\n%.*s\r\n", len, (int)len, event);

	say(p, chunk, (size_t)n);
}

/* --- streams --- */

static void
queue(struct peer *p)
{
	p->due_ns = now_ns() + up.gap_ms * 1000000ull;
	p->next = NULL;
	if (up.last == NULL)
		up.first = p;
	else
		up.last->next = p;
	up.last = p;
}

static void
start_stream(struct peer *p, enum fault fault)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n"
				   "content-type: text/event-stream\r\n"
				   "transfer-encoding: chunked\r\n\r\n";

	say(p, head, sizeof(head) - 1);
	if (up.messages)
		say_chunk(p, message_start, sizeof(message_start) - 1);
	p->left = up.events;
	p->fault = fault;
	queue(p);
}

/* What comes at the end, all in one chunk, as hosts send it. */
static void
end_stream(struct peer *p)
{
	char end[1024];
	int n = up.messages ? snprintf(end, sizeof(end), "%s", message_end)
			    : snprintf(end, sizeof(end), "%s%s%s", last_event,
				  usage_event, done_event);

	say_chunk(p, end, (size_t)n);
	say(p, "0\r\n\r\n", 5);
	up.answered++;
}

static void
next_event(struct peer *p)
{
	unsigned middle = up.events / 2;

	if (p->fd < 0) { /* the reader left */
		p->left = 0;
		free(p->input);
		free(p);
		return;
	}
	if (p->left == middle && (p->fault == CUT || p->fault == RESET)) {
		p->left = 0;
		drop(p, p->fault == RESET);
		return;
	}
	if (p->left == middle && p->fault == ERROR_EVENT)
		say_chunk(p, error_event, sizeof(error_event) - 1);
	else if (up.messages)
		say_chunk(p, message_event, sizeof(message_event) - 1);
	else
		say_chunk(p, text_event, sizeof(text_event) - 1);
	if (--p->left > 0) {
		queue(p);
		return;
	}
	end_stream(p);
	if (p->fault == CLOSE_AFTER)
		drop(p, false);
}

/* Sends what is due; returns the time until the next, or NULL. */
static const struct timespec *
run_streams(void)
{
	static struct timespec wait;

	while (up.first != NULL) {
		struct peer *p = up.first;
		uint64_t now = now_ns();

		if (p->due_ns > now) {
			wait.tv_sec = (time_t)((p->due_ns - now) / 1000000000u);
			wait.tv_nsec = (long)((p->due_ns - now) % 1000000000u);
			return &wait;
		}
		up.first = p->next;
		if (up.first == NULL)
			up.last = NULL;
		next_event(p);
	}
	return NULL;
}

/* --- requests --- */

static void
answer(struct peer *p, const char *request, size_t len)
{
	bool stream = memmem(request, len, "\"stream\":true", 13) != NULL;
	enum fault fault = NONE;

	up.requests++;
	if (up.permille > 0 && draw(1000) < up.permille)
		fault = (enum fault)(1 + draw(FAULTS - 1));
	if (fault == STATUS_500) {
		say_head(p, "500 Broken", "", "{\"error\":{\"message\":\"broken\"}}");
	} else if (fault == STATUS_429) {
		say_head(p, "429 Slow", "retry-after-ms: 1\r\n",
		    "{\"error\":{\"message\":\"slow down\"}}");
	} else if (stream) {
		start_stream(p, fault);
	} else if (fault == RESET) {
		drop(p, true);
	} else if (fault == CUT) {
		say(p, cut_reply, sizeof(cut_reply) - 1);
		drop(p, false);
	} else {
		up.answered++;
		say_head(p, "200 OK", "", up.messages ? message_body : body);
		if (fault == CLOSE_AFTER)
			drop(p, false);
	}
}

/* The length of the request that the input begins with; 0: not all of it is here. */
static size_t
request_length(const struct peer *p)
{
	const char *end = memmem(p->input, p->len, "\r\n\r\n", 4);
	const char *field;
	size_t head, length = 0;

	if (end == NULL)
		return 0;
	head = (size_t)(end - p->input) + 4;
	for (field = p->input; field < end; field++)
		if (*field == '\n' && strncasecmp(field + 1, "content-length:", 15) == 0)
			length = strtoul(field + 16, NULL, 10);
	return p->len >= head + length ? head + length : 0;
}

static void
read_peer(struct peer *p)
{
	size_t len;
	ssize_t n;

	if (p->fd < 0)
		return;
	if (p->len + 65536 > p->cap && p->cap < INPUT_MAX) {
		p->cap = p->cap == 0 ? 65536 + 8192 : INPUT_MAX;
		p->input = realloc(p->input, p->cap);
		if (p->input == NULL)
			exit(1);
	}
	n = recv(p->fd, p->input + p->len, p->cap - p->len, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		drop(p, false);
		return;
	}
	p->len += (size_t)n;
	len = p->left > 0 ? 0 : request_length(p);
	if (len > 0) {
		p->len -= len; /* nobody pipelines here */
		answer(p, p->input, len);
	}
}

static void
accept_peers(int listener)
{
	struct epoll_event e = {.events = EPOLLIN};
	int fd, on = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct peer *p = calloc(1, sizeof(*p));

		if (p == NULL)
			exit(1);
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		p->fd = fd;
		e.data.ptr = p;
		(void)epoll_ctl(up.epoll, EPOLL_CTL_ADD, fd, &e);
	}
}

static int
listen_somewhere(void)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) != 0 ||
	    listen(fd, 4096) != 0 || getsockname(fd, (struct sockaddr *)&a, &len) != 0) {
		perror("upstream");
		exit(1);
	}
	printf("%u\n", ntohs(a.sin_port));
	(void)fflush(stdout);
	return fd;
}

static void
on_signal(int number)
{
	(void)number;
	ended = 1;
}

static void
read_options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "ad:n:f:s:")) != -1) {
		unsigned long v = optarg == NULL ? 0 : strtoul(optarg, NULL, 10);

		if (c == 'a')
			up.messages = true;
		else if (c == 'd')
			up.gap_ms = (unsigned)v;
		else if (c == 'n')
			up.events = (unsigned)v;
		else if (c == 'f')
			up.permille = (unsigned)v;
		else if (c == 's')
			up.seed = v;
		else
			exit(2);
	}
}

int
main(int argc, char **argv)
{
	struct epoll_event events[EVENTS_MAX], e = {.events = EPOLLIN};
	struct sigaction action = {.sa_handler = on_signal};
	const struct timespec *wait = NULL;
	int listener;

	read_options(argc, argv);
	(void)sigaction(SIGTERM, &action, NULL);
	listener = listen_somewhere();
	up.epoll = epoll_create1(0);
	e.data.ptr = NULL;
	(void)epoll_ctl(up.epoll, EPOLL_CTL_ADD, listener, &e);
	while (!ended) {
		int n = epoll_pwait2(up.epoll, events, EVENTS_MAX, wait, NULL);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == NULL)
				accept_peers(listener);
			else
				read_peer(events[i].data.ptr);
		}
		wait = run_streams();
	}
	printf("%llu requests, %llu answered\n", (unsigned long long)up.requests,
	    (unsigned long long)up.answered);
	return 0;
}
