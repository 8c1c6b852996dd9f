/*
 * redis: one connection to a Redis or Valkey server, for one thread, which it may block
 * for as long as its time limit says.
 */
#ifndef SHARED_REDIS_H
#define SHARED_REDIS_H

#include "core/err.h"
#include "core/note.h"
#include "core/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct redis;
struct redisReply;

#define REDIS_NAME_MAX 256

/* What an URL says: redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]; valkey:// is the
 * same; rediss:// and valkeys:// with TLS. */
struct redis_place {
	char host[REDIS_NAME_MAX], user[REDIS_NAME_MAX], password[REDIS_NAME_MAX];
	unsigned port, database;
	bool tls;
};

/* Reads an URL. ERR_SYNTAX with a note, which never has the password. */
enum err
redis_parse(struct slice url, struct redis_place *ret, struct note *note) MUST_CHECK;

/* Not connected yet. timeout_ms: to connect, and for each answer. NULL: no memory. */
struct redis *redis_new(const struct redis_place *place, uint64_t timeout_ms);
void redis_free(struct redis *r);

/* Connects, if it is not, and says who it is. ERR_IO with a note. */
enum err redis_connect(struct redis *r, struct note *note) MUST_CHECK;

/* Ends the connection: what was sent and not answered may have been done. */
void redis_drop(struct redis *r);

/* Puts a command behind those that wait to be sent. ERR_IO when it is too late. */
enum err redis_send(
    struct redis *r, unsigned n, const char **words, const size_t *lengths) MUST_CHECK;

/* The answer to the oldest command that has none yet; freed by redis_done(). ERR_IO with
 * a note: the connection is dropped. An answer that is an error is the caller's to see.
 */
enum err redis_receive(
    struct redis *r, struct redisReply **ret_reply, struct note *note) MUST_CHECK;
void redis_done(struct redisReply *reply);

#endif
