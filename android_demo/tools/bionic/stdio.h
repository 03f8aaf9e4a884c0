#ifndef DPOCKET_BIONIC_STDIO_H
#define DPOCKET_BIONIC_STDIO_H
#include <stdarg.h>
#include <stddef.h>
int snprintf(char *text, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));
int vsnprintf(char *text, size_t room, const char *format, va_list arguments);
#endif
