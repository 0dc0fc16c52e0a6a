/* SPDX-License-Identifier: Apache-2.0 */
/* See base64.h. */
#include "base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t kw_base64_size(size_t size)
{
	return (size + 2) / 3 * 4 + 1;
}

size_t kw_base64_encode(const void *data, size_t size, bool url, char *text)
{
	const char *alphabet = url ? for_urls : standard;
	const uint8_t *in = data;
	size_t out = 0;

	while (size > 0) {
		size_t take = size < 3 ? size : 3;
		uint32_t bits = (uint32_t)in[0] << 16;

		if (take > 1)
			bits |= (uint32_t)in[1] << 8;
		if (take > 2)
			bits |= in[2];
		for (size_t i = 0; i < take + 1; i++)
			text[out++] = alphabet[bits >> (18 - 6 * i) & 63];
		for (size_t i = take; !url && i < 3; i++)
			text[out++] = '=';
		in += take;
		size -= take;
	}
	text[out] = '\0';
	return out;
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool kw_base64_decode(const char *text, size_t size, uint8_t *data, size_t *data_size)
{
	size_t out = 0, padding = 0;

	if (size % 4 != 0)
		return false;
	if (size > 0 && text[size - 1] == '=')
		padding = text[size - 2] == '=' ? 2 : 1;
	for (size_t i = 0; i < size; i += 4) {
		size_t digits = i + 4 == size ? 4 - padding : 4;
		uint32_t bits = 0;

		for (size_t j = 0; j < 4; j++) {
			int value = j < digits ? value_of(text[i + j]) : 0;

			if (value < 0)
				return false;
			bits = bits << 6 | (uint32_t)value;
		}
		if ((digits == 2 && (bits & 0xffff) != 0) || (digits == 3 && (bits & 0xff) != 0))
			return false;
		for (size_t j = 0; j + 1 < digits; j++)
			data[out++] = (uint8_t)(bits >> (16 - 8 * j));
	}
	*data_size = out;
	return true;
}
