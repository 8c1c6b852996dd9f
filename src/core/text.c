#include "core/text.h"

#include <time.h>

size_t
text_u64(char *p, uint64_t value)
{
	static const char pairs[] = "0001020304050607080910111213141516171819"
				    "2021222324252627282930313233343536373839"
				    "4041424344454647484950515253545556575859"
				    "6061626364656667686970717273747576777879"
				    "8081828384858687888990919293949596979899";
	char digits[TEXT_U64_MAX];
	size_t at = sizeof(digits);

	for (; value >= 100; value /= 100)
		memcpy(digits + (at -= 2), pairs + value % 100 * 2, 2);
	if (value >= 10)
		memcpy(digits + (at -= 2), pairs + value * 2, 2);
	else
		digits[--at] = (char)('0' + value);
	memcpy(p, digits + at, sizeof(digits) - at);
	return sizeof(digits) - at;
}

size_t
text_pusd(char *p, int64_t pusd)
{
	const uint64_t usd = 1000000000000u;
	uint64_t amount = pusd < 0 ? 0 - (uint64_t)pusd : (uint64_t)pusd;
	uint64_t part = amount % usd;
	size_t n = 0;

	if (pusd < 0)
		p[n++] = '-';
	n += text_u64(p + n, amount / usd);
	if (part == 0)
		return n;
	p[n++] = '.';
	while (part > 0) {
		part *= 10;
		p[n++] = (char)('0' + part / usd);
		part %= usd;
	}
	return n;
}

