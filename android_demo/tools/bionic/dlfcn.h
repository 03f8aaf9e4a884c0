#ifndef DPOCKET_BIONIC_DLFCN_H
#define DPOCKET_BIONIC_DLFCN_H
enum { RTLD_LOCAL = 0, RTLD_NOW = 2, RTLD_NODELETE = 0x1000 };
void *dlopen(const char *library, int flags);
void *dlsym(void *library, const char *name);
char *dlerror(void);
int dlclose(void *library);
#endif
