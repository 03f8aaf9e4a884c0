/* A .tflite student on LiteRT's CPU kernels (XNNPACK): named inputs and outputs, bytes in, bytes out.
 *
 * No function aborts or prints; what cannot be done is said in one sentence of printable ASCII, written to `message`
 * (never more than `room` bytes, the terminating zero among them). An engine belongs to one thread at a time.
 */
#ifndef DPOCKET_ENGINE_H
#define DPOCKET_ENGINE_H

#include <stddef.h>
#include <stdint.h>

enum { ENGINE_TENSORS_MAX = 16, ENGINE_RANK_MAX = 8, ENGINE_NAME_MAX = 64, ENGINE_MESSAGE_ROOM = 512 };

/* Element types are LiteRT's numbers (litert_api.h); `bytes` is the size of the packed, row-major tensor. */
typedef struct {
  char name[ENGINE_NAME_MAX];
  int32_t element_type;
  int32_t rank;
  int32_t dimensions[ENGINE_RANK_MAX];
  size_t bytes;
} EngineTensor;

typedef struct Engine Engine;

/* An engine for the first signature of the model, or NULL. `library` is what dlopen finds LiteRT by. The engine keeps
 * a copy of `model`. `threads` is from 1 to 64. */
Engine *engine_open(const char *library, const void *model, size_t size, int threads, char *message, size_t room);

/* 1 when every node of the model is in a delegate, 0 when some are not, -1 when LiteRT does not tell. */
int engine_is_delegated(const Engine *engine);

size_t engine_input_count(const Engine *engine);
size_t engine_output_count(const Engine *engine);

/* The tensor, in the signature's order; owned by the engine. NULL past the last. */
const EngineTensor *engine_input(const Engine *engine, size_t index);
const EngineTensor *engine_output(const Engine *engine, size_t index);

/* Copies all inputs in, runs, copies all outputs out. Returns 0, or -1 with a message; a size that does not fit is
 * told before anything runs. */
int engine_run(Engine *engine, const void *const *inputs, const size_t *input_bytes, void *const *outputs,
               const size_t *output_bytes, char *message, size_t room);

/* Frees everything. NULL is allowed. */
void engine_close(Engine *engine);

#endif
