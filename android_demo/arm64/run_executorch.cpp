// Runs a .pte on the ExecuTorch wheel's own C++ library:
//
//   run_executorch MODEL INPUT_FILE... OUTPUT_FILE...
//
// Files hold packed tensors in the order of the method `forward`, one per inference, one after the other. Exit 1 with
// a sentence on stderr.
#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "mark.h"

namespace {

using executorch::extension::Module;
using executorch::runtime::Error;
using Bytes = std::vector<char>;

int fail(const std::string& what) {
  std::fprintf(stderr, "run_executorch: %s\n", what.c_str());
  return 1;
}

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

struct Input {
  Bytes content;
  size_t bytes;
  std::vector<executorch::aten::SizesType> sizes;
  executorch::aten::ScalarType type;
};

int run(Module& module, std::vector<Input>& inputs, const std::vector<std::string>& output_paths) {
  std::vector<std::ofstream> written;
  for (const auto& path : output_paths) written.emplace_back(path, std::ios::binary);
  const size_t runs = inputs[0].content.size() / inputs[0].bytes;
  for (size_t i = 0; i < runs; i++) {
    std::vector<executorch::extension::TensorPtr> tensors;
    std::vector<executorch::runtime::EValue> values;
    for (auto& input : inputs) {
      tensors.push_back(executorch::extension::from_blob(input.content.data() + i * input.bytes, input.sizes, input.type));
      values.emplace_back(*tensors.back());
    }
    mark();
    auto result = module.forward(values);
    mark();
    if (!result.ok()) return fail("the model does not run: error " + std::to_string(static_cast<int>(result.error())));
    if (result->size() != written.size()) return fail("the model has another number of outputs");
    for (size_t k = 0; k < written.size(); k++) {
      const auto tensor = result->at(k).toTensor();
      written[k].write(static_cast<const char*>(tensor.const_data_ptr()), static_cast<std::streamsize>(tensor.nbytes()));
    }
  }
  for (size_t k = 0; k < written.size(); k++) {
    written[k].close();
    if (written[k].fail()) return fail("cannot write " + output_paths[k]);
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) return fail("MODEL INPUT_FILE... OUTPUT_FILE... are needed");
  Module module(arguments[1]);
  if (module.load_forward() != Error::Ok) return fail(std::string("cannot load ") + arguments[1]);
  const auto meta = module.method_meta("forward");
  if (!meta.ok()) return fail("the model has no method 'forward'");
  const size_t in = meta->num_inputs(), out = meta->num_outputs();
  if (static_cast<size_t>(count) != 2 + in + out) return fail("the model has another number of inputs and outputs");
  std::vector<Input> inputs;
  for (size_t i = 0; i < in; i++) {
    const auto tensor = meta->input_tensor_meta(i);
    if (!tensor.ok()) return fail("an input of the model is no tensor");
    Input input{read_file(arguments[2 + i]), tensor->nbytes(), {}, tensor->scalar_type()};
    input.sizes.assign(tensor->sizes().begin(), tensor->sizes().end());
    if (input.bytes == 0 || input.content.empty() || input.content.size() % input.bytes != 0)
      return fail(std::string("not a whole number of tensors: ") + arguments[2 + i]);
    inputs.push_back(std::move(input));
    if (inputs[i].content.size() / inputs[i].bytes != inputs[0].content.size() / inputs[0].bytes)
      return fail("the inputs hold different numbers of tensors");
  }
  return run(module, inputs, std::vector<std::string>(arguments + 2 + in, arguments + 2 + in + out));
}