bool
text_scaled(struct slice s, unsigned digits, int64_t *ret_value)
{
	uint64_t value = 0;
	unsigned decimals = 0;
	bool point = false, any = false;

	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';

		if (s.ptr[i] == '.' && any && !point) {
			point = true;
			any = false; /* "1." is not a number */
			continue;
		}
		if (digit > 9 || (point && decimals == digits && digit != 0))
			return false;
		any = true;
		if (point && decimals == digits)
			continue; /* a zero behind the last digit that counts */
		if (value > ((uint64_t)INT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
		decimals += point;
	}
	for (; any && decimals < digits; decimals++) {
		if (value > (uint64_t)INT64_MAX / 10)
			return false;
		value *= 10;
	}
	if (any)
		*ret_value = (int64_t)value;
	return any;
}

static char *
put_digits(char *p, unsigned value, unsigned width)
{
	for (unsigned i = width; i > 0; i--) {
		p[i - 1] = (char)('0' + value % 10);
		value /= 10;
	}
	return p + width;
}

/* The text up to the second is kept: a thread asks for many times of one second. */
size_t
text_time(char *p, uint64_t unix_ms)
{
	static _Thread_local char kept[TEXT_TIME_MAX];
	static _Thread_local uint64_t kept_second;
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm tm;
	char *at = kept;

	if (kept[0] == '\0' || kept_second != unix_ms / 1000) {
		(void)gmtime_r(&seconds, &tm);
		at = put_digits(at, (unsigned)tm.tm_year + 1900, 4);
		*at++ = '-';
		at = put_digits(at, (unsigned)tm.tm_mon + 1, 2);
		*at++ = '-';
		at = put_digits(at, (unsigned)tm.tm_mday, 2);
		*at++ = 'T';
		at = put_digits(at, (unsigned)tm.tm_hour, 2);
		*at++ = ':';
		at = put_digits(at, (unsigned)tm.tm_min, 2);
		*at++ = ':';
		at = put_digits(at, (unsigned)tm.tm_sec, 2);
		*at++ = '.';
		kept_second = unix_ms / 1000;
	}
	memcpy(p, kept, TEXT_TIME_MAX);
	at = put_digits(p + TEXT_TIME_MAX - 4, (unsigned)(unix_ms % 1000), 3);
	*at++ = 'Z';
	return (size_t)(at - p);
}

struct unit {
	struct slice name;
	uint64_t scale;
};

/* The digits and points at the start of s, cut off it. */
static struct slice
cut_number(struct slice *s)
{
	size_t n = 0;
	struct slice number;

	while (n < s->len && ((s->ptr[n] >= '0' && s->ptr[n] <= '9') || s->ptr[n] == '.'))
		n++;
	number = slice_head(*s, n);
	*s = slice_from(*s, n);
	return number;
}

/* The unit at the start of s (its letters), cut off it; NULL when unknown. */
static const struct unit *
cut_unit(struct slice *s, const struct unit *units)
{
	size_t n = 0;

	while (n < s->len && (s->ptr[n] | 0x20) >= 'a' && (s->ptr[n] | 0x20) <= 'z')
		n++;
	for (; units->name.ptr != NULL; units++) {
		if (!slice_ieq(slice_head(*s, n), units->name))
			continue;
		*s = slice_from(*s, n);
		return units;
	}
	return NULL;
}

/* number * scale, the number with at most six decimals. */
static bool
scale_number(struct slice number, uint64_t scale, uint64_t *ret_value)
{
	size_t point = slice_find(number, '.');
	uint64_t whole, rest;
	int64_t micro;

	/* Go prints durations with up to nine decimals; under a µs is noise. */
	if (point < number.len && number.len - point > 7)
		number.len = point + 7;
	if (!text_scaled(number, 6, &micro))
		return false;
	whole = (uint64_t)micro / 1000000;
	rest = (uint64_t)micro % 1000000 * scale / 1000000;
	if (whole > (UINT64_MAX - rest) / scale)
		return false;
	*ret_value = whole * scale + rest;
	return true;
}

bool
text_span_ms(struct slice s, uint64_t unit_ms, uint64_t *ret_ms)
{
	static const struct unit units[] = {{{"ms", 2}, 1}, {{"s", 1}, 1000},
	    {{"m", 1}, 60000}, {{"h", 1}, 3600000}, {{"d", 1}, 86400000}, {{NULL, 0}, 0}};
	const size_t all = s.len;
	uint64_t total = 0, part;

	if (all == 0)
		return false;
	while (s.len > 0) {
		struct slice number = cut_number(&s);
		const struct unit *unit;

		if (number.len == all && scale_number(number, unit_ms, &part)) {
			*ret_ms = part;
			return true;
		}
		unit = cut_unit(&s, units);
		if (unit == NULL || !scale_number(number, unit->scale, &part) ||
		    part > UINT64_MAX - total)
			return false;
		total += part;
	}
	*ret_ms = total;
	return true;
}

bool
text_bytes(struct slice s, uint64_t *ret_bytes)
{
	static const struct unit units[] = {{{"", 0}, 1}, {{"B", 1}, 1},
	    {{"KB", 2}, 1000}, {{"MB", 2}, 1000000}, {{"GB", 2}, 1000000000},
	    {{"K", 1}, 1u << 10}, {{"M", 1}, 1u << 20}, {{"G", 1}, 1u << 30},
	    {{"KiB", 3}, 1u << 10}, {{"MiB", 3}, 1u << 20}, {{"GiB", 3}, 1u << 30},
	    {{NULL, 0}, 0}};
	struct slice number = cut_number(&s);
	const struct unit *unit;

	s = slice_trim(s);
	unit = cut_unit(&s, units);
	return unit != NULL && s.len == 0 && scale_number(number, unit->scale, ret_bytes);
}

#define NAME_MAX_BYTES 64

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned
text_distance(struct slice a, struct slice b, unsigned limit)
{
	/* Damerau's distance over three rows: two back, one back, this one. */
	unsigned rows[3][NAME_MAX_BYTES + 1];
	unsigned *back2 = rows[0], *back = rows[1], *row = rows[2];

	if (a.len > NAME_MAX_BYTES || b.len > NAME_MAX_BYTES)
		return limit;
	for (size_t j = 0; j <= b.len; j++)
		back[j] = (unsigned)j;
	for (size_t i = 1; i <= a.len; i++) {
		unsigned *spare = back2;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b.len; j++) {
			char x = lower(a.ptr[i - 1]), y = lower(b.ptr[j - 1]);

			row[j] =
			    least(back[j] + 1, row[j - 1] + 1, back[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == lower(b.ptr[j - 2]) &&
			    lower(a.ptr[i - 2]) == y && back2[j - 2] + 1 < row[j])
				row[j] = back2[j - 2] + 1;
		}
		back2 = back;
		back = row;
		row = spare;
	}
	return back[b.len] < limit ? back[b.len] : limit;
}

int
text_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
