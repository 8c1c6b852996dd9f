#include "http/write.h"

#include "core/text.h"

#include <stdio.h>
#include <time.h>

static const struct {
	unsigned status;
	const char *reason;
} reasons[] = {{100, "Continue"}, {200, "OK"}, {201, "Created"}, {202, "Accepted"},
    {204, "No Content"}, {400, "Bad Request"}, {401, "Unauthorized"},
    {402, "Payment Required"}, {403, "Forbidden"}, {404, "Not Found"},
    {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"},
    {413, "Content Too Large"}, {415, "Unsupported Media Type"},
    {417, "Expectation Failed"}, {422, "Unprocessable Content"},
    {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"},
    {503, "Service Unavailable"}, {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"}};

static const char *
reason_of(unsigned status)
{
	for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return status < 400 ? "OK" : "Error";
}

void
http_put_status(struct buf *to, unsigned status)
{
	buf_add(to, S("HTTP/1.1 "));
	buf_u64(to, status);
	buf_byte(to, ' ');
	buf_add(to, slice_str(reason_of(status)));
	buf_add(to, S("\r\n"));
}

static bool
is_text(char c)
{
	return (unsigned char)c >= ' ' ? c != 0x7f : c == '\t';
}

static void
put_value(struct buf *to, struct slice value)
{
	char *room = buf_room(to, value.len);
	size_t n = 0;

	if (room == NULL)
		return;
	for (size_t i = 0; i < value.len; i++)
		if (is_text(value.ptr[i]))
			room[n++] = value.ptr[i];
	buf_wrote(to, n);
}

void
http_put_field(struct buf *to, struct slice name, struct slice value)
{
	buf_add(to, name);
	buf_add(to, S(": "));
	put_value(to, value);
	buf_add(to, S("\r\n"));
}

void
http_copy_field(struct buf *to, const struct http_field *field)
{
	http_put_plain(to, field->name, field->value);
}

void
http_put_plain(struct buf *to, struct slice name, struct slice value)
{
	size_t n = name.len + value.len + 4;
	char *at = buf_room(to, n);

	if (at == NULL)
		return;
	memcpy(at, name.ptr, name.len);
	at += name.len;
	*at++ = ':';
	*at++ = ' ';
	if (value.len > 0)
		memcpy(at, value.ptr, value.len);
	at += value.len;
	*at++ = '\r';
	*at = '\n';
	buf_wrote(to, n);
}

void
http_put_number(struct buf *to, struct slice name, uint64_t value)
{
	char digits[TEXT_U64_MAX];

	http_put_plain(to, name, slice_of(digits, text_u64(digits, value)));
}

void
http_put_end(struct buf *to)
{
	buf_add(to, S("\r\n"));
}

struct slice
http_date(uint64_t unix_ms)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static _Thread_local char text[64];
	static _Thread_local uint64_t second;
	static _Thread_local size_t len;
	time_t now = (time_t)(unix_ms / 1000);
	struct tm tm;

	if (len == 0 || second != unix_ms / 1000) {
		second = unix_ms / 1000;
		(void)gmtime_r(&now, &tm);
		len = (size_t)snprintf(text, sizeof(text),
		    "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		    days + 3 * (size_t)tm.tm_wday, tm.tm_mday,
		    months + 3 * (size_t)tm.tm_mon, tm.tm_year + 1900, tm.tm_hour,
		    tm.tm_min, tm.tm_sec);
	}
	return slice_of(text, len);
}

size_t
http_chunk_head(char *to, size_t n)
{
	char digits[16];
	size_t count = 0, at = 0;

	do {
		digits[count++] = "0123456789abcdef"[n & 15];
		n >>= 4;
	} while (n > 0);
	while (count > 0)
		to[at++] = digits[--count];
	to[at++] = '\r';
	to[at++] = '\n';
	return at;
}
