/*
 * admin: what weir answers itself: liveness, metrics, the list of models, what a
 * request cost. Services are called by the request machine on a loop thread; what
 * they need of other threads comes by mail.
 *
 * hub: what services see of the process. Set up by main before the loops run, and
 * constant after that but for the atomics.
 */
#ifndef ADMIN_HUB_H
#define ADMIN_HUB_H

#include "proxy/worker.h"
#include "shared/shared.h"
#include "store/store.h"

#include <stdatomic.h>

struct hub {
	struct worker **workers;
	unsigned nworkers;
	struct store *store;
	struct shared *shared; /* NULL: nothing is shared */
	uint64_t started_ms;   /* unix */
	atomic_bool stopping;
};

/* The services, for worker.services; worker.hub must be a struct hub. */
extern const struct services admin_services;

#endif
