#include "engine.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litert_api.h"

enum { MODEL_ALIGNMENT = 64 };

typedef struct {
#define DECLARE(result, name, parameters) result(*name) parameters;
  LITERT_FUNCTIONS(DECLARE)
#undef DECLARE
} Functions;

typedef struct {
  size_t count;
  EngineTensor tensors[ENGINE_TENSORS_MAX];
  LiteRtHandle buffers[ENGINE_TENSORS_MAX];
} Side;

struct Engine {
  void *library;
  void *content;
  Functions litert;
  LiteRtHandle environment, model, options, compiled;
  Side inputs, outputs;
};

/* Where a sentence goes. */
typedef struct {
  char *text;
  size_t room;
} Message;

/* Writes the sentence and returns -1. JNI takes modified UTF-8 only, so that bytes beyond ASCII become '?'. */
static int refuse(Message message, const char *format, ...) {
  if (message.text == NULL || message.room == 0) return -1;
  va_list arguments;
  va_start(arguments, format);
  int written = vsnprintf(message.text, message.room, format, arguments);
  va_end(arguments);
  if (written < 0) message.text[0] = '\0';
  for (char *c = message.text; *c != '\0'; c++)
    if (*c < ' ' || *c > '~') *c = '?';
  return -1;
}

static const char *meaning(LiteRtStatus status) {
  switch (status) {
    case 1: return "invalid argument";
    case 2: return "out of memory";
    case 3: return "runtime failure";
    case 5: return "unsupported";
    case 6: return "not found";
    case 8: return "wrong version";
    case 500: return "the file cannot be read";
    case 501: return "not a model";
    case 504: return "the model cannot be compiled";
    case 1000: return "an index is out of bounds";
    default: return "see the log";
  }
}

static int refuse_status(Message message, const char *what, LiteRtStatus status) {
  return refuse(message, "LiteRT cannot %s: status %d, %s", what, status, meaning(status));
}

