/* org.dpocket.engine.LiteRtEngine's native methods. What engine.c refuses becomes a DpException with its sentence. */
#include <jni.h>
#include <stddef.h>
#include <stdint.h>

#include "engine.h"

#define METHOD(result, name) JNIEXPORT result JNICALL Java_org_dpocket_engine_LiteRtEngine_##name

/* Where the class cannot be found, FindClass has thrown already. */
static void refuse(JNIEnv *env, const char *sentence) {
  jclass type = (*env)->FindClass(env, "org/dpocket/core/DpException");
  if (type != NULL) (*env)->ThrowNew(env, type, sentence);
}

static Engine *engine_of(jlong handle) { return (Engine *)(intptr_t)handle; }

static size_t count_of(const Engine *engine, jboolean inputs) {
  return inputs ? engine_input_count(engine) : engine_output_count(engine);
}

static const EngineTensor *tensor_of(const Engine *engine, jboolean inputs, size_t index) {
  return inputs ? engine_input(engine, index) : engine_output(engine, index);
}

METHOD(jlong, nativeOpen)(JNIEnv *env, jclass type, jstring library, jobject model, jint threads) {
  (void)type;
  const void *content = (*env)->GetDirectBufferAddress(env, model);
  jlong size = (*env)->GetDirectBufferCapacity(env, model);
  if (content == NULL || size < 0) {
    refuse(env, "the model must be given in a direct buffer");
    return 0;
  }
  const char *name = (*env)->GetStringUTFChars(env, library, NULL);
  if (name == NULL) return 0;
  char message[ENGINE_MESSAGE_ROOM] = "";
  Engine *engine = engine_open(name, content, (size_t)size, threads, message, sizeof message);
  (*env)->ReleaseStringUTFChars(env, library, name);
  if (engine == NULL) refuse(env, message);
  return (jlong)(intptr_t)engine;
}

METHOD(jobjectArray, nativeNames)(JNIEnv *env, jclass type, jlong handle, jboolean inputs) {
  (void)type;
  const Engine *engine = engine_of(handle);
  jsize count = (jsize)count_of(engine, inputs);
  jclass string = (*env)->FindClass(env, "java/lang/String");
  jobjectArray names = string == NULL ? NULL : (*env)->NewObjectArray(env, count, string, NULL);
  for (jsize i = 0; names != NULL && i < count; i++) {
    jstring name = (*env)->NewStringUTF(env, tensor_of(engine, inputs, (size_t)i)->name);
    if (name == NULL) return NULL;
    (*env)->SetObjectArrayElement(env, names, i, name);
    (*env)->DeleteLocalRef(env, name);
  }
  return names;
}

/* Two numbers per tensor: LiteRT's element type, bytes. */
METHOD(jlongArray, nativeKinds)(JNIEnv *env, jclass type, jlong handle, jboolean inputs) {
  (void)type;
  const Engine *engine = engine_of(handle);
  jsize count = (jsize)count_of(engine, inputs);
  jlong kinds[2 * ENGINE_TENSORS_MAX];
  for (jsize i = 0; i < count; i++) {
    const EngineTensor *tensor = tensor_of(engine, inputs, (size_t)i);
    kinds[2 * i] = tensor->element_type;
    kinds[2 * i + 1] = (jlong)tensor->bytes;
  }
  jlongArray array = (*env)->NewLongArray(env, 2 * count);
  if (array != NULL) (*env)->SetLongArrayRegion(env, array, 0, 2 * count, kinds);
  return array;
}

METHOD(jint, nativeIsDelegated)(JNIEnv *env, jclass type, jlong handle) {
  (void)env, (void)type;
  return engine_is_delegated(engine_of(handle));
}

/* Addresses and capacities of `count` direct buffers; -1 when an exception is pending. */
static int addresses_of(JNIEnv *env, jobjectArray buffers, size_t count, void **addresses, size_t *bytes) {
  if ((size_t)(*env)->GetArrayLength(env, buffers) != count) {
    refuse(env, "the model has another number of inputs or outputs than buffers were given");
    return -1;
  }
  for (size_t i = 0; i < count; i++) {
    jobject buffer = (*env)->GetObjectArrayElement(env, buffers, (jsize)i);
    addresses[i] = buffer == NULL ? NULL : (*env)->GetDirectBufferAddress(env, buffer);
    bytes[i] = addresses[i] == NULL ? 0 : (size_t)(*env)->GetDirectBufferCapacity(env, buffer);
    (*env)->DeleteLocalRef(env, buffer);
    if (addresses[i] == NULL) {
      refuse(env, "inputs and outputs must be direct buffers");
      return -1;
    }
  }
  return 0;
}

METHOD(void, nativeRun)(JNIEnv *env, jclass type, jlong handle, jobjectArray inputs, jobjectArray outputs) {
  (void)type;
  Engine *engine = engine_of(handle);
  void *in[ENGINE_TENSORS_MAX], *out[ENGINE_TENSORS_MAX];
  size_t in_bytes[ENGINE_TENSORS_MAX], out_bytes[ENGINE_TENSORS_MAX];
  if (addresses_of(env, inputs, engine_input_count(engine), in, in_bytes) != 0) return;
  if (addresses_of(env, outputs, engine_output_count(engine), out, out_bytes) != 0) return;
  char message[ENGINE_MESSAGE_ROOM] = "";
  if (engine_run(engine, (const void *const *)in, in_bytes, out, out_bytes, message, sizeof message) != 0)
    refuse(env, message);
}

METHOD(void, nativeClose)(JNIEnv *env, jclass type, jlong handle) {
  (void)env, (void)type;
  engine_close(engine_of(handle));
}
