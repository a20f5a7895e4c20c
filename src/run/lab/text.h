/* Private to lab. */
#pragma once

/* Formats into a fresh text that the caller owns; NULL: out of memory. */
__attribute__((format(printf, 1, 2))) char *lab_text(const char *format, ...);