static int load_library(Engine *engine, const char *library, Message message) {
  /* LiteRT registers objects with the process that must not outlive its code: it is never unloaded. */
  engine->library = dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (engine->library == NULL) {
    const char *reason = dlerror();
    return refuse(message, "LiteRT's library cannot be loaded: %s", reason == NULL ? library : reason);
  }
#define FIND(result, name, parameters)                                                                       \
  *(void **)&engine->litert.name = dlsym(engine->library, #name);                                            \
  if (engine->litert.name == NULL)                                                                           \
    return refuse(message, "%s has no function " #name ": LiteRT 2.1.6 or newer is needed", library);
  LITERT_FUNCTIONS(FIND)
#undef FIND
  return 0;
}

static int copy_model(Engine *engine, const void *model, size_t size, Message message) {
  if (model == NULL || size < 8 || memcmp((const char *)model + 4, "TFL3", 4) != 0)
    return refuse(message, "this is not a .tflite file: bytes 4 to 7 are not 'TFL3'");
  if (posix_memalign(&engine->content, MODEL_ALIGNMENT, size) != 0) {
    engine->content = NULL;
    return refuse(message, "no memory for a model of %zu bytes", size);
  }
  memcpy(engine->content, model, size);
  return 0;
}

static int set_threads(Engine *engine, int threads, Message message) {
  const Functions *litert = &engine->litert;
  /* XNNPACK's options travel as text in TOML. */
  char *text = malloc(32);
  if (text == NULL) return refuse(message, "no memory for LiteRT's options");
  snprintf(text, 32, "num_threads = %d\n", threads);
  LiteRtHandle xnnpack = NULL;
  LiteRtStatus status = litert->LiteRtCreateOpaqueOptions("xnnpack", text, free, &xnnpack);
  if (status != LITERT_OK) {
    free(text);
    return refuse_status(message, "make options for XNNPACK", status);
  }
  status = litert->LiteRtAddOpaqueOptions(engine->options, xnnpack);
  if (status != LITERT_OK) {
    litert->LiteRtDestroyOpaqueOptions(xnnpack);
    return refuse_status(message, "set the number of threads", status);
  }
  return 0;
}

static int compile(Engine *engine, size_t size, int threads, Message message) {
  const Functions *litert = &engine->litert;
  LiteRtStatus status = litert->LiteRtCreateEnvironment(0, NULL, &engine->environment);
  if (status != LITERT_OK) return refuse_status(message, "start", status);
  status = litert->LiteRtCreateModelFromBuffer(engine->environment, engine->content, size, &engine->model);
  if (status != LITERT_OK) return refuse_status(message, "read the model", status);
  status = litert->LiteRtCreateOptions(&engine->options);
  if (status != LITERT_OK) return refuse_status(message, "make options", status);
  status = litert->LiteRtSetOptionsHardwareAccelerators(engine->options, LITERT_CPU);
  if (status != LITERT_OK) return refuse_status(message, "choose the CPU", status);
  if (set_threads(engine, threads, message) != 0) return -1;
  status = litert->LiteRtCreateCompiledModel(engine->environment, engine->model, engine->options, &engine->compiled);
  if (status != LITERT_OK) return refuse_status(message, "compile the model", status);
  return 0;
}

static int copy_name(EngineTensor *tensor, const char *name, Message message) {
  size_t length = name == NULL ? 0 : strlen(name);
  if (length == 0 || length >= ENGINE_NAME_MAX)
    return refuse(message, "a tensor of the model has a name of %zu characters, not of 1 to %d", length,
                  ENGINE_NAME_MAX - 1);
  for (size_t i = 0; i < length; i++)
    if (name[i] < ' ' || name[i] > '~') return refuse(message, "a tensor of the model has a name that is not ASCII");
  memcpy(tensor->name, name, length + 1);
  return 0;
}

static int copy_type(EngineTensor *tensor, const LiteRtTensorType *type, Message message) {
  if (type->rank > ENGINE_RANK_MAX) return refuse(message, "%s has %u dimensions", tensor->name, type->rank);
  tensor->element_type = type->element_type;
  tensor->rank = (int32_t)type->rank;
  for (int32_t i = 0; i < tensor->rank; i++) {
    if (type->dimensions[i] <= 0)
      return refuse(message, "%s has no fixed size: dimension %d is %d", tensor->name, (int)i,
                    (int)type->dimensions[i]);
    tensor->dimensions[i] = type->dimensions[i];
  }
  return 0;
}

/* One input or output: its name, type and size, and a buffer of LiteRT's for it. */
static int open_tensor(Engine *engine, LiteRtHandle signature, size_t index, int is_input, Message message) {
  const Functions *litert = &engine->litert;
  Side *side = is_input ? &engine->inputs : &engine->outputs;
  EngineTensor *tensor = &side->tensors[index];
  const char *name = NULL;
  LiteRtHandle handle = NULL, requirements = NULL;
  LiteRtTensorType type;
  LiteRtStatus status = is_input ? litert->LiteRtGetSignatureInputName(signature, index, &name)
                                 : litert->LiteRtGetSignatureOutputName(signature, index, &name);
  if (status != LITERT_OK) return refuse_status(message, "name a tensor of the model", status);
  if (copy_name(tensor, name, message) != 0) return -1;
  status = is_input ? litert->LiteRtGetSignatureInputTensorByIndex(signature, index, &handle)
                    : litert->LiteRtGetSignatureOutputTensorByIndex(signature, index, &handle);
  if (status == LITERT_OK) status = litert->LiteRtGetRankedTensorType(handle, &type);
  if (status != LITERT_OK) return refuse_status(message, "tell the type of a tensor", status);
  if (copy_type(tensor, &type, message) != 0) return -1;
  status = is_input ? litert->LiteRtGetCompiledModelInputBufferRequirements(engine->compiled, 0, index, &requirements)
                    : litert->LiteRtGetCompiledModelOutputBufferRequirements(engine->compiled, 0, index, &requirements);
  if (status == LITERT_OK)
    status = litert->LiteRtCreateManagedTensorBufferFromRequirements(engine->environment, &type, requirements,
                                                                     &side->buffers[index]);
  if (status == LITERT_OK) side->count = index + 1;
  if (status == LITERT_OK) status = litert->LiteRtGetTensorBufferPackedSize(side->buffers[index], &tensor->bytes);
  if (status != LITERT_OK) return refuse_status(message, "make a buffer", status);
  return 0;
}

static int open_tensors(Engine *engine, Message message) {
  const Functions *litert = &engine->litert;
  size_t signatures = 0, inputs = 0, outputs = 0;
  LiteRtHandle signature = NULL;
  LiteRtStatus status = litert->LiteRtGetNumModelSignatures(engine->model, &signatures);
  if (status != LITERT_OK || signatures == 0) return refuse(message, "the model has no signature");
  status = litert->LiteRtGetModelSignature(engine->model, 0, &signature);
  if (status == LITERT_OK) status = litert->LiteRtGetNumSignatureInputs(signature, &inputs);
  if (status == LITERT_OK) status = litert->LiteRtGetNumSignatureOutputs(signature, &outputs);
  if (status != LITERT_OK) return refuse_status(message, "read the model's signature", status);
  if (inputs == 0 || inputs > ENGINE_TENSORS_MAX || outputs == 0 || outputs > ENGINE_TENSORS_MAX)
    return refuse(message, "the model has %zu inputs and %zu outputs; 1 to %d of each are possible", inputs, outputs,
                  ENGINE_TENSORS_MAX);
  for (size_t i = 0; i < inputs; i++)
    if (open_tensor(engine, signature, i, 1, message) != 0) return -1;
  for (size_t i = 0; i < outputs; i++)
    if (open_tensor(engine, signature, i, 0, message) != 0) return -1;
  return 0;
}

Engine *engine_open(const char *library, const void *model, size_t size, int threads, char *text, size_t room) {
  Message message = {text, room};
  if (threads < 1 || threads > 64) {
    refuse(message, "%d threads were asked for; 1 to 64 are possible", threads);
    return NULL;
  }
  Engine *engine = calloc(1, sizeof *engine);
  if (engine == NULL) {
    refuse(message, "no memory for an engine");
    return NULL;
  }
  if (copy_model(engine, model, size, message) != 0 || load_library(engine, library, message) != 0 ||
      compile(engine, size, threads, message) != 0 || open_tensors(engine, message) != 0) {
    engine_close(engine);
    return NULL;
  }
  return engine;
}

int engine_is_delegated(const Engine *engine) {
  unsigned char fully = 0;
  LiteRtStatus status = engine->litert.LiteRtCompiledModelIsFullyAccelerated(engine->compiled, &fully);
  return status == LITERT_OK ? fully != 0 : -1;
}

size_t engine_input_count(const Engine *engine) { return engine->inputs.count; }

size_t engine_output_count(const Engine *engine) { return engine->outputs.count; }

static const EngineTensor *tensor_at(const Side *side, size_t index) {
  return index < side->count ? &side->tensors[index] : NULL;
}

const EngineTensor *engine_input(const Engine *engine, size_t index) { return tensor_at(&engine->inputs, index); }

const EngineTensor *engine_output(const Engine *engine, size_t index) { return tensor_at(&engine->outputs, index); }

static int check_sizes(const Side *side, const size_t *bytes, Message message) {
  for (size_t i = 0; i < side->count; i++)
    if (bytes[i] != side->tensors[i].bytes)
      return refuse(message, "%s takes %zu bytes, and %zu were given", side->tensors[i].name, side->tensors[i].bytes,
                    bytes[i]);
  return 0;
}

/* Copies between `memory` and the buffer of one tensor. */
static int transfer(Engine *engine, Side *side, size_t index, void *memory, int mode, Message message) {
  void *address = NULL;
  LiteRtStatus status = engine->litert.LiteRtLockTensorBuffer(side->buffers[index], &address, mode);
  if (status != LITERT_OK) return refuse_status(message, "lock a buffer", status);
  size_t bytes = side->tensors[index].bytes;
  if (mode == LITERT_LOCK_WRITE)
    memcpy(address, memory, bytes);
  else
    memcpy(memory, address, bytes);
  status = engine->litert.LiteRtUnlockTensorBuffer(side->buffers[index]);
  return status == LITERT_OK ? 0 : refuse_status(message, "unlock a buffer", status);
}

int engine_run(Engine *engine, const void *const *inputs, const size_t *input_bytes, void *const *outputs,
               const size_t *output_bytes, char *text, size_t room) {
  Message message = {text, room};
  Side *in = &engine->inputs, *out = &engine->outputs;
  if (check_sizes(in, input_bytes, message) != 0 || check_sizes(out, output_bytes, message) != 0) return -1;
  for (size_t i = 0; i < in->count; i++)
    if (transfer(engine, in, i, (void *)inputs[i], LITERT_LOCK_WRITE, message) != 0) return -1;
  LiteRtStatus status = engine->litert.LiteRtRunCompiledModel(engine->compiled, 0, in->count, in->buffers, out->count,
                                                              out->buffers);
  if (status != LITERT_OK) return refuse_status(message, "run the model", status);
  for (size_t i = 0; i < out->count; i++)
    if (transfer(engine, out, i, outputs[i], LITERT_LOCK_READ, message) != 0) return -1;
  return 0;
}

static void close_side(Engine *engine, Side *side) {
  for (size_t i = 0; i < side->count; i++) engine->litert.LiteRtDestroyTensorBuffer(side->buffers[i]);
}

void engine_close(Engine *engine) {
  if (engine == NULL) return;
  const Functions *litert = &engine->litert;
  close_side(engine, &engine->inputs);
  close_side(engine, &engine->outputs);
  if (engine->compiled != NULL) litert->LiteRtDestroyCompiledModel(engine->compiled);
  if (engine->options != NULL) litert->LiteRtDestroyOptions(engine->options);
  if (engine->model != NULL) litert->LiteRtDestroyModel(engine->model);
  if (engine->environment != NULL) litert->LiteRtDestroyEnvironment(engine->environment);
  if (engine->library != NULL) dlclose(engine->library);
  free(engine->content);
  free(engine);
}
