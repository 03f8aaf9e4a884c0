/* Runs a .tflite through the app's own engine.c:
 *
 *   run_litert LIBRARY MODEL INPUT_FILE... OUTPUT_FILE...
 *
 * Files hold packed tensors in the signature's order, one per inference, one after the other. Prints one line per
 * tensor. Exit 1 with a sentence on stderr.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"
#include "mark.h"

typedef struct {
  void *content;
  size_t size;
} File;

static int fail(const char *what, const char *which) {
  fprintf(stderr, "run_litert: %s%s\n", what, which);
  return 1;
}

static int read_file(const char *path, File *read) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return -1;
  long length = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
  rewind(file);
  read->content = length < 0 ? NULL : malloc((size_t)length + 1);
  read->size = read->content == NULL ? 0 : fread(read->content, 1, (size_t)length, file);
  fclose(file);
  return read->content == NULL ? -1 : 0;
}

static void print_tensor(const char *role, const EngineTensor *tensor) {
  printf("%s %s type %d, %zu bytes\n", role, tensor->name, (int)tensor->element_type, tensor->bytes);
}

/* Reads the inputs, runs every inference, writes the outputs as they come. */
static int run_all(Engine *engine, char **input_paths, char **output_paths) {
  char message[ENGINE_MESSAGE_ROOM] = "";
  size_t in = engine_input_count(engine), out = engine_output_count(engine);
  size_t input_bytes[ENGINE_TENSORS_MAX], output_bytes[ENGINE_TENSORS_MAX];
  const void *inputs[ENGINE_TENSORS_MAX];
  void *outputs[ENGINE_TENSORS_MAX];
  File read[ENGINE_TENSORS_MAX];
  FILE *written[ENGINE_TENSORS_MAX];
  for (size_t i = 0; i < in; i++) {
    print_tensor("input", engine_input(engine, i));
    input_bytes[i] = engine_input(engine, i)->bytes;
    if (read_file(input_paths[i], &read[i])) return fail("cannot read ", input_paths[i]);
    if (read[i].size == 0 || read[i].size % input_bytes[i] || read[i].size / input_bytes[i] != read[0].size / input_bytes[0])
      return fail("not a whole number of tensors, or not as many as in the first: ", input_paths[i]);
  }
  for (size_t i = 0; i < out; i++) {
    print_tensor("output", engine_output(engine, i));
    output_bytes[i] = engine_output(engine, i)->bytes;
    outputs[i] = malloc(output_bytes[i]);
    written[i] = fopen(output_paths[i], "wb");
    if (outputs[i] == NULL || written[i] == NULL) return fail("cannot write ", output_paths[i]);
  }
  for (size_t run = 0; run < read[0].size / input_bytes[0]; run++) {
    for (size_t i = 0; i < in; i++) inputs[i] = (const char *)read[i].content + run * input_bytes[i];
    mark();
    int failed = engine_run(engine, inputs, input_bytes, outputs, output_bytes, message, sizeof message);
    mark();
    if (failed) return fail(message, "");
    for (size_t i = 0; i < out; i++)
      if (fwrite(outputs[i], 1, output_bytes[i], written[i]) != output_bytes[i])
        return fail("cannot write ", output_paths[i]);
  }
  for (size_t i = 0; i < in; i++) free(read[i].content);
  for (size_t i = 0; i < out; i++) {
    free(outputs[i]);
    if (fclose(written[i]) != 0) return fail("cannot write ", output_paths[i]);
  }
  return 0;
}

int main(int count, char **arguments) {
  char message[ENGINE_MESSAGE_ROOM] = "";
  File model;
  if (count < 5) return fail("LIBRARY MODEL INPUT_FILE... OUTPUT_FILE... are needed", "");
  if (read_file(arguments[2], &model)) return fail("cannot read ", arguments[2]);
  Engine *engine = engine_open(arguments[1], model.content, model.size, 1, message, sizeof message);
  free(model.content);
  if (engine == NULL) return fail(message, "");
  size_t in = engine_input_count(engine), out = engine_output_count(engine);
  int failed = (size_t)count == 3 + in + out ? run_all(engine, arguments + 3, arguments + 3 + in)
                                             : fail("the model has another number of inputs and outputs", "");
  if (!failed) printf("delegated %d\n", engine_is_delegated(engine));
  engine_close(engine);
  return failed;
}
