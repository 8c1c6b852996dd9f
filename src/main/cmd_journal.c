/*
 * `weir journal`: reads the files only, so it works on those of a running server, of
 * one that was killed, and on a copy.
 */
#include "core/text.h"
#include "main/command.h"
#include "main/table.h"
#include "store/journal.h"
#include "store/opens.h"
#include "store/store.h"
#include "json/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTED 20 /* open intents, in the table */

static const char help[] =
    "usage: weir journal [FOLDER] [--json]\n\n"
    "Shows the files of the journal: how much is written, how many intents and rows,\n"
    "how far they are in the ledger, and the requests that went to a provider and\n"
    "are not settled. FOLDER is a data folder, or a copy of one; without it the one\n"
    "that is configured. It changes nothing, and the server may be running.\n\n"
    "A request that is open while no server runs is settled as INTERRUPTED, at its\n"
    "reserved amount, at the next start.\n";

struct inspection {
	struct buf files; /* JSON */
	struct table table;
	struct opens opens;
	/* What open intents say, by their place here. */
	struct buf records;
	uint64_t segments, bytes, intents, rows, waiting, torn, damaged;
	int64_t reserved_pusd;
};

/* One file, while it is looked at. */
struct file {
	const char *name;
	struct slice bytes;
	struct segment_head head;
	uint64_t end, intents, rows, waiting;
	bool torn;
};

/* --- reading --- */

static enum err
keep_intent(struct inspection *i, const struct meter_intent *intent, struct slice record)
{
	struct open_intent entry = {.id = intent->id, .at = i->records.len};
	uint32_t bytes = (uint32_t)record.len;

	buf_add(&i->records, slice_of((const char *)&bytes, sizeof(bytes)));
	buf_add(&i->records, record);
	if (i->records.err != ERR_OK || opens_reserve(&i->opens, 1) != ERR_OK)
		return ERR_NOMEM;
	if (intent->id.rowid != 0)
		(void)opens_put(&i->opens, entry);
	return ERR_OK;
}

static struct slice
kept_intent(const struct inspection *i, const struct open_intent *o)
{
	uint32_t bytes;

	memcpy(&bytes, i->records.ptr + o->at, sizeof(bytes));
	return slice_of(i->records.ptr + o->at + sizeof(bytes), bytes);
}

static enum err
read_records(struct inspection *i, struct file *f)
{
	struct segment_reader r;
	struct segment_record record;
	struct meter_intent intent;
	struct meter_row row;
	enum err e = ERR_OK;

	segment_read(&r, f->bytes, f->head.tag, 0);
	while (e == ERR_OK && segment_next(&r, &record)) {
		struct slice payload = record.payload;

		if (record.type == SEGMENT_SETTLE && meter_row_take(&payload, &row)) {
			f->rows++;
			f->waiting += record.at >= f->head.drained;
			(void)opens_take(&i->opens, row.n.id);
		} else if (record.type == SEGMENT_INTENT &&
			   meter_intent_read(payload, &intent)) {
			f->intents++;
			e = keep_intent(i, &intent, payload);
		}
	}
	f->end = r.at;
	f->torn = r.torn;
	return e;
}

static void
put_file(struct inspection *i, const struct file *f)
{
	char time[TEXT_TIME_MAX];
	size_t n = text_time(time, f->head.created_ms);

	json_open(&i->files, '{');
	json_member(&i->files, S("file"), slice_str(f->name));
	json_member_u64(&i->files, S("version"), SEGMENT_VERSION);
	json_member_u64(&i->files, S("sequence"), f->head.sequence);
	json_member_u64(&i->files, S("thread"), f->head.loop);
	json_member(&i->files, S("created_at"), slice_of(time, n));
	json_member_u64(&i->files, S("bytes"), f->bytes.len);
	json_member_u64(&i->files, S("written_bytes"), f->end);
	json_member_u64(&i->files, S("drained_bytes"), f->head.drained);
	json_member_u64(&i->files, S("intents"), f->intents);
	json_member_u64(&i->files, S("rows"), f->rows);
	json_member_u64(&i->files, S("rows_waiting"), f->waiting);
	json_key(&i->files, S("torn"));
	json_put_bool(&i->files, f->torn);
	json_close(&i->files, '}');
	table_number(&i->table, f->head.sequence);
	table_number(&i->table, f->head.loop);
	table_cell(&i->table, slice_of(time, n - 5));
	table_number(&i->table, f->bytes.len);
	table_number(&i->table, f->end);
	table_number(&i->table, f->head.drained);
	table_number(&i->table, f->intents);
	table_number(&i->table, f->rows);
	table_number(&i->table, f->waiting);
	table_cell(&i->table, f->torn ? S("torn") : S("whole"));
}

