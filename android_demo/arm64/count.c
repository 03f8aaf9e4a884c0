/* A plugin for QEMU's user mode: guest instructions between two marks (mark.h).
 *
 * Prints "inference N: INSTRUCTIONS" for every pair of marks to the file named by DPOCKET_COUNT. Debian ships no
 * qemu-plugin.h: what is used of version 1 of the interface (QEMU 4.2 and newer) is declared here. Counting is per
 * translated block, so that a run costs little more than without; one guest thread is assumed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_info;
struct qemu_plugin_tb;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

typedef void (*TranslateCallback)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*SyscallCallback)(qemu_plugin_id_t, unsigned int, int64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                                uint64_t, uint64_t, uint64_t, uint64_t);
typedef void (*ExitCallback)(qemu_plugin_id_t, void *);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, TranslateCallback callback);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, enum qemu_plugin_op operation, void *sum,
                                              uint64_t addend);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t id, SyscallCallback callback);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, ExitCallback callback, void *data);

enum { GETPPID_AARCH64 = 173 };

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static uint64_t executed, begin;
static unsigned long marks;
static FILE *out;

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &executed, qemu_plugin_tb_n_insns(block));
}

static void see_syscall(qemu_plugin_id_t id, unsigned int cpu, int64_t number, uint64_t a, uint64_t b, uint64_t c,
                        uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
  (void)id, (void)cpu, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
  if (number != GETPPID_AARCH64) return;
  if (marks++ % 2 == 0)
    begin = executed;
  else
    fprintf(out, "inference %lu: %llu\n", marks / 2, (unsigned long long)(executed - begin));
}

static void finish(qemu_plugin_id_t id, void *data) {
  (void)id, (void)data;
  fclose(out);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info,
                                                               int count, char **arguments) {
  (void)info, (void)count, (void)arguments;
  const char *path = getenv("DPOCKET_COUNT");
  out = path == NULL ? NULL : fopen(path, "w");
  if (out == NULL) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  qemu_plugin_register_vcpu_syscall_cb(id, see_syscall);
  qemu_plugin_register_atexit_cb(id, finish, NULL);
  return 0;
}
