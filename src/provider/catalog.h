/*
 * catalog: which model is offered where, under which id, at what price.
 *
 * A model has a canonical id and one offer for each provider that has it. The
 * built-in catalog (etc/catalog.json) comes first, then a file of the user's in
 * the same format, then the configuration's `models:`; each may replace what
 * stands before. Built by one thread, then sealed and only read.
 */
#ifndef PROVIDER_CATALOG_H
#define PROVIDER_CATALOG_H

#include "chat/ask.h"
#include "core/arena.h"
#include "core/map.h"
#include "core/note.h"
#include "provider/price.h"
#include "provider/provider.h"

struct health; /* route/health.h: how an offer is doing */
struct engine; /* local/engine.h: what runs a local model */

struct model;

/* One model at one provider. */
struct offer {
	const struct model *model;
	struct provider *provider;
	struct slice upstream;		      /* the id that the provider knows */
	uint64_t context_tok, max_output_tok; /* 0: not known */
	unsigned can, cannot;		      /* enum capability; in neither: not known */
	bool deprecated;		      /* or an alias that moves: taken last */
	bool has_dialect;		      /* it can be asked in this one only, */
	enum dialect_id dialect;	      /* which is not its provider's first */
	struct price *prices;		      /* NULL: nobody knows what it costs */
	struct price *list; /* once sealed: the same without the provider's discount */
	struct offer **kin; /* once sealed: the dated versions of that name there */
	unsigned nkin;
	const char *missing;   /* why it can't be used (a missing file), or NULL */
	struct health *health; /* set by route */
	struct engine *engine; /* of a local model */
	struct offer *next;    /* of the same model, in the configured order */
};

struct model {
	struct slice id;   /* terminated */
	enum operation op; /* what it is for; OP_NONE: something not served yet */
	uint64_t context_tok, max_output_tok; /* the largest offered; 0: not known */
	unsigned can, cannot;
	struct offer *offers;
	unsigned noffers;
	bool configured; /* its list is the configuration's: not extended any more */
	struct account_limits
	    *caps;		 /* at all providers together, or NULL: none are set */
	struct account *account; /* that counts for them; set by route */
};

/* The offer's, or what is known of its model; 0: neither. */
static inline uint64_t
offer_context_tok(const struct offer *o)
{
	return o->context_tok != 0 || o->model == NULL ? o->context_tok
						       : o->model->context_tok;
}

static inline uint64_t
offer_max_output_tok(const struct offer *o)
{
	return o->max_output_tok != 0 || o->model == NULL ? o->max_output_tok
							  : o->model->max_output_tok;
}

/*
 * What a team or an organisation is charged inside for models whose ids match, whatever
 * they cost: for invoices. The rows hold from their dates on, and before that none does.
 */
struct internal_price {
	struct slice team, organisation; /* empty: any */
	struct slice models;		 /* patterns apart by commas; terminated */
	struct price *prices;
	struct internal_price *next;
};

struct catalog {
	struct arena arena; /* everything below lives here */
	struct provider **providers;
	unsigned nproviders;
	struct map provider_names; /* names and aliases */
	struct model **models;	   /* sorted by id once sealed */
	unsigned nmodels, models_cap;
	struct map ids;			 /* canonical ids to models */
	struct map aliases;		 /* further ids to models */
	struct map bare;		 /* unambiguous names behind the last slash */
	struct map provider_models;	 /* "provider/upstream id" to offers */
	struct internal_price *internal; /* the first that matches holds */
};

/* An empty catalog; NULL when out of memory. */
struct catalog *catalog_new(void);
void catalog_free(struct catalog *c);

/*
 * Adds a provider (takes it; its strings are its own). ERR_NOMEM; ERR_BAD_REQUEST
 * when the name is there already.
 */
enum err catalog_add_provider(struct catalog *c, struct provider *p) MUST_CHECK;

/* By name or alias; NULL. */
struct provider *catalog_provider(const struct catalog *c, struct slice name);

/* The model of that id, added when it is not there; NULL when out of memory. */
struct model *catalog_model(struct catalog *c, struct slice id);

/* An offer at the end of the model's list, or the one of that provider, emptied. */
struct offer *catalog_offer(
    struct catalog *c, struct model *m, struct provider *p, struct slice upstream);

/* A further id of the model. ERR_NOMEM. */
enum err catalog_alias(struct catalog *c, struct model *m, struct slice name) MUST_CHECK;

/* Forgets the model's offers; the caller makes a new list. */
void catalog_clear_offers(struct model *m);

/* A new price row at the front of the offer's; NULL when out of memory. */
struct price *catalog_add_price(struct catalog *c, struct offer *o);

/*
 * Reads a catalog file's text (docs/catalog.md). Providers that are not there are
 * passed over. ERR_SYNTAX with a note, and with the byte of the text that it is about;
 * ERR_NOMEM.
 */
enum err catalog_read(
    struct catalog *c, struct slice text, size_t *ret_at, struct note *note) MUST_CHECK;

/* The same, but offers of a model that its list does not name stay as they are: a file
 * that corrects prices names those alone. */
enum err catalog_merge(
    struct catalog *c, struct slice text, size_t *ret_at, struct note *note) MUST_CHECK;

/* The built-in catalog's text. */
struct slice catalog_builtin(void);

/* Completes prices and indexes, sorts; after this it is only read. ERR_NOMEM. */
enum err catalog_seal(struct catalog *c) MUST_CHECK;

/* The model of that id, that further id, or that unambiguous bare name; NULL. */
const struct model *catalog_find(const struct catalog *c, struct slice name);

/* The dialect in which it is asked by a caller who speaks `d`: that one if it can, else
 * its own. */
enum dialect_id catalog_offer_dialect(const struct offer *o, enum dialect_id d);

/* The offer of "provider/upstream id"; NULL. */
const struct offer *catalog_find_offer(
    const struct catalog *c, const struct provider *p, struct slice upstream);

/* The rows by which that team of that organisation is charged for the model of that id;
 * NULL: by what it costs, as also where no row holds yet. */
const struct price *catalog_internal(const struct catalog *c, struct slice team,
    struct slice organisation, struct slice model);

/* Up to n ids nearest to a name that is not there; returns how many. */
unsigned catalog_nearest(
    const struct catalog *c, struct slice name, struct slice *ret_ids, unsigned n);

#endif
