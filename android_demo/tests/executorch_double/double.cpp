// The native half of the double: org.pytorch.executorch.Module over ExecuTorch's C++ library. Failures throw
// RuntimeException, as the AAR's do.
#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>
#include <jni.h>

#include <memory>
#include <string>
#include <vector>

namespace {

using executorch::extension::Module;
using executorch::runtime::Error;

void refuse(JNIEnv* env, const std::string& sentence) {
  if (jclass type = env->FindClass("java/lang/RuntimeException")) env->ThrowNew(type, sentence.c_str());
}

std::string number_of(Error error) { return "error " + std::to_string(static_cast<int>(error)); }

std::string text_of(JNIEnv* env, jstring text) {
  const char* characters = env->GetStringUTFChars(text, nullptr);
  std::string copy = characters == nullptr ? "" : characters;
  if (characters != nullptr) env->ReleaseStringUTFChars(text, characters);
  return copy;
}

std::vector<jlong> longs_of(JNIEnv* env, jlongArray array) {
  std::vector<jlong> values(static_cast<size_t>(env->GetArrayLength(array)));
  env->GetLongArrayRegion(array, 0, static_cast<jsize>(values.size()), values.data());
  return values;
}

struct Arguments {
  std::vector<executorch::extension::TensorPtr> tensors;
  std::vector<executorch::runtime::EValue> values;
};

Arguments arguments_of(JNIEnv* env, jobjectArray data, jintArray codes, jobjectArray shapes) {
  Arguments arguments;
  const jsize count = env->GetArrayLength(data);
  std::vector<jint> types(static_cast<size_t>(count));
  env->GetIntArrayRegion(codes, 0, count, types.data());
  for (jsize i = 0; i < count; i++) {
    void* address = env->GetDirectBufferAddress(env->GetObjectArrayElement(data, i));
    const auto shape = longs_of(env, static_cast<jlongArray>(env->GetObjectArrayElement(shapes, i)));
    std::vector<executorch::aten::SizesType> sizes(shape.begin(), shape.end());
    const auto type = static_cast<executorch::aten::ScalarType>(types[static_cast<size_t>(i)]);
    arguments.tensors.push_back(executorch::extension::from_blob(address, sizes, type));
    arguments.values.emplace_back(*arguments.tensors.back());
  }
  return arguments;
}

}  // namespace

extern "C" {

JNIEXPORT jlong JNICALL Java_org_pytorch_executorch_Module_nativeOpen(JNIEnv* env, jclass, jstring path) {
  auto module = std::make_unique<Module>(text_of(env, path));
  const Error error = module->load();
  if (error != Error::Ok) {
    refuse(env, "the program cannot be loaded, " + number_of(error));
    return 0;
  }
  return reinterpret_cast<jlong>(module.release());
}

JNIEXPORT jobjectArray JNICALL Java_org_pytorch_executorch_Module_nativeMethods(JNIEnv* env, jclass, jlong handle) {
  const auto names = reinterpret_cast<Module*>(handle)->method_names();
  if (!names.ok()) {
    refuse(env, "the program's methods cannot be named, " + number_of(names.error()));
    return nullptr;
  }
  jobjectArray array = env->NewObjectArray(static_cast<jsize>(names->size()), env->FindClass("java/lang/String"), nullptr);
  jsize i = 0;
  for (const auto& name : *names) env->SetObjectArrayElement(array, i++, env->NewStringUTF(name.c_str()));
  return array;
}

JNIEXPORT jobjectArray JNICALL Java_org_pytorch_executorch_Module_nativeRun(
    JNIEnv* env, jclass, jlong handle, jstring method, jobjectArray data, jintArray codes, jobjectArray shapes,
    jintArray made_codes, jobjectArray made_shapes) {
  const Arguments arguments = arguments_of(env, data, codes, shapes);
  const auto result = reinterpret_cast<Module*>(handle)->execute(text_of(env, method), arguments.values);
  if (!result.ok()) {
    refuse(env, "the method does not run, " + number_of(result.error()));
    return nullptr;
  }
  const auto count = static_cast<jsize>(result->size());
  if (count > env->GetArrayLength(made_codes)) {
    refuse(env, "the method has more outputs than this double expects");
    return nullptr;
  }
  jobjectArray made = env->NewObjectArray(count, env->FindClass("[B"), nullptr);
  for (jsize i = 0; i < count; i++) {
    const auto tensor = result->at(static_cast<size_t>(i)).toTensor();
    const auto code = static_cast<jint>(tensor.scalar_type());
    env->SetIntArrayRegion(made_codes, i, 1, &code);
    std::vector<jlong> sizes(tensor.sizes().begin(), tensor.sizes().end());
    jlongArray shape = env->NewLongArray(static_cast<jsize>(sizes.size()));
    env->SetLongArrayRegion(shape, 0, static_cast<jsize>(sizes.size()), sizes.data());
    env->SetObjectArrayElement(made_shapes, i, shape);
    jbyteArray content = env->NewByteArray(static_cast<jsize>(tensor.nbytes()));
    env->SetByteArrayRegion(content, 0, static_cast<jsize>(tensor.nbytes()), static_cast<const jbyte*>(tensor.const_data_ptr()));
    env->SetObjectArrayElement(made, i, content);
  }
  return made;
}

JNIEXPORT void JNICALL Java_org_pytorch_executorch_Module_nativeClose(JNIEnv*, jclass, jlong handle) {
  delete reinterpret_cast<Module*>(handle);
}
}
