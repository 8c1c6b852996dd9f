/*
 * http: HTTP/1.1 as text, without I/O: reading messages of both sides (parser.h),
 * writing heads (write.h), event streams (sse.h, eventstream.h), request targets
 * (target.h), compressed replies (inflate.h), AWS signatures (sigv4.h). The grammar of
 *messages is llhttp's; what it lets pass and we do not is checked here.
 *
 * parser: one message after the other out of the bytes of a connection.
 *
 *	while ((got = http_parse(&p, &in, &part)) != HTTP_GOT_MORE) ...
 *
 * A head is copied into the arena given for it, so its slices live as long as
 * that. Body parts are slices of the input and are never copied.
 */
#ifndef HTTP_PARSER_H
#define HTTP_PARSER_H

#include "core/arena.h"
#include "core/buf.h"

#include <llhttp.h>

enum http_kind { HTTP_REQUESTS, HTTP_REPLIES };

enum http_got {
	HTTP_GOT_MORE, /* the input is used up */
	HTTP_GOT_HEAD, /* p->head is complete */
	HTTP_GOT_BODY, /* *ret_part is the next part of the body */
	HTTP_GOT_END,  /* the message is complete; the rest of the input is the next one's
			*/
	HTTP_GOT_BAD   /* p->err and p->why tell; nothing more can be read */
};

/* More fields than this in a head are refused with HEADERS_TOO_LARGE. */
#define HTTP_FIELDS_MAX 128

struct http_field {
	struct slice name, value; /* the value without blanks around it */
};

struct http_head {
	struct slice method, target; /* of a request */
	unsigned status;	     /* of a reply */
	unsigned minor;		     /* HTTP/1.minor */
	struct http_field *fields;
	unsigned nfields;
	bool chunked, has_length;
	uint64_t length; /* of the body, if has_length */
	bool keep_alive; /* may another message follow? */
};

struct http_parser {
	llhttp_t ll;
	enum http_kind kind;
	struct arena *arena; /* where heads go */
	size_t max_head;     /* bytes */
	struct buf partial;  /* a head that came in pieces */
	size_t scanned;	     /* bytes of it that hold no end */
	unsigned lines;	     /* whole ones in them */
	unsigned room;	     /* for fields */
	struct http_head head;
	struct slice part; /* a body part, from a callback of llhttp */
	bool in_body, ended;
	enum err err;
	const char *why; /* static text */
};

/* Borrows the arena until http_parser_done or the next http_parser_arena. */
void http_parser_init(
    struct http_parser *p, enum http_kind kind, struct arena *arena, size_t max_head);
void http_parser_done(struct http_parser *p);

/* The next head goes into this arena. */
void http_parser_arena(struct http_parser *p, struct arena *arena);

/*
 * Reads on in *in and takes off it what it used. After HTTP_GOT_BAD only
 * http_parser_done is legal. Errors in p->err: BAD_HTTP, HEADERS_TOO_LARGE,
 * BAD_TRANSFER, BAD_VERSION, NOMEM.
 */
enum http_got http_parse(struct http_parser *p, struct slice *in, struct slice *ret_part);

/* The connection ended: HTTP_GOT_END if that completes a reply, else HTTP_GOT_BAD. */
enum http_got http_parse_eof(struct http_parser *p);

/* Is it between messages, without a byte of the next one? */
bool http_parser_is_idle(const struct http_parser *p);

/* The value of the first field of the name (any case); ptr NULL if there is none. */
struct slice http_field(const struct http_head *h, struct slice name);

/* How many fields have the name? */
unsigned http_field_count(const struct http_head *h, struct slice name);

/* Does the comma-separated value of the fields of that name hold the token? */
bool http_has_token(const struct http_head *h, struct slice name, struct slice token);

#endif
