/* What a descriptor is, in Falco's letters and words, and how a connection is written. Private to
 * this folder. */
#pragma once

#include <abi.h>

#include "core/span.h"

#define TUPLE_TEXT_BYTES 128

/* fd.typechar of a file; name: of an anonymous inode, where known. 'o': unknown. */
char file_letter(const struct file_identity *file, span name);
/* fd.type of a letter; "<NA>" for an unknown one. */
const char *letter_word(char letter);
/* IPv4, or IPv4 in IPv6 on both ends that are set. */
bool tuple_is_v4(const struct socket_tuple *tuple);
/* "client:port->server:port", or "address:port" of a socket that has no other end. Returns the
 * length, 0 for a socket without addresses. */
size_t tuple_text(const struct socket_tuple *tuple, char ret_text[TUPLE_TEXT_BYTES]);
/* The address as text into TUPLE_TEXT_BYTES / 2; returns the length. */
size_t address_text(const uint8_t bytes[16], bool is_v4, char *ret_text);
/* The name of a file: a pipe has none but its number, as /proc shows it. Into the text, or the path
 * itself. */
span file_name(const struct file_identity *file, span path, char ret_text[TUPLE_TEXT_BYTES]);
bool address_is_zero(const uint8_t bytes[16]);
/* The four bytes of an IPv4 address, v4-mapped or not. */
const uint8_t *address_v4(const struct socket_tuple *tuple, const uint8_t bytes[16]);