static enum err
look_into(struct inspection *i, struct file *f, struct note *note)
{
	enum err e = segment_head_read(f->bytes, &f->head, note);

	if (e == ERR_EOF) /* just made: nothing is in it */
		return ERR_OK;
	if (e != ERR_OK) {
		(void)fprintf(stderr, "weir: %s: %s\n", f->name, note->text);
		i->damaged++;
		return ERR_OK;
	}
	e = read_records(i, f);
	if (e != ERR_OK) {
		note_set(note, "out of memory");
		return e;
	}
	put_file(i, f);
	i->segments++;
	i->bytes += f->bytes.len;
	i->intents += f->intents;
	i->rows += f->rows;
	i->waiting += f->waiting;
	i->torn += f->torn;
	return ERR_OK;
}

static enum err
on_file(void *arg, const char *path, struct note *note)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st = {.st_size = 0};
	void *map = MAP_FAILED;
	struct file f = {.name = strrchr(path, '/') + 1};
	enum err e = ERR_OK;

	if (fd < 0 && errno == ENOENT) /* drained meanwhile */
		return ERR_OK;
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (fd < 0 || (map == MAP_FAILED && st.st_size > 0)) {
		note_set(note, "cannot read %s: %s", path, strerror(errno));
		e = ERR_IO;
	} else if (map != MAP_FAILED) {
		f.bytes = slice_of(map, (size_t)st.st_size);
		e = look_into(arg, &f, note);
		(void)munmap(map, (size_t)st.st_size);
	}
	if (fd >= 0)
		(void)close(fd);
	return e;
}

/* --- telling --- */

static int
by_time(const void *a, const void *b)
{
	const struct open_intent *x = a, *y = b;

	return x->id.rowid < y->id.rowid ? -1 : x->id.rowid > y->id.rowid;
}

/* The open ones, oldest first, at the beginning of the slots. */
static void
sort_opens(struct opens *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->cap; i++)
		if (o->slots[i].id.rowid != 0)
			o->slots[n++] = o->slots[i];
	if (n > 0)
		qsort(o->slots, n, sizeof(o->slots[0]), by_time);
}

static void
put_usd(struct buf *to, struct slice key, int64_t pusd)
{
	char usd[TEXT_PUSD_MAX];

	json_key(to, key);
	if (pusd == PRICE_UNKNOWN)
		json_put_null(to);
	else
		json_quote(to, slice_of(usd, text_pusd(usd, pusd)));
}

static void
put_open_json(struct buf *to, const struct meter_intent *in)
{
	char id[REQUEST_ID_LEN], time[TEXT_TIME_MAX];

	request_id_write(in->id, id);
	json_open(to, '{');
	json_member(to, S("id"), slice_of(id, sizeof(id)));
	json_member(to, S("started_at"), slice_of(time, text_time(time, in->start_ms)));
	json_member(to, S("key"), in->text[INTENT_KEY]);
	json_member(to, S("asked"), in->text[INTENT_ASKED]);
	json_member(to, S("provider"), in->text[INTENT_PROVIDER]);
	json_member_u64(to, S("attempts"), in->attempts);
	put_usd(to, S("reserved_usd"), in->reserved_pusd);
	json_close(to, '}');
}

static void
print_json(struct inspection *i, const char *folder)
{
	struct buf out;
	struct meter_intent in;

	buf_init(&out, 256u << 20);
	json_open(&out, '{');
	json_member(&out, S("folder"), slice_str(folder));
	json_member_u64(&out, S("bytes"), i->bytes);
	json_member_u64(&out, S("intents"), i->intents);
	json_member_u64(&out, S("rows"), i->rows);
	json_member_u64(&out, S("rows_waiting"), i->waiting);
	json_key(&out, S("segments"));
	json_put_raw(&out, buf_slice(&i->files));
	json_key(&out, S("open"));
	json_open(&out, '[');
	for (size_t n = 0; n < i->opens.count; n++)
		if (meter_intent_read(kept_intent(i, &i->opens.slots[n]), &in))
			put_open_json(&out, &in);
	json_close(&out, ']');
	json_close(&out, '}');
	buf_byte(&out, '\n');
	command_print(buf_slice(&out));
	buf_free(&out);
}

