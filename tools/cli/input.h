/* SPDX-License-Identifier: Apache-2.0 */
/* What commands read besides options: text or bytes from an argument, a file or standard input. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The text that `word` stands for: "@PATH" a file, "-" standard input, else
 * the word itself.  For free(3), NUL-terminated; NULL after a message.
 */
char *input_read(const char *word, size_t *size);

/*
 * Turns hex digits into bytes in place: spaces, colons, commas, line ends and
 * "0x" are passed over.  False after a message.
 */
bool input_hex(char *text, size_t *size);

/* Prints bytes as 16 a line with their offset and what they are as text. */
void input_dump(const char *title, const void *data, size_t size);

#endif
