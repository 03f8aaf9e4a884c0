#ifndef DPOCKET_BIONIC_STRING_H
#define DPOCKET_BIONIC_STRING_H
#include <stddef.h>
void *memcpy(void *target, const void *source, size_t size);
void *memset(void *target, int value, size_t size);
int memcmp(const void *one, const void *other, size_t size);
size_t strlen(const char *text);
#endif