static void
print_opens(struct inspection *i)
{
	static const char *const titles[] = {
	    "open request", "started (UTC)", "key", "asked", "provider", ">reserved USD"};
	struct table t;

	table_init(&t, 6, titles);
	for (size_t n = 0; n < i->opens.count && n < LISTED; n++) {
		char id[REQUEST_ID_LEN], time[TEXT_TIME_MAX], usd[TEXT_PUSD_MAX];
		struct meter_intent in;

		if (!meter_intent_read(kept_intent(i, &i->opens.slots[n]), &in))
			continue;
		request_id_write(in.id, id);
		table_cell(&t, slice_of(id, sizeof(id)));
		table_cell(&t, slice_of(time, text_time(time, in.start_ms) - 5));
		table_cell(&t, in.text[INTENT_KEY]);
		table_cell(&t, in.text[INTENT_ASKED]);
		table_cell(&t, in.text[INTENT_PROVIDER]);
		table_cell(&t, in.reserved_pusd == PRICE_UNKNOWN
				   ? S("unknown")
				   : slice_of(usd, text_pusd(usd, in.reserved_pusd)));
	}
	table_print(&t);
	if (i->opens.count > LISTED)
		(void)fprintf(stderr, "... and %zu more; --json lists all\n",
		    i->opens.count - LISTED);
}

static void
print_text(struct inspection *i, const char *folder)
{
	struct buf line;

	if (i->segments > 0)
		table_print(&i->table);
	if (i->opens.count > 0)
		print_opens(i);
	buf_init(&line, 8192);
	buf_printf(&line,
	    "%s: %llu segments, %llu rows of which %llu are not in the ledger yet, %zu "
	    "open requests\n",
	    folder, (unsigned long long)i->segments, (unsigned long long)i->rows,
	    (unsigned long long)i->waiting, i->opens.count);
	command_print(buf_slice(&line));
	buf_free(&line);
}

static int
inspect(const struct args *a, const char *data)
{
	static const char *const titles[] = {">segment", ">thread", "made (UTC)",
	    ">bytes", ">written", ">drained", ">intents", ">rows", ">waiting", "end"};
	struct inspection i = {.segments = 0};
	char folder[4200];
	struct note note;
	enum err e;

	(void)snprintf(folder, sizeof(folder), "%s/" JOURNAL_FOLDER, data);
	if (access(folder, F_OK) != 0 && access(data, F_OK) != 0) {
		(void)fprintf(stderr, "weir: there is no folder %s\n", data);
		return 1;
	}
	opens_init(&i.opens);
	buf_init(&i.files, 64u << 20);
	buf_init(&i.records, 1u << 30);
	table_init(&i.table, 10, titles);
	json_open(&i.files, '[');
	e = journals_each(folder, on_file, &i, &note);
	json_close(&i.files, ']');
	sort_opens(&i.opens);
	if (e != ERR_OK)
		(void)fprintf(stderr, "weir: %s\n", note.text);
	else if (a->json)
		print_json(&i, folder);
	else
		print_text(&i, folder);
	if (a->json || e != ERR_OK || i.segments == 0)
		table_done(&i.table);
	opens_free(&i.opens);
	buf_free(&i.files);
	buf_free(&i.records);
	return e != ERR_OK || i.damaged > 0 ? 1 : 0;
}

int
cmd_journal(struct args *a)
{
	const char *arg, *folder = NULL;
	char path[4096];
	struct config *c;

	while ((arg = args_next(a, help)) != NULL) {
		if (arg[0] == '-' || folder != NULL)
			return args_unknown(a, arg);
		folder = arg;
	}
	if (folder == NULL) {
		c = command_config(a, false);
		if (c == NULL)
			return 1;
		folder = store_folder(c->options.data, path);
		config_unref(c);
	}
	return inspect(a, folder);
}
