/*
 * peers: what the processes know of providers, told to each other: breakers, keys that
 * are benched, speeds. The newest word on an offer holds. For shared/ only.
 */
#ifndef SHARED_PEERS_H
#define SHARED_PEERS_H

#include "core/note.h"
#include "shared/script.h"

struct peer_news;

struct peers {
	struct peer_news *all; /* what was told or heard of each offer */
	uint64_t told_ms;      /* monotonic */
	uint64_t heard_ms;     /* unix: newer stamps are to come */
};

void peers_init(struct peers *p);
void peers_free(struct peers *p);

/* A new connection: the server may know nothing. */
void peers_begin(struct peers *p);

/* Once a second tells what is new here and takes over what is new there. ERR_IO with a
 * note. */
enum err peers_exchange(struct peers *p, const struct scripts *s, struct redis *r,
    struct note *note) MUST_CHECK;

#endif
