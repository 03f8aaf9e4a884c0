/* The functions of LiteRT's C API that engine.c calls, declared here because the wheels and the AAR carry no headers.
 *
 * They are those of LiteRT 2.3.0 (libLiteRt.so of ai-edge-litert 2.3.0). LiteRT before 2.1.6 makes a model without an
 * environment: LiteRtCreateModelFromBuffer then has three parameters, and calling it with four would be undefined.
 */
#ifndef DPOCKET_LITERT_API_H
#define DPOCKET_LITERT_API_H

#include <stddef.h>
#include <stdint.h>

typedef int LiteRtStatus;
typedef void *LiteRtHandle; /* every object of the API is opaque */

enum { LITERT_OK = 0, LITERT_CPU = 1, LITERT_LOCK_READ = 0, LITERT_LOCK_WRITE = 1, LITERT_RANK_MAX = 8 };

enum { LITERT_FLOAT32 = 1, LITERT_INT32 = 2, LITERT_UINT8 = 3, LITERT_INT64 = 4, LITERT_INT8 = 9 };

/* rank and has_strides share one 32-bit word; a dimension below zero is not known before the model runs. */
typedef struct {
  int32_t element_type;
  unsigned int rank : 7;
  unsigned int has_strides : 1;
  int32_t dimensions[LITERT_RANK_MAX];
  uint32_t strides[LITERT_RANK_MAX];
} LiteRtTensorType;

_Static_assert(sizeof(LiteRtTensorType) == 72, "LiteRT writes 72 bytes");

/* X(result, name, parameters) */
#define LITERT_FUNCTIONS(X)                                                                                           \
  X(LiteRtStatus, LiteRtCreateEnvironment, (int options, const void *list, LiteRtHandle *environment))                \
  X(void, LiteRtDestroyEnvironment, (LiteRtHandle environment))                                                       \
  X(LiteRtStatus, LiteRtCreateModelFromBuffer,                                                                        \
    (LiteRtHandle environment, const void *bytes, size_t size, LiteRtHandle *model))                                  \
  X(void, LiteRtDestroyModel, (LiteRtHandle model))                                                                   \
  X(LiteRtStatus, LiteRtCreateOptions, (LiteRtHandle *options))                                                       \
  X(void, LiteRtDestroyOptions, (LiteRtHandle options))                                                               \
  X(LiteRtStatus, LiteRtSetOptionsHardwareAccelerators, (LiteRtHandle options, int accelerators))                     \
  X(LiteRtStatus, LiteRtCreateOpaqueOptions,                                                                          \
    (const char *kind, void *payload, void (*destroy)(void *), LiteRtHandle *options))                                \
  X(void, LiteRtDestroyOpaqueOptions, (LiteRtHandle options))                                                         \
  X(LiteRtStatus, LiteRtAddOpaqueOptions, (LiteRtHandle options, LiteRtHandle added))                                 \
  X(LiteRtStatus, LiteRtCreateCompiledModel,                                                                          \
    (LiteRtHandle environment, LiteRtHandle model, LiteRtHandle options, LiteRtHandle *compiled))                     \
  X(void, LiteRtDestroyCompiledModel, (LiteRtHandle compiled))                                                        \
  X(LiteRtStatus, LiteRtRunCompiledModel,                                                                             \
    (LiteRtHandle compiled, size_t signature, size_t inputs, LiteRtHandle *input, size_t outputs,                     \
     LiteRtHandle *output))                                                                                           \
  X(LiteRtStatus, LiteRtGetNumModelSignatures, (LiteRtHandle model, size_t *count))                                   \
  X(LiteRtStatus, LiteRtGetModelSignature, (LiteRtHandle model, size_t index, LiteRtHandle *signature))               \
  X(LiteRtStatus, LiteRtGetNumSignatureInputs, (LiteRtHandle signature, size_t *count))                               \
  X(LiteRtStatus, LiteRtGetNumSignatureOutputs, (LiteRtHandle signature, size_t *count))                              \
  X(LiteRtStatus, LiteRtGetSignatureInputName, (LiteRtHandle signature, size_t index, const char **name))             \
  X(LiteRtStatus, LiteRtGetSignatureOutputName, (LiteRtHandle signature, size_t index, const char **name))            \
  X(LiteRtStatus, LiteRtGetSignatureInputTensorByIndex, (LiteRtHandle signature, size_t index, LiteRtHandle *tensor)) \
  X(LiteRtStatus, LiteRtGetSignatureOutputTensorByIndex,                                                              \
    (LiteRtHandle signature, size_t index, LiteRtHandle *tensor))                                                     \
  X(LiteRtStatus, LiteRtGetRankedTensorType, (LiteRtHandle tensor, LiteRtTensorType *type))                           \
  X(LiteRtStatus, LiteRtGetCompiledModelInputBufferRequirements,                                                      \
    (LiteRtHandle compiled, size_t signature, size_t index, LiteRtHandle *requirements))                              \
  X(LiteRtStatus, LiteRtGetCompiledModelOutputBufferRequirements,                                                     \
    (LiteRtHandle compiled, size_t signature, size_t index, LiteRtHandle *requirements))                              \
  X(LiteRtStatus, LiteRtCompiledModelIsFullyAccelerated, (LiteRtHandle compiled, unsigned char *fully))               \
  X(LiteRtStatus, LiteRtCreateManagedTensorBufferFromRequirements,                                                    \
    (LiteRtHandle environment, const LiteRtTensorType *type, LiteRtHandle requirements, LiteRtHandle *buffer))        \
  X(void, LiteRtDestroyTensorBuffer, (LiteRtHandle buffer))                                                           \
  X(LiteRtStatus, LiteRtGetTensorBufferPackedSize, (LiteRtHandle buffer, size_t *bytes))                              \
  X(LiteRtStatus, LiteRtLockTensorBuffer, (LiteRtHandle buffer, void **address, int mode))                            \
  X(LiteRtStatus, LiteRtUnlockTensorBuffer, (LiteRtHandle buffer))

#endif
