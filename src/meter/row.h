/*
 * meter: what a request used and cost, and the row that says so.
 *
 * The request machine fills a struct meter_row as a request goes on and hands it
 * to meter_settle() once, at its end; the row's bytes go to a sink (an outbox),
 * from which the store's thread takes them. Only meter writes rows; what keeps
 * them is bound by main. stats.h counts for /metrics. Pure but for the sink.
 *
 * row: one line of the ledger, for a request of which at least one attempt was
 * sent upstream.
 */
#ifndef METER_ROW_H
#define METER_ROW_H

#include "chat/usage.h"
#include "core/buf.h"
#include "core/outbox.h"

/* A request's id: rowid orders by time and is unique; tag can't be guessed. */
struct request_id {
	uint64_t rowid, tag;
};

#define REQUEST_ID_LEN 36 /* "req_" and 32 hexadecimal digits */

/* Writes it, without terminator. */
void request_id_write(struct request_id id, char to[REQUEST_ID_LEN]);

/* False for other text. */
bool request_id_parse(struct slice s, struct request_id *ret_id);

/* Makes ids on one thread. */
struct request_ids {
	uint64_t last, thread;
	uint64_t tags[32]; /* random, for the next ones */
	unsigned left;
};

/* threads are numbered from 0 to 63. */
void request_ids_init(struct request_ids *ids, unsigned thread);
struct request_id request_ids_next(struct request_ids *ids, uint64_t unix_ms);

/* The thread that made it. */
unsigned request_id_thread(struct request_id id);

/* The numbers of a row; kept as they are in the outbox. */
struct meter_numbers {
	struct request_id id;
	uint64_t start_ms; /* unix */
	uint64_t key_id;   /* 0: no key was needed */
	uint32_t ttft_ms;  /* 0: no first token came */
	uint32_t total_ms;
	uint16_t status; /* that the caller got */
	uint8_t attempts;
	bool stream, partial;
	bool estimated; /* a part of the usage is our own count */
	struct usage usage;
	int64_t cost_pusd; /* PRICE_UNKNOWN when nobody knows */
};

enum meter_text {
	TEXT_KEY,	  /* name of the key */
	TEXT_ASKED,	  /* model string of the caller */
	TEXT_MODEL,	  /* canonical id */
	TEXT_PROVIDER,	  /* that answered, or failed last */
	TEXT_UPSTREAM,	  /* model id sent to it */
	TEXT_SAID,	  /* model that the reply names */
	TEXT_TIER,	  /* service tier that the reply names */
	TEXT_UPSTREAM_ID, /* the provider's request id */
	TEXT_OPERATION,	  /* "chat", "completion", "embedding" */
	TEXT_OUTCOME,	  /* "OK", or the error's name */
	TEXT_USER,	  /* names of those whom the key spends for */
	TEXT_TEAM,
	TEXT_ORGANISATION,
	TEXT_SESSION,  /* as the caller says, as the next */
	TEXT_TAGS,     /* apart by commas */
	TEXT_ATTEMPTS, /* JSON: [{provider, model, outcome, ms, billed}] */
	METER_TEXTS
};

#define METER_TEXT_MAX 4096 /* bytes of a text; a longer one is cut */

struct meter_row {
	struct meter_numbers n;
	struct slice text[METER_TEXTS]; /* borrowed */
};

/* Appends it to the outbox as one record. False when there is no room. */
bool meter_row_put(struct outbox *o, const struct meter_row *row);

/* Takes a record off *bytes; the row borrows them. False at the end. */
bool meter_row_take(struct slice *bytes, struct meter_row *ret_row);

#endif
